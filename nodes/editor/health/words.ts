/** What the runtime tells, in the reader's language. */
import type { ErrorView, MailboxReport } from '../../admin/protocol';

const ACCOUNT = 'account/';
const OF_ACCOUNT = '@redletter/node-red-pop3/oauth2-account';
const OF_MAILBOX = '@redletter/node-red-pop3/pop3-in';

/** Undefined where the catalogue has no such text: a key comes back as it is. */
function known(key: string, facts: object = {}): string | undefined {
  const text = RED._(key, facts as Record<string, string>);
  return text.endsWith(key.slice(key.indexOf(':') + 1)) ? undefined : text;
}

/** One sentence that says what happened and what to do. */
export function sentenceOf({ message, code, reason, facts }: ErrorView): string {
  const ofReason = reason.startsWith(ACCOUNT)
    ? known(`${OF_ACCOUNT}:errors.${reason.slice(ACCOUNT.length)}`, facts)
    : known(`${OF_MAILBOX}:errors.${reason}`, facts);
  return ofReason ?? known(`${OF_MAILBOX}:errors.${code}`, facts) ?? message;
}

export function statusOf({ text, key, facts }: MailboxReport['status']): string {
  // A status is its own key, and in English its own text as well.
  return known(`${OF_MAILBOX}:${key ?? text}`, facts) ?? text;
}
