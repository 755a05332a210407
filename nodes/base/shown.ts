/** Characters of a server's text that are shown; a line of RFC 2449 section 4 has 512 bytes. */
const MOST_SHOWN = 512;

/**
 * What could forge a line of a log, hide a part of it or turn it around: controls, format characters (marks of direction,
 * characters without width, the soft hyphen), line and paragraph separators, and halves of surrogate pairs.
 */
const UNSHOWABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Surrogate}]/gu;

/** Text from a server in a form that can be shown in a log or dialog. */
export function showable(text: string, most = MOST_SHOWN): string {
  const part = text.length > most ? text.slice(0, most) : text;
  const clean = part.replace(UNSHOWABLE, '\u00b7');
  return text.length > most ? `${clean}…` : clean;
}

/** Characters of a subject or a name that are shown. */
const MOST_PRINTED = 200;

/**
 * A subject or a name in one line, for pages and logs: without controls and format characters, but for the two that join
 * letters of Persian or Hindi, and parts of one emoji.
 */
export const printable = (text: unknown): string =>
  typeof text === 'string'
    ? text
        .slice(0, MOST_PRINTED)
        .replace(/(?:(?![\u200c\u200d])[\p{C}\s])+/gu, ' ')
        .trim()
    : '';
