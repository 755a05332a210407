import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { CheckSummary } from '../../../nodes/mailbox';
import { AttendedMailbox, type AttendingFleet } from '../../../nodes/runtime/fleet/attended';
import type { Inbox } from '../../../nodes/runtime/fleet/inbox';
import type { Lease } from '../../../nodes/runtime/fleet/leases';
import { Places } from '../../../nodes/runtime/fleet/places';
import { attend } from '../../../servers/attended-mailbox';

const LEASE: Lease = { mailbox: 'box', replica: '00000000-0000-4000-8000-000000000000', term: '1' };
/** No server is there. */
const PORT = 1;

/** By node: what its ledger says of the mail `m`. */
type Ledgers = Record<string, [letter: string, fingerprint: string]>;

/** A replica that owns a mailbox, as far as two nodes on it go. */
function replica(
  ledgers: Ledgers,
  elsewhere: string[] = [],
  inbox: Partial<Inbox> = {},
): Record<string, AttendedMailbox> {
  const query = async ({ name }: { name: string }, values: unknown[] = []): Promise<object[]> => {
    const [mailbox] = values;
    assert.equal(mailbox, 'box');
    const node = String(values[name === 'log-open' ? 3 : 1]);
    const [letter, fingerprint] = ledgers[node] ?? ['b', ''];
    const known = [['um', letter, 1_700_000_000, fingerprint, 100]];
    const record = { is: 'snapshot', baseline: true, checked: 1_700_000_000, known, open: [], gone: [] };
    if (name === 'log-open' || name === 'spool-open') return [{ own: 1, version: 1, late: null, last: '1' }];
    if (name === 'log-read') return [{ seq: '1', record: JSON.stringify(record) }];
    return name === 'other-nodes' ? elsewhere.map((one) => ({ node: one })) : [];
  };
  const all: AttendedMailbox[] = [];
  const fleet = {
    connected: {
      database: { query, bulk: query, name: 'a database' },
      leases: { owns: () => true, attended: 'x', fence: () => undefined },
      inbox: { acknowledgements: async () => [], ...inbox },
    },
    trouble: undefined,
    local: undefined,
    opening: new Places(2),
    others: (of: AttendedMailbox) => all.filter((one) => one !== of),
    doubt: () => undefined,
    left: async () => undefined,
  } as unknown as AttendingFleet;
  for (const user of Object.keys(ledgers).map((node) => node.slice('node-'.length))) {
    const room = {
      attend: (node: string) => {
        const one = new AttendedMailbox(fleet, node, 'box');
        all.push(one);
        return one;
      },
    };
    attend(room, { name: 'a', user, port: PORT, interval: 0, deliver: async () => undefined });
  }
  for (const one of all) one.own(LEASE);
  return Object.fromEntries(all.map((one) => [one.node, one]));
}

describe('runtime/fleet: two nodes on one mailbox', () => {
  const mayDelete = async (ledgers: Ledgers, elsewhere?: string[]): Promise<boolean> => {
    const nodes = replica(ledgers, elsewhere);
    try {
      // Each begins in the next turn; a check fails for want of a server, when the ledger has been read.
      await new Promise(setImmediate);
      for (const one of Object.values(nodes)) await assert.rejects(one.check(), { code: 'CONNECT' });
      return nodes['node-a']?.mayDelete('um') ?? assert.fail();
    } finally {
      for (const one of Object.values(nodes)) await one.stop();
    }
  };

  it('delete a mail that both have had, and none that one of them has had in part, or not at all', async () => {
    assert.equal(await mayDelete({ 'node-a': ['h', 'F'], 'node-b': ['h', 'F'] }), true);
    assert.equal(await mayDelete({ 'node-a': ['h', 'F'], 'node-b': ['h', ''] }), true);
    assert.equal(await mayDelete({ 'node-a': ['h', 'F'], 'node-b': ['k', 'F'] }), false);
    assert.equal(await mayDelete({ 'node-a': ['h', 'F'], 'node-b': ['s', 'F'] }), false);
  });

  it('delete none whose ID the other knows of another mail', async () => {
    assert.equal(await mayDelete({ 'node-a': ['h', 'F'], 'node-b': ['h', 'G'] }), false);
  });

  it('delete none that a node in the flows of another replica may still want', async () => {
    assert.equal(await mayDelete({ 'node-a': ['h', 'F'], 'node-b': ['h', 'F'] }, ['node-c']), false);
  });
});

describe('runtime/fleet: a check asked of another replica', () => {
  it('goes on where the mailbox is, when that has come here meanwhile and gone again', async () => {
    const summary = { delivered: 0 } as CheckSummary;
    let asked = 0;
    const { 'node-a': one } = replica({ 'node-a': ['b', ''] }, [], {
      check: async (_mailbox, _node, signal) => {
        asked += 1;
        if (asked > 1) return summary;
        one?.own(LEASE);
        await once(signal, 'abort');
        one?.lose();
        throw signal.reason;
      },
    });
    one?.lose();
    assert.equal(await one?.check(), summary);
    await one?.stop();
  });
});
