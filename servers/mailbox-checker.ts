import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SparseSet } from '../nodes/base/sparse';
import type { Clock, MailboxError } from '../nodes/mailbox';
import { type CheckResult, checkMailbox } from '../nodes/mailbox/check';
import type { CheckContext, CheckSettings } from '../nodes/mailbox/check-context';
import { ClockWatch } from '../nodes/mailbox/clock-watch';
import type { DeliveredMail, Pop3Fields } from '../nodes/mailbox/delivery/pop3-fields';
import { SendDelivery } from '../nodes/mailbox/delivery/send';
import { type AssertOwner, soleOwner } from '../nodes/mailbox/ownership';
import { openSession } from '../nodes/mailbox/session';
import { fileLog } from '../nodes/mailbox/store/file/log';
import { Ledger } from '../nodes/mailbox/store/ledger';
import { type ScriptedOptions, type ScriptedPop3, startScripted } from './scripted-pop3';

/** Mon, 02 Nov 2026 10:00:00 UTC, where every clock of these tests begins. */
export const BEGINNING = Date.UTC(2026, 10, 2, 10);
export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

const folders: string[] = [];
const ledgers: Ledger[] = [];

/** A folder of the test's own; {@link cleanUp} takes them all away. */
export async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'redletter-mailbox-'));
  folders.push(folder);
  return folder;
}

/** Opens a ledger; {@link cleanUp} closes it. */
export async function openLedger(file: string, now: () => number): Promise<Ledger> {
  const ledger = await Ledger.open(fileLog(file), now);
  ledgers.push(ledger);
  return ledger;
}

/** Closes the ledgers and removes the folders of the tests so far. */
export async function cleanUp(): Promise<void> {
  for (const ledger of ledgers.splice(0)) await ledger.close();
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
}

interface Timer {
  at: number;
  run: () => void;
}

/** A clock that stands still until it is moved. */
export class TestClock implements Clock {
  #time = BEGINNING;
  #jumped = 0;
  readonly #timers = new Set<Timer>();
  /** Called whenever a timer is set. */
  onSet: () => void = () => undefined;

  readonly now = (): number => this.#time;
  readonly monotonic = (): number => this.#time - this.#jumped;

  setTimeout(run: () => void, ms: number): unknown {
    const timer = { at: this.#time + ms, run };
    this.#timers.add(timer);
    this.onSet();
    return timer;
  }

  clearTimeout(timer: unknown): void {
    this.#timers.delete(timer as Timer);
  }

  /** Milliseconds until each timer that is set. */
  get waits(): number[] {
    return [...this.#timers].map(({ at }) => at - this.#time).sort((a, b) => a - b);
  }

  /** Moves on, and rings what is due. */
  advance(ms: number): void {
    const until = this.#time + ms;
    for (;;) {
      const next = [...this.#timers].sort((a, b) => a.at - b.at)[0];
      if (next === undefined || next.at > until) break;
      this.#time = Math.max(this.#time, next.at);
      this.#timers.delete(next);
      next.run();
    }
    this.#time = until;
  }

  /** A change of the system clock: no timer notices it. */
  jump(ms: number): void {
    this.#time += ms;
    this.#jumped += ms;
    for (const timer of this.#timers) timer.at += ms;
  }
}

/** A mail with this subject that arrived then. */
export function mailOf(subject: string, arrived = BEGINNING): string {
  const date = new Date(arrived).toUTCString().replace('GMT', '+0000');
  return [
    `Received: from a.example.test by b.example.test; ${date}`,
    'From: Bob <bob@example.test>',
    `Subject: ${subject}`,
    `Message-ID: <${subject}@example.test>`,
    `Date: ${date}`,
    '',
    `This is ${subject}.`,
    '',
  ].join('\r\n');
}

/** A mail of 2 MB that cannot be parsed, which is known at its end only. */
export const brokenMail = (subject: string): string =>
  mailOf(subject).replace('\r\n\r\n', '\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n') +
  `${'x'.repeat(62)}\r\n`.repeat(32 * 1024);

export interface BoxedMail {
  uid: string;
  mail: string | Buffer;
}

/** Mails a, b, c … with unique IDs of the same letters. */
export const lettered = (letters: string, arrived?: number): BoxedMail[] =>
  [...letters].map((letter) => ({ uid: letter, mail: mailOf(letter, arrived) }));

/** A scripted server whose mails keep their unique IDs when others are deleted. */
export class Box {
  constructor(readonly server: ScriptedPop3) {}

  static async start(mails: BoxedMail[] = [], options: ScriptedOptions = {}): Promise<Box> {
    const box: { current?: Box } = {};
    const server = await startScripted({
      ...options,
      commands: {
        QUIT: (_, session) => {
          const uids = box.current?.uids ?? [];
          server.options.uids = uids.filter((_uid, index) => !session.deleted.has(index + 1));
          return server.usual('QUIT', '', session);
        },
        ...options.commands,
      },
    });
    const started = new Box(server);
    box.current = started;
    started.holds(mails);
    return started;
  }

  /** From now on the mailbox has exactly these. */
  holds(mails: BoxedMail[]): void {
    this.server.options.uids = mails.map(({ uid }) => uid);
    this.server.mails = mails.map(({ mail }) => Buffer.from(mail as string));
  }

  get uids(): string[] {
    return this.server.options.uids ?? [];
  }

  /** Commands of the last session that begin with this word. */
  said(word: string): string[] {
    return (this.server.sessions.at(-1)?.received ?? []).filter((line) => line.startsWith(word));
  }

  /** @param largest bytes of a mail that are read at most */
  open = (signal: AbortSignal, largest?: number): ReturnType<CheckContext['open']> =>
    openSession(
      {
        host: '127.0.0.1',
        port: this.server.port,
        security: 'none',
        timeouts: { quit: 200, quitAfterDeletions: 200 },
        ...(largest !== undefined && { limits: { mail: largest } }),
      } as Parameters<typeof openSession>[0],
      { user: 'alice', password: 'secret', mechanism: 'auto' },
      signal,
    );

  close(): Promise<void> {
    return this.server.close();
  }
}

export const settings: CheckSettings = {
  node: 'n1',
  port: 110,
  host: '127.0.0.1',
  user: 'alice',
  service: 'custom',
  first: 'new',
  after: 'keep',
  keepDays: 0,
  maxAttempts: 5,
  maxSize: 0,
  oversize: 'headers',
  maxPerCheck: 0,
  content: 'parsed',
};

export interface Quarantined {
  error: MailboxError;
  pop3: Pop3Fields;
}

/** A node with its ledger, which can be made to check. */
export class Checker {
  readonly delivered: DeliveredMail[] = [];
  readonly quarantined: Quarantined[] = [];
  /** Unique IDs. */
  readonly stillQuarantined: string[] = [];
  readonly incomplete: [key: string, cause: unknown][] = [];
  readonly doubted = new SparseSet<string>();
  readonly unidentifiable = new SparseSet<string>();
  readonly clockWatch: ClockWatch;
  unchanged = {};
  readonly stop = new AbortController();
  onDeliver: (mail: DeliveredMail) => Promise<void> | void = () => undefined;
  mayDelete: (key: string) => boolean = () => true;
  assertOwner: AssertOwner = soleOwner;
  settings: CheckSettings;

  constructor(
    readonly ledger: Ledger,
    readonly clock: TestClock,
    changes: Partial<CheckSettings> = {},
  ) {
    this.settings = { ...settings, ...changes };
    this.clockWatch = new ClockWatch(clock);
  }

  static async make(changes: Partial<CheckSettings> = {}, clock = new TestClock()): Promise<Checker> {
    const ledger = await openLedger(join(await newFolder(), 'a.ledger'), clock.now);
    return new Checker(ledger, clock, changes);
  }

  /** A node that begins with a baseline of nothing, so that everything is new. */
  static async begun(changes: Partial<CheckSettings> = {}): Promise<Checker> {
    const checker = await Checker.make(changes);
    await checker.ledger.recordBaseline([]);
    return checker;
  }

  /** The same ledger in a new process. */
  async restarted(): Promise<Checker> {
    await this.ledger.close();
    const ledger = await openLedger(this.ledger.name, this.clock.now);
    return new Checker(ledger, this.clock, this.settings);
  }

  check(box: Pick<Box, 'open'>): Promise<CheckResult> {
    const { ledger, clock, settings } = this;
    const { signal } = this.stop;
    const reading = { content: settings.content, attachments: 'buffer' } as const;
    const assertOwner: AssertOwner = (act) => this.assertOwner(act);
    const origin = { node: settings.node, host: settings.host, user: settings.user };
    const deliver = async (mail: DeliveredMail): Promise<void> => {
      this.delivered.push(mail);
      await this.onDeliver(mail);
    };
    return checkMailbox({
      settings,
      ledger,
      open: box.open,
      delivery: new SendDelivery({ ledger, reading, origin, deliver, assertOwner }, signal),
      mayDelete: (key) => this.mayDelete(key),
      assertOwner,
      onProgress: () => undefined,
      onQuarantined: (error, pop3) => this.quarantined.push({ error, pop3 }),
      onStillQuarantined: (uid) => this.stillQuarantined.push(uid),
      onIncomplete: (mail, cause) => this.incomplete.push([mail.key, cause]),
      doubted: this.doubted,
      unidentifiable: this.unidentifiable,
      clockWatch: this.clockWatch,
      unchanged: this.unchanged,
      now: clock.now,
      monotonic: clock.monotonic,
      signal,
    });
  }

  /** The unique IDs of what was delivered; redelivered mail carries a star. */
  get uids(): string {
    return this.delivered.map(({ pop3 }) => pop3.uid + (pop3.redelivered ? '*' : '')).join(' ');
  }
}
