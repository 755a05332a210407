// A POP3 server that says whatever a test wants said: by default a correct one, every word of it replaceable.
import { createServer, type Server, type Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';

export type Answer = string | Buffer | undefined;

export interface ScriptedOptions {
  /** Raw mails, CRLF lines. */
  mails?: Array<string | Buffer>;
  uids?: string[];
  greeting?: string;
  /** Capabilities; `null`: CAPA is refused. */
  capabilities?: string[] | null;
  /** The same after login; else as before. */
  capabilitiesAfterLogin?: string[] | null;
  lineEnd?: '\r\n' | '\n';
  /** `implicit`: TLS from the first byte; `stls`: by command. */
  tls?: 'implicit' | 'stls';
  key?: string;
  cert?: string;
  /** What to say to a command word in place of the usual; `undefined` to say nothing. */
  commands?: Record<string, (argument: string, session: ScriptedSession) => Answer | Promise<Answer>>;
  /** Who may log in with USER and PASS or AUTH; without it any user. */
  allow?: (user: string, secret: string) => boolean;
}

/** One connection, from the server's side. */
export class ScriptedSession {
  socket: Socket;
  readonly received: string[] = [];
  loggedIn = false;
  user = '';
  readonly deleted = new Set<number>();
  readonly #server: ScriptedPop3;
  #buffer = '';
  /** Takes the next line in place of the command table: the middle of an AUTH. */
  nextLine: ((line: string) => Answer | Promise<Answer>) | undefined;
  #queue: Promise<void> = Promise.resolve();

  constructor(server: ScriptedPop3, socket: Socket) {
    this.#server = server;
    this.socket = socket;
    this.#listen();
  }

  write(answer: Answer): void {
    if (answer !== undefined && this.socket.writable) this.socket.write(answer);
  }

  startTls(): void {
    this.socket.removeAllListeners('data');
    const { key, cert } = this.#server.options;
    const encrypted = new TLSSocket(this.socket, {
      isServer: true,
      secureContext: createSecureContext({ key, cert }),
    });
    this.socket = encrypted;
    this.#listen();
  }

  #listen(): void {
    this.socket.on('error', () => {});
    this.socket.on('data', (chunk: Buffer) => {
      this.#buffer += chunk.toString('utf8');
      for (;;) {
        const at = this.#buffer.indexOf('\r\n');
        if (at < 0) return;
        const line = this.#buffer.slice(0, at);
        this.#buffer = this.#buffer.slice(at + 2);
        this.received.push(line);
        this.#queue = this.#queue.then(async () => {
          const take = this.nextLine;
          this.nextLine = undefined;
          this.write(take ? await take(line) : await this.#server.answer(line, this));
        });
      }
    });
  }
}

export class ScriptedPop3 {
  readonly options: ScriptedOptions;
  readonly sessions: ScriptedSession[] = [];
  /** Mails still there: numbers are fixed for the session, as in POP3. */
  mails: Buffer[];
  port = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(options: ScriptedOptions) {
    this.options = options;
    this.mails = (options.mails ?? []).map((mail) => Buffer.from(mail as string));
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      socket.on('error', () => {});
      socket.setNoDelay(true);
      const line: Socket =
        options.tls === 'implicit'
          ? new TLSSocket(socket, {
              isServer: true,
              secureContext: createSecureContext({ key: options.key, cert: options.cert }),
            })
          : socket;
      const session = new ScriptedSession(this, line);
      this.sessions.push(session);
      const greeting = options.greeting ?? '+OK ready';
      if (greeting !== '') session.write(greeting + this.lineEnd);
    });
  }

  get lineEnd(): string {
    return this.options.lineEnd ?? '\r\n';
  }

  /** All lines received, of all sessions. */
  get received(): string[] {
    return this.sessions.flatMap((session) => session.received);
  }

  get connections(): number {
    return this.#sockets.size;
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    this.port = (this.#server.address() as { port: number }).port;
    return this;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async answer(line: string, session: ScriptedSession): Promise<Answer> {
    const [word = '', ...rest] = line.split(' ');
    const argument = rest.join(' ');
    const own = this.options.commands?.[word.toUpperCase()];
    if (own) return await own(argument, session);
    return this.usual(word.toUpperCase(), argument, session);
  }

  /** What a correct server says. */
  usual(word: string, argument: string, session: ScriptedSession): Answer {
    const end = this.lineEnd;
    const ok = (text = '') => `+OK${text ? ` ${text}` : ''}${end}`;
    const no = (text: string) => `-ERR ${text}${end}`;
    const list = (lines: string[], text = '') =>
      `${ok(text)}${lines.map((line) => line + end).join('')}.${end}`;
    const login = (user: string, secret: string): Answer => {
      if (this.options.allow && !this.options.allow(user, secret)) return no('[AUTH] Authentication failed.');
      session.loggedIn = true;
      session.user = user;
      return ok('Logged in.');
    };
    const number = Number(argument.split(' ')[0]);
    const entryOf = (mail: Buffer, index: number) => ({
      number: index + 1,
      mail,
      uid: this.options.uids?.[index] ?? `uid-${index + 1}`,
    });
    const all = () => this.mails.map(entryOf).filter((entry) => !session.deleted.has(entry.number));
    const mail = this.mails[number - 1];
    const one = mail && !session.deleted.has(number) ? entryOf(mail, number - 1) : undefined;
    switch (word) {
      case 'CAPA': {
        const after = this.options.capabilitiesAfterLogin;
        const before = this.options.capabilities;
        const lines = session.loggedIn && after !== undefined ? after : before;
        if (lines === null) return no('unknown command');
        return list(
          lines ?? ['USER', 'UIDL', 'TOP', 'RESP-CODES', 'PIPELINING', 'SASL PLAIN'],
          'Capability list',
        );
      }
      case 'STLS':
        if (this.options.tls !== 'stls') return no('no TLS here');
        session.socket.write(ok('Begin TLS'), () => session.startTls());
        return undefined;
      case 'USER':
        session.user = argument;
        return ok();
      case 'PASS':
        return login(session.user, argument);
      case 'AUTH':
        session.nextLine = (text) => {
          const fields = Buffer.from(text, 'base64').toString('utf8').replaceAll('\x01', '\n');
          if (argument === 'PLAIN') {
            const [, user = '', password = ''] = fields.split('\0');
            return login(user, password);
          }
          const user = /(?:^user=|,a=)([^\n,]*)/.exec(fields)?.[1] ?? '';
          const token = /auth=Bearer (.*)/.exec(fields)?.[1] ?? '';
          if (!this.options.allow || this.options.allow(user, token)) return login(user, token);
          session.nextLine = () => no('[AUTH] Authentication failed.');
          return `+ ${Buffer.from('{"status":"401","schemes":"bearer","scope":"mail.pop"}').toString('base64')}${end}`;
        };
        return `+ ${end}`;
      case 'STAT': {
        const there = all();
        return ok(`${there.length} ${there.reduce((sum, { mail }) => sum + mail.length, 0)}`);
      }
      case 'LIST':
        if (argument) return one ? ok(`${number} ${one.mail.length}`) : no('no such message');
        return list(all().map((entry) => `${entry.number} ${entry.mail.length}`));
      case 'UIDL':
        if (argument) return one ? ok(`${number} ${one.uid}`) : no('no such message');
        return list(all().map((entry) => `${entry.number} ${entry.uid}`));
      case 'RETR':
        if (!one) return no('no such message');
        return Buffer.concat([Buffer.from(ok(`${one.mail.length} octets`)), stuffed(one.mail, end)]);
      case 'TOP': {
        if (!one) return no('no such message');
        const text = one.mail.toString('latin1');
        const head = text.indexOf(`${end}${end}`);
        const lines = text.slice(head + 2 * end.length).split(end);
        const top =
          text.slice(0, head + 2 * end.length) + lines.slice(0, Number(argument.split(' ')[1])).join(end);
        return Buffer.concat([Buffer.from(ok()), stuffed(Buffer.from(top, 'latin1'), end)]);
      }
      case 'DELE':
        if (!one) return no('no such message');
        session.deleted.add(number);
        return ok();
      case 'RSET':
        session.deleted.clear();
        return ok();
      case 'NOOP':
      case 'UTF8':
      case 'LANG':
        return ok();
      case 'QUIT':
        this.mails = all().map((entry) => entry.mail);
        session.socket.end(ok('Logging out.'));
        return undefined;
      default:
        return no('unknown command');
    }
  }
}

/** A mail as RETR sends it (RFC 1939 section 3), terminator included. */
export function stuffed(mail: Buffer, end = '\r\n'): Buffer {
  let text = mail.toString('latin1');
  if (text.startsWith('.')) text = `.${text}`;
  text = text.replaceAll(`${end}.`, `${end}..`);
  if (text !== '' && !text.endsWith(end)) text += end;
  return Buffer.from(`${text}.${end}`, 'latin1');
}

export function startScripted(options: ScriptedOptions = {}): Promise<ScriptedPop3> {
  return new ScriptedPop3(options).listen();
}
