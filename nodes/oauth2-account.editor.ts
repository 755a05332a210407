import './editor/form/form.css';
import './editor/sign-in/signed-in.css';
import { AccountDialog } from './editor/sign-in/account-dialog';
import type { AccountNode } from './editor/sign-in/account-form';
import { accountProperties } from './editor/sign-in/account-properties';
import { providers } from './oauth2/providers';

let dialog: AccountDialog | undefined;

RED.nodes.registerType<AccountNode>('oauth2-account', {
  category: 'config',
  // Written out: Node-RED's catalog reads the names from the text, without running it.
  defaults: {
    name: accountProperties.name,
    provider: accountProperties.provider,
    grant: accountProperties.grant,
    tenant: accountProperties.tenant,
    issuer: accountProperties.issuer,
    authorizationUrl: accountProperties.authorizationUrl,
    tokenUrl: accountProperties.tokenUrl,
    deviceUrl: accountProperties.deviceUrl,
    revocationUrl: accountProperties.revocationUrl,
    scope: accountProperties.scope,
    prompt: accountProperties.prompt,
    clientAuth: accountProperties.clientAuth,
    redirectUri: accountProperties.redirectUri,
    tls: accountProperties.tls,
    proxy: accountProperties.proxy,
  },
  credentials: {
    user: { type: 'text' },
    clientId: { type: 'text' },
    clientSecret: { type: 'password' },
    privateKey: { type: 'password' },
    refreshToken: { type: 'password' },
  },
  label: function () {
    return this.name || providers[this.provider]?.label || 'oauth2-account';
  },
  oneditprepare: function () {
    dialog = new AccountDialog(this);
  },
  oneditsave: () => dialog?.save(),
  oneditcancel: () => dialog?.close(),
  oneditdelete: () => dialog?.close(),
});
