/** The button that signs out, after a question. */
import type { SignOutResponse } from '../../admin/protocol';
import { confirmAct } from '../form/keyboard';
import { accountWord, sentenceOf } from '../i18n';
import type { StatusLine } from './status-line';

export class SignOutButton {
  readonly element = $('.redletter-sign-out');
  readonly #line: StatusLine;
  readonly #signOut: () => Promise<SignOutResponse>;
  /** What a person sees of an error. */
  readonly #failure: (error: unknown) => string;

  constructor(
    line: StatusLine,
    {
      signOut,
      failure,
      next,
    }: { signOut(): Promise<SignOutResponse>; failure(error: unknown): string; next: JQuery },
  ) {
    this.#line = line;
    this.#signOut = signOut;
    this.#failure = failure;
    this.element.on('click', () => this.#ask(next));
  }

  toggle(visible: boolean): void {
    this.element.toggle(visible);
  }

  #ask(next: JQuery): void {
    const labels = { cancel: accountWord('label.cancel'), act: accountWord('label.signOut') };
    confirmAct(accountWord('signOut.ask'), labels, (confirmed) => {
      (confirmed ? next : this.element).trigger('focus');
      if (confirmed) this.#act();
    });
  }

  async #act(): Promise<void> {
    this.#line.say(accountWord('signOut.under'), 'wait');
    try {
      const answer = await this.#signOut();
      this.element.hide();
      this.#line.say(accountWord(answer.revoked ? 'signOut.done' : 'signOut.forgotten'));
      const why = answer.reason && sentenceOf(answer, 'dialog', 'oauth2-account');
      if (why) this.#line.warn(why);
    } catch (error) {
      this.#line.say(this.#failure(error), 'error');
    }
  }
}
