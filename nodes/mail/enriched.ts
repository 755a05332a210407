/** What a reader sees of text/enriched (RFC 1896): its commands left out, single line ends as blanks. */
export function enrichedToText(text: string): string {
  return text
    .replace(/<param>[^<]*<\/param>/gi, '')
    .replace(/<<|<\/?[a-z][a-z0-9-]*>/gi, (command) => (command === '<<' ? '<' : ''))
    .replace(/\n+/g, (ends) => (ends.length === 1 ? ' ' : ends.slice(1)))
    .replace(/ $/, '\n');
}
