// From the numbers to bench/README.md and its pictures: the part between the two marks is written, the rest stays.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Backlog } from './backlog';
import { BOXES, type BoxName } from './boxes';
import { bars, curves } from './draw';
import { fleetGates, fleetTables } from './fleet-report';
import { exponent, type Growth } from './growth';
import type { IdleCost } from './idle';
import type { LoadCost } from './load';
import type { Summary } from './measure';
import { everything, type Gate } from './results';
import type { Steady } from './steady';
import type { Many } from './thousand';

export type Fetching = Record<string, Summary>;

const OURS = 'this package';
const THEIRS = 'node-red-node-email';
const KEPT = 'this package, mail kept';
const FLOOR = 'floor + bare parser';
const BARE = 'floor';

const GROWING: Record<keyof Growth, { of: string; title: string; along: string }> = {
  mails: { of: 'the number of new mails', title: 'New mails of 3.4 kB', along: 'mails' },
  megabytes: { of: 'the size of mails', title: 'Four new mails of some size', along: 'MB each' },
  remembered: { of: 'remembered mails', title: 'Mails remembered, none new', along: 'mails' },
  mailboxes: { of: 'the number of mailboxes', title: 'Mailboxes with nothing new', along: 'mailboxes' },
};

/** What is told of many mailboxes, line by line. */
const MANY: Record<string, (many: Many) => string | number | undefined> = {
  'signed in with OAuth': ({ accounts }) => accounts,
  'checked every, s': ({ interval }) => interval,
  'round trip, ms': ({ roundTrip }) => roundTrip,
  'looked at for, s': ({ seconds }) => seconds,
  'checks; mails; tokens renewed': ({ checks, mails, renewals }) => `${checks}; ${mails}; ${renewals}`,
  'mailboxes not checked at all': ({ unchecked }) => unchecked,
  'the last first check, s after the start of the flows': ({ firstCheck }) => firstCheck,
  'the latest later check, s after it was due': ({ latest }) => latest,
  'ticks of another flow off by, 99th percentile, ms': ({ jitter }) => jitter,
  'the worst tick off by, ms (CPU of Node-RED meanwhile, ms)': ({ worst, worstCpu }) =>
    `${worst} (${worstCpu ?? '–'})`,
  'share of one core': ({ cpu }) => cpu,
  'memory at the start of the flows, MB': ({ atStart }) => atStart,
  'memory at its peak, MB': ({ peak }) => peak,
  'memory at the end, MB': ({ resident }) => resident,
  'files and connections open at the end': ({ open }) => open,
  'start of the flows later by, ms (by CPU, ms)': ({ start, startCpu }) =>
    start === undefined ? undefined : `${start} (${startCpu})`,
};

const ratio = (one: number | undefined, other: number | undefined): number | undefined =>
  one === undefined || other === undefined ? undefined : Math.round((one / other) * 1000) / 1000;

type Figure = 'wall' | 'least' | 'cpu' | 'leastCpu' | 'peak' | 'block';
/** What the quickest round says of the same. */
const LEAST: Partial<Record<Figure, Figure>> = { wall: 'least', cpu: 'leastCpu' };

/** Everything that is promised of speed, with what was measured; undefined where it was not. */
export function gates(all: ReturnType<typeof everything>): Gate[] {
  const of = (box: BoxName, client: string, figure: Figure): number | undefined =>
    (all.fetching?.[box] as Fetching | undefined)?.[client]?.[figure];
  const against = (
    box: BoxName,
    [name, other, figure]: [name: string, other: string, figure: Figure],
    most: number,
  ): Gate => {
    // A mail that is not deleted is compared with what deletes none.
    const own = other === THEIRS ? OURS : KEPT;
    const least = LEAST[figure];
    return {
      name: `${name} ÷ ${other}`,
      most,
      measured: ratio(of(box, own, figure), of(box, other, figure)),
      ...(least && { least: ratio(of(box, own, least), of(box, other, least)) }),
      ...(other === THEIRS && { isShown: true }),
    };
  };
  const load = all.load?.all as LoadCost | undefined;
  const few = all.idle?.['1,000'] as IdleCost | undefined;
  const many = all.idle?.['100,000'] as IdleCost | undefined;
  const backlog = all.backlog?.fast as Backlog | undefined;
  const slow = all.backlog?.slow as Backlog | undefined;
  const hundred = of('hundred', OURS, 'wall');
  const steady = all.steady?.['100,000'] as Steady | undefined;
  return [
    against('a', ['a: CPU', FLOOR, 'cpu'], 1.05),
    against('a', ['a: time', FLOOR, 'wall'], 1.05),
    against('a', ['a: time', THEIRS, 'wall'], 0.4),
    against('a', ['a: memory', THEIRS, 'peak'], 1),
    against('a', ['a: longest block', THEIRS, 'block'], 1),
    against('b', ['b: CPU', FLOOR, 'cpu'], 1.15),
    against('b', ['b: time', FLOOR, 'wall'], 1.15),
    against('b', ['b: time', THEIRS, 'wall'], 0.45),
    { name: 'b: memory at its peak, MB', most: 200, measured: of('b', OURS, 'peak') },
    against('c', ['c: CPU', FLOOR, 'cpu'], 0.3),
    against('c', ['c: time', FLOOR, 'wall'], 0.3),
    against('c', ['c: time', BARE, 'wall'], 1.7),
    against('c', ['c: time', THEIRS, 'wall'], 0.1),
    against('c', ['c: memory', THEIRS, 'peak'], 0.15),
    against('c', ['c: longest block', THEIRS, 'block'], 0.04),
    against('far', ['250 mails at 40 ms: time', BARE, 'wall'], 2.5),
    against('far', ['250 mails at 40 ms: time', THEIRS, 'wall'], 0.03),
    against('farther', ['2,000 mails at 40 ms: time', THEIRS, 'wall'], 0.02),
    {
      name: '100 mails after a start, s',
      most: 0.45,
      measured: hundred === undefined ? undefined : Math.round(hundred) / 1000,
    },
    { name: 'the first mail: longest block, ms', most: 25, measured: of('one', OURS, 'block') },
    { name: 'loading the four nodes: CPU, ms', most: 35, measured: load?.least },
    { name: 'nothing new, 1,000 known: CPU, ms', most: 1.2, measured: few?.least },
    { name: 'nothing new, 100,000 known: CPU, ms', most: 10, measured: many?.least },
    { name: 'nothing new, 100,000 known: longest turn, ms', most: 20, measured: many?.blockMedian },
    { name: 'one more, 100,000 known: CPU, ms', most: 60, measured: many?.changedLeast },
    { name: 'nothing new: bytes ÷ a plain UIDL', most: 1.01, measured: ratio(steady?.check, steady?.uidl) },
    { name: '10,000 mails acknowledged at once: sessions', most: 2, measured: backlog?.sessions },
    { name: 'the same at 300 ms a mail: sessions without a download', most: 0, measured: slow?.idle },
    ...crowded(all),
  ];
}

/** Many mailboxes, and how costs grow. */
function crowded(all: ReturnType<typeof everything>): Gate[] {
  const near = all.thousand?.['0 ms'] as Many | undefined;
  const far = all.thousand?.['40 ms'] as Many | undefined;
  const growth = all.growth?.all as Growth | undefined;
  return [
    ...[near, far].flatMap((many, index) => {
      const where = `1,000 mailboxes${index ? ' at 40 ms' : ''}`;
      return [
        { name: `${where}: the latest check, s`, most: 10, measured: many?.latest },
        { name: `${where}: jitter of other flows, 99th percentile, ms`, most: 20, measured: many?.jitter },
        { name: `${where}: memory at its peak, MB`, most: 250, measured: many?.peak },
      ];
    }),
    { name: '1,000 mailboxes: start of the flows later by, ms', most: 100, measured: near?.start },
    // 1 is linear; a tenth is left to chance.
    ...(Object.keys(GROWING) as (keyof Growth)[]).map((name) => ({
      name: `growth with ${GROWING[name].of}: exponent`,
      most: 1.1,
      measured: growth && Math.round(exponent(growth[name]) * 100) / 100,
    })),
    ...fleetGates(all),
  ];
}

const table = (head: string[], rows: (string | number)[][]): string =>
  [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');

/** How the figures below are measured. */
const command = (...parts: string[]): string => `\`npm run bench -- ${parts.join(' ')}\``;

/** Objects of numbers, one a row, their keys as the head. */
function plainTable(rows: Record<string, number>[]): string {
  const keys = Object.keys(rows[0] ?? {});
  return table(
    keys,
    rows.map((row) => keys.map((key) => Math.round((row[key] ?? 0) * 100) / 100)),
  );
}

/** What is no mailbox with new mail. */
function otherTables(all: ReturnType<typeof everything>): string[] {
  const of = (kind: string) => Object.values(all[kind] ?? {}) as Record<string, number>[];
  const titles: [kind: string, title: string, part: string][] = [
    ['load', 'Loading the four nodes, ms of CPU', 'load'],
    ['idle', 'A check with nothing new, and with one mail more: ms of CPU', 'idle'],
    ['backlog', 'A backlog that the flow acknowledges', 'backlog'],
    ['steady', 'Nothing new: bytes and memory', 'steady'],
  ];
  return titles.flatMap(([kind, title, part]) =>
    of(kind).length > 0 ? [`### ${title}`, command(part), plainTable(of(kind))] : [],
  );
}

/** Writes pictures and tables. */
export function report(): void {
  const all = everything();
  const pictures = join(__dirname, 'pictures');
  mkdirSync(pictures, { recursive: true });
  const parts: string[] = [];
  const boxes = (Object.keys(BOXES) as BoxName[]).filter((box) => all.fetching?.[box]);
  const seconds = (ms: number): string => (ms / 1000).toPrecision(3);
  for (const box of boxes) {
    const rows = Object.entries(all.fetching?.[box] as Fetching).map(([client, cost]) => [
      client,
      `${seconds(cost.wall)} (${seconds(cost.least)})`,
      cost.leastCpu === undefined ? seconds(cost.cpu) : `${seconds(cost.cpu)} (${seconds(cost.leastCpu)})`,
      Math.round(cost.peak),
      cost.block === undefined ? '–' : Math.round(cost.block),
      cost.rounds,
    ]);
    const head = ['', 'wall s (least)', 'CPU s (least)', 'peak memory MB', 'longest block ms', 'rounds'];
    parts.push(`### ${box}: ${BOXES[box].title}`, command(box), table(head, rows));
  }
  if (boxes.length > 0) {
    const groups = boxes.map((box) => ({
      title: `${box}: ${BOXES[box].title}`,
      bars: Object.entries(all.fetching?.[box] as Fetching).map(([name, { wall }]) => ({
        name,
        seconds: wall / 1000,
        ours: name.startsWith(OURS),
      })),
    }));
    writeFileSync(join(pictures, 'fetching.svg'), bars('How long fetching takes', groups));
    parts.push('![How long fetching takes](pictures/fetching.svg)');
  }
  parts.push(...otherTables(all));
  const many = Object.values(all.thousand ?? {}) as Many[];
  if (many.length > 0) {
    const head = many.map(({ mailboxes }) => `${mailboxes.toLocaleString('en-US')} mailboxes`);
    const rows = Object.entries(MANY).map(([what, of]) => [what, ...many.map((one) => of(one) ?? '–')]);
    parts.push(
      '### A thousand mailboxes',
      command('thousand thousand-far two-thousand'),
      table(['', ...head], rows),
    );
  }
  const growth = all.growth?.all as Growth | undefined;
  if (growth !== undefined) {
    const names = Object.keys(GROWING) as (keyof Growth)[];
    const drawn = names.map((name) => ({ ...GROWING[name], points: growth[name] }));
    writeFileSync(join(pictures, 'growth.svg'), curves('How the cost of a check grows', drawn));
    const rows = drawn.map(({ title, along, points }) => [
      title,
      `${points.map(([number]) => number.toLocaleString('en-US')).join(', ')} ${along}`,
      points.map(([, ms]) => ms.toLocaleString('en-US')).join(', '),
      exponent(points).toFixed(2),
    ]);
    parts.push(
      '### Growth',
      command('growth'),
      '![How the cost of a check grows](pictures/growth.svg)',
      table(['', 'number', 'ms of CPU', 'exponent'], rows),
    );
  }
  for (const { title, head, rows } of fleetTables(all)) parts.push(`### ${title}`, table(head, rows));
  const judged = gates(all).map(({ name, most, measured, least, isShown }) => [
    isShown ? name : `**${name}**`,
    most,
    measured ?? 'not measured',
    least ?? '',
    measured === undefined ? '' : Math.max(measured, least ?? 0) <= most ? 'met' : '**missed**',
  ]);
  parts.push(
    '### Aims',
    'Rows in bold decide `--compare`; the others depend on the e-mail node as well, and are shown.',
    table(['', 'at most', 'by medians', 'by the quickest rounds', ''], judged),
  );
  const file = join(__dirname, 'README.md');
  const text = readFileSync(file, 'utf8');
  const [from, to] = [text.indexOf('<!-- measured -->'), text.indexOf('<!-- /measured -->')];
  if (from < 0 || to < from) throw new Error('bench/README.md has lost the marks around what is measured');
  const measured = `<!-- measured -->\n\n${parts.join('\n\n')}\n\n`;
  writeFileSync(file, text.slice(0, from) + measured + text.slice(to));
}

/** Names what is worse than in the committed numbers by more than `margin`; 0.15 is 15 %. */
export function worse(now: Gate[], before: Gate[], margin: number): string[] {
  return now.flatMap(({ name, most, measured, isShown }) => {
    if (isShown) return [];
    const then = before.find((gate) => gate.name === name)?.measured;
    if (measured === undefined || then === undefined) return [];
    // What is far below its aim, or nought, may grow by a share of the aim.
    if (measured <= Math.max(then * (1 + margin), most * margin)) return [];
    return `${name}: ${measured}, and it was ${then}`;
  });
}
