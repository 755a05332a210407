import type { Pop3Client } from '../pop3';
import { arrivedBefore } from './arrival';
import type { CheckContext } from './check-context';
import { MailboxError } from './errors';
import type { ListedMail } from './listing';

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
  const old = await oldMails(context, client, listing);
  await context.ledger.recordBaseline(old.map((mail) => mail.key));
}

async function oldMails(
  { settings: { first }, signal }: CheckContext,
  client: Pop3Client,
  listing: ListedMail[],
): Promise<ListedMail[]> {
  if (first === 'new') return listing;
  if (first === 'all') return [];
  const since = Date.parse(first);
  if (Number.isNaN(since)) throw new MailboxError('CONFIG', 'first-not-a-date', { facts: { value: first } });
  return arrivedBefore(client, listing, since, signal);
}
