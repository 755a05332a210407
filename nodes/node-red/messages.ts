import { MailboxError, type MailboxState } from '../mailbox';
import type { TokenState } from '../oauth2';
import { ACCOUNT, asAccountError } from '../runtime/from-oauth2';
import { countedStatus } from './data/counted-status';

/** Looks a key up in the reader's language and fills `__name__` places; gives the key back where there is no such text. */
export type Translate = (key: string, facts?: Record<string, unknown>) => string;

/** As Node-RED shows it beside the node. */
export interface NodeStatus {
  fill: 'red' | 'green' | 'yellow' | 'blue' | 'grey';
  shape: 'ring' | 'dot';
  text: string;
}

const NAMESPACE = '@redletter/node-red-pop3';

/**
 * A few words for what is wrong, at most twenty characters. They are catalog keys as well: the editor shows them in
 * each reader's language, while flows see them as they stand here.
 */
const STATUS_BY_REASON: Record<string, string> = {
  'account/not-signed-in': 'not signed in',
  'wrong-password': 'wrong password',
  'mailbox-refused': 'mailbox refused',
  throttled: 'limit reached',
  'environment-missing': 'variable not set',
  'environment-of-instance': 'variable not set',
  'tls-required': 'TLS required',
  'vague-refusal': 'login refused',
  'closed-during-login': 'login refused',
  'app-password-needed': 'app password needed',
  'web-login-needed': 'web login needed',
  'pop-disabled': 'POP disabled',
  'name-not-found': 'host not found',
  'dns-unavailable': 'DNS unavailable',
  refused: 'connection refused',
  unreachable: 'host unreachable',
  'hung-up': 'connection lost',
  closed: 'connection lost',
  'cut-short': 'connection lost',
  proxy: 'proxy failed',
  'account/proxy-failed': 'proxy failed',
  'server-speaks-plain': 'port without TLS',
  'server-speaks-tls': 'port requires TLS',
  'self-signed': 'untrusted certificate',
  'untrusted-issuer': 'untrusted certificate',
  'intermediate-missing': 'untrusted certificate',
  'signature-too-weak': 'untrusted certificate',
  'wrong-name': 'certificate mismatch',
  'certificate-expired': 'certificate expired',
  'starttls-not-offered': 'no STARTTLS',
  'plaintext-not-allowed': 'TLS required',
  'mechanism-not-offered': 'method not supported',
  'account-missing': 'no account',
  'host-missing': 'no server',
  'user-missing': 'no user',
  'password-missing': 'no password',
  'gmail-lists-old-mail': 'check Gmail settings',
  'folder-in-use': 'folder in use',
  'disk-full': 'disk full',
  'database-unavailable': 'database unavailable',
  'account/database-unavailable': 'database unavailable',
};

/** The same where it was the sign-in server and not the mail server. */
const STATUS_OF_ACCOUNT: Partial<Record<MailboxError['code'], string>> = {
  CONFIG: 'check account',
  CONNECT: 'sign-in unavailable',
  TIMEOUT: 'sign-in unavailable',
  SYS_TEMP: 'sign-in unavailable',
};

const STATUS_BY_CODE: Record<MailboxError['code'], string> = {
  AUTH: 'login refused',
  SIGN_IN_AGAIN: 'sign in again',
  CONFIG: 'check settings',
  TLS: 'TLS failed',
  CONNECT: 'no connection',
  TIMEOUT: 'no response',
  IN_USE: 'mailbox in use',
  LOGIN_DELAY: 'login too soon',
  SYS_TEMP: 'server busy',
  SYS_PERM: 'permanent error',
  PROTOCOL: 'not a POP3 server',
  LIMIT: 'limit exceeded',
  POISON: 'mail quarantined',
  STORE: 'cannot store',
};

/** Every text a status can have that the editor translates. */
export const statusTexts: readonly string[] = [
  ...new Set([
    'checking',
    'idle',
    'paused',
    'elsewhere',
    ...Object.values(STATUS_BY_REASON),
    ...Object.values(STATUS_OF_ACCOUNT),
    ...Object.values(STATUS_BY_CODE),
  ]),
];

/** Those of a node that needs an account and nothing else. */
export const accountStatusTexts: readonly string[] = [
  ...new Set([
    ...['account/not-signed-in', 'account/proxy-failed', 'account-missing'].map((reason) =>
      String(STATUS_BY_REASON[reason]),
    ),
    ...Object.values(STATUS_OF_ACCOUNT),
    ...(['SIGN_IN_AGAIN', 'TLS', 'STORE'] as const).map((code) => STATUS_BY_CODE[code]),
  ]),
];

/** The status of a mailbox, as the contract has it. */
export function statusOf(state: MailboxState): NodeStatus {
  switch (state.is) {
    case 'checking':
      return { fill: 'yellow', shape: 'ring', text: 'checking' };
    case 'progress':
      return { fill: 'blue', shape: 'dot', text: `${state.done} / ${state.total}` };
    case 'new': {
      const { count, left } = state;
      const text =
        left === undefined
          ? countedStatus('status.new', { count })
          : countedStatus('status.first', { count, left });
      return { fill: 'green', shape: 'dot', text };
    }
    case 'elsewhere':
      return { fill: 'grey', shape: 'ring', text: 'elsewhere' };
    case 'idle':
      return { fill: 'grey', shape: 'ring', text: 'idle' };
    case 'paused':
      return { fill: 'grey', shape: 'dot', text: 'paused' };
    case 'waiting': {
      const seconds = Math.ceil(state.ms / 1000);
      return { fill: 'yellow', shape: 'ring', text: countedStatus('status.waiting', { seconds }) };
    }
    case 'silent': {
      const seconds = Math.round(state.ms / 1000);
      return { fill: 'yellow', shape: 'ring', text: countedStatus('status.silent', { seconds }) };
    }
    case 'failed':
      return failureStatus(state.error);
  }
}

/** The status of a node that needs an account and nothing else: none while all is well. */
export function accountStatus({ error }: TokenState): NodeStatus | Record<string, never> {
  const failure = asAccountError(error);
  return failure instanceof MailboxError ? failureStatus(failure) : {};
}

export function failureStatus(error: MailboxError): NodeStatus {
  return { fill: 'red', shape: 'ring', text: failureText(error) };
}

function failureText({ code, reason }: MailboxError): string {
  return (
    STATUS_BY_REASON[reason] ??
    (reason.startsWith(ACCOUNT) ? STATUS_OF_ACCOUNT[code] : undefined) ??
    STATUS_BY_CODE[code]
  );
}

/**
 * An error as `node.error` and `done` take it: the debug sidebar shows the sentence itself, since it is a string, and a
 * Catch node gets it as `msg.error.message` with the code beside it. An Error would be shown as an object, cut off.
 */
export function nodeError(error: MailboxError, translate: Translate) {
  const { code, reason, facts } = error;
  const { response } = facts;
  // Node-RED copies own properties only.
  return Object.assign(new String(sentence(error, translate)), {
    code,
    reason,
    // The server's own words, where it refused something: secrets masked. A Catch node gets `code` and `cause` alone.
    ...(typeof response === 'string' && { response, cause: { response } }),
  });
}

/** A fact that is not known leaves a gap; without this its placeholder would be shown. */
const NO_FACTS = Object.fromEntries(
  'response host port user system detail description error provider uri status aadsts network proxy'
    .split(' ')
    .map((name) => [name, '']),
);

/** One sentence that says what happened and what to do, in the reader's language. */
export function sentence(
  error: { code: string; reason: string; facts: object },
  translate: Translate,
): string {
  const facts = { ...NO_FACTS, ...error.facts };
  const ofAccount = error.reason.startsWith(ACCOUNT);
  const told =
    (ofAccount
      ? accountSentence({ reason: error.reason.slice(ACCOUNT.length), facts }, translate)
      : known(translate, 'pop3-in', `errors.${error.reason}`, facts)) ??
    known(translate, 'pop3-in', `errors.${error.code}`, facts) ??
    `${error.code}: ${error.reason}`;
  return ofAccount ? told : withServersWords(told, facts.response, translate);
}

/** A sentence of ours is a guess at what the server means: its own words belong to it. */
function withServersWords(told: string, response: unknown, translate: Translate): string {
  const said = typeof response === 'string' ? response.replace(/^[-+]err\s*/i, '') : '';
  if (said === '' || told.includes(said)) return told;
  const quoted = known(translate, 'pop3-in', 'errors.serverSaid', { response: said });
  return quoted === undefined ? told : `${told} ${quoted}`;
}

/**
 * The same for what the account's own room says.
 * @param where `dialog`: the person has just tried something, and nothing retries by itself
 */
export function accountSentence(
  { reason, facts }: { reason: string; facts: object },
  translate: Translate,
  where: 'dialog' | 'running' = 'running',
): string | undefined {
  const all = { ...NO_FACTS, ...facts };
  const told =
    (where === 'dialog' ? known(translate, 'oauth2-account', `dialog.${reason}`, all) : undefined) ??
    known(translate, 'oauth2-account', `errors.${reason}`, all);
  return told && withServersWords(told, (facts as { said?: unknown }).said, translate);
}

/** Undefined where the catalog has no such text: the runtime's translation gives the key itself then. */
function known(
  translate: Translate,
  set: string,
  key: string,
  facts: Record<string, unknown>,
): string | undefined {
  const full = `${NAMESPACE}/${set}:${key}`;
  const text = translate(full, facts);
  return text === key || text === full || typeof text !== 'string' ? undefined : text;
}
