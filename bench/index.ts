// npm run bench -- [part …] [--rounds n] [--client name …] [--dry] [--compare [--margin 0.15]] [--scale 0.1]
import { parseArgs } from 'node:util';
import { measureBacklog } from './backlog';
import { BOXES, type BoxName } from './boxes';
import { measureFetching } from './fetching';
import { measureFleet, measureFleetMails, measureMillion } from './fleet';
import { measureGrowth } from './growth';
import { measureIdle } from './idle';
import { measureLoad } from './load';
import { gates, report, worse } from './report';
import { add, committed, everything, keep, type Results } from './results';
import { measureSteady } from './steady';
import { measureMany } from './thousand';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '3' },
    client: { type: 'string', multiple: true },
    dry: { type: 'boolean', default: false },
    compare: { type: 'boolean', default: false },
    margin: { type: 'string', default: '0.15' },
    scale: { type: 'string', default: '1' },
  },
});

/** Shorter than the five minutes people choose, which makes it harder, and lets a run end in four. */
const THOUSAND = { mailboxes: 1000, accounts: 100, interval: 100, mails: 10_000, seconds: 170, starts: 0 };

/** Only when they are named: where one Node-RED ends is asked once, not at every release. */
const BY_NAME = ['two-thousand', 'four-thousand', 'fleet-three', 'fleet-million', 'fleet-mails'];
/** Names for several parts. */
const TOGETHER: Record<string, string[]> = {
  idle: ['idle-1000', 'idle-100000'],
  backlog: ['backlog-fast', 'backlog-slow'],
  fleet: ['fleet-mails', 'fleet-three', 'fleet-million'],
};

/** Where a part's numbers are among the results, and how they are measured. */
const PARTS: Record<string, [kind: string, name: string, measure: () => Promise<object>]> = {
  ...Object.fromEntries(
    Object.keys(BOXES).map((box) => [
      box,
      [
        'fetching',
        box,
        () =>
          measureFetching(box as BoxName, {
            rounds: Number(values.rounds),
            ...(values.client && { clients: values.client }),
          }),
      ],
    ]),
  ),
  load: ['load', 'all', measureLoad],
  'idle-1000': ['idle', '1,000', () => measureIdle(1000)],
  'idle-100000': ['idle', '100,000', () => measureIdle(100_000)],
  'backlog-fast': ['backlog', 'fast', () => measureBacklog(10_000, 0)],
  'backlog-slow': ['backlog', 'slow', () => measureBacklog(200, 300)],
  steady: ['steady', '100,000', () => measureSteady(100_000, 10_000)],
  thousand: ['thousand', '0 ms', () => measureMany({ ...THOUSAND, starts: 5, roundTrip: 0 })],
  'thousand-far': ['thousand', '40 ms', () => measureMany({ ...THOUSAND, roundTrip: 40 })],
  'two-thousand': [
    'thousand',
    '2,000',
    () => measureMany({ ...THOUSAND, mailboxes: 2000, accounts: 200, seconds: 140, roundTrip: 0 }),
  ],
  'four-thousand': [
    'thousand',
    '4,000',
    () => measureMany({ ...THOUSAND, mailboxes: 4000, accounts: 400, seconds: 215, roundTrip: 0 }),
  ],
  growth: ['growth', 'all', measureGrowth],
  ...fleetParts(Number(values.scale)),
};

/** What a fleet costs; a tenth of the mailboxes with `--scale 0.1`. `fleet` measures all of it. */
function fleetParts(scale: number): typeof PARTS {
  const scaled = (kind: string): string => (scale === 1 ? kind : `${kind}, scale ${scale}`);
  return {
    'fleet-three': [
      'fleet',
      scaled('three'),
      () => measureFleet(30_000 * scale, 300 * scale, Math.max(60, 300 * scale)),
    ],
    'fleet-million': ['fleet', scaled('million'), () => measureMillion(1_000_000 * scale, 60)],
    'fleet-mails': ['fleet', scaled('mails'), () => measureFleetMails(10_000 * scale, Number(values.rounds))],
  };
}

async function main(): Promise<void> {
  if (positionals[0] === 'report') return report();
  let measured: Results = {};
  const usual = Object.keys(PARTS).filter((part) => !BY_NAME.includes(part));
  const named = positionals.flatMap((part) => TOGETHER[part] ?? part);
  for (const part of named.length ? named : usual) {
    const found = PARTS[part];
    if (found === undefined) throw new Error(`No part is called ${part}: ${Object.keys(PARTS).join(', ')}`);
    const [kind, name, measure] = found;
    const numbers = await measure();
    console.dir(numbers, { depth: 3 });
    measured = add(measured, kind, name, numbers);
    if (!values.dry && !values.compare) keep(add(everything(), kind, name, numbers));
  }
  if (values.compare) {
    const slower = worse(gates(measured), gates(committed()), Number(values.margin));
    for (const line of slower) console.error(line);
    process.exitCode = slower.length > 0 ? 1 : 0;
  } else if (!values.dry) report();
}

void main();
