/** The newest mails, looked at from inside the dialog; one of them can be sent through the flow. */
import { moment, octets, sentenceOf, type Told, word } from '../i18n';

interface Mail {
  key: string;
  bytes?: number;
  subject?: string;
  from?: string;
  date?: string;
}

/** Wires the button; `body` is what the dialog shows, saved or not. Returns what ends it when the dialog closes. */
export function preparePreview({
  panel,
  start,
  base,
  body,
}: {
  panel: JQuery;
  start: JQuery;
  base: string;
  body(): object;
}): () => void {
  const verdict = $('<p class="redletter-verdict" role="status" aria-live="polite">');
  const found = $('<div>');
  let closed = false;
  let busy = false;
  /** A button that is disabled loses the focus; so these only do nothing for the while. */
  const wait = (buttons: JQuery, is: boolean): void => {
    busy = is;
    buttons.attr('aria-disabled', String(is)).toggleClass('disabled', is);
  };
  const post = (route: string, data: object): JQuery.jqXHR =>
    $.ajax({
      url: `${base}/${route}`,
      type: 'POST',
      contentType: 'application/json',
      data: JSON.stringify(data),
    });
  const say = (text: string, state: string): void => {
    if (!closed) verdict.text(text).attr('data-state', state);
  };
  const fail = (answer: JQuery.jqXHR): void => {
    const told = (answer.responseJSON as Told | undefined) ?? {};
    say(sentenceOf(told) ?? word('test.unreachable'), 'failed');
  };

  const send = (mail: Mail, buttons: JQuery): void => {
    const subject = mail.subject || word('preview.noSubject');
    if (busy) return;
    wait(buttons, true);
    say(word('preview.sending'), 'running');
    post('send', { key: mail.key })
      .done(() => say(word('preview.sent', { subject }), 'ok'))
      .fail(fail)
      .always(() => wait(buttons, false));
  };
  const show = ({ mails, service }: { mails: Mail[]; service: string }): void => {
    if (mails.length === 0) {
      say(word('preview.empty'), 'ok');
      return;
    }
    const table = $('<table class="redletter-mails">').appendTo(found);
    const head = $('<tr>').appendTo($('<thead>').appendTo(table));
    for (const name of ['subject', 'from', 'date', 'size']) {
      $('<th scope="col">')
        .text(word(`preview.${name}`))
        .appendTo(head);
    }
    $('<td>').appendTo(head);
    const rows = $('<tbody>').appendTo(table);
    for (const mail of mails) {
      const unknown = mail.subject === undefined;
      const subject = unknown ? word('preview.noHeaders') : mail.subject || word('preview.noSubject');
      const button = $('<button type="button" class="red-ui-button red-ui-button-small redletter-send">')
        .attr({
          title: word('preview.send'),
          'aria-label': word('preview.sendThis', { subject }),
        })
        .append('<i class="fa fa-paper-plane" aria-hidden="true"></i>')
        .on('click', () => send(mail, table.find('.redletter-send')));
      const row = $('<tr>').appendTo(rows);
      $('<td>')
        .attr('title', subject)
        .append($('<div class="redletter-subject" dir="auto">').text(subject))
        .appendTo(row);
      $('<td>')
        .text(mail.from ?? '')
        .attr('title', mail.from ?? '')
        .appendTo(row);
      $('<td>').text(moment(mail.date)).appendTo(row);
      $('<td>')
        .text(mail.bytes === undefined ? '' : octets(mail.bytes))
        .appendTo(row);
      $('<td>').append(button).appendTo(row);
    }
    say(word('preview.shown'), 'ok');
    $('<p class="redletter-note">').text(word('preview.sendHint')).appendTo(found);
    if (service === 'google') $('<p class="redletter-note">').text(word('preview.sendGmail')).appendTo(found);
  };

  const intoView = (): void => panel[0]?.scrollIntoView({ block: 'nearest' });
  start.on('click', () => {
    if (busy) return;
    wait(start, true);
    found.empty();
    panel.siblings('.redletter-panel').hide();
    panel.empty().append(verdict, found).show();
    intoView();
    say(word('preview.looking'), 'running');
    post('preview', body())
      .done((answer: { mails: Mail[]; service: string }) => {
        if (closed) return;
        show(answer);
        intoView();
      })
      .fail(fail)
      .always(() => wait(start, false));
  });
  return () => {
    closed = true;
  };
}
