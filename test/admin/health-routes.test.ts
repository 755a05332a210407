import assert from 'node:assert/strict';
import type { HealthReport } from '../../nodes/admin/protocol';
import { POP3_IN_DEFAULTS as defaults } from '../../nodes/node-red/data/defaults';
import { type FlowNode, type NodeRed, startNodeRed } from '../../servers/node-red';
import { filesBelow } from '../sources';
import { CHANGING_ROUTES } from './routes';

describe('routes of the Mail tab, where Node-RED has no login', function () {
  this.timeout(60_000);
  let nodeRed: NodeRed;
  before(async () => {
    nodeRed = await startNodeRed({ version: 4 });
  });
  after(() => nodeRed?.remove());

  const own = () => new URL(nodeRed.url).origin;
  const foreign = () => [
    'https://evil.example',
    'http://127.0.0.1:1',
    'null',
    'nonsense',
    `${own()}.evil.example`,
    own().replace('http:', 'https:').replace(/:\d+$/, ''),
  ];
  const health = (headers: Record<string, string>) => nodeRed.admin('redletter/health', { headers });
  const check = (headers: Record<string, string>) =>
    nodeRed.admin('redletter/pop3-in/none/check', { json: {}, headers });

  it('answer the editor, over HTTP and over HTTPS, and programs that are no browser', async () => {
    for (const headers of [
      {},
      { origin: own() },
      { 'sec-fetch-site': 'same-origin' },
      { 'sec-fetch-site': 'same-origin', origin: 'https://behind-a-proxy.example' },
    ] as Record<string, string>[]) {
      const answer = await health(headers);
      assert.equal(answer.status, 200, JSON.stringify(headers));
      assert.equal(answer.headers.get('cache-control'), 'no-store');
      assert.deepEqual(((await answer.json()) as { mailboxes: unknown[] }).mailboxes, []);
      const metrics = await nodeRed.admin('redletter/metrics', { headers });
      assert.equal(metrics.status, 200);
      assert.match(metrics.headers.get('content-type') ?? '', /^text\/plain; .*version=0\.0\.4/);
      // There is no such mailbox, which is said only to those who may ask.
      assert.equal((await check(headers)).status, 404, JSON.stringify(headers));
    }
  });

  it('tell pages of other origins nothing, and do nothing for them (S7)', async () => {
    const sites = ['cross-site', 'same-site', 'none'].map((site) => ({ 'sec-fetch-site': site }));
    for (const headers of [...sites, ...foreign().map((origin) => ({ origin }))] as Record<
      string,
      string
    >[]) {
      const metrics = await nodeRed.admin('redletter/metrics', { headers });
      for (const answer of [await health(headers), metrics, await check(headers)]) {
        assert.equal(answer.status, 403, JSON.stringify(headers));
        assert.deepEqual(await answer.json(), { error: 'forbidden' });
      }
    }
  });

  it('refuse JSON of another origin in every route that changes something', async () => {
    const registered = [...filesBelow('nodes/admin', '.ts').values()].flatMap((text) =>
      [...text.matchAll(/^ {2}(?:route|post)\('([^']+)'/gm)].map(([, name = '']) => name.split('/').at(-1)),
    );
    assert.deepEqual(CHANGING_ROUTES.map((route) => route.split('/').at(-1)).sort(), registered.sort());
    for (const route of CHANGING_ROUTES) {
      const answer = await nodeRed.admin(route, { json: {}, headers: { origin: 'https://evil.example' } });
      assert.equal(answer.status, 403, route);
    }
  });

  it('name a mailbox in a subflow by the instances around it', async () => {
    const inside = { ...defaults, id: 'inner', type: 'pop3 in', z: 'sub', name: 'Inbox', wires: [[]] };
    await nodeRed.deploy([
      { id: 'tab', type: 'tab', label: 'Mail' },
      { id: 'sub', type: 'subflow', name: 'Tickets', in: [], out: [] },
      { ...inside, auth: 'password', host: 'pop.example.com', interval: 0, credentials: { user: 'alice' } },
      { id: 'one', type: 'subflow:sub', z: 'tab', name: 'Sales', wires: [] },
      { id: 'two', type: 'subflow:sub', z: 'tab', name: '', wires: [] },
    ] as FlowNode[]);
    const { mailboxes } = (await (await health({})).json()) as HealthReport;
    assert.deepEqual(mailboxes.map(({ name, path }) => [name, path]).sort(), [
      ['Inbox', ['Sales']],
      ['Inbox', ['two']],
    ]);
  });

  it('move and drain nothing where there is no fleet', async () => {
    for (const [route, json] of [
      ['move', { id: 'none', replica: 'b' }],
      ['drain', { replica: 'b', draining: true }],
      ['drain', {}],
    ] as const)
      assert.equal((await nodeRed.admin(`redletter/fleet/${route}`, { json })).status, 404, route);
  });
});
