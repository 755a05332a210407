import type { Node, NodeAPI, NodeDef } from 'node-red';
import { MailboxError } from './mailbox';
import { accountOf } from './node-red/account';
import { translateBy } from './node-red/lifecycle';
import { accountStatus, failureStatus, nodeError } from './node-red/messages';
import { asAccountError } from './runtime';

interface OAuth2TokenDef extends NodeDef {
  account: string;
  /** Where in the message the token goes. */
  property: string;
}

/** `oauth2 token`: for everything else. The one place where a token leaves the runtime, because its user asked for it. */
export = function register(RED: NodeAPI): void {
  const translate = translateBy(RED);

  function OAuth2Token(this: Node, def: OAuth2TokenDef): void {
    RED.nodes.createNode(this, def);
    const account = accountOf(RED, def.account);
    const property = def.property?.trim() || 'token';
    const missing = new MailboxError('CONFIG', 'account-missing', { retryable: false });

    /** What went wrong with one message; undefined: it has its token. */
    const fill = async (msg: object): Promise<MailboxError | undefined> => {
      if (account === undefined) return missing;
      try {
        const { accessToken } = await account.token();
        if (put(RED, msg, property, accessToken)) return undefined;
        return new MailboxError('CONFIG', 'property-malformed', { facts: { detail: property } });
      } catch (error) {
        const told = asAccountError(error);
        if (told instanceof MailboxError) return told;
        return new MailboxError('CONFIG', 'unexpected', { facts: { detail: (error as Error).message } });
      }
    };

    // A deploy may close this node while the account renews. The message is sent all the same when its token has come:
    // taken for done it would be lost, and a mail that waits for its acknowledgement with it.
    this.on('input', (msg, send, done) => {
      fill(msg)
        .then((error) => {
          if (error === undefined) {
            send(msg);
            done();
          } else done(nodeError(error, translate) as never);
        })
        .catch(done);
    });

    this.status(account === undefined ? failureStatus(missing) : accountStatus(account.state));
    const unlisten = account?.listen((state) => this.status(accountStatus(state)));
    this.on('close', () => unlisten?.());
  }

  RED.nodes.registerType('oauth2 token', OAuth2Token);
};

/** False where the message has no room for it: no such path can be made, or something that is no object is in the way. */
function put(RED: NodeAPI, msg: object, property: string, token: string): boolean {
  try {
    return RED.util.setMessageProperty(msg as never, property, token, true);
  } catch {
    return false;
  }
}
