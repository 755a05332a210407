// One mailbox with one kind of server, in one mode, for some checks on a clock of its own; and what became of each mail.
import { join } from 'node:path';
import { Mailbox, type MailboxError } from '../../nodes/mailbox';
import type { DeliveredMail } from '../../nodes/mailbox/delivery/pop3-fields';
import { FileSpool } from '../../nodes/mailbox/store/file/spool';
import {
  cleanUp,
  DAY,
  MINUTE,
  mailOf,
  newFolder,
  openLedger,
  TestClock,
} from '../../servers/mailbox-checker';
import { type Mode, openAt, partsInMode } from '../../servers/mailbox-parts';
import {
  type Answer,
  type ScriptedOptions,
  type ScriptedPop3,
  type ScriptedSession,
  startScripted,
  stuffed,
} from '../../servers/scripted-pop3';

/** A mail on the server; its subject names it. */
export interface BoxMail {
  subject: string;
  uid: string;
  bytes: Buffer;
}

export const boxMail = (subject: string, uid = subject, text = mailOf(subject)): BoxMail => ({
  subject,
  uid,
  bytes: Buffer.from(text),
});

/** What one session sees: numbers are fixed for it. */
type View = ScriptedSession & { view: BoxMail[] };

type Say = (argument: string, view: View, world: World) => Answer | typeof SILENCE;

/** A kind of server. */
export interface Kind {
  mails?: BoxMail[];
  capabilities?: ScriptedOptions['capabilities'];
  capabilitiesAfterLogin?: ScriptedOptions['capabilitiesAfterLogin'];
  /** In place of the usual; `undefined` from {@link Say}: the usual. */
  says?: Record<string, Say>;
  /** What happens before each check, from 1 on. */
  before?: (world: World) => void;
  checks?: number;
  settings?: { maxSize?: number; maxAttempts?: number };
  /** Mails of which a part may be missing: they stay on the server. */
  cut?: string[];
  /** Mails that the server never gives, or gives in part only where {@link cut} names them too. */
  never?: string[];
  /** Mails that may stay on the server although they were delivered: it is uncertain which one is which. */
  stay?: string[];
}

/** Sends no answer at all. */
export const SILENCE = Symbol('no answer');

export class World {
  check = 0;
  box: BoxMail[];
  readonly clock = new TestClock();
  readonly delivered: { subject: string; redelivered: boolean; at: number }[] = [];
  readonly errors: MailboxError[] = [];
  readonly deleted: string[] = [];
  readonly removedByOthers = new Set<string>();
  readonly #all = new Set<BoxMail>();
  readonly problems: string[] = [];
  /** Deliveries without a subject, of what the server gave no header of. */
  bare = 0;
  server!: ScriptedPop3;

  constructor(
    readonly kind: Kind,
    readonly mode: Mode,
  ) {
    this.box = [...(kind.mails ?? ['a', 'b', 'c'].map((subject) => boxMail(subject)))];
  }

  /** Another program deletes this one. */
  remove(subject: string): void {
    if (!this.has(subject)) this.removedByOthers.add(subject);
    this.box = this.box.filter((mail) => mail.subject !== subject);
  }

  has(subject: string): boolean {
    return this.delivered.some((mail) => mail.subject === subject);
  }

  async run(): Promise<void> {
    const { kind, mode } = this;
    const usual = this.#usual();
    const says = kind.says ?? {};
    const commands: NonNullable<ScriptedOptions['commands']> = {};
    for (const word of new Set([...Object.keys(usual), ...Object.keys(says)])) {
      commands[word] = (argument, session) => {
        const view = session as View;
        view.view ??= [...this.box];
        const own = says[word]?.(argument, view, this);
        if (typeof own === 'symbol') return undefined;
        return own ?? usual[word]?.(argument, view) ?? this.server.usual(word, argument, session);
      };
    }
    this.server = await startScripted({
      capabilities:
        kind.capabilities === undefined ? ['USER', 'UIDL', 'TOP', 'PIPELINING'] : kind.capabilities,
      ...(kind.capabilitiesAfterLogin !== undefined && {
        capabilitiesAfterLogin: kind.capabilitiesAfterLogin,
      }),
      commands,
    });
    const mailbox = await this.#mailbox();
    try {
      const checks = kind.checks ?? 3;
      // In the end some days later: what waits is due by then, and what expires has expired.
      for (this.check = 1; this.check <= checks + 2; this.check += 1) {
        kind.before?.(this);
        for (const mail of this.box) this.#all.add(mail);
        await this.#once(mailbox);
        this.clock.advance(this.check < checks ? 5 * MINUTE : DAY + MINUTE);
        await this.#acknowledged();
      }
      this.#judge(mode.after);
    } finally {
      await mailbox.stop();
      await this.server.close();
    }
  }

  readonly #acks: Promise<unknown>[] = [];

  async #acknowledged(): Promise<void> {
    for (let turns = 0; turns < 3; turns += 1) {
      await new Promise(setImmediate);
      await Promise.all(this.#acks.splice(0));
    }
  }

  async #once(mailbox: Mailbox): Promise<void> {
    try {
      await mailbox.check();
    } catch (error) {
      this.errors.push(error as MailboxError);
    }
    await this.#acknowledged();
  }

  async #mailbox(): Promise<Mailbox> {
    const { kind, mode, clock } = this;
    const folder = await newFolder();
    const ledger = await openLedger(join(folder, 'a.ledger'), clock.now);
    const spool = await FileSpool.open(join(folder, 'a.spool'));
    const mailbox: Mailbox = new Mailbox(
      partsInMode(mode, {
        settings: { keepDays: 0.5, maxAttempts: 3, ...kind.settings },
        ledger: async () => ledger,
        spool: async () => spool,
        open: openAt(this.server, { timeouts: { command: 1000, quit: 50, quitAfterDeletions: 50 } }),
        deliver: async (mail) => {
          this.#deliver(mail);
          if (mode.handled === 'ack')
            this.#acks.push(
              new Promise(setImmediate).then(() => mailbox.acknowledge(mail.pop3.delivery, 'done')),
            );
        },
        onError: (error) => this.errors.push(error),
        clock,
      }),
    );
    return mailbox;
  }

  #deliver({ topic, mail, pop3 }: DeliveredMail): void {
    const subject = topic ?? '';
    this.bare += subject === '' ? 1 : 0;
    if (subject === '') return;
    const { redelivered } = pop3;
    if (this.has(subject) && !redelivered) this.problems.push(`${subject} delivered twice, unmarked`);
    const cut = this.kind.cut?.includes(subject) ?? false;
    if (cut && !mail.truncated && mail.problems.length === 0)
      this.problems.push(`${subject} may be cut and does not say so`);
    this.delivered.push({ subject, redelivered, at: this.clock.now() });
  }

  /** DELE counts at QUIT. */
  commit(session: View): void {
    for (const number of session.deleted) {
      const mail = session.view[number - 1];
      if (mail === undefined || !this.box.includes(mail)) continue;
      const { subject } = mail;
      this.box = this.box.filter((one) => one !== mail);
      this.deleted.push(subject);
      const delivered = this.delivered.find((one) => one.subject === subject);
      if (this.mode.after === 'keep') this.problems.push(`${subject} deleted though all are kept`);
      if (delivered === undefined) this.problems.push(`${subject} deleted unseen`);
      else if (this.kind.cut?.includes(subject))
        this.problems.push(`${subject} deleted though it may be cut`);
      else if (this.mode.after === 'expire' && this.clock.now() - delivered.at < DAY / 2 - 1000)
        this.problems.push(`${subject} deleted early`);
    }
  }

  #judge(after: Mode['after']): void {
    const { never = [], cut = [], stay = [] } = this.kind;
    for (const { subject } of this.#all) {
      if (!this.has(subject) && !never.includes(subject) && !this.removedByOthers.has(subject))
        this.problems.push(`${subject} lost`);
    }
    if (this.bare > 1) this.problems.push(`${this.bare} empty mails`);
    if (after === 'keep') return;
    for (const { subject } of this.box) {
      if (![...never, ...cut, ...stay].includes(subject)) this.problems.push(`${subject} never deleted`);
    }
  }

  /** What a server without any peculiarity says. */
  #usual(): Record<string, (argument: string, view: View) => Answer> {
    const list = (view: View, text: (mail: BoxMail) => string | number): string =>
      `+OK\r\n${view.view
        .map((mail, at) => (view.deleted.has(at + 1) ? '' : `${at + 1} ${text(mail)}\r\n`))
        .join('')}.\r\n`;
    const mailAt = (argument: string, { view }: View): BoxMail | undefined =>
      view[Number.parseInt(argument, 10) - 1];
    return {
      STAT: (_, { view }) =>
        `+OK ${view.length} ${view.reduce((sum, { bytes }) => sum + bytes.length, 0)}\r\n`,
      UIDL: (_, view) => list(view, ({ uid }) => uid),
      LIST: (_, view) => list(view, ({ bytes }) => bytes.length),
      RETR: (argument, view) => {
        const mail = mailAt(argument, view);
        return mail === undefined ? '-ERR none\r\n' : whole(mail);
      },
      TOP: (argument, view) => {
        const mail = mailAt(argument, view);
        return mail === undefined ? '-ERR none\r\n' : top(mail);
      },
      DELE: (argument, view) => {
        if (mailAt(argument, view) === undefined) return '-ERR none\r\n';
        view.deleted.add(Number(argument));
        return '+OK\r\n';
      },
      QUIT: (_, view) => {
        this.commit(view);
        view.socket.end('+OK bye\r\n');
        return undefined;
      },
    };
  }
}

/** What RETR gives. */
export const whole = ({ bytes }: BoxMail): Buffer => Buffer.concat([Buffer.from('+OK\r\n'), stuffed(bytes)]);

/** What `TOP n 0` gives. */
export const top = ({ bytes }: BoxMail): Buffer =>
  Buffer.concat([Buffer.from('+OK\r\n'), stuffed(bytes.subarray(0, bytes.indexOf('\r\n\r\n') + 4))]);

/** The number of a mail in a session, by its subject; none. */
export const at = (argument: string, { view }: View): string | undefined =>
  view[Number.parseInt(argument, 10) - 1]?.subject;

export { cleanUp };
