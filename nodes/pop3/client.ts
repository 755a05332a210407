import type { Capabilities } from './capabilities';
import { accepted } from './commands/command';
import { type Deletion, dele } from './commands/dele';
import type { Lines } from './commands/lines';
import { findListed, listOne, sendList, takeList } from './commands/list';
import { leave, type QuitOutcome, quit } from './commands/quit';
import { retrieve, top } from './commands/retr';
import { rset } from './commands/rset';
import { stat } from './commands/stat';
import { sendUidl, takeUidl, type UniqueIdAnswer, uidlOf, uidlOne } from './commands/uidl';
import { openSession } from './connect';
import { Pop3Error } from './error';
import type { Listing, MaildropStatus, UidlChanges, UniqueId } from './listing';
import { compareListings } from './listing-change';
import { Login } from './login';
import { type ListedAhead, openMailbox } from './opening';
import type { ConnectOptions } from './options';
import type { RetrievedMail } from './retrieved-mail';
import type { Credentials, MechanismName } from './sasl';
import type { Session } from './session';

/**
 * A POP3 session, from the greeting to QUIT (RFC 1939, 2449, 2595, 5034, 6856). Every call settles, each failure
 * is a {@link Pop3Error}, and after a failure of the connection every later call fails with the same error.
 */
export class Pop3Client {
  readonly #session: Session;
  readonly #login: Login;
  #ahead: ListedAhead = {};
  /** Answers that were read: they keep their digest. */
  readonly #read: ListedAhead = {};

  /**
   * Opens the connection, reads the greeting, asks for the capabilities (RFC 2449 section 5) and, with `starttls`, begins TLS
   * and asks again (RFC 2595 section 4). Errors: `CONNECT`, `TLS`, `TIMEOUT`, `CONFIG`, `ABORTED`, `PROTOCOL`, `LIMIT`, and
   * what a greeting of `-ERR` says.
   */
  static async connect(options: ConnectOptions): Promise<Pop3Client> {
    return new Pop3Client(await openSession(options));
  }

  private constructor(session: Session) {
    this.#session = session;
    this.#login = new Login(session);
  }

  /** The text of the greeting (RFC 1939 section 4), without `+OK`. */
  get greeting(): string {
    return this.#session.greeting;
  }

  /**
   * Whether the sizes of LIST are estimates: Exchange, which names itself in its greeting, computes exact ones only where
   * its administrator wants that.
   */
  get estimatesSizes(): boolean {
    return /microsoft exchange/i.test(this.greeting);
  }

  /** What the last CAPA said. An answer of `-ERR` leaves nothing of an earlier one. */
  get capabilities(): Capabilities {
    return this.#session.capabilities;
  }

  /** Whether TLS is on the connection. */
  get encrypted(): boolean {
    return this.#session.encrypted;
  }

  /**
   * The login method a new session should try, once, after `authenticate` has failed by another one of `auto`'s
   * choice; `undefined` where there is no other, or the refusal had another reason.
   */
  get nextMechanism(): MechanismName | undefined {
    return this.#login.nextMechanism;
  }

  /**
   * Logs in by one mechanism, and opens the maildrop with STAT, where Gmail and Exchange first say that POP is off. A
   * refused token is renewed once by `credentials.renew` and tried once more; a password is tried once. With `listAhead`
   * the mailbox is listed in the same round trip, where the server allows that. Errors: `AUTH`, `CONFIG`, `IN_USE`,
   * `LOGIN_DELAY`, `SYS_TEMP`, `SYS_PERM`, and what `renew` throws.
   */
  async authenticate(
    credentials: Credentials,
    mechanism: MechanismName | 'auto' = 'auto',
    { listAhead = false }: { listAhead?: boolean } = {},
  ): Promise<MaildropStatus> {
    const name = await this.#login.run(credentials, mechanism);
    this.#session.settings.trace?.({ type: 'login', mechanism: name });
    const { maildrop, ahead } = await openMailbox(this.#session, listAhead);
    this.#ahead = ahead;
    return maildrop;
  }

  /** STAT (RFC 1939 section 5). Sizes beyond 2 GB that some servers show as negative are put right. */
  stat(): Promise<MaildropStatus> {
    return stat(this.#session);
  }

  /** LIST (RFC 1939 section 5): of all mails not marked as deleted, or of one. Lines that cannot be read are left out. */
  list(): Promise<Listing[]>;
  list(number: number): Promise<Listing>;
  async list(number?: number): Promise<Listing[] | Listing> {
    if (number !== undefined) return this.#listOne(number);
    const sent = this.#ahead.list ?? sendList(this.#session);
    this.#ahead.list = undefined;
    this.#read.list = sent;
    return takeList(this.#session, sent);
  }

  /**
   * UIDL (RFC 1939 section 7), exactly what the server says: duplicates, blanks and gaps stay visible. `undefined` when
   * the server has no unique IDs: it refuses UIDL and CAPA does not list it. Where CAPA does, or the refusal
   * names another reason, a refusal is a temporary error: `SYS_TEMP` or what its code says.
   */
  uidl(): Promise<UniqueId[] | undefined>;
  uidl(number: number): Promise<string>;
  async uidl(number?: number): Promise<UniqueId[] | string | undefined> {
    if (number !== undefined) return uidlOne(this.#session, number);
    const sent = this.#ahead.uidl ?? sendUidl(this.#session);
    this.#ahead.uidl = undefined;
    this.#read.uidl = sent;
    return takeUidl(this.#session, sent);
  }

  /**
   * A digest of the last whole answer to LIST in this session. Where there is none yet it is asked for, and {@link list}
   * reads the same answer afterward: what is as before need not be read. `undefined` where there is no answer; the call
   * that reads it tells why.
   */
  async listDigest(): Promise<string | undefined> {
    const reply = await this.#sentList().promise.catch(() => undefined);
    return reply?.response.status === 'ok' ? reply.digest : undefined;
  }

  /** The bytes of the last whole answer to UIDL in this session, by the same rules. They are the caller's to keep. */
  async uidlBytes(): Promise<Buffer | undefined> {
    const reply = await this.#sentUidl().promise.catch(() => undefined);
    return reply?.response.status === 'ok' ? reply.bytes : undefined;
  }

  /**
   * What the same answer says otherwise than an earlier one. `undefined` where that is more than `most`, or cannot be told
   * without reading all of it.
   */
  async uidlChanges(before: Buffer, most: number): Promise<UidlChanges | undefined> {
    const reply = await this.#sentUidl().promise.catch(() => undefined);
    if (reply?.response.status !== 'ok') return undefined;
    const change = compareListings(before, reply.bytes, most);
    const came = change?.came.map((line) => reply.itemOf(line)).filter((id) => id !== undefined);
    if (change === undefined || came?.length !== change.came.length) return undefined;
    return { came, went: change.went };
  }

  /**
   * An entry of an answer to UIDL whose bytes were asked for: the one at this place, 0 being the
   * beginning of the answer and 1 its end. `undefined` where it cannot be read.
   */
  async uidAt(place: number): Promise<UniqueId | undefined> {
    return (await this.#sentUidl().promise).itemAt(place);
  }

  /** `UIDL n` for many numbers, pipelined. A number that is refused fails alone, in its answer's `error`. */
  uidlOf(numbers: Iterable<number>): AsyncGenerator<UniqueIdAnswer, void, undefined> {
    return uidlOf(this.#session, numbers);
  }

  /**
   * RETR (RFC 1939 section 5), in the order of `numbers`, ahead of the reader where the server allows it. A mail that
   * fails does so alone: its body rejects and the iteration continues. Only the loss of the session, or an unusable
   * number, ends the iteration with an error. A body is to be read before the next mail is taken; what is left of
   * it is let go. The server may count mails asked for ahead as retrieved: after an early end of the iteration,
   * leave by `destroy()` where that matters (Gmail).
   */
  retrieve(numbers: Iterable<number>): AsyncIterableIterator<RetrievedMail, undefined> {
    return retrieve(this.#session, numbers);
  }

  /**
   * TOP (RFC 1939 section 7): the header and `lines` lines of the body, never more, whatever the server sends; otherwise as
   * {@link retrieve}.
   */
  top(numbers: Iterable<number>, lines: number): AsyncIterableIterator<RetrievedMail, undefined> {
    return top(this.#session, numbers, lines);
  }

  /**
   * DELE (RFC 1939 section 5), pipelined. It only marks: nothing is deleted before {@link quit} has answered `ok`. A
   * number that is refused fails alone, in its answer's `error`.
   */
  dele(numbers: Iterable<number>): AsyncGenerator<Deletion, void, undefined> {
    return dele(this.#session, numbers);
  }

  /** RSET (RFC 1939 section 5): takes back every DELE of this session. A server that has no RSET has nothing to take back. */
  rset(): Promise<void> {
    return rset(this.#session);
  }

  /** NOOP (RFC 1939 section 5). */
  async noop(): Promise<void> {
    await accepted(this.#session.send('NOOP'), 'transaction');
  }

  /** UTF8 (RFC 6856 section 2): internationalized headers are sent as they are. To be sent before `authenticate`. */
  async utf8(): Promise<void> {
    await accepted(this.#session.send('UTF8'), 'transaction');
  }

  /** LANG (RFC 6856 section 3): the language of the server's texts, by its tag (RFC 5646). */
  async lang(tag: string): Promise<void> {
    if (!/^[a-z0-9*-]{1,35}$/i.test(tag)) {
      throw new Pop3Error('CONFIG', 'LANG takes a language tag', { reason: 'unsafe-argument' });
    }
    await accepted(this.#session.send(`LANG ${tag}`), 'transaction');
  }

  /**
   * QUIT (RFC 1939 section 6): ends the session; never rejects, and settles within `timeouts.quit`, or
   * `timeouts.quitAfterDeletions` where mails were marked. `ok`: what was marked is deleted. `refused`: some of it is
   * not. `unknown`: the answer was lost, and with it the knowledge.
   */
  quit(): Promise<QuitOutcome> {
    return quit(this.#session);
  }

  /**
   * Ends the session by QUIT. The answer is waited for only where it says something: where mails were marked by DELE.
   * Never rejects. `ok` where nothing was marked.
   */
  async leave(): Promise<QuitOutcome> {
    if (this.#session.marked > 0) return this.quit();
    if (this.#session.connection.error) return 'unknown';
    await leave(this.#session);
    return 'ok';
  }

  /** Out of an answer for all mails, where one was asked for: no round trip. */
  async #listOne(number: number): Promise<Listing> {
    const all = this.#ahead.list ?? this.#read.list;
    const found = all && (await findListed(this.#session, all, number));
    return found ?? listOne(this.#session, number);
  }

  #sentUidl(): Lines<UniqueId> {
    const sent = this.#ahead.uidl ?? this.#read.uidl;
    if (sent !== undefined) return sent;
    this.#ahead.uidl = sendUidl(this.#session);
    return this.#ahead.uidl;
  }

  #sentList(): Lines<Listing> {
    const sent = this.#ahead.list ?? this.#read.list;
    if (sent !== undefined) return sent;
    this.#ahead.list = sendList(this.#session);
    return this.#ahead.list;
  }

  /** Ends the session at once, without QUIT: the server deletes nothing. What is outstanding rejects with `ABORTED`. */
  destroy(): void {
    const { connection } = this.#session;
    // A check calls this behind every session; an error without information costs a stack trace.
    if (connection.error) return;
    connection.fail(new Pop3Error('ABORTED', 'The session was ended', { reason: 'closed' }));
  }
}
