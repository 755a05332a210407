/** The first check: what to do with existing mail, and how to run it again once it is over. */
import { getHealth, type MailboxApi, RequestError } from '../api';
import { formatTime, sentenceOf, word } from '../i18n';
import { confirmAct } from './keyboard';
import { field, type MailboxNode } from './mailbox-node';

export class FirstCheck {
  readonly #node: MailboxNode;
  readonly #api: MailboxApi;
  readonly #choice = $('#redletter-first');
  readonly #date = $('#redletter-first-date');
  readonly #known = $('.redletter-begin').hide();
  readonly #said = $('.redletter-begin-said');
  readonly #hint = $('.redletter-begin-hint').hide();
  readonly #button = $('.redletter-begin-again');

  constructor(node: MailboxNode, api: MailboxApi) {
    this.#node = node;
    this.#api = api;
    const saved = node.first || 'new';
    const isDate = !['new', 'all'].includes(saved);
    this.#choice.val(isDate ? 'date' : saved);
    if (isDate) this.#date.val(saved.slice(0, 10));
    this.#choice.on('change', () => this.#choose());
    this.#date.on('input change', () => this.#choose());
    this.#button.on('click', () => this.#askAgain());
    this.#choose();
    this.#showKnown();
  }

  /** `first` is a word or a date: a select and a date field write it together. */
  #choose(): void {
    const chosen = String(this.#choice.val());
    this.#date.toggle(chosen === 'date');
    const value = chosen === 'date' ? String(this.#date.val() ?? '') : chosen;
    field('first').val(value);
    this.#hint.toggle(value !== (this.#node.first || 'new'));
  }

  async #showKnown(): Promise<void> {
    const report = await getHealth().catch(() => undefined);
    const first = report?.mailboxes.find(({ id }) => id === this.#node.id)?.firstCheck;
    if (first === undefined) return;
    const facts = { time: formatTime(first.at), count: first.ignored };
    this.#said.text(word('begin.known', facts));
    this.#known.show();
  }

  #askAgain(): void {
    const chosen = this.#choice.find('option:selected').text();
    const choice = this.#choice.val() === 'date' ? `${chosen} ${this.#date.val()}` : chosen;
    const labels = { cancel: word('begin.cancel'), act: word('begin.button').replace(/…$/, '') };
    confirmAct(word('begin.ask', { choice }), labels, (confirmed) => {
      this.#button.trigger('focus');
      if (confirmed) this.#beginAgain();
    });
  }

  async #beginAgain(): Promise<void> {
    try {
      await this.#api.restart({ first: String(field('first').val()) });
      this.#said.text(word('begin.done'));
      this.#hint.hide();
    } catch (error) {
      const view = error instanceof RequestError ? error.view : undefined;
      this.#said.text((view && sentenceOf(view)) ?? word('test.unreachable'));
    }
  }
}
