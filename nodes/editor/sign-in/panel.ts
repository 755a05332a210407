/** The sign-in from inside the account's dialog: before its first deploy as well as after. */
import type { SignInRequest, SignInResponse, StatusResponse } from '../../admin/protocol';
import { AccountApi, onHealthNews, RequestError } from '../api';
import { copyText, scrollIntoView } from '../form/form';
import { confirmAct } from '../form/keyboard';
import { mailboxOf, redirectUri, wayHere } from '../form/surroundings';
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
import { DeviceCodePanel } from './device-code';
import { isOtherPerson, offerOtherPerson } from './other-person';
import { PasteField } from './paste';
import { SignedInPanel } from './signed-in';
import { StatusLine } from './status-line';
import { SignInWindow, windowRequest } from './window';

export class SignInPanel {
  readonly #node: AccountNode;
  readonly #api: AccountApi;
  readonly #line = new StatusLine();
  readonly #button = $('.redletter-sign-in');
  readonly #signOutButton = $('.redletter-sign-out');
  readonly #paste: PasteField;
  readonly #signedIn = new SignedInPanel();
  readonly #code = new DeviceCodePanel(() => this.#cancel());
  readonly #unsubscribe: (() => void)[];
  /** The sign-in under way. News about any other one changes nothing here. */
  #signIn: string | undefined;
  /** A sign-in is being started, and has no ID yet. */
  #starting = false;
  #window: SignInWindow | undefined;
  #closed = false;

  constructor(node: AccountNode) {
    this.#node = node;
    this.#api = new AccountApi(node.id);
    this.#signedIn.element.insertAfter(this.#line.element);
    this.#button.on('click', () => this.#begin());
    this.#signOutButton.on('click', () => this.#askSignOut());
    this.#paste = new PasteField((text) => this.#finish(text));
    const copy = $('.redletter-copy');
    copy.on('click', () => copyText(redirectUri(), copy));
    accountField('redirectUri').on('input', () => this.#showWay());
    accountField('grant').on('redletter', () => this.#reset());
    for (const name of ['user', 'clientId', 'issuer']) {
      accountField(name).on('change', () => {
        if (this.#isIdle && missingFromAccount() === undefined) this.#ask();
      });
    }
    this.#unsubscribe = [
      onHealthNews(() => this.#refresh()),
      // What the dialog itself did is shown already; someone may have signed out elsewhere.
      this.#api.onNews(({ state }) => {
        if (state !== 'signed-out' || this.#line.kind === 'ok') this.#ask();
      }),
    ];
    this.#showButton(true);
    this.#showWay();
    if (missingFromAccount() === undefined) this.#ask();
  }

  /** The dialog closes. */
  close(): void {
    this.#closed = true;
    this.#window?.forget();
    this.#code.hide();
    // The code is not shown any more; a window that is open may still be finished.
    if (accountValue('grant') === 'device_code') this.#cancel();
    for (const stop of this.#unsubscribe) stop();
  }

  get #isIdle(): boolean {
    return this.#signIn === undefined && !this.#starting;
  }

  #showButton(signedOut: boolean): void {
    const again = accountWord(signedOut ? 'label.signIn' : 'label.signInAgain');
    // The editor fills in what the form itself says only after the dialog has been prepared.
    this.#button
      .find('span')
      .removeAttr('data-i18n')
      .text(needsPerson() ? again : accountWord('label.test'));
  }

  #showWay(): void {
    $('.redletter-redirect').text(redirectUri());
    accountField('redirectUri').attr('placeholder', redirectUri());
    const way = wayHere(accountValue('grant'));
    $('.redletter-way').text(accountWord(`way.${way}`));
  }

  /** A part that is hidden passes the focus on, unless it has moved before. */
  #hide(part: JQuery): void {
    if (part.is(':focus') || part.find(':focus').length > 0) this.#button.trigger('focus');
    part.hide();
  }

  /** Nothing is under way any more. */
  #end(): void {
    this.#signIn = undefined;
    this.#window?.forget();
    this.#window = undefined;
    this.#hide(this.#code.element);
    this.#code.hide();
    this.#hide(this.#paste.element);
  }

  /** Another provider, grant, address or application is another sign-in. */
  #reset(): void {
    this.#cancel();
    this.#end();
    this.#line.say('');
    this.#hide(this.#signOutButton);
    this.#showButton(true);
    this.#showWay();
    if (missingFromAccount() === undefined) this.#ask();
  }

  #cancel(): void {
    if (this.#signIn !== undefined) this.#api.cancel({ signIn: this.#signIn }).catch(() => undefined);
  }

  // ---- how it is ----

  #ask(): void {
    if (this.#starting) return;
    const signIn = this.#signIn;
    this.#api
      .status({ ...accountDraft(this.#node), ...(signIn !== undefined && { signIn }) })
      .then((status) => {
        // Another sign-in was started meanwhile.
        if (signIn === this.#signIn && !this.#starting && !this.#closed) this.#show(status);
      })
      .catch(() => undefined);
  }

  /** A renewal changes only the panel, and is not announced. */
  #refresh(): void {
    if (!this.#isIdle || missingFromAccount() !== undefined) return;
    this.#api
      .status(accountDraft(this.#node))
      .then((status) => this.#showPanel(status))
      .catch(() => undefined);
  }

  #show(status: StatusResponse): void {
    const attempt = status.signIn;
    if (attempt?.state === 'waiting') return;
    const ended = this.#signIn;
    this.#end();
    const signedOut = ['signed-out', 'unknown'].includes(status.state);
    const ofApplication = ['client_credentials', 'service_account'].includes(accountValue('grant'));
    this.#signOutButton.toggle(!signedOut && !ofApplication);
    this.#showButton(signedOut);
    if (attempt?.state === 'failed') {
      this.#line.say(this.#sentence(attempt) ?? accountWord('signIn.failed'), 'error');
      this.#line.scrollIntoView();
    } else if (status.state === 'signed-in') this.#showSignedIn(status, ended);
    else if (signedOut) this.#line.say('');
    else this.#line.say(this.#sentence(status, 'running') ?? accountWord('signIn.again'), 'error');
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
          this.#signOutButton.toggle(accountValue('grant') === 'refresh_token');
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
    this.#window?.close();
    const popup = new SignInWindow();
    this.#start(more).then((started) => {
      if (started === undefined || !('url' in started)) {
        popup.close();
        return;
      }
      this.#window = popup;
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
    if (this.#closed || this.#signIn !== id) return;
    this.#line.say(accountWord('signIn.closed'), 'warning');
    this.#line.addButtons([
      {
        text: accountWord('label.tryAgain'),
        kind: 'primary redletter-try-again',
        act: () => this.#begin(asked),
      },
      { text: accountWord('label.cancel'), kind: 'redletter-cancel-sign-in', act: () => this.#reset() },
    ]);
    this.#line.scrollIntoView();
    // The window may have been done in this very moment.
    this.#ask();
  }

  /** Undefined: it could not be started, and the line says why. */
  async #start(more: Partial<SignInRequest>): Promise<SignInResponse | undefined> {
    this.#cancel();
    this.#end();
    this.#starting = true;
    this.#line.say(accountWord('signIn.starting'), 'wait');
    try {
      const started = await this.#api.signIn({ ...accountDraft(this.#node), ...more });
      if ('id' in started) this.#signIn = started.id;
      if (started.clientId !== undefined) keepRegisteredClient(started.clientId);
      if (this.#closed) this.#cancel();
      return started;
    } catch (error) {
      this.#line.say(this.#failure(error), 'error');
      return undefined;
    } finally {
      this.#starting = false;
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

  /** The last step: whether the mail server accepts the token. Nothing is said where the server is not known yet. */
  async #probe(who: string, signIn?: string): Promise<void> {
    const result = this.#line.addLine(accountWord('signIn.looking'));
    const mailbox = mailboxOf(this.#node.id);
    const request = { ...accountDraft(this.#node), ...(mailbox && { mailbox }), ...(signIn && { signIn }) };
    const answer = await this.#api.probe(request).catch(() => ({}));
    if ('messages' in answer)
      this.#line.restate(accountWord('signIn.connected', { who, messages: answer.messages }));
    if (!('reason' in answer)) {
      result.remove();
      return;
    }
    result.text(sentenceOf(answer, 'running', answer.catalogue) ?? '').addClass('redletter-error');
    this.#line.element.attr('data-mailbox', 'failed');
  }

  // ---- signing out ----

  #askSignOut(): void {
    const labels = { cancel: accountWord('label.cancel'), act: accountWord('label.signOut') };
    confirmAct(accountWord('signOut.ask'), labels, (confirmed) => {
      (confirmed ? this.#button : this.#signOutButton).trigger('focus');
      if (confirmed) this.#signOut();
    });
  }

  async #signOut(): Promise<void> {
    this.#line.say(accountWord('signOut.under'), 'wait');
    try {
      const answer = await this.#api.signOut(accountDraft(this.#node));
      this.#hide(this.#signOutButton);
      this.#line.say(accountWord(answer.revoked ? 'signOut.done' : 'signOut.forgotten'));
      const why = answer.reason && this.#sentence(answer);
      if (why) this.#line.warn(why);
    } catch (error) {
      this.#line.say(this.#failure(error), 'error');
    }
  }
}
