import http from 'node:http';
import https from 'node:https';
import type { NodeAPI } from 'node-red';
import { type AccountCredentials, type AccountDef, type AccountNode, accountConfig } from './editor/account';
import { runtimeOf } from './editor/process';
import { serveSignIn } from './editor/sign-in-routes';
import type { AgentFor } from './oauth2';

/** `oauth2-account`: one sign-in, kept alive. */
export = function register(RED: NodeAPI): void {
  const runtime = runtimeOf(RED);
  serveSignIn(RED, runtime);

  function OAuth2Account(this: AccountNode, def: AccountDef): void {
    RED.nodes.createNode(this, def);
    // Within a subflow a configuration node has an id of its own; the sign-in belongs to the one in the editor.
    const id = (this as { _alias?: string })._alias ?? this.id;
    const account = accountConfig(def, this.credentials);
    const loan = runtime.accounts.borrow(id, account, agentFor(RED, def.tls));

    Object.defineProperties(this, {
      account: { value: account },
      state: { get: () => loan.source.state },
    });
    this.token = (question) => loan.source.token(question);
    this.listen = (listener) => loan.listen(listener);
    loan.listen(({ storeError }) => {
      if (storeError !== undefined) this.warn(RED._('errors.store-failed'));
    });
    this.on('close', (done: () => void) => {
      loan.giveBack();
      done();
    });
  }

  RED.nodes.registerType<AccountNode, AccountDef, object, AccountCredentials>(
    'oauth2-account',
    OAuth2Account,
    {
      credentials: {
        user: { type: 'text' },
        clientId: { type: 'text' },
        clientSecret: { type: 'password' },
      },
    },
  );
};

/** Connections to the sign-in server under core's `tls-config`, where one is chosen. */
function agentFor(RED: NodeAPI, id: string): AgentFor | undefined {
  const node = id
    ? (RED.nodes.getNode(id) as { addTLSOptions?(options: https.AgentOptions): unknown } | null)
    : null;
  if (!node?.addTLSOptions) return undefined;
  const options: https.AgentOptions = {};
  node.addTLSOptions(options);
  const secure = new https.Agent(options);
  const plain = new http.Agent();
  return (url) => (url.protocol === 'https:' ? secure : plain);
}
