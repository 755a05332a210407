import type { Response } from '../response';
import type { Session } from '../session';
import { Command } from './command';
import { messageNumber } from './message-number';

/** A command answered by one line, for many mails, a window ahead. */
export async function* sendEach(
  { connection, settings }: Session,
  word: string,
  numbers: Iterable<number>,
): AsyncGenerator<{ number: number; response: Response }, void, undefined> {
  const ahead: Array<{ number: number; command: Command }> = [];
  const source = numbers[Symbol.iterator]();
  let exhausted = false;
  for (;;) {
    const window = connection.pipelining ? Math.max(1, settings.limits.window) : 1;
    if (!exhausted && ahead.length <= window / 2) {
      const commands: Command[] = [];
      while (ahead.length < window) {
        const drawn = source.next();
        if (drawn.done) {
          exhausted = true;
          break;
        }
        const command = new Command(`${word} ${messageNumber(drawn.value)}`, { slow: true });
        commands.push(command);
        ahead.push({ number: drawn.value, command });
      }
      connection.submit(...commands);
    }
    const first = ahead.shift();
    if (!first) return;
    yield { number: first.number, response: await first.command.promise };
  }
}
