/** The default of every property, once for the forms and the runtime. Plain data that a browser can load too. */

export const POP3_IN_DEFAULTS = {
  name: '',
  service: '',
  host: '',
  port: 995,
  security: 'tls',
  tls: '',
  proxy: '',
  auth: 'oauth2',
  account: '',
  mechanism: 'auto',
  allowPlaintext: false,
  /** Seconds; 0: only on an input message. */
  interval: 300,
  inputs: 0,
  outputs: 1,
  first: 'new',
  after: 'keep',
  keepDays: 30,
  handled: 'send',
  /** Seconds. */
  ackTimeout: 600,
  maxAttempts: 5,
  maxInFlight: 10,
  /** MB; 0: no limit. */
  maxSize: 25,
  oversize: 'headers',
  /** 0: no limit. */
  maxPerCheck: 0,
  attachments: 'buffer',
  directory: '',
  /** Of attachments saved as files: for the user of Node-RED alone, or readable by its group. */
  fileMode: '600',
  content: 'parsed',
  /** Of an own mail server, as in its Authentication-Results; empty: what the provider's row names. */
  trustedServer: '',
  reply: false,
  summary: false,
  /** Seconds, until a connection is made and the server has greeted. */
  connectTimeout: 30,
  /** Seconds, until the server begins to list the mailbox or to send a mail. */
  replyTimeout: 300,
} as const;

/** The values each choice of the form may have. */
export const POP3_IN_CHOICES = {
  auth: ['oauth2', 'password'],
  security: ['tls', 'starttls', 'none'],
  after: ['keep', 'delete', 'expire'],
  handled: ['send', 'ack'],
  oversize: ['headers', 'skip'],
  attachments: ['buffer', 'file', 'none'],
  fileMode: ['600', '640'],
  content: ['parsed', 'raw', 'both', 'headers'],
} as const satisfies Partial<Record<keyof typeof POP3_IN_DEFAULTS, readonly string[]>>;

export const ACCOUNT_DEFAULTS = {
  name: '',
  provider: 'google',
  grant: 'authorization_code',
  tenant: '',
  issuer: '',
  authorizationUrl: '',
  tokenUrl: '',
  deviceUrl: '',
  revocationUrl: '',
  scope: '',
  prompt: 'consent',
  clientAuth: 'body',
  redirectUri: '',
  tls: '',
  proxy: '',
} as const;

export const ACCOUNT_CHOICES = { clientAuth: ['body', 'header', 'private_key_jwt'] } as const;

export const ACK_DEFAULTS = { name: '', outcome: 'done' } as const;
export const ACK_CHOICES = { outcome: ['done', 'failed', 'keep', 'delete', 'msg'] } as const;

export const TOKEN_DEFAULTS = { name: '', account: '', property: 'token' } as const;

/** The well-known ports (RFC 1939 section 3, RFC 8314 section 7.3). */
const PLAIN_PORT = 110;
const TLS_PORT = 995;
export const portFor = (security: string): number => (security === 'tls' ? TLS_PORT : PLAIN_PORT);
