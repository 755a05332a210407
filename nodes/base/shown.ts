/** Characters of a server's text that are shown; a line of RFC 2449 section 4 has 512 bytes. */
const MOST_SHOWN = 512;

/**
 * What could forge a line of a log, hide a part of it or turn it around: C0 and C1 controls, marks of direction, line
 * and paragraph separators, characters without width, and halves of surrogate pairs.
 */
const UNSHOWABLE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is to be replaced
  /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]|\p{Surrogate}/gu;

/** Text from a server in a form that can be shown in a log or dialog. */
export function showable(text: string, most = MOST_SHOWN): string {
  const part = text.length > most ? text.slice(0, most) : text;
  const clean = part.replace(UNSHOWABLE, '\u00b7');
  return text.length > most ? `${clean}…` : clean;
}
