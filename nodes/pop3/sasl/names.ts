/** The mechanisms by name, best first; plain data that a browser can load too. */

/** With an access token. */
export const TOKEN_MECHANISMS = ['XOAUTH2', 'OAUTHBEARER'] as const;

/** With a password: SASL names (RFC 5034), and POP3's own `APOP` and `USER` (RFC 1939 section 7). */
export const PASSWORD_MECHANISMS = [
  'SCRAM-SHA-256',
  'SCRAM-SHA-1',
  'CRAM-MD5',
  'PLAIN',
  'LOGIN',
  'APOP',
  'USER',
] as const;

export const MECHANISMS = [...TOKEN_MECHANISMS, ...PASSWORD_MECHANISMS] as const;
export type MechanismName = (typeof MECHANISMS)[number];
