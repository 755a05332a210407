import assert from 'node:assert/strict';
import type { MailboxReport } from '../../nodes/admin/protocol';
import { rememberSurroundings, reportText } from '../../nodes/editor/health/report';
import { rememberTranscript } from '../../nodes/editor/test/last-transcript';
import { POP3_IN_DEFAULTS } from '../../nodes/node-red/data/defaults';

const AT = Date.UTC(2026, 10, 29, 12);
const CANARY = 'canary';

/** A node whose every property that names something says so. */
const NODE = {
  ...POP3_IN_DEFAULTS,
  id: `${CANARY}-id`,
  name: `${CANARY}-name`,
  host: `${CANARY}.example.com`,
  directory: `/home/${CANARY}`,
  account: `${CANARY}-account`,
  tls: `${CANARY}-tls`,
  proxy: `${CANARY}-proxy`,
  trustedServer: `${CANARY}.example.com`,
  credentials: { user: `${CANARY}-user`, password: `${CANARY}-password` },
  interval: 123,
  _def: { defaults: Object.fromEntries(Object.keys(POP3_IN_DEFAULTS).map((name) => [name, {}])) },
};

const VERSIONS = { package: '1.2.3', nodeRed: '4.1.15', node: '20.1.0' };

function report(user: string): MailboxReport {
  const error = {
    code: 'AUTH',
    reason: 'wrong-password',
    facts: { user, password: `${CANARY}-fact` },
    message: `pop.example.com rejected ${user}. Check both.`,
  };
  const check = { at: AT, ms: 42, found: 3, delivered: 2, redelivered: 1 };
  return {
    id: NODE.id,
    node: NODE.id,
    name: NODE.name,
    host: NODE.host,
    user,
    path: [`${CANARY}-path`],
    account: NODE.account,
    status: { fill: 'red', shape: 'ring', text: 'wrong password' },
    busy: false,
    hours: [],
    redeliveredHours: [],
    totals: { checks: 1, delivered: 2, redelivered: 1, deleted: 0, bytes: 9, errors: {} },
    isPaused: false,
    error: { ...error, at: AT, over: false },
    checks: [
      { ...check, error },
      { ...check, at: AT - 1000 },
    ],
    mails: [
      {
        uid: `${CANARY}-uid`,
        subject: `${CANARY}-subject`,
        from: `${CANARY}@example.org`,
        bytes: 9,
        at: AT,
        redelivered: false,
        outcome: 'sent',
      },
    ],
    inFlight: 1,
    unsettled: 4,
    setAside: { count: 1, mails: [{ uid: `${CANARY}-aside`, subject: `${CANARY}-subject` }] },
  };
}

describe('the report of a mailbox for an issue', () => {
  const globals = globalThis as unknown as Record<string, unknown>;
  let before: PropertyDescriptor[];
  beforeEach(() => {
    before = ['RED', 'navigator'].map(
      (name) => Object.getOwnPropertyDescriptor(globals, name) ?? { value: undefined, configurable: true },
    );
    const RED = { nodes: { node: (id: string) => (id === NODE.id ? NODE : null) } };
    Object.defineProperty(globals, 'RED', { value: RED, configurable: true });
    Object.defineProperty(globals, 'navigator', { value: { userAgent: 'a browser' }, configurable: true });
    rememberSurroundings({ versions: VERSIONS });
  });
  afterEach(() => {
    for (const [at, name] of ['RED', 'navigator'].entries())
      Object.defineProperty(globals, name, before[at] ?? {});
    rememberTranscript(NODE.id, []);
  });

  it('holds versions, settings, the last error and checks, and the last test', () => {
    rememberTranscript(NODE.id, ['S: +OK ready', 'C: PASS ***']);
    const lines = reportText(report('alice@example.com')).split('\n');
    for (const line of [
      '  package: 1.2.3',
      '  nodeRed: 4.1.15',
      '  node: 20.1.0',
      '  browser: a browser',
      'status: wrong password',
      // Nothing of the sentence is lost but who it is.
      'error: AUTH wrong-password: pop.example.com rejected …@example.com. Check both.',
      'user: …@example.com',
      '  interval: 123',
      '  security: "tls"',
      'quarantined: 1, unacknowledged: 4',
      '  2026-11-29T12:00:00.000Z 42 ms AUTH wrong-password: pop.example.com rejected …@example.com. Check both.',
      '  2026-11-29T11:59:59.000Z 42 ms found 3, delivered 2, redelivered 1',
      'last connection test:',
      '  S: +OK ready',
      '  C: PASS ***',
    ])
      assert.ok(lines.includes(line), `${line}\n\n${lines.join('\n')}`);
  });

  it('has the Node-REDs of a fleet with load and heartbeat, by number', () => {
    const replica = {
      name: `${CANARY}-host`,
      version: '1.2.3',
      role: 'runtime',
      ageMs: 61_000,
      beatAgoMs: 900,
      attended: 9,
      owned: 4,
      draining: false,
      here: true,
    };
    const other = { ...replica, name: `${CANARY}-other`, here: false, owned: 5, draining: true };
    const said = (replicas: (typeof replica)[], owner?: string): string[] => {
      rememberSurroundings({ versions: VERSIONS, fleet: { replicas } });
      return reportText({ ...report('alice'), ...(owner && { owner }) }).split('\n');
    };
    const lines = said([replica, other], other.name);
    for (const line of [
      'fleet:',
      '  1: this one, runtime 1.2.3, owns 4 of 9, joined 61 s ago, heartbeat 1 s ago',
      '  2: owns the mailbox, draining, runtime 1.2.3, owns 5 of 9, joined 61 s ago, heartbeat 1 s ago',
    ])
      assert.ok(lines.includes(line), `${line}\n\n${lines.join('\n')}`);
    assert.doesNotMatch(lines.join('\n'), /canary/);
    assert.ok(said([]).includes('fleet: its database does not respond'));
  });

  it('names no person, host, folder, node, mail or secret', () => {
    assert.doesNotMatch(reportText(report('alice@example.com')), /canary|alice/);
  });

  for (const user of ['alice', 'alice@example.com', 'recent:alice@example.com']) {
    it(`masks ${user} wherever it is named`, () => {
      rememberTranscript(NODE.id, ['C: USER alice', 'S: -ERR alice is locked, bob@example.com is not']);
      const text = reportText(report(user));
      assert.doesNotMatch(text, /alice|bob/);
      assert.match(text, /-ERR … is locked, …@example\.com is not/);
    });
  }
});
