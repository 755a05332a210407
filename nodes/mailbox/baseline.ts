import type { Pop3Client } from '../pop3';
import { arrivedBefore } from './arrival';
import type { CheckContext } from './check-context';
import { MailboxError } from './errors';
import { addSizes, type ListedMail } from './listing';
import type { Identity } from './store/ledger-records';

/** Gmail lists some 250 of the oldest mails; a first listing this long means that "all mail" is switched on there. */
const GMAIL_FLOOD = 200;

/** Records what was there before the first check and is not delivered: one durable record, before any delivery. */
export async function recordBaseline(
  context: CheckContext,
  client: Pop3Client,
  listing: ListedMail[],
): Promise<void> {
  const { first, service } = context.settings;
  if (first === 'new' && service === 'google' && listing.length >= GMAIL_FLOOD) {
    throw new MailboxError('CONFIG', 'gmail-lists-old-mail', { facts: { count: listing.length } });
  }
  const { ledger } = context;
  // After a restart of the first check there is mail that was processed, or is being delivered: it stays that.
  const old = (await oldMails(context, client, listing)).filter(
    ({ key }) => !ledger.isKnown(key) && ledger.openDelivery(key) === undefined,
  );
  await addSizes(client, old);
  // Fingerprints are learned afterward: a connection that drops meanwhile must not put off the baseline.
  const sizes = old.flatMap(({ key, bytes }): [string, Identity][] =>
    bytes === undefined ? [] : [[key, { fingerprint: '', bytes }]],
  );
  await ledger.recordBaseline(
    old.map(({ key }) => key),
    new Map(sizes),
  );
}

async function oldMails(
  { settings: { first }, signal }: CheckContext,
  client: Pop3Client,
  listing: ListedMail[],
): Promise<ListedMail[]> {
  if (first === 'new') return listing;
  if (first === 'all') return [];
  const since = dateOf(first);
  return arrivedBefore(client, listing, since, signal);
}

/** @throws MailboxError CONFIG: neither one of the two words nor a date */
export function checkFirst(first: string): void {
  if (first !== 'new' && first !== 'all') dateOf(first);
}

function dateOf(first: string): number {
  const since = Date.parse(first);
  if (Number.isNaN(since)) throw new MailboxError('CONFIG', 'first-not-a-date', { facts: { value: first } });
  return since;
}
