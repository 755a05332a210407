/** Text of a request. Anything else is none, such as an object with a `toString` of its own that cannot be called. */
export const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
