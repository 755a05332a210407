import { createServer, type Socket } from 'node:net';

/** What is said: some bytes, and then perhaps others without end, or one by one with time in between. */
export interface Said {
  text: string;
  endless?: string;
  /** Milliseconds between two bytes of `endless`. */
  drip?: number;
}

export type Answer = string | Said;

/** A server that says to a line, or to a connection (`undefined`), what it is told to. */
export async function startPourer(
  say: (line: string | undefined) => Answer | undefined,
): Promise<{ port: number; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    let rest = '';
    const speak = (line: string | undefined): void => {
      const answer = say(line);
      if (answer !== undefined) pour(socket, typeof answer === 'string' ? { text: answer } : answer);
    };
    socket.on('data', (chunk: Buffer) => {
      const lines = (rest + chunk.toString('latin1')).split('\r\n');
      rest = lines.pop() as string;
      for (const line of lines) speak(line);
    });
    speak(undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as { port: number }).port,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function pour(socket: Socket, { text, endless, drip }: Said): void {
  socket.write(text, 'latin1');
  if (endless === undefined) return;
  if (drip !== undefined) {
    let at = 0;
    const timer = setInterval(() => socket.write(endless[at++ % endless.length] as string, 'latin1'), drip);
    socket.on('close', () => clearInterval(timer));
    return;
  }
  const block = Buffer.from(endless.repeat(Math.ceil(65_536 / endless.length)), 'latin1');
  const more = (): void => {
    while (!socket.destroyed && socket.write(block));
  };
  socket.on('drain', more);
  more();
}
