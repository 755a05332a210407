/** The dialog of `oauth2-account`: what it shows, hides and fills in while a person changes it. */
import { type Provider, providerFor, providers } from '../../oauth2/providers';
import { domainOfAddress, STORED_SECRET, setOptions } from '../form/form';
import { enableKeyboard } from '../form/keyboard';
import { addressBeneath, callbackUrl, isLan } from '../form/surroundings';
import { accountWord } from '../i18n';
import { type AccountNode, accountField, accountValue } from './account-form';
import { setOpenedAccount } from './account-properties';
import { showAccountFields } from './fields';
import { SignInPanel } from './panel';
import { ScopeChoices } from './scope-choices';

export class AccountDialog {
  readonly #node: AccountNode;
  readonly #panel: SignInPanel;
  /** What a person has chosen stays. Before, the address chooses the provider, and the dialog the grant that works here. */
  #providerChosen: boolean;
  #grantChosen: boolean;

  constructor(node: AccountNode) {
    this.#node = node;
    setOpenedAccount(node);
    enableKeyboard();
    const isNew = !RED.nodes.node(node.id);
    this.#providerChosen = !isNew;
    this.#grantChosen = !isNew;
    offerProviders(node.provider);
    if (isNew) this.#proposeProvider();
    const grant = accountField('grant');
    grant.append($('<option>').val(node.grant)).val(node.grant);
    this.#offerGrants();
    this.#follow();
    showAccountFields();
    maskKey(accountField('privateKey'));
    if (node.provider === 'custom' && !node.issuer && node.tokenUrl) $('.redletter-more').prop('open', true);
    this.#panel = new SignInPanel(node);
    new ScopeChoices(node);
  }

  /** The dialog closes. */
  close(): void {
    setOpenedAccount(undefined);
    this.#panel.close();
  }

  /** The dialog closes, and what it shows is kept. */
  save(): void {
    this.close();
    // Several accounts of one provider are told apart by their address.
    const name = accountField('name');
    if (!name.val()) name.val(accountValue('user'));
  }

  /** A person who comes from a mailbox has entered its address already. */
  #proposeProvider(): void {
    const user = accountField('user');
    if (!user.val()) user.val(addressBeneath());
    const its = providerOfAddress();
    if (its !== undefined) accountField('provider').val(its);
  }

  #offerGrants(): void {
    const row = providers[accountValue('provider')];
    const before = this.#grantChosen ? accountValue('grant') || this.#node.grant : proposedGrant(row);
    const grants = row?.grants ?? [];
    const select = accountField('grant');
    setOptions(
      select,
      grants.map((value) => ({ value, label: accountWord(`grant.${value}`) })),
    );
    const kept = grants.find((grant) => grant === before);
    select.val(kept ?? grants[0] ?? 'authorization_code');
  }

  #follow(): void {
    const provider = accountField('provider');
    const grant = accountField('grant');
    provider.on('change', (event) => {
      if (isByPerson(event)) this.#providerChosen = true;
      this.#offerGrants();
      grant.trigger('change');
    });
    accountField('user').on('change', () => {
      const its = providerOfAddress();
      const differs = its !== undefined && its !== provider.val();
      if (!this.#providerChosen && differs) provider.val(its).trigger('change');
    });
    grant.on('change', (event) => {
      if (isByPerson(event)) this.#grantChosen = true;
      showAccountFields();
      grant.trigger('redletter');
    });
    accountField('clientAuth').on('change', showAccountFields);
    accountField('issuer').on('input', showAccountFields);
  }
}

/** The editor reports a change of every field when the dialog is ready; only a person's comes from the browser. */
const isByPerson = (event: { originalEvent?: unknown }): boolean => event.originalEvent !== undefined;

/** What an address says about its provider: another one where its domain is not known; nothing where it has none. */
function providerOfAddress(): string | undefined {
  const address = accountValue('user');
  return providerFor(address)?.id ?? (domainOfAddress(address) === '' ? undefined : 'custom');
}

/** All rows: one without OAuth for mail says what works there instead. */
function offerProviders(chosen: string): void {
  const rows = Object.values(providers);
  const group = (label: string, of: Provider[]): JQuery =>
    $('<optgroup>')
      .attr('label', label)
      .append(
        ...of.map(({ id, label }) =>
          $('<option>')
            .val(id)
            .text(id === 'custom' ? accountWord('provider.custom') : label),
        ),
      );
  accountField('provider')
    .empty()
    .append(
      group(
        'OAuth 2.0',
        rows.filter(({ signIn }) => signIn === 'oauth2'),
      ),
      group(
        accountWord('provider.others'),
        rows.filter(({ signIn }) => signIn !== 'oauth2'),
      ),
    )
    .val(chosen || 'google');
}

/** Providers do not redirect to an http address on a LAN, so there a code comes first where the provider has codes. */
function proposedGrant(row: Provider | undefined): string {
  return isLan(callbackUrl()) && row?.endpoints?.device !== undefined ? 'device_code' : 'authorization_code';
}

/** What stands for a stored key is selected as a whole, so that pasting replaces it. */
function maskKey(key: JQuery): void {
  key.on('focus click', () => {
    if (key.val() === STORED_SECRET) key.trigger('select');
  });
}
