import { fromEnvironment, offer, prepareForm, unless, validator } from './editor/form/form';
import { addressBeneath, callbackUrl, isLan } from './editor/form/surroundings';
import { prepareSignIn } from './editor/sign-in/panel';
import { type Provider, providerFor, providers } from './oauth2/providers';

interface Account {
  id: string;
  name: string;
  provider: string;
  grant: string;
  clientAuth: string;
  issuer: string;
  tokenUrl: string;
  credentials?: Record<string, string>;
  _(key: string, facts?: object): string;
}

const isAddress = (value: unknown): boolean =>
  !value ||
  fromEnvironment(value) ||
  /^https:\/\/\S+$/i.test(String(value)) ||
  /^http:\/\/(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?(\/|$)/i.test(String(value));

const address = validator(function (this: Account, value: unknown) {
  return unless(isAddress(value), this._('invalid.address'));
});

const grantsOf = (provider: unknown): readonly string[] => providers[String(provider)]?.grants ?? [];

let endSignIn: () => void = () => undefined;
/** The account whose dialog is open. */
let opened: string | undefined;
const end = (): void => {
  opened = undefined;
  endSignIn();
};

RED.nodes.registerType('oauth2-account', {
  category: 'config',
  defaults: {
    name: { value: '' },
    provider: {
      value: 'google',
      validate: validator(function (this: Account, value: string) {
        return unless(grantsOf(value).length > 0, this._('invalid.provider'));
      }),
    },
    grant: {
      value: 'authorization_code',
      validate: validator(function (this: Account, value: string) {
        const provider = this.id === opened ? $('#node-config-input-provider').val() : this.provider;
        return unless(grantsOf(provider).includes(value), this._('invalid.grant'));
      }),
    },
    tenant: { value: '' },
    issuer: { value: '', validate: address },
    authorizationUrl: { value: '', validate: address },
    tokenUrl: { value: '', validate: address },
    deviceUrl: { value: '', validate: address },
    revocationUrl: { value: '', validate: address },
    scope: { value: '' },
    clientAuth: { value: 'body', required: true },
    redirectUri: { value: '', validate: address },
    tls: { value: '', type: 'tls-config', required: false },
    proxy: { value: '', type: 'http proxy', required: false },
  },
  credentials: {
    user: { type: 'text' },
    clientId: { type: 'text' },
    clientSecret: { type: 'password' },
    privateKey: { type: 'password' },
    refreshToken: { type: 'password' },
  },
  label: function (this: Account) {
    return this.name || providers[this.provider]?.label || 'oauth2-account';
  },
  oneditprepare: function (this: Account) {
    opened = this.id;
    prepareForm();
    const field = (name: string): JQuery => $(`#node-config-input-${name}`);
    const provider = field('provider');
    const grant = field('grant');
    offerProviders(this, provider);
    const isNew = !RED.nodes.node(this.id);
    const user = field('user');
    // Whoever comes from a mailbox has typed its address already.
    if (isNew && !user.val()) user.val(addressBeneath());
    const itsProvider = (): string | undefined => providerFor(String(user.val() ?? ''))?.id;
    if (isNew) provider.val(itsProvider() ?? String(provider.val()));
    // What somebody has chosen stays; before that the address chooses the provider, and the dialog the grant that works here.
    let providerChosen = !isNew;
    let chosen = !isNew;
    const offerGrants = (): void => {
      const row = providers[String(provider.val())];
      const before = chosen ? String(grant.val() ?? this.grant) : proposed(row);
      const grants = row?.grants ?? [];
      offer(
        grant,
        grants.map((value) => ({ value, label: this._(`grant.${value}`) })),
      );
      grant.val(grants.includes(before as never) ? before : (grants[0] ?? 'authorization_code'));
    };
    grant.append($('<option>').val(this.grant)).val(this.grant);
    offerGrants();

    const show = (): void => showFields(this, field);
    provider.on('change', (event) => {
      if (event.originalEvent !== undefined) providerChosen = true;
      offerGrants();
      grant.trigger('change');
    });
    user.on('change', () => {
      const its = itsProvider();
      if (!providerChosen && its !== undefined && its !== provider.val()) provider.val(its).trigger('change');
    });
    grant.on('change', (event) => {
      // The editor reports a change of every field when the dialog is ready; only a person's comes from the browser.
      if (event.originalEvent !== undefined) chosen = true;
      show();
      grant.trigger('redletter');
    });
    field('clientAuth').on('change', show);
    field('issuer').on('input', show);
    show();
    maskKey(field('privateKey'));
    if (this.provider === 'custom' && !this.issuer && this.tokenUrl) $('.redletter-more').prop('open', true);
    endSignIn = prepareSignIn(this);
  },
  oneditsave: function (this: Account) {
    end();
    const name = $('#node-config-input-name');
    // Several accounts of one provider are told apart by their address.
    if (!name.val()) name.val(String($('#node-config-input-user').val() ?? ''));
  },
  oneditcancel: end,
  oneditdelete: end,
} as never);

/** All rows: one that knows no OAuth for mail says what works there instead. */
function offerProviders(node: Account, provider: JQuery): void {
  const rows = Object.values(providers);
  const group = (label: string, of: Provider[]): JQuery => {
    const options = of.map(({ id, label }) =>
      $('<option>')
        .val(id)
        .text(id === 'custom' ? node._('provider.custom') : label),
    );
    return $('<optgroup>')
      .attr('label', label)
      .append(...options);
  };
  provider.empty().append(
    group(
      'OAuth 2.0',
      rows.filter(({ signIn }) => signIn === 'oauth2'),
    ),
    group(
      node._('provider.others'),
      rows.filter(({ signIn }) => signIn !== 'oauth2'),
    ),
  );
  provider.val(node.provider || 'google');
}

/** Providers send nobody back to a plain address on a LAN, so there a code comes first where the provider has codes. */
function proposed(row: Provider | undefined): string {
  return isLan(callbackUrl()) && row?.endpoints?.device !== undefined ? 'device_code' : 'authorization_code';
}

/** Shows what the chosen provider and the chosen grant need, and nothing else. */
function showFields(node: Account, field: (name: string) => JQuery): void {
  const row = providers[String(field('provider').val())];
  const grant = String(field('grant').val());
  const custom = row?.id === 'custom';
  const byHand = custom && !field('issuer').val();
  const oauth2 = row?.signIn === 'oauth2';
  // At Google a service account's key is all there is.
  const client = oauth2 && (grant !== 'service_account' || custom);
  const secret = client && row.clientSecret !== 'none';
  const byKey = secret && field('clientAuth').val() === 'private_key_jwt';
  const person = ['authorization_code', 'device_code'].includes(grant);

  $('.redletter-oauth2').toggle(oauth2);
  $('.redletter-custom').toggle(custom);
  $('.redletter-by-hand').toggle(byHand);
  $('.redletter-authorization-url').toggle(byHand && grant === 'authorization_code');
  $('.redletter-device-url').toggle(byHand && grant === 'device_code');
  $('.redletter-microsoft').toggle(row?.tenant !== undefined);
  $('.redletter-client-id').toggle(oauth2);
  $('.redletter-client-secret').toggle(secret && !byKey);
  $('.redletter-private-key').toggle(byKey || (oauth2 && grant === 'service_account'));
  $('.redletter-refresh-token').toggle(grant === 'refresh_token');
  $('.redletter-redirect-row, .redletter-redirect-uri').toggle(oauth2 && grant === 'authorization_code');
  // An application that acts by itself is known by a secret or by a key: that is no detail then.
  const auth = $('.redletter-client-auth').toggle(secret);
  if (grant === 'client_credentials') auth.insertBefore('.redletter-client-secret');
  else auth.insertAfter(field('scope').closest('.form-row'));

  $('.redletter-register-text').text(node._(`register.${grant}`));
  $('.redletter-register-link')
    .toggle(row?.links.register !== undefined)
    .attr('href', row?.links.register ?? '#')
    .text(`${row?.label ?? ''} `)
    .append('<i class="fa fa-external-link" aria-hidden="true">');
  field('scope').attr(
    'placeholder',
    (grant === 'client_credentials' && row?.applicationScope) || row?.scope || 'openid offline_access',
  );
  field('tenant').attr('placeholder', person ? 'common' : 'contoso.onmicrosoft.com');
  const hint = client ? (custom && person && !byHand ? 'mayRegister' : undefined) : 'fromJson';
  field('clientId').attr('placeholder', hint ? node._(`placeholder.${hint}`) : '');
  field('clientSecret').attr(
    'placeholder',
    node._(
      row?.clientSecret === 'required' || grant === 'client_credentials'
        ? 'placeholder.secretRequired'
        : 'placeholder.secretOptional',
    ),
  );
  showHint(node, row);
}

/** What has to be switched on with this provider, or what works there instead of OAuth. */
function showHint(node: Account, row: Provider | undefined): void {
  if (row === undefined) return;
  const key = row.signIn === 'oauth2' ? row.id : row.signIn;
  $('.redletter-hint-text').text(node._(`hint.${key}`, { provider: row.label, host: row.pop?.host ?? '' }));
  const links = $('.redletter-hint-links').empty();
  const offered = {
    ...(row.links.pop && { pop: row.links.pop }),
    ...(row.signIn !== 'oauth2' && row.links.register && { register: row.links.register }),
    ...(row.links.help && { help: row.links.help }),
  };
  for (const [name, href] of Object.entries(offered)) {
    links.append(
      $('<a target="_blank" rel="noopener noreferrer">')
        .attr('href', href)
        .text(node._(`link.${name}`)),
      ' ',
    );
  }
}

/**
 * A key has lines, so it stands in a text area; it is shown as dots like any other secret. What stands for a stored one
 * is selected as a whole, so that pasting replaces it.
 */
function maskKey(key: JQuery): void {
  key.css({ '-webkit-text-security': 'disc', resize: 'vertical' });
  key.on('focus click', () => {
    if (key.val() === '__PWRD__') key.trigger('select');
  });
}
