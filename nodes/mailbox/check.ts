import { randomUUID } from 'node:crypto';
import { type MailMessage, readMail } from '../mail';
import { type Pop3Client, Pop3Error } from '../pop3';
import { arrivals } from './arrival';
import { MailboxError } from './errors';
import type { Ledger } from './ledger';
import { type ListedMail, listMailbox } from './listing';

/** How many intents are made durable at a time: one fsync for so many mails, and the most a power failure can repeat. */
export const INTENT_WINDOW = 64;
/** A renumbered box: so many of the remembered ids gone at once, out of at least so many. */
const RENUMBERED_SHARE = 0.9;
const RENUMBERED_LEAST = 10;
/** Gmail lists some 250 of the oldest mails; a first listing this long means that "all mail" is switched on there. */
const GMAIL_FLOOD = 200;
/** The first wait before a mail that failed is fetched again, ms; four times longer each time. */
const FIRST_RETRY_MS = 60_000;
/** A refusal with one of these concerns the mail, not the session. */
const ONE_MAIL: ReadonlySet<string> = new Set(['REFUSED', 'LIMIT', 'SYS_TEMP', 'SYS_PERM']);

export interface CheckSettings {
  node: string;
  host: string;
  user: string;
  /** `google` lists and hides mail in its own way. */
  service: string;
  /** `new`, `all` or an ISO date. */
  first: string;
  after: 'keep' | 'delete';
  maxAttempts: number;
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

/** Names this hand-over and no other, and says where the mail comes from. */
export interface Pop3Fields {
  node: string;
  delivery: string;
  uid: string;
  number: number;
  size: number;
  user: string;
  host: string;
  attempt: number;
  redelivered: boolean;
  check: string;
}

export type DeliveredMail = MailMessage & { pop3: Pop3Fields };

/** Everything a check needs from outside. */
export interface CheckContext {
  settings: CheckSettings;
  ledger: Ledger;
  /** Connected and authenticated, with the number of mails that STAT told. */
  open(signal: AbortSignal): Promise<{ client: Pop3Client; messages: number }>;
  /** Resolves when the mail has been handed over; the mail is handled then. */
  deliver(mail: DeliveredMail): Promise<void>;
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
    else await recognizeRenumbered(context, client, listing);
    await ledger.listed(new Set(listing.map((mail) => mail.key)));

    const now = context.now();
    const fresh = listing.filter(
      (mail) => !ledger.known(mail.key) && (ledger.openDelivery(mail.key)?.retryAt ?? 0) <= now,
    );
    if (fresh.length > 0) await fetchAll(context, client, fresh, summary);
    await finish(context, client, listing, summary);
    await ledger.checked();
    summary.ms = context.now() - started;
    return { summary, loginDelay: (client.capabilities.loginDelayMs ?? 0) / 1000, first };
  } finally {
    client.destroy();
  }
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
  if (unknown.length === 0) return;
  const listed = new Set(listing.map((mail) => mail.key));
  let remembered = 0;
  let vanished = 0;
  for (const key of ledger.present()) {
    remembered += 1;
    if (!listed.has(key)) vanished += 1;
  }
  if (remembered < RENUMBERED_LEAST || vanished < remembered * RENUMBERED_SHARE) return;
  const old = await arrivedBefore(client, unknown, ledger.lastChecked, context.signal);
  if (old.length > 0) await ledger.markOld(old.map((mail) => mail.key));
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

/** Fetches, parses and hands over, one after the other, while the next ones are on their way. */
async function fetchAll(
  context: CheckContext,
  client: Pop3Client,
  fresh: ListedMail[],
  summary: CheckSummary,
): Promise<void> {
  const { ledger, signal } = context;
  const check = randomUUID();
  const byNumber = new Map(fresh.map((mail) => [mail.number, mail]));
  const intents = new Intents(ledger, fresh);
  const notes: Promise<unknown>[] = [];
  let noted: Promise<void> = Promise.resolve();
  let settled = 0;
  context.onProgress(settled, fresh.length);
  try {
    for await (const { number, body } of client.retrieve([...byNumber.keys()])) {
      const mail = byNumber.get(number);
      if (mail === undefined) continue;
      const counter = { bytes: 0 };
      let message: MailMessage;
      try {
        message = (
          await readMail(counted(body, counter), { content: 'parsed', attachments: 'buffer', signal })
        ).message;
      } catch (error) {
        if (signal.aborted) throw error;
        summary.failed += 1;
        // Also where the line dropped: a mail that ends every session must not hold up the others for ever.
        notes.push(noteFailure(context, mail, error, check));
        if (!concernsOneMail(error)) throw error;
        continue;
      }
      summary.fetched += 1;
      summary.bytes += counter.bytes;
      const earlier = await intents.before(mail);
      signal.throwIfAborted();
      const pop3: Pop3Fields = {
        ...fieldsOf(context.settings, mail, check),
        size: counter.bytes,
        attempt: earlier + 1,
        redelivered: earlier > 0,
      };
      // At most one mail may be handed over and not noted: that is what a crash can repeat.
      await noted;
      await context.deliver(Object.assign(message, { pop3 }));
      intents.handedOver(mail);
      noted = ledger.done(mail.key);
      notes.push(noted);
      summary.delivered += 1;
      if (pop3.redelivered) summary.redelivered += 1;
      settled += 1;
      context.onProgress(settled, fresh.length);
    }
  } catch (error) {
    await Promise.allSettled([...notes, intents.withdrawRest()]);
    throw error;
  }
  notes.push(intents.withdrawRest());
  // Every note is tried; a disk that refuses is one error for the check, and the lines stay queued.
  const refused = (await Promise.allSettled(notes)).find((note) => note.status === 'rejected');
  if (refused !== undefined) throw refused.reason;
}

/** Makes intents durable a window ahead, so that no hand-over waits for the disk but the first. */
class Intents {
  private readonly windows: Promise<void>[] = [];
  private readonly place = new Map<string, number>();
  private readonly earlier = new Map<string, number>();
  private readonly outstanding = new Set<string>();

  constructor(
    private readonly ledger: Ledger,
    private readonly mails: ListedMail[],
  ) {
    for (const [index, mail] of mails.entries()) {
      this.place.set(mail.key, Math.floor(index / INTENT_WINDOW));
      // As it stood before this check noted its own intents.
      this.earlier.set(mail.key, ledger.openDelivery(mail.key)?.handedOver ?? 0);
    }
    this.begin(0);
  }

  /** Resolves when the mail may be handed over, with the number of earlier hand-overs that may have happened. */
  async before(mail: ListedMail): Promise<number> {
    const window = this.place.get(mail.key) ?? 0;
    // Mails come in order; a whole window of failures may have been skipped.
    for (let index = this.windows.length; index <= window + 1; index += 1) this.begin(index);
    await this.windows[window];
    return this.earlier.get(mail.key) ?? 0;
  }

  handedOver(mail: ListedMail): void {
    this.outstanding.delete(mail.key);
  }

  /** What was noted and not handed over: an orderly stop or a failed fetch is no hand-over. */
  async withdrawRest(): Promise<void> {
    await Promise.allSettled(this.windows);
    await this.ledger.withdraw([...this.outstanding]);
    this.outstanding.clear();
  }

  private begin(index: number): void {
    const keys = this.mails.slice(index * INTENT_WINDOW, (index + 1) * INTENT_WINDOW).map((mail) => mail.key);
    const durable =
      keys.length === 0
        ? Promise.resolve()
        : this.ledger.intend(keys).then(() => {
            for (const key of keys) this.outstanding.add(key);
          });
    // Whoever needs the window hears of it; until then it must not count as unhandled.
    durable.catch(() => undefined);
    this.windows[index] = durable;
  }
}

/** Tries again later, at growing distance; sets the mail aside when it has failed too often. */
async function noteFailure(
  context: CheckContext,
  mail: ListedMail,
  cause: unknown,
  check: string,
): Promise<void> {
  const { ledger, settings } = context;
  const failures = (ledger.openDelivery(mail.key)?.failures ?? 0) + 1;
  await ledger.failed(mail.key, context.now() + FIRST_RETRY_MS * 4 ** (failures - 1));
  if (failures < settings.maxAttempts) return;
  await ledger.done(mail.key, 'kept');
  const pop3: Pop3Fields = {
    ...fieldsOf(settings, mail, check),
    size: mail.octets ?? 0,
    attempt: failures,
    redelivered: false,
  };
  const error = new MailboxError('POISON', 'mail-set-aside', {
    facts: { uid: pop3.uid, attempts: failures },
    retryable: false,
    cause,
  });
  context.onSetAside(error, pop3);
}

/** Leaves the server as the settings say: handled mail deleted or everything as it was. */
async function finish(
  context: CheckContext,
  client: Pop3Client,
  listing: ListedMail[],
  summary: CheckSummary,
): Promise<void> {
  const { ledger, settings } = context;
  // Some servers mark a mail deleted when it is retrieved (quirk 16); RSET takes that back.
  if (summary.fetched > 0) await client.rset();
  let marked = 0;
  if (settings.after === 'delete') {
    const handled = listing.filter(
      (mail) => !mail.ambiguous && ledger.state(mail.key) === 'handled' && context.mayDelete(mail.key),
    );
    for await (const { error } of client.dele(handled.map((mail) => mail.number))) {
      if (error === undefined) marked += 1;
    }
  }
  const answer = await client.quit();
  if (answer === 'ok') summary.deleted = marked;
}

function fieldsOf(
  settings: CheckSettings,
  mail: ListedMail,
  check: string,
): Pick<Pop3Fields, 'node' | 'delivery' | 'uid' | 'number' | 'user' | 'host' | 'check'> {
  return {
    node: settings.node,
    delivery: randomUUID(),
    uid: mail.uid ?? mail.key.slice(1),
    number: mail.number,
    user: settings.user,
    host: settings.host,
    check,
  };
}

/** False where the session is over, or no longer to be trusted. */
function concernsOneMail(error: unknown): boolean {
  return error instanceof Pop3Error && ONE_MAIL.has(error.code);
}

async function* counted(body: AsyncIterable<Buffer>, counter: { bytes: number }): AsyncIterable<Buffer> {
  for await (const chunk of body) {
    counter.bytes += chunk.length;
    yield chunk;
  }
}
