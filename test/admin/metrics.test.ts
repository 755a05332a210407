import assert from 'node:assert/strict';
import { metricsOf } from '../../nodes/admin/metrics';
import type { HealthReport } from '../../nodes/admin/protocol';

const mailbox = {
  id: 'n1',
  node: 'n1',
  name: 'support "a\\b"\nc',
  host: 'pop.example.com',
  user: 'canary@example.com',
  path: [],
  status: { fill: 'grey', shape: 'ring', text: 'idle' },
  busy: false,
  checkedAt: 1_000_000,
  hours: [],
  redeliveredHours: [],
  totals: {
    checks: 7,
    delivered: 5,
    redelivered: 1,
    deleted: 4,
    bytes: 4321,
    errors: { CONNECT: 2, AUTH: 1 },
  },
  owner: 'mail-2',
  isPaused: false,
  checks: [],
  mails: [],
  inFlight: 0,
  unsettled: 3,
  setAside: { count: 2, mails: [] },
} as unknown as HealthReport['mailboxes'][number];
const account = {
  node: 'a1',
  name: 'google',
  provider: 'google',
  user: 'canary@example.com',
  label: 'canary@example.com',
  state: 'signed-in',
  renewedAt: 940_000,
  expiresAt: 4_540_000,
} as unknown as HealthReport['accounts'][number];
const replica = {
  name: 'mail-1',
  version: '1',
  role: 'runtime',
  ageMs: 60_000,
  beatAgoMs: 500,
  attended: 9,
  owned: 3,
  draining: false,
  here: true,
};
const versions = { package: '1', nodeRed: '4', node: '20' };

describe('admin/metrics', () => {
  it('are samples in the text format, with names escaped and no address', () => {
    const fleet = { replicas: [replica, { ...replica, name: 'mail-2', owned: 6 }] };
    const text = metricsOf({ now: 1_030_000, versions, mailboxes: [mailbox], accounts: [account], fleet });
    const labels = 'node="n1",name="support \\"a\\\\b\\"\\nc"';
    for (const line of [
      `redletter_checks_total{${labels}} 7`,
      `redletter_check_errors_total{${labels},code="CONNECT"} 2`,
      `redletter_mails_delivered_total{${labels}} 5`,
      `redletter_received_bytes_total{${labels}} 4321`,
      `redletter_seconds_since_check{${labels}} 30`,
      `redletter_mails_unacknowledged{${labels}} 3`,
      `redletter_mailbox_owner{${labels},replica="mail-2"} 1`,
      'redletter_token_age_seconds{account="a1",name="google"} 90',
      'redletter_token_expires_in_seconds{account="a1",name="google"} 3510',
      'redletter_replica_mailboxes_owned{replica="mail-2"} 6',
      'redletter_replica_heartbeat_age_seconds{replica="mail-1"} 0.5',
      'redletter_fleet_database_up 1',
    ])
      assert.ok(text.split('\n').includes(line), `${line}\n${text}`);
    assert.doesNotMatch(text, /canary/);
    // Each line is a comment or a sample, each family has its type once, and the last line ends.
    const sample =
      /^redletter_[a-z_]+(\{[a-z]+="(?:[^"\\\n]|\\["\\n])*"(,[a-z]+="(?:[^"\\\n]|\\["\\n])*")*\})? [-\d.e+]+$/;
    assert.ok(text.endsWith('\n'));
    for (const line of text.trimEnd().split('\n'))
      assert.match(line, /^# (HELP|TYPE) /.test(line) ? /^#/ : sample);
    const types = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
    assert.equal(new Set(types).size, types.length);
  });

  it('have nothing of a fleet where there is none, and say where its database does not respond', () => {
    const alone = { now: 0, versions, mailboxes: [], accounts: [] };
    assert.equal(metricsOf(alone), '');
    assert.match(metricsOf({ ...alone, fleet: { replicas: [] } }), /^redletter_fleet_database_up 0$/m);
  });
});
