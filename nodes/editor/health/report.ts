/** A mailbox as a text to paste into an issue: versions, settings without secrets, the last checks, the last test. */
import type { HealthReport, MailboxReport } from '../../admin/protocol';
import { lastTranscript } from '../test/last-transcript';

let surroundings: Pick<HealthReport, 'versions' | 'fleet'> | undefined;

/** What every report says beside its mailbox. */
export const rememberSurroundings = (known: Pick<HealthReport, 'versions' | 'fleet'>): void => {
  surroundings = known;
};

/** The Node-REDs of the fleet by number: their names are often those of hosts. Nothing without a fleet. */
function fleetLines({ owner }: MailboxReport): string[] {
  const replicas = surroundings?.fleet?.replicas;
  if (replicas === undefined) return [];
  if (replicas.length === 0) return ['fleet: its database does not respond'];
  const each = replicas.map((replica, at) => {
    const { version, role, owned, attended, ageMs, beatAgoMs } = replica;
    const facts = [
      ...(replica.here ? ['this one'] : []),
      ...(replica.name === owner ? ['owns the mailbox'] : []),
      ...(replica.draining ? ['draining'] : []),
      `${role} ${version}`,
      `owns ${owned} of ${attended}`,
      `joined ${Math.round(ageMs / 1000)} s ago`,
      `heartbeat ${Math.round(beatAgoMs / 1000)} s ago`,
    ];
    return `  ${at + 1}: ${facts.join(', ')}`;
  });
  return ['fleet:', ...each];
}

/** Properties that name people, hosts or folders are left out, whatever they hold. */
const LEFT_OUT =
  /^(id|type|z|x|y|w|h|wires|name|user|password|host|directory|account|tls|proxy|trustedServer|credentials)$/;

/** An address keeps its domain: which provider it is matters, who it is does not. */
function masked(text: string, user: string): string {
  const name = user.replace(/^recent:/, '').split('@')[0] ?? '';
  // Servers and errors name the user without the domain too.
  const named = name === '' ? text : text.replaceAll(name, '…');
  return named.replace(/[^\s@:/()“”"]+@/g, '…@');
}

export function reportText(report: MailboxReport): string {
  const node = RED.nodes.node(report.node);
  const names = Object.keys(node?._def.defaults ?? {}).filter((name) => !LEFT_OUT.test(name));
  const settings = names.map((name) => `  ${name}: ${JSON.stringify(node?.[name] ?? null)}`);
  const checks = report.checks.map(({ at, ms, found, delivered, redelivered, error }) => {
    const when = new Date(at).toISOString();
    return error
      ? `  ${when} ${ms} ms ${error.code} ${error.reason}: ${error.message}`
      : `  ${when} ${ms} ms found ${found}, delivered ${delivered}, redelivered ${redelivered}`;
  });
  const { error } = report;
  const transcript = lastTranscript(report.node).map((line) => `  ${line}`);
  return masked(
    [
      '@redletter/node-red-pop3',
      ...Object.entries(surroundings?.versions ?? {}).map(([name, version]) => `  ${name}: ${version}`),
      `  browser: ${navigator.userAgent}`,
      `status: ${report.status.text}`,
      ...(error ? [`error: ${error.code} ${error.reason}: ${error.message}`] : []),
      `user: ${report.user}`,
      ...fleetLines(report),
      'settings:',
      ...settings,
      `quarantined: ${report.setAside.count}, unacknowledged: ${report.unsettled}`,
      'checks:',
      ...checks,
      ...(transcript.length > 0 ? ['last connection test:', ...transcript] : []),
    ].join('\n'),
    report.user,
  );
}
