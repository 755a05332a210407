// The routes of this package, but for the window of a sign-in, which a browser opens by its ticket.

/** By POST: those that change something, use a secret or ask another server. */
export const CHANGING_ROUTES = [
  'redletter/fleet/drain',
  'redletter/fleet/move',
  'redletter/oauth2-account/a/cancel',
  'redletter/oauth2-account/a/mailbox',
  'redletter/oauth2-account/a/paste',
  'redletter/oauth2-account/a/scopes',
  'redletter/oauth2-account/a/sign-in',
  'redletter/oauth2-account/a/sign-out',
  'redletter/oauth2-account/a/status',
  'redletter/pop3-in/a/check',
  'redletter/pop3-in/a/find',
  'redletter/pop3-in/a/pause',
  'redletter/pop3-in/a/preview',
  'redletter/pop3-in/a/restart',
  'redletter/pop3-in/a/resume',
  'redletter/pop3-in/a/send',
  'redletter/pop3-in/a/set-aside/u/retry',
  'redletter/pop3-in/a/test',
  'redletter/pop3-in/a/test-cancel',
  'redletter/pop3-in/a/test-report',
];

export const READING_ROUTES = ['redletter/health', 'redletter/metrics'];
