/**
 * A status with numbers in it. Flows see it in these words whatever the language of the runtime; the editor takes the
 * numbers out again and says it in each reader's language.
 */
export const COUNTED = {
  'status.new': '__count__ new',
  'status.first': '__count__ new, __left__ ignored',
  'status.waiting': 'retry in __seconds__ s',
  'status.silent': 'waiting for server, __seconds__ s',
} as const;

export type CountedStatus = keyof typeof COUNTED;

const PLACE = /__(\w+?)__/g;

export const countedStatus = (key: CountedStatus, numbers: Record<string, number>): string =>
  COUNTED[key].replace(PLACE, (_, name: string) => String(numbers[name]));

const PATTERNS = Object.entries(COUNTED).map(
  ([key, words]) => [key, new RegExp(`^${words.replace(PLACE, '(?<$1>\\d+)')}$`)] as const,
);

/** The catalog's key and the numbers for it; undefined where the text is none of these. */
export function numbersOf(text: string): { key: string; numbers: Record<string, string> } | undefined {
  for (const [key, pattern] of PATTERNS) {
    const numbers = pattern.exec(text)?.groups;
    if (numbers !== undefined) return { key, numbers: { ...numbers } };
  }
  return undefined;
}
