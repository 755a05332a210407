/** The sign-in from inside the account's dialog: before its first deploy as well as after. */
import type { ErrorResponse, SignInRequest, SignInResponse, StatusResponse } from '../../admin/protocol';
import { AccountApi, onHealthNews, RequestError } from '../api';
import { scrollIntoView } from '../form/form';
import { redirectUri } from '../form/surroundings';
import { accountWord, sentenceOf } from '../i18n';
import {
  type AccountNode,
  accountDraft,
  accountField,
  accountValue,
  keepRegisteredClient,
  missingFromAccount,
  needsPerson,
} from './account-form';
import { Attempt } from './attempt';
import { DeviceCodePanel } from './device-code';
import { isOtherPerson, offerOtherPerson } from './other-person';
import { PasteField } from './paste';
import { showProbe } from './probe';
import { RedirectAddress } from './redirect-address';
import { showRefusal } from './refusal';
import { SignOutButton } from './sign-out';
import { SignedInPanel } from './signed-in';
import { StatusLine } from './status-line';
import { offerTryAgain, windowRequest } from './window';

export class SignInPanel {
  readonly #node: AccountNode;
  readonly #api: AccountApi;
  readonly #line = new StatusLine();
  readonly #button = $('.redletter-sign-in');
  readonly #signOut: SignOutButton;
  readonly #attempt: Attempt;
  readonly #address = new RedirectAddress();
  readonly #paste: PasteField;
  readonly #signedIn = new SignedInPanel();
  readonly #code = new DeviceCodePanel(() => this.#attempt.cancel());
  readonly #unsubscribe: (() => void)[];
  #closed = false;

  constructor(node: AccountNode) {
    this.#node = node;
    this.#api = new AccountApi(node.id);
    this.#attempt = new Attempt(this.#api);
    this.#signedIn.element.insertAfter(this.#line.element);
    this.#button.on('click', () => this.#begin());
    this.#signOut = new SignOutButton(this.#line, {
      signOut: () => this.#api.signOut(accountDraft(node)),
      failure: (error) => this.#failure(error),
      next: this.#button,
    });
    this.#paste = new PasteField((text) => this.#finish(text));
    accountField('grant').on('redletter', () => this.#reset());
    for (const name of ['user', 'clientId', 'issuer']) {
      accountField(name).on('change', () => {
        if (this.#attempt.isIdle && missingFromAccount() === undefined) this.#ask();
      });
    }
    this.#unsubscribe = [
      onHealthNews(() => this.#refresh()),
      // What the dialog itself did is shown already; another person may have signed out elsewhere.
      this.#api.onNews(({ state }) => {
        if (state !== 'signed-out' || this.#line.kind === 'ok') this.#ask();
      }),
    ];
    this.#showButton(true);
    if (missingFromAccount() === undefined) this.#ask();
  }

  /** The dialog closes. */
  close(): void {
    this.#closed = true;
    this.#attempt.forgetWindow();
    this.#code.hide();
    // The code is not shown any more; a window that is open may still be finished.
    if (accountValue('grant') === 'device_code') this.#attempt.cancel();
    for (const stop of this.#unsubscribe) stop();
  }

  #showButton(signedOut: boolean): void {
    const again = accountWord(signedOut ? 'label.signIn' : 'label.signInAgain');
    // The editor fills in what the form itself says only after the dialog has been prepared.
    this.#button
      .find('span')
      .removeAttr('data-i18n')
      .text(needsPerson() ? again : accountWord('label.test'));
  }

  /** A part that is hidden passes the focus on, unless it has moved before. */
  #hide(part: JQuery): void {
    if (part.is(':focus') || part.find(':focus').length > 0) this.#button.trigger('focus');
    part.hide();
  }

  /** Nothing is under way any more. */
  #end(): void {
    this.#attempt.end();
    this.#hide(this.#code.element);
    this.#code.hide();
    this.#hide(this.#paste.element);
  }

  /** Another provider, grant, address or application is another sign-in. */
  #reset(): void {
    this.#attempt.cancel();
    this.#end();
    this.#line.say('');
    this.#hide(this.#signOut.element);
    this.#showButton(true);
    this.#address.show();
    if (missingFromAccount() === undefined) this.#ask();
  }

  // ---- how it is ----

  #ask(): void {
    if (this.#attempt.isStarting) return;
    const signIn = this.#attempt.id;
    this.#api
      .status({ ...accountDraft(this.#node), ...(signIn !== undefined && { signIn }) })
      .then((status) => {
        // Another sign-in was started meanwhile.
        if (signIn === this.#attempt.id && !this.#attempt.isStarting && !this.#closed) this.#show(status);
      })
      .catch(() => undefined);
  }

  /** A renewal changes only the panel, and is not announced. */
  #refresh(): void {
    if (!this.#attempt.isIdle || missingFromAccount() !== undefined) return;
    this.#api
      .status(accountDraft(this.#node))
      .then((status) => this.#showPanel(status))
      .catch(() => undefined);
  }

  #show(status: StatusResponse): void {
    const attempt = status.signIn;
    if (attempt?.state === 'waiting') return;
    const ended = this.#attempt.id;
    this.#end();
    const signedOut = ['signed-out', 'unknown'].includes(status.state);
    const ofApplication = ['client_credentials', 'service_account'].includes(accountValue('grant'));
    this.#signOut.toggle(!signedOut && !ofApplication);
    this.#showButton(signedOut);
    if (attempt?.state === 'failed') {
      this.#refused(attempt, 'dialog', accountWord('signIn.failed'));
      this.#line.scrollIntoView();
    } else if (status.state === 'signed-in') this.#showSignedIn(status, ended);
    else if (signedOut) this.#line.say('');
    else this.#refused(status, 'running', accountWord('signIn.again'));
    this.#showPanel(status);
  }

  #showSignedIn(status: StatusResponse, ended: string | undefined): void {
    const who = status.label || accountValue('user');
    const isNew = status.signIn?.state === 'signed-in';
    if (isNew && isOtherPerson(status.label, accountValue('user'))) {
      this.#askOtherPerson(status.label ?? '');
      return;
    }
    this.#line.say(accountWord('signIn.signedIn', { who }), 'ok');
    if (isNew) this.#probe(who, ended);
    // Signed in, but not for long.
    const warning = status.reason && this.#sentence(status, 'running');
    if (warning) this.#line.warn(warning);
  }

  /** The panel leaves out who it is: the line above says so. */
  #showPanel({ label: _, ...status }: StatusResponse): void {
    this.#signedIn.show(status.state === 'signed-out' ? {} : status);
  }

  #sentence(view: Parameters<typeof sentenceOf>[0], where: 'dialog' | 'running' = 'dialog') {
    return sentenceOf(view, where, 'oauth2-account');
  }

  #failure(error: unknown): string {
    const view = error instanceof RequestError ? error.view : undefined;
    return (view && this.#sentence(view)) ?? accountWord('signIn.unreachable');
  }

  #refused(view: ErrorResponse, where: 'dialog' | 'running', otherwise: string): void {
    showRefusal(this.#line, view, { where, otherwise, again: () => this.#begin() });
  }

  #askOtherPerson(who: string): void {
    offerOtherPerson(this.#line, who, accountValue('user'), {
      signInAgain: () => {
        // The window has to be opened in the click itself.
        this.#api.signOut(accountDraft(this.#node)).catch(() => undefined);
        this.#begin({ anotherPerson: true });
      },
      useAddress: () => {
        this.#api.signOut(accountDraft(this.#node)).catch(() => undefined);
        accountField('user').val(who);
        this.#begin();
      },
      keep: () => {
        this.#line.say(accountWord('signIn.signedIn', { who }), 'ok');
        this.#probe(who);
        this.#button.trigger('focus');
      },
    });
  }

  #probe(who: string, signIn?: string): void {
    void showProbe(this.#line, this.#api, this.#node, { who, signIn });
  }

  // ---- signing in ----

  #begin(more: Pick<SignInRequest, 'anotherPerson'> = {}): void {
    const problem = missingFromAccount();
    if (problem !== undefined) {
      this.#line.say(problem, 'error');
      this.#line.scrollIntoView();
    } else if (accountValue('grant') === 'authorization_code') this.#openWindow(more);
    else {
      this.#start(needsPerson() ? { redirectUri: redirectUri() } : {}).then((started) => {
        if (started === undefined) return;
        if ('userCode' in started) {
          this.#line.say(accountWord('signIn.code'), 'wait');
          this.#code.show(started);
        } else {
          this.#line.say(accountWord('signIn.works'), 'ok');
          this.#probe(accountValue('user'));
          this.#signOut.toggle(accountValue('grant') === 'refresh_token');
        }
      });
    }
  }

  /** By the provider's own pages, in a window. */
  #openWindow(asked: Pick<SignInRequest, 'anotherPerson'>): void {
    let more: ReturnType<typeof windowRequest> & typeof asked;
    try {
      more = { ...windowRequest(), ...asked };
    } catch {
      this.#line.say(accountWord('invalid.address'), 'error');
      return;
    }
    const popup = this.#attempt.openWindow();
    this.#start(more).then((started) => {
      if (started === undefined || !('url' in started)) {
        popup.close();
        return;
      }
      this.#attempt.keep(popup);
      this.#line.say(accountWord('signIn.waiting'), 'wait');
      const pasted = more.callbackUrl !== undefined;
      this.#paste.show(pasted);
      scrollIntoView(pasted ? this.#paste.element : this.#line.element);
      if (popup.isBlocked) this.#line.addLink(accountWord('signIn.open'), started.url);
      // Where the address of the last page is pasted, the window may be closed any time.
      else popup.open(started.url, () => !pasted && this.#windowClosed(started.id, asked));
    });
  }

  #windowClosed(id: string, asked: Pick<SignInRequest, 'anotherPerson'>): void {
    if (this.#closed || this.#attempt.id !== id) return;
    offerTryAgain(this.#line, { again: () => this.#begin(asked), cancel: () => this.#reset() });
    // The window may have been done in this very moment.
    this.#ask();
  }

  /** Undefined: it could not be started, and the line says why. */
  async #start(more: Partial<SignInRequest>): Promise<SignInResponse | undefined> {
    this.#attempt.cancel();
    this.#end();
    this.#line.say(accountWord('signIn.starting'), 'wait');
    try {
      const started = await this.#attempt.start({ ...accountDraft(this.#node), ...more });
      if (started.clientId !== undefined) keepRegisteredClient(started.clientId);
      if (this.#closed) this.#attempt.cancel();
      return started;
    } catch (error) {
      const view = (error instanceof RequestError && error.view) || {};
      this.#refused(view, 'dialog', accountWord('signIn.unreachable'));
      return undefined;
    }
  }

  /** By the address of the window's last page. */
  async #finish(text: string): Promise<void> {
    try {
      await this.#api.paste({ text });
      this.#paste.clear();
      this.#ask();
    } catch (error) {
      this.#line.say(this.#failure(error), 'error');
    }
  }
}
