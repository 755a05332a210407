import type { HealthReport } from './protocol';

type Labels = Record<string, string>;
type Sample = [labels: Labels, value: number | undefined];

/**
 * A health report in Prometheus' text format, version 0.0.4. No address and no subject is in it: a mailbox is named by
 * its node, an account by its configuration node.
 */
export const metricsOf = (report: HealthReport): string =>
  [...ofMailboxes(report), ...ofAccounts(report), ...ofFleet(report)].join('');

type Mailbox = HealthReport['mailboxes'][number];

function ofMailboxes({ now, mailboxes }: HealthReport): string[] {
  const ofNode = ({ id, name }: Mailbox): Labels => ({ node: id, name });
  const each = (value: (mailbox: Mailbox) => number | undefined): Sample[] =>
    mailboxes.map((mailbox) => [ofNode(mailbox), value(mailbox)]);
  const total = (name: 'checks' | 'delivered' | 'redelivered' | 'deleted' | 'bytes'): Sample[] =>
    each(({ totals }) => totals[name]);
  const errors = mailboxes.flatMap((mailbox) =>
    Object.entries(mailbox.totals.errors).map(([code, n]): Sample => [{ ...ofNode(mailbox), code }, n]),
  );
  const owners = mailboxes.flatMap((mailbox): Sample[] =>
    mailbox.owner === undefined ? [] : [[{ ...ofNode(mailbox), replica: mailbox.owner }, 1]],
  );
  return [
    counter('checks_total', 'Checks that have ended.', total('checks')),
    counter('check_errors_total', 'Checks that have failed, by error code.', errors),
    counter('mails_delivered_total', 'Emails delivered to the flow.', total('delivered')),
    counter('mails_redelivered_total', 'Emails marked as possible duplicates.', total('redelivered')),
    counter('mails_deleted_total', 'Emails deleted from the server.', total('deleted')),
    counter('received_bytes_total', 'Bytes of emails received.', total('bytes')),
    gauge(
      'seconds_since_check',
      'Time since the last check ended.',
      each(({ checkedAt }) => seconds(checkedAt, now)),
    ),
    gauge(
      'mails_unacknowledged',
      'Emails not yet acknowledged.',
      each(({ unsettled }) => unsettled),
    ),
    gauge(
      'mails_quarantined',
      'Emails quarantined.',
      each(({ setAside }) => setAside.count),
    ),
    gauge('mailbox_owner', 'The Node-RED of the fleet that owns the mailbox.', owners),
  ];
}

function ofAccounts({ now, accounts }: HealthReport): string[] {
  const each = (value: (account: HealthReport['accounts'][number]) => number | undefined): Sample[] =>
    accounts.map((account) => [{ account: account.node, name: account.name }, value(account)]);
  return [
    gauge(
      'token_age_seconds',
      'Time since the access token was obtained.',
      each(({ renewedAt }) => seconds(renewedAt, now)),
    ),
    gauge(
      'token_expires_in_seconds',
      'Time until the access token expires.',
      each(({ expiresAt }) => seconds(now, expiresAt)),
    ),
  ];
}

function ofFleet({ fleet }: HealthReport): string[] {
  if (fleet === undefined) return [];
  const { replicas } = fleet;
  const each = (value: (replica: (typeof replicas)[number]) => number): Sample[] =>
    replicas.map((replica) => [{ replica: replica.name }, value(replica)]);
  return [
    gauge(
      'replica_up_seconds',
      'Time since a Node-RED joined the fleet.',
      each(({ ageMs }) => ageMs / 1000),
    ),
    gauge(
      'replica_heartbeat_age_seconds',
      'Time since the last heartbeat of a Node-RED of the fleet.',
      each(({ beatAgoMs }) => beatAgoMs / 1000),
    ),
    gauge(
      'replica_mailboxes_attended',
      'Mailboxes in its flows.',
      each(({ attended }) => attended),
    ),
    gauge(
      'replica_mailboxes_owned',
      'Mailboxes that it owns.',
      each(({ owned }) => owned),
    ),
    gauge('fleet_database_up', 'Whether the database of the fleet responds.', [
      [{}, replicas.length > 0 ? 1 : 0],
    ]),
  ];
}

const seconds = (from: number | undefined, to: number | undefined): number | undefined =>
  from === undefined || to === undefined ? undefined : (to - from) / 1000;

const counter = (name: string, help: string, samples: Sample[]): string =>
  family(name, 'counter', help, samples);
const gauge = (name: string, help: string, samples: Sample[]): string => family(name, 'gauge', help, samples);

/** One metric with its samples; nothing where it has none. */
function family(name: string, type: 'counter' | 'gauge', help: string, samples: Sample[]): string {
  const lines = samples.flatMap(([labels, value]) =>
    value === undefined ? [] : [`redletter_${name}${labelsOf(labels)} ${value}\n`],
  );
  if (lines.length === 0) return '';
  return `# HELP redletter_${name} ${help}\n# TYPE redletter_${name} ${type}\n${lines.join('')}`;
}

function labelsOf(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

/** Names are typed by people: a line ends only where the format says so. */
const escaped = (text: string): string =>
  text.replace(/[\\"\n]/g, (sign) => (sign === '\n' ? '\\n' : `\\${sign}`));
