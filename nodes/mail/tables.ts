// The tables of characters of two bytes: the first use of each takes 20 to 50 ms. A header may name all of them.
import { charsetOf } from './labels';
import { iconv } from './mailparser';

/** Where a header names a charset: in an encoded word (RFC 2047), or before a value (RFC 2231). */
const NAMED = /=\?([\w.:+-]{2,40})[?*]|(?<![\w.:+-])([\w.:+-]{2,40})'/g;

/** What iconv-lite calls them; under another name, a table is loaded where it is used. */
const LARGE = new Set(
  `shiftjis csshiftjis mskanji sjis windows31j ms31j xsjis windows932 ms932 932 cp932 eucjp gb2312 gb231280 gb23121980
   csgb2312 csiso58gb231280 euccn windows936 ms936 936 cp936 gbk xgbk isoir58 gb18030 chinese windows949 ms949 949 cp949
   cseuckr csksc56011987 euckr isoir149 korean ksc56011987 ksc56011989 ksc5601 windows950 ms950 950 cp950 big5 big5hkscs
   cnbig5 csbig5 xxbig5`.split(/\s+/),
);

const loaded = new Set<string>();

/** Loads one table that a line of a header names, if there is one that is not loaded yet: the turn is over then. */
export function loadsTable(line: string): boolean {
  if (!line.includes('=?') && !line.includes("'")) return false;
  for (const [, word, parameter] of line.matchAll(NAMED)) {
    const charset = charsetOf(word ?? parameter);
    if (charset.kind !== 'table') continue;
    const name = charset.name.replace(/:\d{4}$|[^a-z\d]/g, '');
    if (!LARGE.has(name) || loaded.has(name)) continue;
    // The table is filled by the first text.
    iconv().getDecoder(name).write(Buffer.from('a'));
    loaded.add(name);
    return true;
  }
  return false;
}
