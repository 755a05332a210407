import assert from 'node:assert/strict';
import type { NodeAPI } from 'node-red';
import type { TokenAccount } from '../nodes/node-red/account';
import { type Pop3InProperties, serverOf } from '../nodes/node-red/mail-server';

// Node-RED without any configuration node.
const RED = { nodes: { getNode: () => null } } as unknown as NodeAPI;
export const USER = 'alice@example.test';

export const caught = (doing: Promise<unknown>): Promise<Error> =>
  doing.then(
    () => assert.fail('nothing failed'),
    (error: Error) => error,
  );

/** What a check meets at a server, by the way that a deployed node has. */
export async function met(
  def: Partial<Pop3InProperties>,
  { password = 'wrong', token }: { password?: string; token?: TokenAccount } = {},
): Promise<Error> {
  const given = { service: 'custom', host: '127.0.0.1', security: 'none', auth: 'password', ...def };
  const server = serverOf(RED, given as Pop3InProperties, { user: USER, password }, 0, token);
  return caught(server.open(new AbortController().signal));
}
