// What was measured of a fleet, as tables and against its aims.
import type { FleetMails, FleetOfThree, Million } from './fleet';
import type { Gate, Results } from './results';

type Line<T> = [what: string, of: (one: T) => string | number];

const number = (value: number): string => value.toLocaleString('en-US');
const kilobytes = (bytes: number): number => Math.round(bytes / 100) / 10;
const percent = (share: number): number => Math.round(share * 1000) / 10;

const THREE: Line<FleetOfThree>[] = [
  ['mailboxes, each in three flows', ({ mailboxes }) => number(mailboxes)],
  ['checked every, s', ({ interval }) => interval],
  ['looked at for, s', ({ seconds }) => seconds],
  ['each replica had its share after, s', ({ spread }) => spread],
  ['checks; mails; failed', ({ checks, mails, failed }) => `${number(checks)}; ${number(mails)}; ${failed}`],
  ['database: % of a core', ({ cores }) => percent(cores)],
  ['database: µs of CPU for each check', ({ databasePerCheck }) => databasePerCheck],
  ['WAL: kB a second', ({ walMegabytesPerSecond }) => Math.round(walMegabytesPerSecond * 1000)],
  ['WAL: bytes for each check', ({ walPerCheck }) => walPerCheck],
  ['replica: µs of CPU for each check', ({ replicaPerCheck }) => replicaPerCheck],
  ['node that owns its mailbox and waits, kB', ({ bytesOwned }) => kilobytes(bytesOwned)],
  ['node whose mailbox is owned elsewhere, kB', ({ bytesElsewhere }) => kilobytes(bytesElsewhere)],
  ['node of a replica on average, kB', ({ bytesPerNode }) => kilobytes(bytesPerNode)],
];
const MILLION: Line<Million>[] = [
  ['mailboxes', ({ mailboxes }) => number(mailboxes)],
  ['a third taken over after SIGKILL, s', ({ takeover }) => takeover],
  ['table of mailboxes with indexes, MB', ({ tableMegabytes }) => tableMegabytes],
  ['checks a second; mails a second', (one) => `${number(one.checksPerSecond)}; ${one.mailsPerSecond}`],
  ['statements that failed', ({ failed }) => failed],
  ['database: cores', ({ cores }) => cores],
  ['WAL: MB a second', ({ walMegabytesPerSecond }) => walMegabytesPerSecond],
];
const MAILS: Line<FleetMails>[] = [
  ['mails of 3.4 kB', ({ mails }) => number(mails)],
  ['rounds', ({ rounds }) => rounds],
  ['ledger in a file, s', ({ files }) => files],
  ['ledger in the database, s', ({ database }) => database],
  ['database ÷ file', ({ ratio }) => ratio],
  ['Node.js with a file: ms of CPU for each mail', ({ cpuFiles }) => cpuFiles],
  ['Node.js with the database: ms of CPU for each mail', ({ cpuDatabase }) => cpuDatabase],
  ['database: ms of CPU for each mail', ({ cpuPostgres }) => cpuPostgres],
];

/** Every part that was measured, whole or scaled down: a column each. */
function measuredOf<T>(all: Results, part: string): [name: string, measured: T][] {
  return Object.entries(all.fleet ?? {})
    .filter(([name]) => name === part || name.startsWith(`${part},`))
    .map(([name, measured]) => [name === part ? 'whole' : name.slice(part.length + 2), measured as T]);
}

/** Titles with their tables; none where nothing was measured. */
export function fleetTables(all: Results): { title: string; head: string[]; rows: (string | number)[][] }[] {
  const tableOf = <T>(title: string, part: string, lines: Line<T>[]) => {
    const columns = measuredOf<T>(all, part);
    const rows = lines.map(([what, of]) => [what, ...columns.map(([, one]) => of(one))]);
    return columns.length > 0 ? [{ title, head: ['', ...columns.map(([name]) => name)], rows }] : [];
  };
  return [
    ...tableOf('A fleet of three', 'three', THREE),
    ...tableOf('A fleet of a million mailboxes', 'million', MILLION),
    ...tableOf('Ledgers in the database', 'mails', MAILS),
  ];
}

/** Only what was measured whole counts. */
export function fleetGates(all: Results): Gate[] {
  const { three, million, mails } = (all.fleet ?? {}) as {
    three?: FleetOfThree;
    million?: Million;
    mails?: FleetMails;
  };
  return [
    { name: 'fleet of three: database, % of a core', most: 3, measured: three && percent(three.cores) },
    {
      name: 'fleet of three: node that waits, kB, on average',
      most: 10,
      measured: three && kilobytes(three.bytesPerNode),
    },
    {
      name: 'fleet of three: node that owns its mailbox and waits, kB',
      most: 10,
      measured: three && kilobytes(three.bytesOwned),
    },
    { name: 'a million mailboxes: a third taken over, s', most: 15, measured: million?.takeover },
    { name: 'a million mailboxes: database, cores', most: 0.3, measured: million?.cores },
    {
      name: 'a million mailboxes: WAL, MB a second',
      most: 2,
      measured: million?.walMegabytesPerSecond,
    },
    { name: '10,000 mails: database ÷ file', most: 2, measured: mails?.ratio },
  ];
}
