/** What a mailbox did last: its checks and its mails, and a report of all of it for an issue. */
import type { MailboxReport } from '../../admin/protocol';
import { copyText } from '../form/form';
import { formatSize, formatTime, sentenceOf, word } from '../i18n';
import { button, part } from './card';
import { reportText } from './report';

export class MailboxDetails {
  readonly #sendAgain: (uid: string) => void;
  readonly element = $('<div class="redletter-details">');
  readonly folded = $('<details class="redletter-more-of-mailbox">').append(
    $('<summary>').text(word('health.details')),
    this.element,
  );
  readonly #mails = part($('<div>'), (mails: MailboxReport['mails']) => this.#mailTable(mails));
  readonly #checks = part($('<div>'), checkTable);

  /**
   * @param report as it was shown last
   * @param open the person wants to see this, or no more
   * @param sendAgain one of the mails, by its unique ID
   */
  constructor(
    report: () => MailboxReport | undefined,
    open: (is: boolean) => void,
    sendAgain: (uid: string) => void,
  ) {
    this.#sendAgain = sendAgain;
    const copy = button('red-ui-button red-ui-button-small redletter-copy-report').text(
      word('health.copyReport'),
    );
    copy.on('click', () => {
      const shown = report();
      if (shown !== undefined) copyText(reportText(shown), copy);
    });
    this.element.append(this.#mails.element, this.#checks.element, copy);
    this.folded.on('toggle', () => open(this.folded.prop('open') === true));
  }

  show({ mails, checks }: MailboxReport, skew: number): void {
    if (this.folded.prop('open') !== true) return;
    this.#mails.show(mails.map((mail) => ({ ...mail, at: mail.at + skew })));
    this.#checks.show(checks.map((check) => ({ ...check, at: check.at + skew })));
  }

  #mailTable(mails: MailboxReport['mails']): JQuery[] {
    if (mails.length === 0) return [];
    const rows = mails.map((mail) => {
      const subject = mail.subject || word('preview.noSubject');
      const again = button('red-ui-button red-ui-button-small redletter-send-again')
        .attr({ title: word('health.sendAgain'), 'aria-label': word('preview.sendThis', { subject }) })
        .append('<i class="fa fa-paper-plane" aria-hidden="true">')
        .on('click', () => this.#sendAgain(mail.uid));
      const outcome = word(`health.outcome.${mail.outcome}`);
      const said = [mail.from, formatSize(mail.bytes), formatTime(mail.at), outcome];
      if (mail.redelivered) said.push(word('health.marked'));
      return $('<li>').append(
        $('<span class="redletter-mail-subject" dir="auto">').text(subject),
        $('<span class="redletter-mail-facts">').text(said.filter((one) => one !== '').join(' · ')),
        again,
      );
    });
    return [$('<h5>').text(word('health.lastMails')), $('<ul class="redletter-last-mails">').append(...rows)];
  }
}

function checkTable(checks: MailboxReport['checks']): JQuery[] {
  if (checks.length === 0) return [];
  const rows = checks.map(({ at, ms, found, delivered, error }) => {
    const facts = { time: formatTime(at), seconds: (ms / 1000).toFixed(1), found, delivered };
    const said = error ? `${formatTime(at)}: ${sentenceOf(error, 'running')}` : word('health.check', facts);
    return $('<li>')
      .toggleClass('redletter-error', error !== undefined)
      .text(said);
  });
  return [$('<h5>').text(word('health.lastChecks')), $('<ul class="redletter-last-checks">').append(...rows)];
}
