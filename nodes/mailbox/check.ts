import { MailError } from '../mail';
import { type Pop3Client, Pop3Error, type RetrievedMail } from '../pop3';
import { arrivals } from './arrival';
import { attemptsInVain, dueAt, endsTheProcess, poison } from './attempts';
import type { Pop3Fields } from './delivery/pop3-fields';
import { type HandOver, needsItsBytes, uidOf } from './delivery/send';
import { MailboxError } from './errors';
import { concernsOneMail } from './from-pop3';
import { addSizes, type ListedMail, listMailbox } from './listing';
import { retryAfterFailure } from './rhythm';
import type { Ledger } from './store/ledger';

/** A renumbered box: so many of the remembered ids gone at once, out of at least so many. */
const RENUMBERED_SHARE = 0.9;
const RENUMBERED_LEAST = 10;
/** Gmail lists some 250 of the oldest mails; a first listing this long means that "all mail" is switched on there. */
const GMAIL_FLOOD = 200;
/** How far the clocks of servers on a mail's way may be off. */
const CLOCK_SKEW_MS = 60 * 60 * 1000;
const DAY_MS = 24 * 60 * 60 * 1000;

export interface CheckSettings {
  node: string;
  host: string;
  port: number;
  user: string;
  /** `google` lists and hides mail in its own way. */
  service: string;
  /** `new`, `all` or an ISO date. */
  first: string;
  after: 'keep' | 'delete' | 'expire';
  /** `expire`: days from handled to deleted. */
  keepDays: number;
  /** Fetches or hand-overs that may fail before a mail is set aside. */
  maxAttempts: number;
  /** Octets; 0: no limit. */
  maxSize: number;
  /** What becomes of a larger mail. */
  oversize: 'headers' | 'skip';
  /** Mails in one check; 0: all. */
  maxPerCheck: number;
  content: 'parsed' | 'raw' | 'both' | 'headers';
}

/** What happened in one check; the payload of the second output. */
export interface CheckSummary {
  found: number;
  fetched: number;
  delivered: number;
  redelivered: number;
  deleted: number;
  skipped: number;
  failed: number;
  bytes: number;
  ms: number;
}

/** Everything a check needs from outside. */
export interface CheckContext {
  settings: CheckSettings;
  ledger: Ledger;
  /** Connected and authenticated, with the number of mails that STAT told. */
  open(signal: AbortSignal): Promise<{ client: Pop3Client; messages: number }>;
  /** How mails get to the flow, and when they count as handled. */
  handOver: HandOver;
  /** True where every other enabled node on this mailbox is done with the mail. */
  mayDelete(key: string): boolean;
  onProgress(done: number, total: number): void;
  /** A mail is set aside: it stays on the server, and is not tried again. */
  onSetAside(error: MailboxError, pop3: Pop3Fields, raw?: Buffer): void;
  now(): number;
  signal: AbortSignal;
}

export interface CheckResult {
  summary: CheckSummary;
  /** Seconds the server wants between logins (CAPA LOGIN-DELAY, RFC 2449); 0 for none. */
  loginDelay: number;
  /** True on the check that wrote the baseline. */
  first: boolean;
  /** True where mail is left on the server only because the flow has enough to do. */
  left: boolean;
}

/**
 * One check of one mailbox: what is new, handed over in the server's order, noted, deleted if so wished.
 *
 * @throws Pop3Error, MailboxError, or what `open` throws. Whatever was handed over by then is noted.
 */
export async function checkMailbox(context: CheckContext): Promise<CheckResult> {
  const { ledger, signal } = context;
  const started = context.now();
  const summary: CheckSummary = {
    found: 0,
    fetched: 0,
    delivered: 0,
    redelivered: 0,
    deleted: 0,
    skipped: 0,
    failed: 0,
    bytes: 0,
    ms: 0,
  };
  const { client, messages } = await context.open(signal);
  try {
    const listing = await listMailbox(client, { messages, sizes: false, signal });
    summary.found = listing.length;
    const first = !ledger.hasBaseline;
    if (first) await writeBaseline(context, client, listing);
    else {
      await recognizeRenumbered(context, client, listing);
      await recognizeReused(context, client, listing);
    }
    const keys = new Set(listing.map((mail) => mail.key));
    // Whoever misses a mail says so before it is forgotten.
    await context.handOver.listed(keys);
    await ledger.listed(keys, (key) => context.handOver.has(key));

    // Most checks find nothing new, and then nobody needs to know how large the old mails are.
    if (context.settings.maxSize > 0 && listing.some(({ key }) => !ledger.known(key))) {
      await addSizes(client, listing);
    }
    await setAsideWhatCrashes(context, listing, summary);
    const fresh = newMail(context, listing);
    const { maxPerCheck } = context.settings;
    const wanted = maxPerCheck > 0 ? fresh.slice(0, maxPerCheck) : fresh;
    const taken = wanted.slice(0, context.handOver.room());
    try {
      if (taken.length > 0) await fetchAll(context, client, await plan(context, taken, summary), summary);
    } finally {
      await context.handOver.end();
    }
    await finish(context, client, listing, summary);
    await ledger.checked(taken.length === fresh.length);
    summary.ms = context.now() - started;
    const loginDelay = (client.capabilities.loginDelayMs ?? 0) / 1000;
    return { summary, loginDelay, first, left: taken.length < wanted.length };
  } finally {
    client.destroy();
  }
}

/** What is listed, not settled, not on its way, and not waiting for its next attempt. */
function newMail({ ledger, handOver, now }: CheckContext, listing: ListedMail[]): ListedMail[] {
  const at = now();
  return listing.filter(
    ({ key }) => !ledger.known(key) && !handOver.has(key) && dueAt(ledger.openDelivery(key), at) <= at,
  );
}

async function writeBaseline(
  context: CheckContext,
  client: Pop3Client,
  listing: ListedMail[],
): Promise<void> {
  const { first, service } = context.settings;
  if (first === 'new' && service === 'google' && listing.length >= GMAIL_FLOOD) {
    throw new MailboxError('CONFIG', 'gmail-lists-old-mail', { facts: { count: listing.length } });
  }
  let old: ListedMail[] = [];
  if (first === 'new') old = listing;
  else if (first !== 'all') {
    const since = Date.parse(first);
    if (Number.isNaN(since))
      throw new MailboxError('CONFIG', 'first-not-a-date', { facts: { value: first } });
    old = await arrivedBefore(client, listing, since, context.signal);
  }
  await context.ledger.setBaseline(old.map((mail) => mail.key));
}

/**
 * A server that gave its mails new unique-ids (a move, a restored backup) would pour everything in again.
 * When nine in ten of the remembered ids are gone at once and unknown ones stand there, dates decide.
 */
async function recognizeRenumbered(
  context: CheckContext,
  client: Pop3Client,
  listing: ListedMail[],
): Promise<void> {
  const { ledger } = context;
  const unknown = listing.filter(
    (mail) => !ledger.known(mail.key) && ledger.openDelivery(mail.key) === undefined,
  );
  if (unknown.length === 0 || hidesWhatWasFetched(context, client)) return;
  const listed = new Set(listing.map((mail) => mail.key));
  let remembered = 0;
  let vanished = 0;
  for (const key of ledger.present()) {
    // Deleted by us, and the process ended before it was noted that it is gone.
    if (context.settings.after !== 'keep' && mayDelete(context, { key, ambiguous: false })) continue;
    remembered += 1;
    if (!listed.has(key)) vanished += 1;
  }
  if (remembered < RENUMBERED_LEAST || vanished < remembered * RENUMBERED_SHARE) return;
  // Clocks differ, and this one may have been set back: a mail too many is better than a mail too few.
  const since = Math.min(ledger.lastChecked, context.now()) - CLOCK_SKEW_MS;
  const old = await arrivedBefore(client, unknown, since, context.signal);
  if (old.length > 0) await ledger.markOld(old.map((mail) => mail.key));
}

/**
 * A server may give the unique-id of a mail that is gone to another one (RFC 1939 section 7 keeps it from that only
 * while anybody remembers it; some number their mails anew). What comes back under a known one and arrived later than
 * the mail we know had been handled, or had gone, is not that mail: it is handed over, marked, since dates may err.
 * One that takes the place of another between two checks is not seen: that would take a look at all mail each time.
 */
async function recognizeReused(
  context: CheckContext,
  client: Pop3Client,
  listing: ListedMail[],
): Promise<void> {
  const { ledger, now, signal } = context;
  const back = listing.filter(
    ({ key, uid }) => uid !== undefined && ledger.known(key) && ledger.missing(key),
  );
  if (back.length === 0 || hidesWhatWasFetched(context, client)) return;
  const numbers = back.map(({ number }) => number);
  const dates = await arrivals(client, numbers, signal);
  const others = back.filter(({ key, number }) => {
    const arrived = dates.get(number);
    return arrived !== undefined && arrived > Math.min(ledger.latestArrival(key), now());
  });
  await ledger.reused(others.map(({ key }) => key));
}

/** Where a fetched mail is not listed again, the vanishing of many is no sign of anything (Gmail: EXPIRE 0, RFC 2449). */
function hidesWhatWasFetched({ settings }: CheckContext, { capabilities }: Pop3Client): boolean {
  return settings.service === 'google' || capabilities.arguments('EXPIRE')[0] === '0';
}

async function arrivedBefore(
  client: Pop3Client,
  mails: ListedMail[],
  since: number,
  signal: AbortSignal,
): Promise<ListedMail[]> {
  const dates = await arrivals(
    client,
    mails.map((mail) => mail.number),
    signal,
  );
  return mails.filter((mail) => (dates.get(mail.number) ?? Number.POSITIVE_INFINITY) < since);
}

/** What is to be done with each new mail, by its size and the node's limits. */
interface Plan {
  whole: ListedMail[];
  /** Only their headers are fetched: too large, or the node wants no more. */
  headers: ListedMail[];
}

async function plan(context: CheckContext, fresh: ListedMail[], summary: CheckSummary): Promise<Plan> {
  const { settings, ledger } = context;
  const plan: Plan = { whole: [], headers: [] };
  for (const mail of fresh) {
    const tooLarge = settings.maxSize > 0 && (mail.octets ?? 0) > settings.maxSize;
    if (tooLarge && settings.oversize === 'skip') {
      await ledger.done(mail.key, 'kept');
      summary.skipped += 1;
    } else if (tooLarge || settings.content === 'headers') plan.headers.push(mail);
    else plan.whole.push(mail);
  }
  return plan;
}

/** Fetches and hands over, one after the other in the server's order, while the next ones are on their way. */
async function fetchAll(
  context: CheckContext,
  client: Pop3Client,
  { whole, headers }: Plan,
  summary: CheckSummary,
): Promise<void> {
  const { handOver } = context;
  const total = whole.length + headers.length;
  let settled = 0;
  const fetch = async (mails: ListedMail[], source: AsyncIterable<RetrievedMail>, isWhole: boolean) => {
    const waiting = new Map(mails.map((mail) => [mail.number, mail]));
    const tooLarge: ListedMail[] = [];
    const again: ListedMail[] = [];
    try {
      for await (const { number, body } of source) {
        const mail = waiting.get(number);
        if (mail === undefined) continue;
        waiting.delete(number);
        try {
          const taken = await handOver.take(mail, body, isWhole);
          summary.fetched += 1;
          summary.bytes += taken.bytes;
          summary.delivered += 1;
          if (taken.redelivered) summary.redelivered += 1;
        } catch (error) {
          // LIST understates at some servers (quirk 15), so the cap may be met only on the way.
          if (isWhole && error instanceof Pop3Error && error.hint === 'mail-too-large') {
            tooLarge.push(mail);
            continue;
          }
          // Behind the others, which are on their way already.
          if (needsItsBytes(error)) {
            again.push(mail);
            continue;
          }
          await failed(mail, error);
        }
        settled += 1;
        context.onProgress(settled, total);
      }
    } catch (error) {
      // A server that hangs up at the RETR of one mail, each time, must not hold up the others for ever.
      const [mail] = waiting.values();
      if (mail !== undefined && !noted.has(error)) await failed(mail, error);
      throw error;
    }
    return { tooLarge, again };
  };
  const noted = new Set<unknown>();
  /** Notes the failure with the mail it concerns; throws again what concerns more than that. */
  const failed = async (mail: ListedMail, error: unknown): Promise<void> => {
    noted.add(error);
    if (context.signal.aborted || concernsTheNode(error)) throw error;
    summary.failed += 1;
    await noteFailure(context, mail, error);
    if (error instanceof Pop3Error && !concernsOneMail(error)) throw error;
  };
  await handOver.expect(whole);
  context.onProgress(settled, total);
  const retrieve = (mails: ListedMail[]) => {
    const source = client.retrieve(mails.map(({ number }) => number));
    return fetch(mails, handOver.ahead(source, mails.length), true);
  };
  const { tooLarge, again } = await retrieve(whole);
  if (again.length > 0) {
    await handOver.expect(again);
    tooLarge.push(...(await retrieve(again)).tooLarge);
  }
  const rest = [...headers];
  for (const mail of tooLarge) {
    if (context.settings.oversize === 'headers') rest.push(mail);
    else {
      await context.ledger.done(mail.key, 'kept');
      summary.skipped += 1;
    }
  }
  if (rest.length === 0) return;
  await handOver.expect(rest);
  const headersOnly = client.top(
    rest.map(({ number }) => number),
    0,
  );
  await fetch(rest, headersOnly, false);
}

/** A disk that is full, a folder that is missing: no mail's fault. */
function concernsTheNode(error: unknown): boolean {
  return (
    error instanceof MailboxError || (error instanceof MailError && ['STORE', 'CONFIG'].includes(error.code))
  );
}

/** Tries again later, at growing distance; sets the mail aside when it has failed too often. */
async function noteFailure(context: CheckContext, mail: ListedMail, cause: unknown): Promise<void> {
  const { ledger, settings } = context;
  const failures = attemptsInVain(ledger.openDelivery(mail.key)) + 1;
  // A line that drops once is no fault of the mail it happened to drop in.
  const atOnce = failures === 1 && !concernsOneMail(cause);
  await ledger.failed(mail.key, context.now() + (atOnce ? 0 : retryAfterFailure(failures)));
  if (failures >= settings.maxAttempts) await setAside(context, mail, 'failed', failures, cause);
}

/** A mail on which the process has ended so often is not handed over once more. */
async function setAsideWhatCrashes(
  context: CheckContext,
  listing: ListedMail[],
  summary: CheckSummary,
): Promise<void> {
  const { ledger, settings, handOver } = context;
  for (const mail of listing) {
    const delivery = ledger.openDelivery(mail.key);
    if (!endsTheProcess(delivery, settings.maxAttempts) || handOver.has(mail.key)) continue;
    summary.failed += 1;
    await setAside(context, mail, 'ended', attemptsInVain(delivery));
  }
}

async function setAside(
  context: CheckContext,
  mail: ListedMail,
  last: 'failed' | 'ended',
  attempts: number,
  cause?: unknown,
): Promise<void> {
  const { ledger, settings } = context;
  await ledger.done(mail.key, 'set-aside');
  const pop3: Pop3Fields = {
    node: settings.node,
    host: settings.host,
    user: settings.user,
    delivery: '',
    uid: uidOf(mail),
    number: mail.number,
    size: mail.octets ?? 0,
    attempt: attempts,
    redelivered: false,
    check: '',
  };
  context.onSetAside(poison(last, { uid: pop3.uid, attempts }, cause), pop3);
}

/** Leaves the server as the settings say: handled mail deleted or everything as it was. */
async function finish(
  context: CheckContext,
  client: Pop3Client,
  listing: ListedMail[],
  summary: CheckSummary,
): Promise<void> {
  const { settings } = context;
  // Some servers mark a mail deleted when it is retrieved (quirk 16); RSET takes that back.
  if (summary.fetched > 0) await client.rset();
  const marked = new Set<number>();
  if (settings.after !== 'keep') {
    const handled = listing.filter((mail) => mayDelete(context, mail));
    for await (const { number, error } of client.dele(handled.map((mail) => mail.number))) {
      if (error === undefined) marked.add(number);
    }
  }
  const answer = await client.quit();
  if (answer !== 'ok' || marked.size === 0) return;
  summary.deleted = marked.size;
  // What we deleted ourselves has not vanished.
  const rest = listing.filter(({ number }) => !marked.has(number));
  await context.ledger.listed(new Set(rest.map(({ key }) => key)), (key) => context.handOver.has(key));
}

/** Handled whole, by every node on this mailbox, for as long as the settings say; and no doubt which mail it is. */
function mayDelete(
  { ledger, settings, mayDelete: othersAreDone, now }: CheckContext,
  mail: Pick<ListedMail, 'key' | 'ambiguous'>,
): boolean {
  const handledAt = ledger.handledAt(mail.key);
  if (handledAt === undefined || mail.ambiguous || !othersAreDone(mail.key)) return false;
  return settings.after === 'delete' || now() - handledAt >= settings.keepDays * DAY_MS;
}
