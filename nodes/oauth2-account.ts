import type { NodeAPI } from 'node-red';
import { serveSignIn } from './admin/sign-in-routes';
import {
  type AccountCredentials,
  type AccountDef,
  type AccountNode,
  accountConfig,
  CREDENTIALS,
  routeOf,
} from './node-red/account';
import { agentFor } from './node-red/agent';
import { runtimeOf } from './node-red/lifecycle';
import { SignInEnd } from './runtime';

/** How long closing waits for a renewal under way. */
const MOST_PATIENCE_MS = 3_000;

/** `oauth2-account`: one sign-in, kept alive. */
export = function register(RED: NodeAPI): void {
  const runtime = runtimeOf(RED);
  serveSignIn(RED, runtime);

  function OAuth2Account(this: AccountNode, def: AccountDef): void {
    RED.nodes.createNode(this, def);
    // Within a subflow a configuration node has an id of its own; the sign-in belongs to the one in the editor.
    const id = (this as { _alias?: string })._alias ?? this.id;
    const account = accountConfig(def, this.credentials);
    const loan = runtime.accounts.borrow(id, account, agentFor(RED, def.tls, def.proxy));

    Object.defineProperties(this, {
      account: { value: account },
      route: { value: routeOf(def) },
      state: { get: () => loan.source.state },
    });
    this.token = (question) => loan.source.token(question);
    this.listen = (listener) => loan.listen(listener);
    loan.listen(({ storeError }) => {
      if (storeError !== undefined) this.warn(RED._(`errors.${storeError.reason}`, { ...storeError.facts }));
    });
    const end = new SignInEnd(runtime.clock, (renewable) =>
      this.warn(RED._(renewable ? 'warning.ends' : 'warning.unrenewable')),
    );
    loan.listen(end.hear);
    end.hear(loan.source.state);
    this.on('close', (done: () => void) => {
      end.stop();
      // A process that ends between a renewal's answer and its saving has lost the sign-in. A deploy loses nothing,
      // since the source outlives it, and cannot be told apart here; so it waits too, but not for long.
      const enough = setTimeout(closed, MOST_PATIENCE_MS);
      function closed(): void {
        clearTimeout(enough);
        loan.giveBack().then(() => done(), done);
      }
      loan.source.settled().then(closed, closed);
    });
  }

  RED.nodes.registerType<AccountNode, AccountDef, object, AccountCredentials>(
    'oauth2-account',
    OAuth2Account,
    { credentials: CREDENTIALS },
  );
};
