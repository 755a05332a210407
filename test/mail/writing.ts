// How the tests write mails: parts, encodings, encoded words.

export const HEAD = 'From: a@example.org\r\nSubject: s\r\nDate: Mon, 6 Apr 2026 08:00:00 +0000\r\n';

export const bytes = (text: string, latin1 = false): Buffer => Buffer.from(text, latin1 ? 'latin1' : 'utf8');

export const ENCODINGS = ['8bit', 'base64', 'quoted-printable'] as const;

/** Content in a transfer encoding. */
export function encoded(content: Buffer | string, encoding: string): Buffer {
  const body = Buffer.from(content);
  if (/base64/i.test(encoding)) return bytes(body.toString('base64').replace(/.{76}/g, '$&\r\n'));
  if (encoding !== 'quoted-printable') return body;
  return bytes(
    [...body]
      .map((octet) => `=${octet.toString(16).toUpperCase().padStart(2, '0')}`)
      .join('')
      .replace(/(?:=..){20}/g, '$&=\r\n'),
  );
}

/** A mail of one part, its content in an encoding. */
export function mail(fields: string, content: Buffer | string, encoding = '8bit'): Buffer {
  return Buffer.concat([
    bytes(`${HEAD}${fields}Content-Transfer-Encoding: ${encoding}\r\n\r\n`),
    encoded(content, encoding),
  ]);
}

/** A multipart, its parts with their headers. */
export const multipart = (type: string, ...parts: string[]): string =>
  `${HEAD}Content-Type: multipart/${type}; boundary="=_b"\r\n\r\n${parts.map((part) => `--=_b\r\n${part}\r\n`).join('')}--=_b--\r\n`;

/** An encoded word (RFC 2047). */
export const word = (label: string, content: Buffer, encoding: 'B' | 'Q'): string =>
  encoding === 'B'
    ? `=?${label}?B?${content.toString('base64')}?=`
    : `=?${label}?Q?${[...content].map((octet) => `=${octet.toString(16).padStart(2, '0').toUpperCase()}`).join('')}?=`;
