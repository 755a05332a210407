/** What stands where something secret stood. */
const STRUCK = '[…]';

/** Longest piece of a stranger's text that is passed on, in characters. */
const LONGEST = 300;

/**
 * Makes a server's text fit to be shown and logged: the given secrets are struck out in every form in which a
 * token request carries them (plain, form-encoded, base64), as is everything that looks like a token; control
 * characters are dropped, and the rest is cut to 300 characters.
 */
export function redact(text: string, secrets: readonly (string | undefined)[] = []): string {
  let clean = text;
  for (const form of secrets.flatMap(formsOf).sort((a, b) => b.length - a.length)) {
    clean = clean.replaceAll(form, STRUCK);
  }
  return clean
    .replace(/\beyJ[\w-]+(?:\.[\w-]*)*/g, STRUCK) // a JWT, whole or cut short
    .replace(/\bya29\.[\w.-]+|\b1\/\/[\w-]+|\bGOCSPX-[\w-]+/g, STRUCK) // Google's tokens and client secrets
    .replace(/[\w~+/=-]{48,}/g, STRUCK) // longer than any identifier a person would want to read
    .replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ')
    .trim()
    .slice(0, LONGEST);
}

function formsOf(secret: string | undefined): string[] {
  if (!secret) return [];
  const bytes = Buffer.from(secret);
  return [
    secret,
    encodeURIComponent(secret),
    new URLSearchParams({ s: secret }).toString().slice(2),
    bytes.toString('base64'),
    bytes.toString('base64url'),
  ];
}
