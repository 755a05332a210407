// One mailbox for 24 simulated hours, on a clock of its own, with faults of all kinds drawn from a seed.
import { join } from 'node:path';
import type { MailboxState } from '../../nodes/mailbox';
import { Mailbox } from '../../nodes/mailbox';
import type { DeliveredMail } from '../../nodes/mailbox/delivery/pop3-fields';
import { fileLog } from '../../nodes/mailbox/store/file/log';
import { FileSpool } from '../../nodes/mailbox/store/file/spool';
import { Ledger } from '../../nodes/mailbox/store/ledger';
import { DAY, HOUR, MINUTE, newFolder, TestClock } from '../../servers/mailbox-checker';
import { type Mode, openAt, partsInMode } from '../../servers/mailbox-parts';
import {
  type ScriptedOptions,
  type ScriptedPop3,
  type ScriptedSession,
  startScripted,
  stuffed,
} from '../../servers/scripted-pop3';

/** How a server names its mails. */
export const NAMINGS = ['stable', 'number', 'reused', 'digest'] as const;
/** What it makes of TOP. */
export const TOPS = ['headers', 'whole', 'refused'] as const;

export interface DayOptions extends Mode {
  seed: number;
  naming: (typeof NAMINGS)[number];
  top: (typeof TOPS)[number];
  /** Hears each command, each delivery and what befalls the mailbox. */
  trace?: (line: string) => void;
}

export interface DayResult {
  sent: number;
  delivered: number;
  duplicates: number;
  marked: number;
  crashes: number;
  sessions: number;
  faults: Record<string, number>;
  /** What must be empty. */
  lost: string[];
  deletedUnseen: string[];
  deletedEarly: string[];
  unmarked: string[];
}

/** Days of `expire`: a quarter, so that mail expires within the day. */
const KEEP_DAYS = 0.25;

type Commands = NonNullable<ScriptedOptions['commands']>;

/** What becomes of a delivery. */
interface Fate {
  crashes: boolean;
  lot: number;
  /** Until it is acknowledged, ms. */
  wait: number;
}

interface Mail {
  id: string;
  uid: string;
  bytes: Buffer;
  /** Sent without dot-stuffing, so that only a part arrives. */
  unstuffed: boolean;
  /** Refused to RETR. */
  refused: boolean;
  deliveries: number;
  /** By the true time, not by the system clock, which can be set. */
  deliveredAt?: number;
  removedByOther: boolean;
}

/** Mulberry32: numbers from 0 up to 1 that a seed repeats. */
export function generator(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Turns of the event loop in a row in which nothing happens. */
const QUIET_TURNS = 4;
/** Names of what the system or the event loop is still at work on. */
const AT_WORK = /^(FS|CloseReq|TCPConnect|Write|Shutdown|Immediate)/;

/** The server, the process with its flow, and anything else that takes part. */
export class Day {
  readonly #options: DayOptions;
  /** One for each who draws, so that none depends on who comes first; the server draws for each command. */
  readonly #random: { world: () => number; flow: () => number; mailbox: () => number };
  readonly #clock = new TestClock();
  /** That of connections: it moves only where the server leaves a command without an answer. */
  readonly #lineClock = new TestClock();
  #unanswered = false;
  readonly #all: Mail[] = [];
  #box: Mail[] = [];
  #nextUid = 1;
  #mended = false;
  /** Simulated time that has truly passed. */
  readonly #faults: Record<string, number> = {};
  #server!: ScriptedPop3;
  #mailbox!: Mailbox;
  #ledger!: Ledger;
  #life = 0;
  #crashes = 0;
  readonly #deletedUnseen: string[] = [];
  readonly #deletedEarly: string[] = [];
  readonly #unmarked: string[] = [];
  #duplicates = 0;
  #marked = 0;
  /** What befalls the session to come. */
  #fault: string | undefined;
  #quotaUntil = 0;
  #folder = '';

  constructor(options: DayOptions) {
    this.#options = options;
    const { seed } = options;
    this.#random = {
      world: generator(seed),
      flow: generator(seed + 0x20000),
      mailbox: generator(seed + 0x30000),
    };
  }

  async run(): Promise<DayResult> {
    this.#folder = await newFolder();
    this.#server = await startScripted({
      capabilities: [
        'USER',
        'RESP-CODES',
        'PIPELINING',
        ...(this.#options.naming === 'digest' ? [] : ['UIDL']),
        ...(this.#options.top === 'refused' ? [] : ['TOP']),
      ],
      commands: this.#tracedCommands(),
    });
    for (let at = 0; at < 10; at += 1) this.#arrive();
    await this.#begin();
    try {
      const end = this.#trueNow() + DAY;
      let sessions = -1;
      while (this.#trueNow() < end) {
        // Once between two sessions, whatever else goes on meanwhile.
        if (this.#server.sessions.length !== sessions) this.#happen();
        sessions = this.#server.sessions.length;
        await this.#next();
      }
      // Everything is mended; what was put off comes by and by.
      this.#mended = true;
      this.#fault = undefined;
      this.#quotaUntil = 0;
      for (const mail of this.#all) mail.refused = false;
      const rest = this.#trueNow() + 3 * DAY;
      while (this.#trueNow() < rest && this.#missing().length > 0) await this.#next();
      for (let more = 0; more < 5; more += 1) await this.#next();
    } finally {
      await this.#mailbox.stop();
      await this.#ledger.close();
      await this.#server.close();
    }
    return {
      sent: this.#all.length,
      delivered: this.#all.filter(({ deliveries }) => deliveries > 0).length,
      duplicates: this.#duplicates,
      marked: this.#marked,
      crashes: this.#crashes,
      sessions: this.#server.sessions.length,
      faults: this.#faults,
      lost: this.#missing().map(({ id }) => id),
      deletedUnseen: this.#deletedUnseen,
      deletedEarly: this.#deletedEarly,
      unmarked: this.#unmarked,
    };
  }

  #trueNow(): number {
    return this.#clock.monotonic();
  }

  #missing(): Mail[] {
    return this.#all.filter(({ deliveries, removedByOther }) => deliveries === 0 && !removedByOther);
  }

  #chance(share: number, random = this.#random.world): boolean {
    return random() < share;
  }

  #pick<T>(list: readonly T[]): T | undefined {
    return list[Math.floor(this.#random.world() * list.length)];
  }

  #note(fault: string): void {
    this.#options.trace?.(`! ${fault}`);
    this.#faults[fault] = (this.#faults[fault] ?? 0) + 1;
  }

  // What happens at the server between two sessions

  #arrive(replacing?: Mail): Mail {
    const id = `m${this.#all.length}`;
    // Without UIDL and TOP each mail has to be read whole before it is known, and none behind one that ends the session
    // can be.
    const isKnownByWhole = this.#options.naming === 'digest' && this.#options.top === 'refused';
    const unstuffed = this.#chance(0.03) && !isKnownByWhole;
    const mail: Mail = {
      id,
      uid: replacing?.uid ?? this.#newUid(),
      bytes: this.#text(id, unstuffed),
      unstuffed,
      refused: this.#chance(0.03),
      deliveries: 0,
      removedByOther: false,
    };
    this.#all.push(mail);
    this.#box.push(mail);
    return mail;
  }

  #text(id: string, unstuffed: boolean): Buffer {
    // Some are dated in the future, some not at all; some name no Message-ID.
    const ahead = this.#chance(0.1) ? 400 * DAY : this.#chance(0.3) ? -40 * DAY : 0;
    const at = new Date(this.#trueNow() + ahead).toUTCString().replace('GMT', '+0000');
    const header = [
      `Received: from a.example.test by b.example.test; ${new Date(this.#trueNow()).toUTCString().replace('GMT', '+0000')}`,
      'From: Bob <bob@example.test>',
      `Subject: ${id}`,
      ...(this.#chance(0.2) ? [] : [`Message-ID: <${id}@example.test>`]),
      ...(this.#chance(0.1) ? [] : [`Date: ${at}`]),
    ];
    // Many have the same size.
    const lines = this.#chance(0.5) ? 3 : Math.floor(this.#random.world() * 60);
    const body: string[] = Array.from({ length: lines }, () =>
      this.#chance(0.1) ? '.dots and more' : 'a line of text',
    );
    if (unstuffed) body.push('.', ...Array.from({ length: 5 }, () => 'after the lone dot'));
    return Buffer.from(`${[...header, '', ...body].join('\r\n')}\r\n`);
  }

  #newUid(): string {
    if (this.#options.naming === 'reused') {
      const used = new Set(this.#box.map(({ uid }) => uid));
      for (let uid = 1; ; uid += 1) if (!used.has(String(uid))) return String(uid);
    }
    const uid = `x${this.#nextUid}`;
    this.#nextUid += 1;
    return uid;
  }

  #happen(): void {
    for (let count = Math.floor(this.#random.world() * 3); count > 0; count -= 1) this.#arrive();
    if (this.#chance(0.05)) for (let count = 0; count < 30; count += 1) this.#arrive();
    if (this.#chance(0.08)) {
      this.#note('deleted by another');
      this.#removeByOther(this.#pick(this.#box));
    }
    if (this.#chance(0.02) && this.#options.naming !== 'digest') {
      const before = this.#pick(this.#box);
      if (before !== undefined) {
        this.#note('replaced under its ID');
        const at = this.#box.indexOf(before);
        this.#removeByOther(before);
        const after = this.#arrive(before);
        after.bytes = Buffer.concat([
          after.bytes,
          Buffer.from('x'.repeat(1 + before.bytes.length), 'latin1'),
          Buffer.from('\r\n'),
        ]);
        this.#box.pop();
        this.#box.splice(at, 0, after);
      }
    }
    if (this.#chance(0.02) && this.#options.naming === 'stable') {
      this.#note('renumbered');
      for (const mail of this.#box) mail.uid = this.#newUid();
    }
    if (this.#chance(0.01)) {
      this.#note('quota');
      this.#quotaUntil = this.#trueNow() + this.#random.world() * 2 * HOUR;
    }
    if (this.#chance(0.01)) {
      this.#note('clock set');
      this.#clock.jump((this.#chance(0.5) ? 1 : -1) * (2 + this.#random.world() * 30) * DAY);
    }
    for (const mail of this.#box) if (mail.refused && this.#chance(0.02)) mail.refused = false;
    this.#fault = this.#chance(0.35)
      ? this.#pick([
          'dropped at login',
          'dropped at list',
          'dropped in a mail',
          'dropped before a mail',
          'dropped at the end',
          'end not answered',
          'end refused',
          'empty listing',
          'short listing',
          'listing refused',
          'crash',
          'delete refused',
        ])
      : undefined;
    if (this.#fault !== undefined) this.#note(this.#fault);
  }

  #removeByOther(mail: Mail | undefined): void {
    if (mail === undefined) return;
    mail.removedByOther = mail.deliveries === 0;
    this.#box = this.#box.filter((one) => one !== mail);
  }

  // The process and its flow

  async #begin(): Promise<void> {
    this.#life += 1;
    const life = this.#life;
    const clock = this.#clock;
    this.#ledger = await Ledger.open(fileLog(join(this.#folder, 'a.ledger')), clock.now);
    const spool = await FileSpool.open(join(this.#folder, 'a.spool'));
    const ledger = this.#ledger;
    this.#mailbox = new Mailbox(
      partsInMode(this.#options, {
        settings: { interval: 300, keepDays: KEEP_DAYS, maxPerCheck: this.#chance(0.3) ? 7 : 0 },
        ledger: async () => ledger,
        spool: async () => spool,
        open: openAt(this.#server, { clock: this.#lineClock }),
        deliver: (mail) => this.#deliver(mail, life),
        onState: (state) => this.#heard(state, life),
        clock,
        random: this.#random.mailbox,
      }),
    );
    this.#mailbox.start();
    await this.#settled();
  }

  #busy = true;
  #deliveries = 0;

  /** Changes whenever a command is heard or a mail is delivered. */
  get #activity(): string {
    const { sessions } = this.#server;
    return `${sessions.length} ${sessions.at(-1)?.received.length} ${this.#deliveries}`;
  }

  #heard(state: MailboxState, life: number): void {
    if (life === this.#life) this.#busy = state.is === 'checking' || state.is === 'progress';
  }

  /** Resolves when only the clock could make anything happen: no file and no socket is at work. */
  async #quiet(): Promise<void> {
    let before = '';
    for (let turns = 0; turns < QUIET_TURNS; turns += 1) {
      const isAtWork = process.getActiveResourcesInfo().some((name) => AT_WORK.test(name));
      await new Promise((resolve) => (isAtWork ? setTimeout(resolve, 1) : setImmediate(resolve)));
      if (isAtWork || this.#activity !== before) turns = -1;
      before = this.#activity;
    }
  }

  /** Resolves when the present check is over. */
  async #settled(): Promise<void> {
    await this.#quiet();
    while (this.#busy && !this.#died) {
      const [wait] = this.#clock.waits;
      if (this.#unanswered) {
        this.#unanswered = false;
        this.#lineClock.advance(HOUR / 2);
      }
      // A session that waits for the flow waits by this clock.
      else if (wait !== undefined) this.#clock.advance(Math.max(1, wait));
      await this.#quiet();
    }
  }

  /** On to the next check, or to what the flow does before it. */
  async #next(): Promise<void> {
    if (this.#died) await this.#rise();
    const [wait = MINUTE] = this.#clock.waits;
    this.#clock.advance(Math.max(1, wait));
    await this.#settled();
    if (this.#died) await this.#rise();
  }

  #died = false;

  async #deliver(mail: DeliveredMail, life: number): Promise<void> {
    if (life !== this.#life || this.#died) throw new Error('a process that has ended delivers');
    this.#options.trace?.(`= ${mail.topic} ${mail.pop3.uid}${mail.pop3.redelivered ? ' redelivered' : ''}`);
    this.#deliveries += 1;
    const { flow } = this.#random;
    // All at once, before another delivery can come between.
    const fate: Fate = { crashes: this.#chance(0.3, flow), lot: flow(), wait: flow() * 20 * MINUTE };
    const found = this.#all.find(({ id }) => id === mail.topic);
    if (found !== undefined) {
      found.deliveries += 1;
      found.deliveredAt ??= this.#trueNow();
      if (found.deliveries > 1) {
        this.#duplicates += 1;
        if (mail.pop3.redelivered) this.#marked += 1;
        else this.#unmarked.push(found.id);
      }
    }
    if (this.#fault === 'crash' && fate.crashes && !this.#mended) {
      this.#die();
      // This process goes no further.
      await new Promise(() => undefined);
    }
    await new Promise((resolve) => setImmediate(resolve));
    if (this.#options.handled === 'ack') this.#acknowledgeLater(mail, fate);
  }

  #acknowledgeLater({ topic: id, pop3: { delivery } }: DeliveredMail, fate: Fate): void {
    const mailbox = this.#mailbox;
    const lot = this.#mended ? 1 : fate.lot;
    // Now and then the flow fails, or never says anything.
    if (lot < 0.05) return;
    const outcome = lot < 0.1 ? 'failed' : 'done';
    this.#clock.setTimeout(
      () => {
        if (mailbox !== this.#mailbox || this.#died) return;
        this.#options.trace?.(`= ${outcome} ${id}`);
        void mailbox.acknowledge(delivery, outcome);
      },
      this.#mended ? 1000 : Math.min(fate.wait, 9 * MINUTE),
    );
  }

  /** As by a power failure: nothing more is written. */
  #die(): void {
    this.#died = true;
    this.#crashes += 1;
    void this.#ledger.abandon();
    for (const session of this.#server.sessions) session.socket.destroy();
  }

  async #rise(): Promise<void> {
    const dead = this.#mailbox;
    this.#life += 1;
    void dead.stop();
    this.#died = false;
    this.#fault = undefined;
    this.#busy = true;
    await this.#begin();
  }

  // What the server says

  /** By the command alone: how many commands come before a client ends a session is a matter of time. */
  #drawnFor(session: ScriptedSession, argument = ''): () => number {
    const at = this.#server.sessions.indexOf(session);
    return generator(this.#options.seed + 0x10000 + at * 0x4001 + Number(argument.split(' ')[0]) * 0x100003);
  }

  #view(session: ScriptedSession): Mail[] {
    const views = session as ScriptedSession & { view?: Mail[]; gone?: Set<Mail> };
    views.view ??= this.#listingNow(this.#drawnFor(session));
    return views.view;
  }

  #listingNow(random: () => number): Mail[] {
    if (this.#fault === 'empty listing') return [];
    if (this.#fault === 'short listing') return this.#box.slice(0, Math.floor(this.#box.length * random()));
    return [...this.#box];
  }

  #uidOf(mail: Mail, at: number): string {
    return this.#options.naming === 'number' ? String(at + 1) : mail.uid;
  }

  /** The same, each command told to the one who traces. */
  #tracedCommands(): Commands {
    const commands = this.#commands();
    const { trace } = this.#options;
    if (trace === undefined) return commands;
    const traced: Commands = {};
    for (const [word, answer] of Object.entries(commands)) {
      traced[word] = (argument, session) => {
        trace(`${this.#server.sessions.indexOf(session)} ${word} ${argument}`);
        return answer(argument, session);
      };
    }
    return traced;
  }

  #commands(): Commands {
    const drop = (session: ScriptedSession): undefined => {
      session.socket.end();
      return undefined;
    };
    const lines = (session: ScriptedSession, line: (mail: Mail, at: number) => string): string =>
      `+OK\r\n${this.#view(session)
        .map((mail, at) => `${at + 1} ${line(mail, at)}\r\n`)
        .join('')}.\r\n`;
    const mailOf = (argument: string, session: ScriptedSession): Mail | undefined =>
      this.#view(session)[Number(argument.split(' ')[0]) - 1];
    return {
      PASS: (argument, session) =>
        this.#fault === 'dropped at login' ? drop(session) : this.#server.usual('PASS', argument, session),
      STAT: (_, session) => {
        const mails = this.#view(session);
        return `+OK ${mails.length} ${mails.reduce((sum, { bytes }) => sum + bytes.length, 0)}\r\n`;
      },
      UIDL: (_, session) => {
        if (this.#fault === 'dropped at list') return drop(session);
        if (this.#fault === 'listing refused') return '-ERR [SYS/TEMP] try again later\r\n';
        if (this.#options.naming === 'digest') return '-ERR unknown command\r\n';
        return lines(session, (mail, at) => this.#uidOf(mail, at));
      },
      LIST: (argument, session) => {
        const mail = mailOf(argument, session);
        if (argument !== '')
          return mail ? `+OK ${argument} ${mail.bytes.length}\r\n` : '-ERR no such mail\r\n';
        return lines(session, ({ bytes }) => String(bytes.length));
      },
      TOP: (argument, session) => {
        const mail = mailOf(argument, session);
        if (mail === undefined || this.#options.top === 'refused') return '-ERR unknown command\r\n';
        const end = this.#options.top === 'whole' ? mail.bytes.length : mail.bytes.indexOf('\r\n\r\n') + 4;
        return Buffer.concat([Buffer.from('+OK\r\n'), stuffed(mail.bytes.subarray(0, end))]);
      },
      RETR: (argument, session) => {
        const mail = mailOf(argument, session);
        const random = this.#drawnFor(session, argument);
        if (mail === undefined) return '-ERR no such mail\r\n';
        if (this.#trueNow() < this.#quotaUntil) return "-ERR today's transfer is used up\r\n";
        if (mail.refused) return '-ERR this one cannot be read\r\n';
        if (this.#fault === 'dropped before a mail' && this.#chance(0.3, random)) return drop(session);
        const text = mail.unstuffed ? Buffer.concat([mail.bytes, Buffer.from('.\r\n')]) : stuffed(mail.bytes);
        const answer = Buffer.concat([Buffer.from('+OK\r\n'), text]);
        if (this.#fault !== 'dropped in a mail' || this.#chance(0.7, random)) return answer;
        // Nothing may follow, though commands are waiting.
        session.socket.end(answer.subarray(0, Math.floor(answer.length * random())));
        return undefined;
      },
      DELE: (argument, session) => {
        const mail = mailOf(argument, session);
        const random = this.#drawnFor(session, argument);
        if (mail === undefined || (this.#fault === 'delete refused' && this.#chance(0.5, random)))
          return '-ERR no\r\n';
        session.deleted.add(Number(argument));
        return '+OK\r\n';
      },
      QUIT: (_, session) => {
        if (this.#fault === 'dropped at the end') return drop(session);
        if (this.#fault === 'end refused') return '-ERR some were not deleted\r\n';
        for (const number of session.deleted) this.#commit(this.#view(session)[number - 1]);
        if (this.#fault === 'end not answered') {
          this.#unanswered = true;
          return undefined;
        }
        session.socket.end('+OK bye\r\n');
        return undefined;
      },
    };
  }

  #commit(mail: Mail | undefined): void {
    if (mail === undefined || !this.#box.includes(mail)) return;
    this.#box = this.#box.filter((one) => one !== mail);
    if (mail.deliveries === 0 || mail.unstuffed) this.#deletedUnseen.push(mail.id);
    const age = this.#trueNow() - (mail.deliveredAt ?? this.#trueNow());
    if (this.#options.after === 'expire' && age < KEEP_DAYS * DAY - 1000) this.#deletedEarly.push(mail.id);
  }
}
