const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * A server's sentence as text. RFC 6856 makes it UTF-8 and RFC 1939 makes it ASCII; servers also write GBK, Cyrillic
 * or Western European bytes without saying so, and these are told apart by how their bytes stand together.
 */
export function decodeLine(bytes: Buffer): string {
  try {
    return utf8.decode(bytes);
  } catch {
    return new TextDecoder(guess(bytes)).decode(bytes);
  }
}

function guess(bytes: Buffer): string {
  const runs: Buffer[] = [];
  for (let from = 0; from < bytes.length; from += 1) {
    if ((bytes[from] as number) < 0x80) continue;
    let to = from;
    while (to < bytes.length && (bytes[to] as number) >= 0x80) to += 1;
    runs.push(bytes.subarray(from, to));
    from = to;
  }
  const longest = runs.reduce((most, run) => Math.max(most, run.length), 0);
  // A word of a Western language has two such letters in a row at most.
  if (longest < 3) return 'windows-1252';
  // GB 2312: each character is two bytes from A1 on. Cyrillic letters are at C0–FF, and no sentence of a dozen Chinese
  // characters is without an byte below.
  const isPaired = runs.every((run) => run.length % 2 === 0 && run.every((octet) => octet >= 0xa1));
  if (isPaired && runs.some((run) => run.some((octet) => octet < 0xc0))) return 'gb18030';
  // Most letters are small ones: KOI8-R has them at C0–DF, windows-1251 at E0–FF.
  const high = runs.reduce((sum, run) => sum + run.filter((octet) => octet >= 0xe0).length, 0);
  const all = runs.reduce((sum, run) => sum + run.length, 0);
  return high * 2 >= all ? 'windows-1251' : 'koi8-r';
}
