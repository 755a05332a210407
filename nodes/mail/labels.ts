// The name a mail gives a character set → the one that is meant. Names that the tables of iconv-lite do not have, or
// have too narrowly, are those of the Encoding Standard (https://encoding.spec.whatwg.org/#names-and-labels).
import { iconv } from './mailparser';
import { isUtf7 } from './utf7';

/** What a charset parameter names, without what mailers put around it; lower case. */
function written(label: string): string {
  const joined = label.replace(/\b(windows|iso|cp|utf|koi8)-? +(?=[\dru])/i, '$1-');
  const token = /[\w.:+-]+/.exec(joined)?.[0].toLowerCase() ?? '';
  // Java calls them 8859_1.
  return token.replace(/^x-(?!mac-|x-)/, '').replace(/^8859[-_]?(?=\d)/, 'iso-8859-');
}

/** By what they are called in mails; a name that is in none of these is looked for as it stands. */
const MEANT: [meant: string, names: RegExp][] = [
  // What calls itself ISO 8859-1 or -9 and has letters where that has none is of Windows.
  ['windows-1252', /^(iso[-_]?8859-?1(:1987)?|latin-?1|l1|cp819|ibm819|iso-ir-100|csisolatin1|ansi)$/],
  ['windows-1254', /^(iso[-_]?8859-?9(:1989)?|latin-?5|l5|iso-ir-148|csisolatin5)$/],
  ['windows-874', /^(iso[-_]?8859-?11|tis-?620|dos-874|cp874)$/],
  ['iso-8859-6', /^(csiso88596[ei]|iso-?8859-6-[ei])$/],
  ['iso-8859-7', /^sun_eu_greek$/],
  ['iso-8859-8', /^(csiso88598[ei]|iso-?8859-8-[ei]|visual|logical)$/],
  ['iso-8859-15', /^csisolatin9$/],
  ['koi8-r', /^koi8?$/],
  ['macintosh', /^(x-)?mac-?(roman)?$|^csmacintosh$/],
  ['maccyrillic', /^x-mac-cyrillic$/],
  ['maccenteuro', /^x-mac-(ce|centraleurroman)$/],
  ['macukraine', /^x-mac-ukrainian$/],
  // GBK and GB 18030 succeeded GB 2312, and mailers still use the old name.
  [
    'gb18030',
    /^(gb[-_]?2312(-80)?|gbk|euc-cn|chinese|csgb2312|csiso58gb231280|iso-ir-58|cp936|ms936|windows-936)$/,
  ],
  ['big5-hkscs', /^(big-?5(-?hkscs)?|cn-big5|big5-eten|csbig5|x-x-big5|cp950|ms950|windows-950)$/],
  ['euc-jp', /^(cseucpkdfmtjapanese|ujis|euc-?jp-?(ms|win))$/],
  ['euc-kr', /^(ks_?c_?5601(-?19(87|89|92))?|korean|cseuckr|csksc56011987|uhc|ms949|cp949|windows-949)$/],
  ['shift_jis', /^(sjis|shift-?jis|ms_?kanji|csshiftjis|windows-31j|cswindows31j|ms932|cp932|cp943c?)$/],
  ['utf-16', /^(unicode|csunicode|(iso-10646-)?ucs-?2|csutf16)$/],
  ['utf-16be', /^(unicodefffe|ucs-?2be)$/],
  ['utf-16le', /^(unicodefeff|ucs-?2le)$/],
];

/** Names of ASCII and UTF-8: of both, what is really there is looked at. */
const UNICODE =
  /^(us-?ascii|ascii|(us-)?utf[-_]?8n?|utf8mb4|unicode-?[12]-?[01]-?utf-?8|unicode20utf8|ansi_x3\.4-19(68|86)|iso-ir-6|iso646-us|iso_646\.irv:1991|cp367|ibm367|us|646|cp65001|65001|windows-65001|default|7-?bit|8-?bit|none|unknown|unknown-8bit|x-unknown|unknown8bit)$/;

/** Names iconv-lite has for what is no character set, and for one that hides markup. */
const REFUSED = /^(base64|hex|binary|utf-?7-?imap|internal|ucs-?4|_.*)$/;

export type Charset =
  /** What is there tells. */
  | { kind: 'guess' }
  | { kind: 'unknown'; label: string }
  | { kind: 'utf-7' | 'hz' }
  | { kind: 'iso-2022'; isKorean: boolean }
  | { kind: 'table'; name: string };

/** @param parameter as the mail gave it; undefined where it gave none */
export function charsetOf(parameter: string | undefined): Charset {
  const label = written(parameter ?? '');
  if (label === '' || UNICODE.test(label)) return { kind: 'guess' };
  if (isUtf7(label)) return { kind: 'utf-7' };
  if (/^(hz(-gb-?2312)?|cshzgb2312)$/.test(label)) return { kind: 'hz' };
  if (
    /^(iso-?2022-?(jp|kr|cn)|jis$|jis7$|jis_encoding$|csiso2022(jp|kr|cn)|csjisencoding$|cp5022[0-2]$)/.test(
      label,
    )
  )
    return { kind: 'iso-2022', isKorean: label.includes('kr') };
  const name = MEANT.find(([, names]) => names.test(label))?.[0] ?? label;
  return REFUSED.test(name) || !iconv().encodingExists(name)
    ? { kind: 'unknown', label }
    : { kind: 'table', name };
}

/** A charset parameter, where it names a charset other than what bytes are read as without one. */
export function telling(parameter: string | undefined): string | undefined {
  const { kind } = charsetOf(parameter);
  return kind === 'guess' || kind === 'unknown' ? undefined : parameter;
}
