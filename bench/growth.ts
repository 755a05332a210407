// How the cost of a check grows: with the number of new mails, their size, the mails remembered, and the mailboxes.
// Outside Node-RED, since what is looked at is the shape of the curve.

import { openSession } from '../nodes/mailbox/session';
import { Turns } from '../nodes/runtime/session-limiter';
import { startDovecot } from '../servers/dovecot';
import { Box, Checker, cleanUp, mailOf } from '../servers/mailbox-checker';
import { htmlMail, textMail } from './boxes';
import { say } from './fetching';

export type Growth = Record<'mails' | 'megabytes' | 'remembered' | 'mailboxes', [number, number][]>;

const ROUNDS = 5;

/** One check, or a round of them, ready to be measured as often as wished. */
interface Case {
  run(): Promise<number>;
  close(): Promise<void>;
}

/** Each point is the cheapest of five, in ms of CPU: what else the machine does counts little, and only ever as more. */
export async function measureGrowth(): Promise<Growth> {
  return {
    mails: await points('new mails', [625, 1250, 2500, 5000], (count) => fetched(count, textMail)),
    megabytes: await points('MB of four mails each', [3, 6, 12, 24], (size) =>
      fetched(4, (index) => htmlMail(index, size * 1e6, 20_000)),
    ),
    remembered: await points('remembered', [12_500, 25_000, 50_000], nothingNew),
    mailboxes: await points('mailboxes', [125, 250, 500, 1000], manyMailboxes),
  };
}

async function points(
  what: string,
  numbers: number[],
  prepare: (number: number) => Promise<Case>,
): Promise<[number, number][]> {
  const all: [number, number][] = [];
  // The first run of all costs more than any other, since the code is cold; it does not count.
  for (const number of [numbers[0] as number, ...numbers]) {
    const costs: number[] = [];
    const one = await prepare(number);
    for (let round = 0; round < ROUNDS; round += 1) costs.push(await one.run());
    await one.close();
    await cleanUp();
    all.push([number, Math.round(Math.min(...costs) * 10) / 10]);
    say(`${number} ${what}: ${all.at(-1)?.[1]} ms`);
  }
  return all.slice(1);
}

/** How a cost grows with a number: 1 is linear, 2 is the square. The slope of the straight line among the logarithms. */
export function exponent(points: [number, number][]): number {
  const logs = points.map(([x, y]) => [Math.log(x), Math.log(y)] as const);
  const mean = (at: 0 | 1): number => logs.reduce((sum, log) => sum + log[at], 0) / logs.length;
  const [x, y] = [mean(0), mean(1)];
  const along = logs.reduce((sum, log) => sum + (log[0] - x) * (log[1] - y), 0);
  return along / logs.reduce((sum, log) => sum + (log[0] - x) ** 2, 0);
}

/** Milliseconds of CPU of this process, all its threads together. */
async function cost(run: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

async function fetched(count: number, mail: (index: number) => Buffer): Promise<Case> {
  const [user, password] = ['a@example.test', 'correct-horse'];
  const dovecot = await startDovecot({ users: { [user]: password } });
  for (let index = 1; index <= count; index += 1) await dovecot.deliver(user, mail(index));
  const server = { host: '127.0.0.1', port: dovecot.port, security: 'none' } as const;
  const open = (signal: AbortSignal) => openSession(server, { user, password, mechanism: 'auto' }, signal);
  // Dovecot makes its indexes at the first session, in which nothing is fetched.
  await (await Checker.make()).check({ open });
  return {
    run: async () => {
      const checker = await Checker.begun();
      let delivered = 0;
      checker.onDeliver = () => {
        delivered += 1;
        // No flow keeps all of them.
        checker.delivered.length = 0;
      };
      const ms = await cost(() => checker.check({ open }));
      if (delivered !== count) throw new Error(`${delivered} mails of ${count}`);
      return ms;
    },
    close: () => dovecot.stop(),
  };
}

/** The server's share is in it: it is in the same process, and writes as many lines as are read. */
async function nothingNew(remembered: number): Promise<Case> {
  const uid = (index: number) => `${index.toString(16).padStart(8, '0')}5f2b9c1a`;
  const mail = mailOf('a');
  const box = await Box.start(Array.from({ length: remembered }, (_, index) => ({ uid: uid(index), mail })));
  const checker = await Checker.make();
  // What is recognized by its headers is learned over many checks: what a check costs after that is measured.
  do await checker.check(box);
  while (box.said('TOP').length > 1);
  return { run: () => cost(() => checker.check(box)), close: () => box.close() };
}

/** As many at a time as a Node-RED lets, and with the server's share as well. */
async function manyMailboxes(count: number): Promise<Case> {
  const box = await Box.start([{ uid: 'a', mail: mailOf('a') }]);
  const turns = new Turns();
  const checkers = await Promise.all(Array.from({ length: count }, () => Checker.make()));
  const round = () =>
    Promise.all(
      checkers.map((one, index) =>
        turns.take(`${index}`, () => one.check(box), new AbortController().signal),
      ),
    );
  await round();
  return { run: () => cost(round), close: () => box.close() };
}
