// Runs in a process of its own with a small heap: asks a sign-in server made to hurt, or reads a file made to hurt.
import { join } from 'node:path';
import type { readAutoconfig as ReadAutoconfig } from '../../nodes/admin/autoconfig';
import type { readAnswer as ReadAnswer } from '../../nodes/oauth2/answer';
import type { resolveEndpoints as ResolveEndpoints } from '../../nodes/oauth2/endpoints';
import type { exchange as Exchange } from '../../nodes/oauth2/http';
import { costOf } from './meter';
import { HOSTILE_FILES } from './servers';

const [root, what, given] = process.argv.slice(2) as [string, 'token' | 'discovery' | 'file', string];
const load = (file: string) => require(join(root, 'dist/nodes', file)) as unknown;
const { exchange } = load('oauth2/http') as { exchange: typeof Exchange };
const { readAnswer } = load('oauth2/answer') as { readAnswer: typeof ReadAnswer };
const { resolveEndpoints } = load('oauth2/endpoints') as { resolveEndpoints: typeof ResolveEndpoints };
const { readAutoconfig } = load('admin/autoconfig') as { readAutoconfig: typeof ReadAutoconfig };

async function act(): Promise<unknown> {
  const address = `http://127.0.0.1:${given}/`;
  if (what === 'file') return readAutoconfig(HOSTILE_FILES[given] as string);
  if (what === 'token') {
    const { json } = await exchange(new URL(address), { form: { code: 'secret-code' }, timeoutMs: 3000 });
    return readAnswer(json, Date.now());
  }
  const config = { provider: 'custom', grant: 'authorization_code', issuer: address, clientId: 'a' };
  return resolveEndpoints(
    config as Parameters<typeof resolveEndpoints>[0],
    {
      signal: AbortSignal.timeout(6000),
      timeoutMs: 1500,
    } as Parameters<typeof resolveEndpoints>[1],
  );
}

async function main(): Promise<void> {
  let result = '';
  const cost = await costOf(() =>
    act().then(
      (value) => {
        result = value === undefined ? 'nothing' : 'value';
      },
      (error: { code?: string; message: string }) => {
        // What Node adds to an error of its own, such as the packet, stays in this room.
        const facts = what === 'token' ? '' : JSON.stringify(error);
        result = `${error.code ?? ''} ${error.message} ${facts}`;
      },
    ),
  );
  process.send?.({ ...cost, result: result.slice(0, 100_000) }, () => process.exit(0));
}

void main();
