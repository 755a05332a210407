import type { MailServer } from '../servers/mail-server';
import type { SignInServer } from '../servers/sign-in-server';

/** What the buttons of the flows do: `global.get('demo')` in a function node. */
export interface Controls {
  stopMailServer(): Promise<void>;
  startMailServer(): Promise<void>;
  addMail(user: string, count: number): void;
  /** As an administrator of the provider does it: every token of the user is void at once. */
  revokeSignIn(user: string): Promise<void>;
}

export function controls(mailServer: MailServer, signInServer: SignInServer): Controls {
  const grants = grantsOf(signInServer.provider);
  return {
    stopMailServer: () => mailServer.stop(),
    startMailServer: () => mailServer.start(),
    addMail: (user, count) => mailServer.deliver(user, count),
    revokeSignIn: async (user) => {
      const { AccessToken, RefreshToken } = signInServer.provider;
      for (const grant of grants.get(user) ?? []) {
        await AccessToken.revokeByGrantId(grant);
        await RefreshToken.revokeByGrantId(grant);
      }
      grants.delete(user);
    },
  };
}

/** The grants of each user, from the tokens as they are issued. */
function grantsOf(provider: SignInServer['provider']): Map<string, Set<string>> {
  const grants = new Map<string, Set<string>>();
  const note = ({ accountId, grantId }: { accountId?: string; grantId?: string }): void => {
    if (accountId && grantId) grants.set(accountId, (grants.get(accountId) ?? new Set()).add(grantId));
  };
  provider.on('access_token.saved', note);
  provider.on('refresh_token.saved', note);
  return grants;
}
