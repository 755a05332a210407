import { fromEnvironment, offer, styleForms, unless } from './editor/form.editor';
import { prepareSignIn } from './editor/sign-in.editor';
import { providers } from './oauth2/providers';

interface Account {
  id: string;
  name: string;
  provider: string;
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

function address(this: Account, value: unknown): true | string {
  return unless(isAddress(value), this._('invalid.address'));
}

let endSignIn: () => void = () => undefined;

RED.nodes.registerType('oauth2-account', {
  category: 'config',
  defaults: {
    name: { value: '' },
    provider: { value: 'google', required: true },
    grant: { value: 'authorization_code', required: true },
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
  },
  credentials: {
    user: { type: 'text' },
    clientId: { type: 'text' },
    clientSecret: { type: 'password' },
  },
  label: function (this: Account) {
    return this.name || providers[this.provider]?.label || 'oauth2-account';
  },
  oneditprepare: function (this: Account) {
    styleForms();
    const provider = $('#node-config-input-provider');
    offer(
      provider,
      Object.values(providers)
        .filter((row) => row.signIn === 'oauth2')
        .map((row) => ({
          value: row.id,
          label: row.id === 'custom' ? this._('provider.custom') : row.label,
        })),
    );
    provider.val(this.provider || 'google');

    const show = (): void => {
      const row = providers[String(provider.val())];
      const custom = row?.id === 'custom';
      $('.redletter-custom').toggle(custom);
      $('.redletter-microsoft').toggle(row?.tenant !== undefined);
      $('.redletter-by-hand').toggle(custom && !$('#node-config-input-issuer').val());
      $('.redletter-register-link')
        .toggle(row?.links.register !== undefined)
        .attr('href', row?.links.register ?? '#')
        .text(row?.label ?? '');
      $('#node-config-input-scope').attr('placeholder', row?.scope ?? 'openid offline_access');
      $('#node-config-input-clientSecret').attr(
        'placeholder',
        this._(
          row?.clientSecret === 'required' ? 'placeholder.secretRequired' : 'placeholder.secretOptional',
        ),
      );
    };
    provider.on('change', show);
    $('#node-config-input-issuer').on('input', show);
    show();
    if (this.provider === 'custom' && !this.issuer && this.tokenUrl) $('.redletter-more').prop('open', true);
    endSignIn = prepareSignIn(this);
  },
  oneditsave: function (this: Account) {
    endSignIn();
    const name = $('#node-config-input-name');
    // Several accounts of one provider are told apart by their address.
    if (!name.val()) name.val(String($('#node-config-input-user').val() ?? ''));
  },
  oneditcancel: () => endSignIn(),
  oneditdelete: () => endSignIn(),
} as never);
