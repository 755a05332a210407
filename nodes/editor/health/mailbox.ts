/** One mailbox in the sidebar. */

import type { MailboxReport } from '../../admin/protocol';
import { MailboxApi } from '../api';
import { sentenceOf, statusWord, word } from '../i18n';
import { button, type Card, nameOf, part, statusPart, warning } from './card';
import { hourChart } from './chart';
import { moment, relative } from './time';

/** @param ask waits for a request, and shows what came of it */
export function mailboxCard(ask: (request: Promise<object>) => void): Card<MailboxReport> {
  let id = '';
  let node = '';
  const name = button('redletter-link').on('click', () => RED.view.reveal(node));
  const spin = $('<i class="fa fa-refresh" aria-hidden="true">');
  const check = button('red-ui-button red-ui-button-small redletter-check')
    .append(spin)
    .on('click', () => {
      // Told aloud to whoever asked; what the others do all day is not.
      status.element.attr('role', 'status');
      ask(new MailboxApi(id).check());
    });

  const status = statusPart();
  const where = part($('<div class="redletter-where">'), (told: string[]) => [
    told.filter((one) => one !== '').join(' · '),
  ]);
  const times = part($('<div class="redletter-times">'), (told: Times) => timesOf(told));
  const chart = part($('<div>'), ({ hours, now }: { hours: number[]; now: number }) => {
    const count = hours.reduce((sum, one) => sum + one, 0);
    const title = word('health.mails', { count: String(count) });
    return [...(count === 0 ? [] : [hourChart(hours, now, title)]), $('<div>').text(title)];
  });
  const waiting = part(
    $('<div>'),
    ({ inFlight, unsettled }: Pick<MailboxReport, 'inFlight' | 'unsettled'>) => {
      const count = String(inFlight);
      const later = String(unsettled - inFlight);
      return unsettled === 0 ? [] : [word('health.inFlight', { count, later })];
    },
  );
  const error = part($('<div class="redletter-error">'), (told: MailboxReport['error'] | null) =>
    told ? [warning(), ' ', sentenceOf(told, 'running') ?? ''] : [],
  );
  const past = part($('<div>'), (told: MailboxReport['error'] | null) => {
    if (!told) return [];
    const text = sentenceOf(told, 'running') ?? '';
    return [moment(told.at, (time) => word('health.lastError', { time, error: text }))];
  });

  const summary = $('<summary>');
  const list = part($('<ul>'), ({ count, mails }: MailboxReport['setAside']) => {
    const rows = mails.map((mail) => {
      const what = mail.subject || mail.uid;
      const again = button('red-ui-button red-ui-button-small')
        .text(word('health.tryAgain'))
        .attr('aria-label', word('health.tryAgainOf', { mail: what }))
        .on('click', () => {
          // The row goes as soon as it is tried; whoever works by keyboard stays in the card.
          check.trigger('focus');
          ask(new MailboxApi(id).retry(mail.uid));
        });
      const words = $('<span>').text(what).attr('title', mail.uid);
      return $('<li>').append(words, ...(mail.at === undefined ? [] : [moment(mail.at)]), again);
    });
    const more = { count: String(count - mails.length) };
    if (count > mails.length) {
      rows.push($('<li>').text(word('health.more', more)));
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
      const now = word('health.checkNow', { name: label });
      check.attr({ 'aria-label': now, title: now });
      spin.toggleClass('fa-spin', report.busy);
      status.show({
        ...report.status,
        text: statusWord(report.status.text, report.status.key, report.status.facts),
      });
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
      summary.text(word('health.setAside', { count: String(count) }));
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
      moment(checkedAt, (time) => word('health.checked', { time })),
      ' · ',
    );
  }
  if (nextCheckAt !== undefined) {
    told.push(
      // It may be late by its turn; it is not in the past.
      moment(nextCheckAt, () =>
        word('health.next', {
          time: relative(Math.max(nextCheckAt, Date.now())),
        }),
      ),
    );
  } else if (waits) told.push(word('health.afterSignIn'));
  else if (!busy) told.push(word('health.whenAsked'));
  else told.pop();
  return told;
}
