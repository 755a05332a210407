/** One mailbox in the Mail tab: what is wrong and what can be done first, everything else folded away. */
import type { MailboxReport } from '../../admin/protocol';
import { MailboxApi } from '../api';
import { sentenceOf, statusWord, word } from '../i18n';
import { type Ask, button, type Card, nameOf, type Part, part, statusPart, warning } from './card';
import { hourChart } from './chart';
import { MailboxDetails } from './details';
import { moveOf, ownerPart } from './fleet';
import { LeadOn } from './lead-on';
import { quarantineList } from './quarantine';
import { moment, relative } from './time';

const HOUR_MS = 60 * 60 * 1000;

/** True where a person has to do something. */
export const needsPerson = ({ error, setAside }: MailboxReport): boolean =>
  (error !== undefined && !error.over) || setAside.count > 0;

export class MailboxCard implements Card<MailboxReport> {
  readonly #ask: Ask;
  readonly element = $('<li class="redletter-card">');
  #report: MailboxReport | undefined;
  readonly #name = button('redletter-link').on('click', () => RED.view.reveal(this.#report?.node ?? ''));
  readonly #check = this.#iconButton('redletter-check', 'fa-refresh', (api) => api.check());
  readonly #pause = this.#iconButton('redletter-pause', 'fa-pause', (api) =>
    this.#report?.isPaused ? api.resume() : api.pause(),
  );
  readonly #leadOn: LeadOn;

  readonly #status = statusPart();
  readonly #where = part($('<div class="redletter-where">'), (said: string[]) => [
    said.filter((one) => one !== '').join(' · '),
  ]);
  readonly #owner: Part<ReturnType<typeof moveOf>>;
  readonly #times = part($('<div class="redletter-times">'), timesOf);
  readonly #count = part($('<div class="redletter-count">'), countOf);
  readonly #chart = part($('<div>'), chartOf);
  readonly #waiting = part($('<div>'), ({ inFlight, unsettled }: Waiting) =>
    unsettled === 0
      ? []
      : [word('health.inFlight', { count: String(inFlight), later: String(unsettled - inFlight) })],
  );
  readonly #error = part($('<div class="redletter-error">'), (said: MailboxReport['error'] | null) =>
    said ? [warning(), ' ', sentenceOf(said, 'running') ?? ''] : [],
  );
  readonly #past = part($('<div>'), (said: MailboxReport['error'] | null) => {
    if (!said) return [];
    const text = sentenceOf(said, 'running') ?? '';
    return [moment(said.at, (time) => word('health.lastError', { time, error: text }))];
  });
  readonly #quarantine = quarantineList((uid) => {
    // The row goes as soon as it is tried; a person who works by keyboard stays in the card.
    this.#check.trigger('focus');
    this.#ask(this.#api.retry(uid));
  });
  readonly #details: MailboxDetails;

  /** @param open asks for the details of this mailbox, or no more */
  constructor(ask: Ask, open: (id: string, is: boolean) => void) {
    this.#ask = ask;
    this.#owner = ownerPart(ask);
    this.#leadOn = new LeadOn(ask);
    this.#details = new MailboxDetails(
      () => this.#report,
      (is) => open(this.#report?.id ?? '', is),
      (uid) => this.#ask(this.#api.send({ key: uid })),
    );
    this.#details.element.prepend(this.#chart.element, this.#past.element);
    this.element.append(
      $('<div class="redletter-head">').append($('<h4>').append(this.#name), this.#check, this.#pause),
      this.#status.element,
      this.#where.element,
      this.#owner.element,
      this.#error.element,
      this.#leadOn.element,
      this.#times.element,
      this.#count.element,
      this.#waiting.element,
      this.#quarantine.element,
      this.#details.folded,
    );
  }

  show(report: MailboxReport, skew: number): void {
    const later = <T extends number | undefined>(at: T): T => (at === undefined ? at : at + skew) as T;
    this.#report = report;
    const label = nameOf(report);
    const path = report.path.join(' / ');
    this.#name.text(path === '' ? label : `${label} (${path})`);
    this.element.toggleClass('redletter-needs-person', needsPerson(report));
    this.#showButtons(report, label);
    this.#status.show({
      ...report.status,
      text: statusWord(report.status.text, report.status.key, report.status.facts),
    });
    const said = report.error && { ...report.error, at: later(report.error.at) };
    this.#error.show(said && !said.over ? said : null);
    this.#past.show(said?.over ? said : null);
    const { error, node, account } = report;
    this.#leadOn.show(error && !error.over ? { error, node, account } : undefined);
    this.#where.show([report.user, report.host].filter((one) => one !== label));
    this.#owner.show(moveOf(report));
    this.#times.show({
      checkedAt: later(report.checkedAt),
      nextCheckAt: later(report.nextCheckAt),
      // Of a mailbox that another Node-RED has, its owner alone knows the next check.
      busy: report.busy || report.status.text === 'elsewhere',
      paused: report.isPaused,
      waits: report.error?.over === false && report.error.code === 'SIGN_IN_AGAIN',
    });
    const sum = (hours: number[]): number => hours.reduce((total, one) => total + one, 0);
    this.#count.show({ count: sum(report.hours), redelivered: sum(report.redeliveredHours) });
    this.#chart.show({ hours: report.hours, now: Math.floor((Date.now() - skew) / HOUR_MS) * HOUR_MS });
    this.#waiting.show({ inFlight: report.inFlight, unsettled: report.unsettled });
    this.#quarantine.show(report.setAside, skew);
    this.#details.show(report, skew);
  }

  #showButtons(report: MailboxReport, label: string): void {
    const now = word('health.checkNow', { name: label });
    this.#check.attr({ 'aria-label': now, title: now }).find('.fa').toggleClass('fa-spin', report.busy);
    const pause = word(report.isPaused ? 'health.resume' : 'health.pause', { name: label });
    this.#pause
      .attr({ 'aria-label': pause, title: pause })
      .find('.fa')
      .attr('class', `fa ${report.isPaused ? 'fa-play' : 'fa-pause'}`);
  }

  get #api(): MailboxApi {
    return new MailboxApi(this.#report?.id ?? '');
  }

  #iconButton(kind: string, icon: string, act: (api: MailboxApi) => Promise<object>): JQuery {
    return button(`red-ui-button red-ui-button-small ${kind}`)
      .append($('<i class="fa" aria-hidden="true">').addClass(icon))
      .on('click', () => {
        // Announced to the person who asked; what the others do all day is not.
        this.#status.element.attr('role', 'status');
        this.#ask(act(this.#api));
      });
  }
}

type Waiting = Pick<MailboxReport, 'inFlight' | 'unsettled'>;

function countOf({ count, redelivered }: { count: number; redelivered: number }): string[] {
  const said = [word('health.mails', { count: String(count) })];
  if (redelivered > 0) said.push(word('health.redelivered', { count: String(redelivered) }));
  return [said.join(' · ')];
}

function chartOf({ hours, now }: { hours: number[]; now: number }): SVGElement[] {
  const count = hours.reduce((sum, one) => sum + one, 0);
  return count === 0 ? [] : [hourChart(hours, now, word('health.mails', { count: String(count) }))];
}

interface Times {
  checkedAt: number | undefined;
  nextCheckAt: number | undefined;
  busy: boolean;
  paused: boolean;
  /** For a person to sign in. */
  waits: boolean;
}

function timesOf({ checkedAt, nextCheckAt, busy, paused, waits }: Times): (JQuery | string)[] {
  const said: (JQuery | string)[] = [];
  const add = (one: JQuery | string): void => {
    if (said.length > 0) said.push(' · ');
    said.push(one);
  };
  if (checkedAt !== undefined) add(moment(checkedAt, (time) => word('health.checked', { time })));
  if (paused) return said;
  if (nextCheckAt !== undefined) {
    // It may be late by its turn; it is not in the past.
    const time = (): string => relative(Math.max(nextCheckAt, Date.now()));
    add(moment(nextCheckAt, () => word('health.next', { time: time() })));
  } else if (waits) add(word('health.afterSignIn'));
  else if (!busy) add(word('health.whenAsked'));
  return said;
}
