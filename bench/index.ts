// npm run bench -- [part …] [--rounds n] [--client name …] [--compare] [--dry]
import { parseArgs } from 'node:util';
import { BOXES, type BoxName } from './boxes';
import { measureFetching } from './fetching';
import { keep } from './results';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '3' },
    client: { type: 'string', multiple: true },
    dry: { type: 'boolean', default: false },
  },
});

async function main(): Promise<void> {
  const rounds = Number(values.rounds);
  const parts = positionals.length ? positionals : Object.keys(BOXES);
  for (const part of parts) {
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
