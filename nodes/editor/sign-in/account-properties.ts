/** The properties of `oauth2-account` as the editor takes them: default, and what may be entered. */
import { ACCOUNT_DEFAULTS } from '../../node-red/data/defaults';
import { providers } from '../../oauth2/providers';
import { fromEnvironment, unless, validator } from '../form/form';
import { accountWord } from '../i18n';
import { type AccountNode, accountField } from './account-form';

/** The account whose dialog is open. */
let opened: string | undefined;

export const setOpenedAccount = (node: AccountNode | undefined): void => {
  opened = node?.id;
};

const HTTPS = /^https:\/\/\S+$/i;
const LOOPBACK = /^http:\/\/(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?(\/|$)/i;

const address = validator((value: unknown) => {
  const text = String(value);
  const fits = !value || fromEnvironment(value) || HTTPS.test(text) || LOOPBACK.test(text);
  return unless(fits, accountWord('invalid.address'));
});

const grantsOf = (provider: unknown): readonly string[] => providers[String(provider)]?.grants ?? [];

const provider = validator((value: string) =>
  unless(grantsOf(value).length > 0, accountWord('invalid.provider')),
);

const grant = validator(function (this: AccountNode, value: string) {
  const chosen = this.id === opened ? accountField('provider').val() : this.provider;
  return unless(grantsOf(chosen).includes(value), accountWord('invalid.grant'));
});

type Name = keyof typeof ACCOUNT_DEFAULTS;

const DEFINITIONS: Partial<Record<Name, NodeProperty>> = {
  provider: { validate: provider },
  grant: { validate: grant },
  issuer: { validate: address },
  authorizationUrl: { validate: address },
  tokenUrl: { validate: address },
  deviceUrl: { validate: address },
  revocationUrl: { validate: address },
  clientAuth: { required: true },
  redirectUri: { validate: address },
  tls: { type: 'tls-config', required: false },
  proxy: { type: 'http proxy', required: false },
};

export const accountProperties = Object.fromEntries(
  (Object.keys(ACCOUNT_DEFAULTS) as Name[]).map((name) => [
    name,
    { value: ACCOUNT_DEFAULTS[name], ...DEFINITIONS[name] },
  ]),
) as Record<Name, NodeProperty>;
