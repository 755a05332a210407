/** The Node-REDs of a fleet in the Mail tab, and where a mailbox can be moved. */
import type { HealthReport, MailboxReport, ReplicaReport } from '../../admin/protocol';
import { drainReplica, moveMailbox } from '../api';
import { word } from '../i18n';
import { type Ask, arrange, button, type Card, type Part, part } from './card';
import { moment } from './time';

let replicas: ReplicaReport[] = [];

/** One that has not beaten for so long is about to be taken for dead, ms. */
const LATE_MS = 5_000;

/** The list of Node-REDs: hidden without a fleet. */
export class FleetPart {
  readonly #ask: Ask;
  /** Of the last report, ms since the epoch. */
  #now = 0;
  readonly #list = $('<ul>');
  readonly #cards = new Map<string, Card<ReplicaReport>>();
  readonly #away = part($('<div class="redletter-error">'), (is: boolean) =>
    is ? [word('health.fleetAway')] : [],
  );
  readonly element = $('<section class="redletter-fleet">')
    .attr('aria-label', word('health.fleet'))
    .append($('<h3>').text(word('health.fleet')), this.#away.element, this.#list)
    .hide();

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  show(fleet: HealthReport['fleet'], now: number, skew: number): void {
    this.#now = now;
    replicas = fleet?.replicas ?? [];
    this.element.toggle(fleet !== undefined);
    this.#away.show(fleet !== undefined && replicas.length === 0);
    const reports = replicas.map((one): [string, ReplicaReport] => [one.name, one]);
    arrange(this.#list, this.#cards, reports, () => replicaCard(this.#ask, () => this.#now), skew);
  }
}

function replicaCard(ask: Ask, now: () => number): Card<ReplicaReport> {
  let shown: ReplicaReport | undefined;
  const name = $('<span>');
  const drain = button('red-ui-button red-ui-button-small redletter-drain').on('click', () => {
    if (shown !== undefined) ask(drainReplica({ replica: shown.name, draining: !shown.draining }));
  });
  const facts = part($('<div class="redletter-where">'), (said: string[]) => [said.join(' · ')]);
  const age = part(
    $('<div class="redletter-times">'),
    ({ since, late }: { since: number; late: boolean }) => [
      moment(since, (time) => word('health.joined', { time })),
      ...(late ? [` · ${word('health.late')}`] : []),
    ],
  );
  return {
    element: $('<li class="redletter-card redletter-replica">').append(
      $('<div class="redletter-head">').append($('<h4>').append(name), drain),
      facts.element,
      age.element,
    ),
    show: (report, skew) => {
      shown = report;
      name.text(report.name);
      const { owned, attended, draining, role, here, version } = report;
      facts.show([
        ...(here ? [word('health.thisNodeRed')] : []),
        role === 'editor'
          ? word('health.editorRole')
          : word('health.load', { owned: String(owned), attended: String(attended) }),
        ...(draining ? [word('health.draining')] : []),
        version,
      ]);
      // To the minute, so that the card changes only where something has.
      const since = Math.floor((now() - report.ageMs + skew) / 60_000) * 60_000;
      age.show({ since, late: report.beatAgoMs > LATE_MS });
      const label = word(draining ? 'health.undrain' : 'health.drain', { name: report.name });
      drain.text(word(draining ? 'health.undrainIt' : 'health.drainIt')).attr('aria-label', label);
      drain.toggle(role !== 'editor');
    },
  };
}

interface Move {
  id: string;
  owner: string | undefined;
  others: string[];
}

/** Which Node-RED owns a mailbox, and where it can go. Nothing without a fleet. */
export function ownerPart(ask: Ask): Part<Move> {
  return part($('<div class="redletter-owner">'), ({ id, owner, others }) => {
    if (owner === undefined) return [];
    const said = word('health.owner', { name: owner });
    if (others.length === 0) return [said];
    const select = $('<select>')
      .attr('aria-label', word('health.moveTo'))
      .append(
        $('<option value="">').text(word('health.moveTo')),
        ...others.map((name) => $('<option>').val(name).text(name)),
      )
      .on('change', () => {
        const replica = String(select.val());
        if (replica !== '') ask(moveMailbox({ id, replica }));
      });
    return [said, select];
  });
}

/** What {@link ownerPart} shows of a mailbox. */
export const moveOf = ({ id, owner }: MailboxReport): Move => ({
  id,
  owner,
  others: replicas
    .filter(({ name, role, draining }) => name !== owner && role === 'runtime' && !draining)
    .map(({ name }) => name),
});
