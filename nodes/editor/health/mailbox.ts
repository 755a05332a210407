/** One mailbox in the sidebar. */

import type { MailboxReport } from '../../admin/protocol';
import { button, type Card, nameOf, part, statusPart, warning } from './card';
import { hourChart } from './chart';
import { moment, relative } from './time';
import { sentenceOf, statusOf } from './words';

/** @param ask asks something of the runtime; the route begins with the node's id */
export function mailboxCard(ask: (route: string) => void): Card<MailboxReport> {
  let id = '';
  let node = '';
  const name = button('redletter-link').on('click', () => RED.view.reveal(node));
  const spin = $('<i class="fa fa-refresh" aria-hidden="true">');
  const check = button('red-ui-button red-ui-button-small redletter-check')
    .append(spin)
    .on('click', () => {
      // Told aloud to whoever asked; what the others do all day is not.
      status.element.attr('role', 'status');
      ask(`${encodeURIComponent(id)}/check`);
    });

  const status = statusPart();
  const where = part($('<div class="redletter-where">'), (told: string[]) => [
    told.filter((one) => one !== '').join(' · '),
  ]);
  const times = part($('<div class="redletter-times">'), (told: Times) => timesOf(told));
  const chart = part($('<div>'), ({ hours, now }: { hours: number[]; now: number }) => {
    const count = hours.reduce((sum, one) => sum + one, 0);
    const title = RED._('@redletter/node-red-pop3/pop3-in:health.mails', { count: String(count) });
    return [...(count === 0 ? [] : [hourChart(hours, now, title)]), $('<div>').text(title)];
  });
  const waiting = part(
    $('<div>'),
    ({ inFlight, unsettled }: Pick<MailboxReport, 'inFlight' | 'unsettled'>) => {
      const count = String(inFlight);
      const later = String(unsettled - inFlight);
      return unsettled === 0
        ? []
        : [RED._('@redletter/node-red-pop3/pop3-in:health.inFlight', { count, later })];
    },
  );
  const error = part($('<div class="redletter-error">'), (told: MailboxReport['error'] | null) =>
    told ? [warning(), ' ', sentenceOf(told)] : [],
  );
  const past = part($('<div>'), (told: MailboxReport['error'] | null) => {
    if (!told) return [];
    const text = sentenceOf(told);
    return [
      moment(told.at, (time) =>
        RED._('@redletter/node-red-pop3/pop3-in:health.lastError', { time, error: text }),
      ),
    ];
  });

  const summary = $('<summary>');
  const list = part($('<ul>'), ({ count, mails }: MailboxReport['setAside']) => {
    const rows = mails.map((mail) => {
      const what = mail.subject || mail.uid;
      const again = button('red-ui-button red-ui-button-small')
        .text(RED._('@redletter/node-red-pop3/pop3-in:health.tryAgain'))
        .attr('aria-label', RED._('@redletter/node-red-pop3/pop3-in:health.tryAgainOf', { mail: what }))
        .on('click', () => {
          // The row goes as soon as it is tried; whoever works by keyboard stays in the card.
          check.trigger('focus');
          ask(`${encodeURIComponent(id)}/set-aside/${encodeURIComponent(mail.uid)}/retry`);
        });
      const words = $('<span>').text(what).attr('title', mail.uid);
      return $('<li>').append(words, ...(mail.at === undefined ? [] : [moment(mail.at)]), again);
    });
    const more = { count: String(count - mails.length) };
    if (count > mails.length) {
      rows.push($('<li>').text(RED._('@redletter/node-red-pop3/pop3-in:health.more', more)));
    }
    return rows;
  });
  const aside = $('<details class="redletter-aside">').append(summary, list.element).hide();

  return {
    element: $('<li class="redletter-card">').append(
      $('<div class="redletter-head">').append($('<h4>').append(name), check),
      status.element,
      error.element,
      where.element,
      times.element,
      chart.element,
      waiting.element,
      aside,
      past.element,
    ),
    show: (report, skew) => {
      const later = <T extends number | undefined>(at: T): T => (at === undefined ? at : at + skew) as T;
      ({ id, node } = report);
      const label = nameOf(report);
      name.text(label);
      const now = RED._('@redletter/node-red-pop3/pop3-in:health.checkNow', { name: label });
      check.attr({ 'aria-label': now, title: now });
      spin.toggleClass('fa-spin', report.busy);
      status.show({ ...report.status, text: statusOf(report.status) });
      const told = report.error && { ...report.error, at: later(report.error.at) };
      error.show(told && !told.over ? told : null);
      past.show(told?.over ? told : null);
      where.show([report.user, report.host].filter((one) => one !== label));
      times.show({
        checkedAt: later(report.checkedAt),
        nextCheckAt: later(report.nextCheckAt),
        busy: report.busy,
        waits: report.error?.over === false && report.error.code === 'SIGN_IN_AGAIN',
      });
      chart.show({ hours: report.hours, now: Math.floor((Date.now() - skew) / HOUR_MS) * HOUR_MS });
      waiting.show({ inFlight: report.inFlight, unsettled: report.unsettled });
      const { count, mails } = report.setAside;
      aside.toggle(count > 0);
      summary.text(RED._('@redletter/node-red-pop3/pop3-in:health.setAside', { count: String(count) }));
      list.show({ count, mails: mails.map((mail) => (mail.at ? { ...mail, at: later(mail.at) } : mail)) });
    },
  };
}

const HOUR_MS = 60 * 60 * 1000;

interface Times {
  checkedAt: number | undefined;
  nextCheckAt: number | undefined;
  busy: boolean;
  /** For a person to sign in. */
  waits: boolean;
}

function timesOf({ checkedAt, nextCheckAt, busy, waits }: Times): (JQuery | string)[] {
  const told: (JQuery | string)[] = [];
  if (checkedAt !== undefined) {
    told.push(
      moment(checkedAt, (time) => RED._('@redletter/node-red-pop3/pop3-in:health.checked', { time })),
      ' · ',
    );
  }
  if (nextCheckAt !== undefined) {
    told.push(
      // It may be late by its turn; it is not in the past.
      moment(nextCheckAt, () =>
        RED._('@redletter/node-red-pop3/pop3-in:health.next', {
          time: relative(Math.max(nextCheckAt, Date.now())),
        }),
      ),
    );
  } else if (waits) told.push(RED._('@redletter/node-red-pop3/pop3-in:health.afterSignIn'));
  else if (!busy) told.push(RED._('@redletter/node-red-pop3/pop3-in:health.whenAsked'));
  else told.pop();
  return told;
}
