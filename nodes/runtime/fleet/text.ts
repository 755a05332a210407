/** False of what no `text` of PostgreSQL can hold: nothing stored has such a name. */
export const isText = (text: string): boolean => !text.includes('\0');
