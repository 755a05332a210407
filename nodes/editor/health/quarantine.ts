/** The quarantined mails of a mailbox, each with a retry. */
import type { MailboxReport } from '../../admin/protocol';
import { word } from '../i18n';
import { button, part } from './card';
import { moment } from './time';

type Quarantined = MailboxReport['setAside'];

export function quarantineList(retry: (uid: string) => void): {
  element: JQuery;
  show(quarantined: Quarantined, skew: number): void;
} {
  const summary = $('<summary>');
  const list = part($('<ul>'), ({ count, mails }: Quarantined) => {
    const rows = mails.map((mail) => rowOf(mail, retry));
    const more = { count: String(count - mails.length) };
    if (count > mails.length) rows.push($('<li>').text(word('health.more', more)));
    return rows;
  });
  const element = $('<details class="redletter-aside">').append(summary, list.element).hide();
  return {
    element,
    show: ({ count, mails }, skew) => {
      element.toggle(count > 0);
      summary.text(word('health.setAside', { count: String(count) }));
      list.show({ count, mails: mails.map((mail) => (mail.at ? { ...mail, at: mail.at + skew } : mail)) });
    },
  };
}

function rowOf(
  { uid, subject, from, at }: Quarantined['mails'][number],
  retry: (uid: string) => void,
): JQuery {
  // The server's bytes: controls and marks of direction are not shown.
  const id = uid.replace(/\p{C}/gu, '·');
  const what = subject || id;
  const again = button('red-ui-button red-ui-button-small')
    .text(word('health.tryAgain'))
    .attr('aria-label', word('health.tryAgainOf', { mail: what }))
    .on('click', () => retry(uid));
  const said = $('<span>')
    .text(from ? `${what} (${from})` : what)
    .attr('title', id);
  return $('<li>').append(said, ...(at === undefined ? [] : [moment(at)]), again);
}
