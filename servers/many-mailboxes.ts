import { type AddressInfo, createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

/** A mail that a session has deleted, which counts when QUIT was answered. */
export interface Deletion {
  user: string;
  uid: string;
  /** The password of the session: each client may have one of its own. */
  by: string;
  /** ms since the epoch */
  at: number;
  /** It came after this: a busy machine may have kept the server from reading it for so long. */
  after: number;
}

export interface ManyMailboxes {
  port: number;
  /** Puts a mail into a mailbox, which is made by it. */
  deliver(user: string, uid: string, mail?: string): void;
  /** The unique IDs that are left. */
  left(user: string): string[];
  deletions: readonly Deletion[];
  /** Sessions so far. */
  sessions: number;
  close(): Promise<void>;
}

export interface ManyMailboxesOptions {
  retrMs?: number;
  quitMs?: number;
  before?: (command: string, by: string) => Promise<void> | undefined;
}

interface Kept {
  uid: string;
  bytes: string;
}

/**
 * A POP3 server with any number of mailboxes, in memory; it accepts every user and password.
 * @param options.retrMs how long it takes over each RETR, so that sessions are hit in the middle
 * @param options.before waited for before a command is answered
 */
export async function startManyMailboxes(options: ManyMailboxesOptions = {}): Promise<ManyMailboxes> {
  const boxes = new Map<string, Kept[]>();
  const deletions: Deletion[] = [];
  const sockets = new Set<Socket>();
  const turns = watchTurns();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    made.sessions += 1;
    new Session(socket, boxes, deletions, options, turns).run().catch(() => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const made: ManyMailboxes = {
    port: (server.address() as AddressInfo).port,
    deliver: (
      user,
      uid,
      mail = `Subject: ${uid}\r\nMessage-ID: <${uid}@example.test>\r\n\r\nHello ${uid}\r\n`,
    ) => {
      const box = boxes.get(user) ?? [];
      boxes.set(user, box);
      box.push({ uid, bytes: mail });
    },
    left: (user) => (boxes.get(user) ?? []).map(({ uid }) => uid),
    deletions,
    sessions: 0,
    close: () =>
      new Promise((resolve) => {
        turns.stop();
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
  return made;
}

class Session {
  #user = '';
  #by = '';
  #mails: (Kept | undefined)[] = [];
  #marked: Kept[] = [];

  constructor(
    readonly socket: Socket,
    readonly boxes: Map<string, Kept[]>,
    readonly deletions: Deletion[],
    readonly options: ManyMailboxesOptions,
    readonly turns: { last(): number },
  ) {}

  async run(): Promise<void> {
    const lines = createInterface({ input: this.socket, crlfDelay: Number.POSITIVE_INFINITY });
    lines.on('error', () => this.socket.destroy());
    this.socket.once('close', () => lines.close());
    this.#say('+OK ready');
    for await (const line of lines) {
      const [command = '', argument = ''] = line.split(' ');
      await this.options.before?.(command.toUpperCase(), this.#by);
      this.#say(await this.#answer(command.toUpperCase(), argument));
      if (command.toUpperCase() === 'QUIT') break;
    }
    this.socket.end();
  }

  async #answer(command: string, argument: string): Promise<string> {
    const one = this.#mails[Number(argument) - 1];
    switch (command) {
      case 'CAPA':
        return list(['USER', 'UIDL', 'TOP', 'PIPELINING']);
      case 'USER':
        this.#user = argument;
        return '+OK';
      case 'PASS':
        this.#by = argument;
        this.#mails = [...(this.boxes.get(this.#user) ?? [])];
        return '+OK';
      case 'STAT':
        return `+OK ${this.#mails.length} 0`;
      case 'UIDL':
        return list(this.#mails.map((mail, index) => `${index + 1} ${mail?.uid}`));
      case 'LIST':
        return list(this.#mails.map((mail, index) => `${index + 1} ${mail?.bytes.length}`));
      case 'TOP':
      case 'RETR':
        await pause(this.options.retrMs);
        return one ? list(one.bytes.trimEnd().split('\r\n')) : '-ERR no such mail';
      case 'DELE':
        if (one) this.#marked.push(one);
        return one ? '+OK' : '-ERR no such mail';
      case 'RSET':
        this.#marked = [];
        return '+OK';
      case 'QUIT':
        this.#delete();
        await pause(this.options.quitMs);
        return '+OK';
      default:
        return '+OK';
    }
  }

  #delete(): void {
    const box = this.boxes.get(this.#user) ?? [];
    for (const mail of this.#marked) {
      const at = box.indexOf(mail);
      if (at >= 0) box.splice(at, 1);
      this.deletions.push({
        user: this.#user,
        uid: mail.uid,
        by: this.#by,
        at: Date.now(),
        after: this.turns.last(),
      });
    }
  }

  #say(text: string): void {
    this.socket.write(`${text}\r\n`, 'latin1');
  }
}

/** When this process last had a turn before the present one: what it reads now may have come since. */
function watchTurns(): { last(): number; stop(): void } {
  const turns = [Date.now(), Date.now()];
  const timer = setInterval(() => {
    turns.push(Date.now());
    turns.shift();
  }, 10);
  timer.unref();
  return { last: () => turns[0] as number, stop: () => clearInterval(timer) };
}

const list = (lines: string[]): string => ['+OK', ...lines, '.'].join('\r\n');

const pause = (ms = 0): Promise<void> =>
  ms === 0 ? Promise.resolve() : new Promise((resolve) => setTimeout(resolve, ms));
