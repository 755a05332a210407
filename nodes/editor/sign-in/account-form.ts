/** What the dialog of an account shows, and what another dialog knows of an account in this editor. */
import type { AccountDraft } from '../../admin/protocol';
import { ACCOUNT_DEFAULTS } from '../../node-red/data/defaults';
import { STORED_SECRET, secretOf, trimmedValue } from '../form/form';
import { accountWord } from '../i18n';

export interface AccountNode extends EditorNode {
  name: string;
  provider: string;
  grant: string;
  clientAuth: string;
  issuer: string;
  tokenUrl: string;
  credentials?: Record<string, string>;
}

const TEXTS = ['user', 'clientId'] as const;
const SECRETS = ['clientSecret', 'privateKey', 'refreshToken'] as const;
const DEFAULTS: Record<string, string> = ACCOUNT_DEFAULTS;
const PROPERTIES = Object.keys(ACCOUNT_DEFAULTS).filter((name) => name !== 'name');

export const accountField = (name: string): JQuery => $(`#node-config-input-${name}`);
export const accountValue = (name: string): string => trimmedValue(accountField(name));

/** A person signs in; with the other grants the application gets its token by itself. */
export const needsPerson = (): boolean =>
  ['authorization_code', 'device_code'].includes(accountValue('grant'));

/** The account as its open dialog shows it. */
export function accountDraft(node: AccountNode): AccountDraft {
  const credentials: Record<string, string> = {};
  for (const name of TEXTS) credentials[name] = accountValue(name);
  for (const name of SECRETS) {
    const secret = secretOf(accountField(name), node.credentials?.[name]);
    if (secret !== undefined) credentials[name] = secret;
  }
  return {
    properties: Object.fromEntries(PROPERTIES.map((name) => [name, accountValue(name)])),
    credentials,
  };
}

/** What has to be entered before a sign-in can start, as a sentence. */
export function missingFromAccount(): string | undefined {
  const custom = accountValue('provider') === 'custom';
  const issuer = accountValue('issuer');
  if (accountValue('user') === '') return accountWord('invalid.user');
  const fromJson = accountValue('grant') === 'service_account' && !custom;
  // A server that is found by its issuer may let applications register themselves.
  const mayRegister = needsPerson() && custom && issuer !== '';
  if (accountValue('clientId') === '' && !fromJson && !mayRegister) return accountWord('invalid.clientId');
  if (custom && issuer === '' && accountValue('tokenUrl') === '') return accountWord('invalid.issuer');
  return undefined;
}

/** The application registered itself as a public client: another one's secret and key go. */
export function keepRegisteredClient(id: string): void {
  accountField('clientId').val(id);
  for (const name of ['clientSecret', 'privateKey']) accountField(name).val('');
  if (accountValue('clientAuth') === 'private_key_jwt')
    accountField('clientAuth').val('body').trigger('change');
}

/**
 * What the account's dialog would send, for an account that was opened in this editor: it may not be deployed yet.
 * Undefined where it was not, so that the deployed one counts.
 */
export function accountInEditor(id: string): AccountDraft | undefined {
  const account = RED.nodes.node(id);
  if (account?.type !== 'oauth2-account' || account.credentials === undefined) return undefined;
  const credentials: Record<string, string> = {};
  for (const name of [...TEXTS, ...SECRETS]) {
    const value = account.credentials[name];
    if (typeof value === 'string' && value !== STORED_SECRET) credentials[name] = value;
  }
  return {
    properties: Object.fromEntries(PROPERTIES.map((name) => [name, account[name] ?? DEFAULTS[name]])),
    credentials,
  };
}
