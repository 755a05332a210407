// How the cost of a check grows: with the number of new mails, their size, the mails remembered, and the mailboxes.
// Outside Node-RED, since what is looked at is the shape of the curve.

import { openSession } from '../nodes/mailbox/session';
import { MOST_SESSIONS, Turns } from '../nodes/runtime/turns';
import { Box, Checker, cleanUp, mailOf } from '../test/mailbox/support';
import { startDovecot } from '../test/servers/dovecot';
import { htmlMail, textMail } from './boxes';
import { say } from './fetching';
import { median } from './measure';

export type Growth = Record<'mails' | 'megabytes' | 'remembered' | 'mailboxes', [number, number][]>;

const ROUNDS = 3;

/** Each point is the median of three, in ms. */
export async function measureGrowth(): Promise<Growth> {
  return {
    mails: await points([625, 1250, 2500, 5000], (count) => fetched(count, textMail)),
    megabytes: await points([3, 6, 12, 24], (size) =>
      fetched(4, (index) => htmlMail(index, size * 1e6, 20_000)),
    ),
    remembered: await points([12_500, 25_000, 50_000, 100_000], nothingNew),
    mailboxes: await points([125, 250, 500, 1000], manyMailboxes),
  };
}

async function points(
  numbers: number[],
  measure: (number: number) => Promise<number>,
): Promise<[number, number][]> {
  const all: [number, number][] = [];
  for (const number of numbers) {
    const times: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) times.push(await measure(number));
    await cleanUp();
    all.push([number, Math.round(median(times) * 10) / 10]);
    say(`${measure.name} ${number}: ${all.at(-1)?.[1]} ms`);
  }
  return all;
}

async function timed(run: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await run();
  return performance.now() - began;
}

async function fetched(count: number, mail: (index: number) => Buffer): Promise<number> {
  const [user, password] = ['a@example.test', 'correct-horse'];
  const dovecot = await startDovecot({ users: { [user]: password } });
  try {
    for (let index = 1; index <= count; index += 1) await dovecot.deliver(user, mail(index));
    const server = { host: '127.0.0.1', port: dovecot.port, security: 'none' } as const;
    const open = (signal: AbortSignal) => openSession(server, { user, password, mechanism: 'auto' }, signal);
    // Dovecot makes its indexes at the first session, in which nothing is fetched.
    await (await Checker.make()).check({ open });
    const checker = await Checker.begun();
    return await timed(() => checker.check({ open }));
  } finally {
    await dovecot.stop();
  }
}

async function nothingNew(remembered: number): Promise<number> {
  const uid = (index: number) => `${index.toString(16).padStart(8, '0')}5f2b9c1a`;
  const mail = mailOf('a');
  const box = await Box.start(Array.from({ length: remembered }, (_, index) => ({ uid: uid(index), mail })));
  const checker = await Checker.make();
  await checker.check(box);
  const ms = await timed(() => checker.check(box));
  await box.close();
  return ms;
}

async function manyMailboxes(count: number): Promise<number> {
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
  const ms = await timed(round);
  await box.close();
  say(`${count} mailboxes, ${MOST_SESSIONS} sessions at a time`);
  return ms;
}
