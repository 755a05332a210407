/** The newest mails, listed inside the dialog; one of them can be sent to the flow. */
import type { MailboxDraft, PreviewedMail, PreviewResponse } from '../../admin/protocol';
import { type MailboxApi, RequestError } from '../api';
import { scrollIntoView } from '../form/form';
import { formatSize, formatTime, sentenceOf, word } from '../i18n';

export interface PreviewParts {
  panel: JQuery;
  start: JQuery;
  api: MailboxApi;
  /** What the dialog shows, saved or not. */
  draft(): MailboxDraft;
}

export class PreviewPanel {
  readonly #parts: PreviewParts;
  readonly #verdict = $('<p class="redletter-verdict" role="status" aria-live="polite">');
  readonly #list = $('<div>');
  #busy = false;
  #closed = false;

  constructor(parts: PreviewParts) {
    this.#parts = parts;
    parts.start.on('click', () => this.#look());
  }

  /** The dialog closes. */
  close(): void {
    this.#closed = true;
  }

  #say(text: string, state: string): void {
    if (!this.#closed) this.#verdict.text(text).attr('data-state', state);
  }

  /** Runs one request at a time. A button that is disabled loses the focus, so these only do nothing meanwhile. */
  async #run(buttons: JQuery, request: () => Promise<void>): Promise<void> {
    if (this.#busy) return;
    const wait = (is: boolean): void => {
      this.#busy = is;
      buttons.attr('aria-disabled', String(is)).toggleClass('disabled', is);
    };
    wait(true);
    try {
      await request();
    } catch (error) {
      const view = error instanceof RequestError ? error.view : undefined;
      this.#say((view && sentenceOf(view)) ?? word('test.unreachable'), 'failed');
    }
    wait(false);
  }

  #look(): Promise<void> {
    const { panel, start, api, draft } = this.#parts;
    return this.#run(start, async () => {
      this.#list.empty();
      panel.siblings('.redletter-panel').hide();
      panel.empty().append(this.#verdict, this.#list).show();
      scrollIntoView(panel);
      this.#say(word('preview.looking'), 'running');
      const answer = await api.preview(draft());
      if (this.#closed) return;
      this.#show(answer);
      scrollIntoView(panel);
    });
  }

  #show({ mails, service }: PreviewResponse): void {
    if (mails.length === 0) {
      this.#say(word('preview.empty'), 'ok');
      return;
    }
    const table = $('<table class="redletter-mails">').appendTo(this.#list);
    const head = $('<tr>').appendTo($('<thead>').appendTo(table));
    for (const name of ['subject', 'from', 'date', 'size']) {
      $('<th scope="col">')
        .text(word(`preview.${name}`))
        .appendTo(head);
    }
    $('<td>').appendTo(head);
    const rows = $('<tbody>').appendTo(table);
    for (const mail of mails) rows.append(this.#row(mail, table));
    this.#say(word('preview.shown'), 'ok');
    const note = (key: string): void => {
      $('<p class="redletter-note">').text(word(key)).appendTo(this.#list);
    };
    note('preview.sendHint');
    if (service === 'google') note('preview.sendGmail');
  }

  #row(mail: PreviewedMail, table: JQuery): JQuery {
    const unknown = mail.subject === undefined;
    const subject = unknown ? word('preview.noHeaders') : mail.subject || word('preview.noSubject');
    const button = $('<button type="button" class="red-ui-button red-ui-button-small redletter-send">')
      .attr({ title: word('preview.send'), 'aria-label': word('preview.sendThis', { subject }) })
      .append('<i class="fa fa-paper-plane" aria-hidden="true"></i>')
      .on('click', () => this.#send(mail, table.find('.redletter-send')));
    const cell = (text: string, title = ''): JQuery => $('<td>').text(text).attr('title', title);
    return $('<tr>').append(
      cell('', subject).append($('<div class="redletter-subject" dir="auto">').text(subject)),
      cell(mail.from ?? '', mail.from ?? ''),
      cell(formatTime(mail.date)),
      cell(mail.bytes === undefined ? '' : formatSize(mail.bytes)),
      $('<td>').append(button),
    );
  }

  #send({ key, subject }: PreviewedMail, buttons: JQuery): Promise<void> {
    return this.#run(buttons, async () => {
      this.#say(word('preview.sending'), 'running');
      await this.#parts.api.send({ key });
      this.#say(word('preview.sent', { subject: subject || word('preview.noSubject') }), 'ok');
    });
  }
}
