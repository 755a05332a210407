import type { CheckContext, Recognized } from './check-context';
import { mayDelete } from './deletion';
import { isSameMail } from './fingerprint';
import { followMarks, identify, identifyByRetrieval, markOf } from './identify';
import { recordSizes } from './known-sizes';
import { hidesDownloadedMail } from './learning';
import { addSizes, isDigest, isNumbered, type ListedMail } from './listing';
import { findMoved, type Source } from './moved';
import { recognizeByDates } from './recognition-by-dates';
import { learnWhatTopShows } from './recognition-by-retrieval';
import type { Session } from './session';
import { sortListing } from './sort-listing';
import { placeAt } from './unchanged';

/**
 * Tells which of the listed mails are the known ones: a mail is what its header says, not its unique ID. Servers give
 * an ID again after a deletion, name mails by their numbers, renumber a mailbox after a move. What looks as before is
 * believed, but for a sample; what does not is compared by TOP. Known mails are found again under whatever ID.
 */
export async function recognize(
  context: CheckContext,
  session: Session,
  listing: Listed,
): Promise<Recognized> {
  return new Recognition(context, session, listing).run();
}

interface Listed {
  mails: ListedMail[];
  /** Of these mails. */
  keys: ReadonlySet<string>;
  /** Keys of mails that look as before and may be others all the same. */
  suspects: ReadonlySet<string>;
}

class Recognition {
  readonly #context: CheckContext;
  readonly #session: Session;
  readonly #listing: ListedMail[];
  /** By key, as the server shows the mails in this session. */
  readonly #shown = new Map<string, string>();
  readonly #identified = new Set<string>();
  readonly #waiting = new Set<string>();
  /** What waited for its acknowledgement when this began: an acknowledgement may come at any moment. */
  readonly #held: ReturnType<CheckContext['delivery']['held']>;
  #retrieved = false;
  readonly #known: ListedMail[];
  readonly #unknown: ListedMail[];
  readonly #rememberedBytes: number;
  readonly #numbered: boolean;
  readonly #listed: ReadonlySet<string>;
  readonly #suspected: ReadonlySet<string>;
  /** By key, where any was looked at. */
  readonly #sizes = new Map<string, number>();

  constructor(context: CheckContext, session: Session, { mails, keys, suspects }: Listed) {
    this.#context = context;
    this.#session = session;
    this.#listing = mails;
    this.#held = context.delivery.held();
    this.#numbered = isNumbered(mails);
    this.#listed = keys;
    this.#suspected = suspects;
    const { known, unknown, rememberedBytes } = sortListing(context, mails);
    this.#known = known;
    this.#unknown = unknown;
    this.#rememberedBytes = rememberedBytes;
    // A mail without unique ID is known by its header: it is the one it is known as.
    for (const { key } of known) if (isDigest(key)) this.#identified.add(key);
  }

  async run(): Promise<Recognized> {
    const context = this.#context;
    const session = this.#session;
    // LIST is asked only where STAT does not say that everything is as it was.
    if (this.#rememberedBytes !== session.bytes) await addSizes(session.client, this.#listing);
    followMarks(context.unidentifiable, this.#listing, this.#numbered);
    const hides = hidesDownloadedMail(context, session);
    const suspects = hides ? this.#deletable() : this.#suspects();
    const vanished = hides || this.#unknown.length === 0 ? [] : this.#vanished();
    await this.#show(vanished.length > 0 ? [...suspects, ...this.#unknown] : suspects);
    await this.#doubt(
      suspects.filter(({ key, bytes }) => this.#isResized(key, bytes) || context.ledger.isMissing(key)),
    );
    if (!hides) await this.#trustRetrieval(this.#others(suspects));
    let others = this.#others(suspects);
    if (others.some(({ key }) => !context.ledger.isMissing(key))) {
      // This server does not keep its IDs: all of them are looked at.
      await this.#show([...this.#known, ...this.#unknown]);
      others = this.#others(this.#known);
    } else if (others.length > 0) await this.#show(this.#unknown);
    if (this.#numbered) await this.#doubt(this.#behindChange(others));
    const moved = await this.#match(others, others.length > 0 ? this.#vanished() : vanished);
    if (!hides) {
      const mails = { known: this.#known, unknown: moved ? [] : this.#unknown, listed: this.#listed };
      await recognizeByDates(context, session.client, mails);
    }
    for (const key of this.#shown.keys()) if (this.#isShownAsKnown(key)) this.#identified.add(key);
    await recordSizes(this.#context, this.#listing, this.#identified);
    for (const { key } of this.#held) this.#waiting.add(key);
    return { identified: this.#identified, waiting: this.#waiting, retrieved: this.#retrieved };
  }

  #deletable(): ListedMail[] {
    return this.#known.filter((mail) => mayDelete(this.#context, mail));
  }

  /** Known mails that may be others by now, and a sample of those that look as before. */
  #suspects(): ListedMail[] {
    const { ledger } = this.#context;
    const suspects: ListedMail[] = [];
    const same: ListedMail[] = [];
    for (const mail of this.#known) {
      const { key, bytes } = mail;
      if (isDigest(key)) continue;
      const suspect =
        this.#isResized(key, bytes) ||
        mail.ambiguous ||
        ledger.isMissing(key) ||
        this.#suspected.has(key) ||
        mayDelete(this.#context, mail);
      if (suspect) suspects.push(mail);
      else if (ledger.fingerprint(key) !== undefined) same.push(mail);
    }
    return [...suspects, ...this.#sample(same)];
  }

  #isResized(key: string, bytes: number | undefined): boolean {
    const before = this.#context.ledger.bytes(key);
    return bytes !== undefined && before >= 0 && bytes !== before;
  }

  /** Known mails that may have other numbers by now, whatever their sizes: something before them has changed. */
  #behindChange(others: ListedMail[]): ListedMail[] {
    const { ledger } = this.#context;
    const changed = new Set(others);
    const first = this.#known.findIndex(
      (mail) => changed.has(mail) || ledger.isMissing(mail.key) || this.#isResized(mail.key, mail.bytes),
    );
    return first === -1 ? [] : this.#known.slice(first);
  }

  /** What cannot be looked at may be another mail by now: it is delivered, marked. */
  async #doubt(mails: ListedMail[]): Promise<void> {
    const { ledger, unidentifiable } = this.#context;
    const doubtful = mails.filter(
      (mail) => ledger.isKnown(mail.key) && !this.#shown.has(mail.key) && unidentifiable.has(markOf(mail)),
    );
    await ledger.markUncertain(doubtful.map(({ key }) => key));
  }

  /**
   * One of the mails that look as before. Where IDs are message numbers the last known one is another as soon as any
   * mail before it was deleted.
   */
  #sample(same: ListedMail[]): ListedMail[] {
    const last = same.at(-1);
    if (last === undefined) return [];
    const any = same[Math.floor(placeAt(this.#context.now()) * same.length)] as ListedMail;
    return this.#numbered && any !== last ? [any, last] : [any];
  }

  /** Known mails that are not listed, though this node has not deleted them. */
  #vanished(): string[] {
    const { ledger } = this.#context;
    const vanished: string[] = [];
    for (const key of ledger.known()) {
      if (this.#listed.has(key) || ledger.isDeleted(key) || ledger.fingerprint(key) === undefined) continue;
      vanished.push(key);
    }
    // What waits for its acknowledgement may be listed under another ID, whatever is listed under its own.
    for (const { key, fingerprint } of this.#held) if (fingerprint !== undefined) vanished.push(key);
    return vanished;
  }

  /** Looks at mails: by TOP, or by RETR where the server has no TOP. */
  async #show(mails: ListedMail[]): Promise<void> {
    const { settings } = this.#context;
    const { client } = this.#session;
    const unseen = mails.filter(({ key }) => !this.#shown.has(key));
    for (const { key, bytes } of unseen) if (bytes !== undefined) this.#sizes.set(key, bytes);
    const found = await identify(client, unseen, this.#context);
    for (const [key, fingerprint] of found) this.#shown.set(key, fingerprint);
    // Google would hide what is retrieved.
    if (
      found.size > 0 ||
      unseen.length === 0 ||
      client.capabilities.has('TOP') ||
      settings.service === 'google'
    )
      return;
    this.#retrieved = true;
    await addSizes(client, unseen);
    const retrieved = await identifyByRetrieval(client, unseen, this.#context);
    for (const [key, fingerprint] of retrieved) this.#shown.set(key, fingerprint);
  }

  async #trustRetrieval(others: ListedMail[]): Promise<void> {
    const alike = others.filter(({ key, bytes }) => !this.#isResized(key, bytes));
    if (alike.length === 0) return;
    this.#retrieved = true;
    await learnWhatTopShows(this.#context, this.#session.client, alike, this.#shown);
  }

  #isShownAsKnown(key: string): boolean {
    const { ledger } = this.#context;
    const fingerprint = this.#shown.get(key);
    const identity = ledger.identity(key);
    if (fingerprint === undefined || identity?.fingerprint === undefined) return false;
    const bytes = this.#sizes.get(key);
    // Under an ID that is given again, a mail of another size is another mail, however much their headers are alike.
    if ((this.#numbered || ledger.isMissing(key)) && this.#isResized(key, bytes)) return false;
    return isSameMail(identity, { fingerprint, ...(bytes !== undefined && { bytes }) });
  }

  /** Mails that were seen to be others than the known ones. */
  #others(mails: ListedMail[]): ListedMail[] {
    const { ledger } = this.#context;
    return mails.filter(
      ({ key }) =>
        this.#shown.has(key) &&
        ledger.fingerprint(key) !== undefined &&
        !isDigest(key) &&
        !this.#isShownAsKnown(key),
    );
  }

  /** Finds known mails again under the keys they have now. Each accounts for one listed mail. */
  async #match(others: ListedMail[], vanished: string[]): Promise<boolean> {
    const { ledger } = this.#context;
    if (others.length + vanished.length === 0) return false;
    const sources = this.#sourcesOf([...others.map(({ key }) => key), ...vanished]);
    const replaced = new Set(others.map(({ key }) => key));
    const candidates = this.#listing.flatMap((mail) => {
      const fingerprint = this.#shown.get(mail.key);
      const isCandidate = !ledger.isKnown(mail.key) || replaced.has(mail.key);
      return isCandidate && fingerprint !== undefined ? [{ ...mail, fingerprint }] : [];
    });
    const { found, resized } = findMoved(sources, candidates);
    const moves: [from: string, to: string][] = [];
    for (const [to, from] of found) {
      if (ledger.isKnown(from)) moves.push([from, to]);
      else this.#waiting.add(to);
    }
    const fresh = candidates.flatMap(({ key }) => (found.has(key) ? [] : [key]));
    await ledger.recordMoves(moves, [...replaced]);
    const changed = moves.length > 0 || replaced.size > 0;
    // Its record and that of the mail that has its ID now are under one key: the later one to be written counts.
    if (changed) ledger.renumbered.remember(this.#held);
    const hidden = changed ? this.#hidden() : new Set<string>();
    const uncertain = this.#mayHaveBeenDelivered(changed)
      ? fresh
      : fresh.filter((key) => {
          const fingerprint = this.#shown.get(key) ?? '';
          return resized.has(key) || hidden.has(fingerprint) || ledger.renumbered.has(fingerprint);
        });
    await ledger.markUncertain([...uncertain, ...this.#unseen(sources)]);
    for (const [, to] of moves) this.#identified.add(to);
    return changed;
  }

  /** Listed mails that could not be looked at: each may be a known one that was not found again under any ID. */
  #unseen(sources: ReadonlyMap<string, Source[]>): string[] {
    if ([...sources.values()].every((rest) => rest.length === 0)) return [];
    const { ledger } = this.#context;
    const isMarked = (key: string): boolean => (ledger.openDelivery(key)?.deliveries ?? 0) > 0;
    return this.#unknown.filter(({ key }) => !this.#shown.has(key) && !isMarked(key)).map(({ key }) => key);
  }

  /** Fingerprints of known mails that could not be looked at: each may be listed under another ID by now. */
  #hidden(): Set<string> {
    const { ledger } = this.#context;
    const hidden = this.#known.filter(({ key }) => !this.#shown.has(key));
    return new Set(hidden.map(({ key }) => ledger.fingerprint(key) ?? ''));
  }

  /** A mail that may have been delivered before a crash, and is not listed where it was, may be any new one. */
  #mayHaveBeenDelivered(changed: boolean): boolean {
    const { ledger, delivery } = this.#context;
    for (const key of ledger.unprocessed()) {
      if (delivery.holds(key)) continue;
      if (changed || (!this.#listed.has(key) && !ledger.isMissing(key))) return true;
    }
    return false;
  }

  /** By fingerprint, the mails that may be listed under other keys. */
  #sourcesOf(keys: string[]): Map<string, Source[]> {
    const { ledger } = this.#context;
    const held = new Map(this.#held.map((mail) => [mail.key, mail]));
    const sources = new Map<string, Source[]>();
    for (const key of keys) {
      // What this node has deleted is gone, whatever has its ID now.
      if (ledger.isDeleted(key)) continue;
      const fingerprint = ledger.fingerprint(key) ?? held.get(key)?.fingerprint ?? '';
      sources.set(fingerprint, [...(sources.get(fingerprint) ?? []), { key, ...ledger.identity(key) }]);
    }
    return sources;
  }
}
