/** The scopes that an own provider offers, as check boxes. The field holds what is sent; a box writes into it. */
import { AccountApi } from '../api';
import { fromEnvironment } from '../form/form';
import { accountWord } from '../i18n';
import { type AccountNode, accountDraft, accountField, accountValue } from './account-form';

/** What decides whose scopes these are, and by which route they are asked for. */
const ASKED = ['provider', 'issuer', 'tls', 'proxy'];

const chosen = (): string[] =>
  accountValue('scope')
    .split(/[\s,]+/)
    .filter(Boolean);

export class ScopeChoices {
  readonly #node: AccountNode;
  readonly #api: AccountApi;
  readonly #boxes = $('.redletter-scopes');
  #asked = '';

  constructor(node: AccountNode) {
    this.#node = node;
    this.#api = new AccountApi(node.id);
    this.#boxes.attr('aria-label', accountWord('label.scopesOffered'));
    accountField('scope').on('input change', () => this.#tick());
    for (const name of ASKED) accountField(name).on('change', () => this.#ask());
    this.#ask();
  }

  #ask(): void {
    const of = JSON.stringify(ASKED.map((name) => accountValue(name)));
    if (of === this.#asked) return;
    this.#asked = of;
    this.#show([]);
    if (accountValue('provider') !== 'custom' || accountValue('issuer') === '') return;
    this.#api.scopes(accountDraft(this.#node)).then(
      // Another issuer was typed meanwhile.
      ({ scopes }) => of === this.#asked && this.#show(scopes),
      // Whatever is wrong with the issuer, the sign-in says.
      () => undefined,
    );
  }

  #show(scopes: string[]): void {
    this.#boxes.empty();
    for (const scope of scopes) {
      const box = $('<input type="checkbox">').val(scope);
      box.on('change', () => this.#choose(scope, box.prop('checked') === true));
      $('<label>').append(box, document.createTextNode(scope)).appendTo(this.#boxes);
    }
    this.#tick();
  }

  #choose(scope: string, isChosen: boolean): void {
    const others = chosen().filter((word) => word !== scope);
    accountField('scope')
      .val([...others, ...(isChosen ? [scope] : [])].join(' '))
      .trigger('change');
  }

  /** The boxes follow the field. In a value of the environment nothing can be chosen. */
  #tick(): void {
    const words = chosen();
    this.#boxes.find('input').each((_, box) => void $(box).prop('checked', words.includes(box.value)));
    this.#boxes.toggle(this.#boxes.children().length > 0 && !fromEnvironment(accountValue('scope')));
  }
}
