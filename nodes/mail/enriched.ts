/**
 * What a reader sees of text/enriched (RFC 1896): its commands left out, single line ends as blanks; of its forerunner
 * text/richtext (RFC 1341), the commands that are characters too.
 */
export function enrichedToText(text: string): string {
  let isFilled = true;
  return text
    .split(/(<\/?nofill>)/i)
    .map((piece, at) => {
      if (at % 2) isFilled = piece.startsWith('</');
      return at % 2 || !isFilled ? piece : filled(piece);
    })
    .join('')
    .replace(/<param>[^<]*<\/param>/gi, '')
    .replace(/<<|<\/?[a-z][a-z0-9-]*>/gi, (command) => CHARACTERS[command.toLowerCase()] ?? '')
    .replace(/ $/, '\n');
}

const filled = (text: string): string =>
  text.replace(/\n+/g, (ends) => (ends.length === 1 ? ' ' : ends.slice(1)));

const CHARACTERS: Record<string, string> = { '<<': '<', '<lt>': '<', '<nl>': '\n', '<np>': '\n' };
