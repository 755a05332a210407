/** The buttons that lead on from an error: the account, the node at the field in question, another check. */
import type { ErrorResponse } from '../../admin/protocol';
import { MailboxApi } from '../api';
import { editAt } from '../form/mailbox-node';
import { accountWord, word } from '../i18n';
import { fieldFor, nextStep } from '../next-step';
import { type Ask, button } from './card';

export interface Trouble {
  error: ErrorResponse & { reason: string };
  /** The node of the editor that has it. */
  node: string;
  /** The account it uses, if any. */
  account?: string | undefined;
  /** The running mailbox, where a check can be begun from here. */
  mailbox?: string | undefined;
}

const SMALL = 'red-ui-button red-ui-button-small';

export class LeadOn {
  readonly #ask: Ask;
  readonly element = $('<div class="redletter-do">').hide();
  #trouble: Trouble | undefined;
  readonly #account = button(`${SMALL} primary redletter-sign-in-again`).on('click', () =>
    RED.editor.editConfig('', 'oauth2-account', this.#trouble?.account ?? '', ''),
  );
  readonly #edit = button(`${SMALL} redletter-open-node`)
    .text(word('health.openNode'))
    .on('click', () => this.#openNode());
  readonly #check = button(`${SMALL} redletter-check-again`)
    .text(word('label.checkNow'))
    .on('click', () => this.#ask(new MailboxApi(this.#trouble?.mailbox ?? '').check()));

  constructor(ask: Ask) {
    this.#ask = ask;
    this.element.append(this.#account, this.#edit, this.#check);
  }

  show(trouble: Trouble | undefined): void {
    this.#trouble = trouble;
    this.element.toggle(trouble !== undefined);
    if (trouble === undefined) return;
    const step = nextStep(trouble.error);
    this.#account
      .text(step === 'sign-in' ? signInWord(trouble.error.reason) : word('health.openAccount'))
      .toggle(trouble.account !== undefined && (step === 'sign-in' || step === 'account'));
    this.#edit.toggleClass('primary', step === 'field');
    this.#check.toggleClass('primary', step === 'check').toggle(trouble.mailbox !== undefined);
  }

  #openNode(): void {
    const node = RED.nodes.node(this.#trouble?.node ?? '');
    if (node !== null) editAt(node, fieldFor(this.#trouble?.error.reason ?? ''));
  }
}

/** Where no one has signed in yet, there is no again. */
const signInWord = (reason: string): string =>
  reason === 'account/not-signed-in' ? accountWord('label.signIn') : word('health.signIn');
