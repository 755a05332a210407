import type { AddressInfo } from 'node:net';
import { createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { mail, waitingMails } from './mails';

/** Whose mailbox an access token is good for; `undefined` when the sign-in server does not know it. */
export type Introspect = (accessToken: string) => Promise<string | undefined>;

export interface MailServer {
  port: number;
  /** Puts new mails into one mailbox. */
  deliver(user: string, count: number): void;
  /** Closes the port and every connection. The mailboxes stay. */
  stop(): Promise<void>;
  /** Opens the same port again. */
  start(): Promise<void>;
  close(): Promise<void>;
}

interface Mail {
  uid: string;
  bytes: Buffer;
}

/**
 * The mail server of the demonstration: POP3 (RFC 1939) on loopback, login by XOAUTH2 alone. Every user the sign-in
 * server vouches for has a mailbox; a few mails wait in it, and a new one comes every `interval` milliseconds.
 */
export async function startMailServer(options: {
  /** 0: any free port. */
  port: number;
  interval: number;
  introspect: Introspect;
}): Promise<MailServer> {
  const boxes = new Map<string, Mailbox>();
  const open = (user: string): Mailbox => {
    const box = boxes.get(user) ?? new Mailbox(user);
    boxes.set(user, box);
    return box;
  };
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    new Session(socket, options.introspect, open).run().catch(() => socket.destroy());
  });
  await listen(server, options.port);
  const { port } = server.address() as AddressInfo;
  const timer = setInterval(() => {
    for (const box of boxes.values()) box.receive();
  }, options.interval);
  const stop = (): Promise<void> =>
    new Promise((resolve) => {
      for (const socket of sockets) socket.destroy();
      server.close(() => resolve());
    });
  return {
    port,
    deliver: (user, count) => {
      const box = open(user);
      for (let left = count; left > 0; left -= 1) box.receive();
    },
    stop,
    start: async () => {
      if (!server.listening) await listen(server, port);
    },
    close: () => {
      clearInterval(timer);
      return stop();
    },
  };
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
}

class Mailbox {
  mails: Mail[] = [];
  /** One session at a time (RFC 1939 section 4). */
  locked = false;
  #received = 0;

  constructor(readonly user: string) {
    while (this.#received < waitingMails) this.receive();
  }

  receive(): void {
    const date = new Date();
    const uid = `${date.getTime().toString(36)}-${this.#received}`;
    this.mails.push({ uid, bytes: mail(this.#received, this.user, date) });
    this.#received += 1;
  }
}

/** One connection, a command after the other. */
class Session {
  #socket: Socket;
  #lines: AsyncIterator<string>;
  #box: Mailbox | undefined;
  /** The mails as they were at the login; a deleted one leaves a gap until QUIT. */
  #mails: (Mail | undefined)[] = [];

  constructor(
    socket: Socket,
    readonly introspect: Introspect,
    readonly open: (user: string) => Mailbox,
  ) {
    this.#socket = socket;
    const reader = createInterface({ input: socket, crlfDelay: Number.POSITIVE_INFINITY });
    // A line that was cut has no end of its own.
    socket.once('close', () => reader.close());
    this.#lines = reader[Symbol.asyncIterator]();
  }

  async run(): Promise<void> {
    try {
      this.#say('+OK Redletter demonstration');
      for (let line = await this.#line(); line !== undefined; line = await this.#line()) {
        const [command = '', ...words] = line.trim().split(/ +/);
        const answer = await this.#answer(command.toUpperCase(), words);
        this.#say(answer);
        if (command.toUpperCase() === 'QUIT') break;
      }
    } finally {
      if (this.#box) this.#box.locked = false;
      this.#socket.end();
    }
  }

  async #answer(command: string, words: string[]): Promise<string> {
    switch (command) {
      case 'CAPA':
        return list('capabilities', [
          'TOP',
          'UIDL',
          'RESP-CODES',
          'AUTH-RESP-CODE',
          'PIPELINING',
          'SASL XOAUTH2',
        ]);
      case 'QUIT':
        return this.#quit();
      case 'NOOP':
        return '+OK';
      case 'AUTH':
        return this.#box ? '-ERR signed in already' : this.#authenticate(words);
    }
    if (!this.#box) return '-ERR sign in first, with AUTH XOAUTH2';
    const all = this.#mails.flatMap((mail, index) => (mail ? [{ mail, number: index + 1 }] : []));
    const number = Number(words[0]);
    const one = this.#mails[number - 1];
    switch (command) {
      case 'STAT':
        return `+OK ${all.length} ${all.reduce((sum, { mail }) => sum + mail.bytes.length, 0)}`;
      case 'LIST':
      case 'UIDL': {
        const about = (mail: Mail) => (command === 'LIST' ? mail.bytes.length : mail.uid);
        if (words.length === 0)
          return list(
            'follows',
            all.map(({ mail, number }) => `${number} ${about(mail)}`),
          );
        return one ? `+OK ${number} ${about(one)}` : '-ERR no such mail';
      }
      case 'RETR':
        return one ? stuffed('follows', one.bytes.toString('latin1')) : '-ERR no such mail';
      case 'TOP':
        return one
          ? stuffed('follows', top(one.bytes.toString('latin1'), Number(words[1])))
          : '-ERR no such mail';
      case 'DELE':
        if (!one) return '-ERR no such mail';
        this.#mails[number - 1] = undefined;
        return '+OK deleted at QUIT';
      case 'RSET':
        this.#mails = [...this.#box.mails].slice(0, this.#mails.length);
        return '+OK';
      default:
        return '-ERR unknown command';
    }
  }

  /** XOAUTH2: `user=… ^A auth=Bearer … ^A ^A`, in base64, behind the command or on a line of its own. */
  async #authenticate([mechanism, initial]: string[]): Promise<string> {
    if (mechanism?.toUpperCase() !== 'XOAUTH2') return '-ERR the mechanism here is XOAUTH2';
    if (initial === undefined) this.#say('+ ');
    const answer = Buffer.from(initial ?? (await this.#line()) ?? '', 'base64').toString();
    // The separators are control characters: ^A.
    const [first = '', second = ''] = answer.split(String.fromCharCode(1));
    const user = /^user=(.+)$/i.exec(first)?.[1];
    const token = /^auth=Bearer (.+)$/i.exec(second)?.[1];
    const owner = token ? await this.introspect(token) : undefined;
    if (!user || owner?.toLowerCase() !== user.toLowerCase()) {
      this.#say(
        `+ ${Buffer.from('{"status":"401","schemes":"bearer","scope":"mail.pop"}').toString('base64')}`,
      );
      await this.#line();
      return '-ERR [AUTH] the sign-in server does not vouch for you';
    }
    const box = this.open(user.toLowerCase());
    if (box.locked) return '-ERR [IN-USE] somebody reads this mailbox right now';
    box.locked = true;
    this.#box = box;
    this.#mails = [...box.mails];
    return `+OK ${this.#mails.length} mails`;
  }

  #quit(): string {
    if (this.#box) {
      const kept = new Set(this.#mails);
      const seen = new Set(this.#box.mails.slice(0, this.#mails.length));
      this.#box.mails = this.#box.mails.filter((mail) => kept.has(mail) || !seen.has(mail));
    }
    return '+OK';
  }

  async #line(): Promise<string | undefined> {
    const { value, done } = await this.#lines.next();
    return done ? undefined : value;
  }

  #say(text: string): void {
    this.#socket.write(`${text}\r\n`, 'latin1');
  }
}

function list(title: string, lines: string[]): string {
  return [`+OK ${title}`, ...lines, '.'].join('\r\n');
}

/** A line that begins with a dot gets another (RFC 1939 section 3). */
function stuffed(title: string, text: string): string {
  return list(title, text.replace(/\r\n$/, '').replace(/^\./gm, '..').split('\r\n'));
}

/** The headers, the empty line, and `lines` of the body. */
function top(text: string, lines: number): string {
  const end = text.indexOf('\r\n\r\n') + 4;
  return `${text.slice(0, end)}${text.slice(end).split('\r\n').slice(0, lines).join('\r\n')}`;
}
