/** What leads on from an error: the field or account to change, a sign-in, or another check once the cause is gone. */

/** The property of `pop3 in` that a reason is about. */
const FIELDS: Record<string, string> = {
  'name-not-found': 'host',
  'host-missing': 'host',
  'wrong-name': 'host',
  unreachable: 'host',
  refused: 'port',
  timeout: 'port',
  'speaks-imap': 'port',
  'speaks-smtp': 'port',
  protocol: 'port',
  'server-speaks-plain': 'security',
  'server-speaks-tls': 'security',
  'starttls-not-offered': 'security',
  'plaintext-not-allowed': 'security',
  'tls-required': 'security',
  'self-signed': 'tls',
  'untrusted-issuer': 'tls',
  'intermediate-missing': 'tls',
  'client-certificate-required': 'tls',
  'name-refused': 'host',
  'certificate-rejected': 'tls',
  'tls-not-deployed': 'tls',
  'wrong-password': 'password',
  'app-password-needed': 'password',
  'password-missing': 'password',
  'password-again': 'password',
  'user-missing': 'user',
  'mechanism-not-offered': 'mechanism',
  'mechanism-needs-other-credentials': 'mechanism',
  proxy: 'proxy',
  'proxy-not-deployed': 'proxy',
  'account-missing': 'account',
  'account-not-deployed': 'account',
  'mailbox-refused': 'account',
  'login-delay': 'interval',
  'directory-missing': 'directory',
  'attachments-unwritable': 'directory',
};

export const fieldFor = (reason: string): string | undefined =>
  reason.startsWith('account/') ? 'account' : FIELDS[reason];

/** `account`: its settings are to be changed. `check`: nothing is, and another check shows whether the cause is gone. */
export type NextStep = 'sign-in' | 'account' | 'field' | 'check';

/** The sign-in server did not respond: the access token is renewed once it does. */
const PASSES: ReadonlySet<string> = new Set(['CONNECT', 'TIMEOUT', 'SYS_TEMP']);

export function nextStep({ code = '', reason }: { code?: string; reason: string }): NextStep {
  if (code === 'SIGN_IN_AGAIN') return 'sign-in';
  if (reason.startsWith('account/')) {
    return PASSES.has(code) && reason !== 'account/proxy-failed' ? 'check' : 'account';
  }
  return fieldFor(reason) === undefined ? 'check' : 'field';
}
