import assert from 'node:assert/strict';
import type { NodeAPI } from 'node-red';
import { type Pop3InProperties, serverOf } from '../../nodes/node-red/mail-server';

describe('the time limits of a node', () => {
  // Node-RED without any configuration node.
  const RED = { nodes: { getNode: () => null } } as unknown as NodeAPI;
  const limits = (given: Partial<Pop3InProperties>) => {
    const def = { service: 'custom', host: 'pop.example.com', port: 995, auth: 'password', ...given };
    const credentials = { user: 'alice', password: 'secret' };
    return serverOf(RED, def as Pop3InProperties, credentials).way().target.timeouts;
  };

  it('are the two numbers of the form, in seconds', () => {
    const timeouts = limits({ connectTimeout: 45, replyTimeout: '400' });
    assert.deepEqual(timeouts, {
      connect: 45_000,
      greeting: 45_000,
      command: 60_000,
      idle: 60_000,
      reply: 400_000,
    });
    assert.equal(limits({ replyTimeout: 20 })?.command, 20_000, 'a shorter one counts for each command');
  });

  it('have defaults, also for nodes of 0.1.0 and for what is no number', () => {
    for (const given of [
      {},
      { connectTimeout: '', replyTimeout: '' },
      { connectTimeout: 0, replyTimeout: -1 },
    ]) {
      const { connect, reply } = limits(given as Partial<Pop3InProperties>) ?? {};
      assert.deepEqual([connect, reply], [30_000, 300_000]);
    }
  });
});
