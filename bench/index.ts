// npm run bench -- [part …] [--rounds n] [--client name …] [--compare] [--dry]
import { parseArgs } from 'node:util';
import { BOXES, type BoxName } from './boxes';
import { measureFetching } from './fetching';
import { keep } from './results';
import { measureMany } from './thousand';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '3' },
    client: { type: 'string', multiple: true },
    dry: { type: 'boolean', default: false },
  },
});

/** Shorter than the five minutes people choose, which makes it harder, and lets a run end in four. */
const THOUSAND = { mailboxes: 1000, accounts: 100, interval: 100, mails: 10_000, seconds: 180 };

async function main(): Promise<void> {
  const rounds = Number(values.rounds);
  const parts = positionals.length ? positionals : Object.keys(BOXES);
  for (const part of parts) {
    if (part.startsWith('thousand')) {
      const roundTrip = part === 'thousand-far' ? 40 : 0;
      const measured = await measureMany({ ...THOUSAND, roundTrip });
      console.table([measured]);
      if (!values.dry) keep('thousand', `${roundTrip} ms`, { ...measured });
      continue;
    }
    if (!(part in BOXES)) throw new Error(`No part is called ${part}`);
    const measured = await measureFetching(part as BoxName, {
      rounds,
      ...(values.client && { clients: values.client }),
    });
    console.table(measured);
    if (!values.dry) keep('fetching', part, measured);
  }
}

void main();
