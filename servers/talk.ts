import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createInterface, type Interface } from 'node:readline';
import { connect as connectTls } from 'node:tls';

/** As much of a POP3 client as it takes to see that a server is there. */
export class Talk {
  #lines: AsyncIterator<string>;
  constructor(readonly socket: Socket) {
    const reader: Interface = createInterface({ input: socket, crlfDelay: Number.POSITIVE_INFINITY });
    this.#lines = reader[Symbol.asyncIterator]();
  }

  /** The server's next line, without its end. */
  async line(): Promise<string> {
    const { value, done } = await this.#lines.next();
    return done ? '(closed)' : value;
  }

  /** Sends a line and answers what comes back. */
  say(text: string): Promise<string> {
    this.socket.write(`${text}\r\n`);
    return this.line();
  }

  /** The same for an answer of several lines: all of them, the final dot too. */
  async list(text: string): Promise<string[]> {
    const lines = [await this.say(text)];
    while (lines.at(-1) !== '.') lines.push(await this.line());
    return lines;
  }
}

/** Connects and takes the greeting. */
export async function plain(port: number): Promise<Talk> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  const talk = new Talk(socket);
  assert.match(await talk.line(), /^\+OK/);
  return talk;
}

/** The same over TLS. */
export async function secure(port: number, ca: string): Promise<Talk> {
  const socket = connectTls({ port, host: '127.0.0.1', ca, servername: 'localhost' });
  await once(socket, 'secureConnect');
  const talk = new Talk(socket);
  assert.match(await talk.line(), /^\+OK/);
  return talk;
}
