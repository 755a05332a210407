/** Another person signed in than the address says: asked about at once, before the sign-in is used. */
import { accountWord } from '../i18n';
import type { StatusLine } from './status-line';

/** Whether the provider named another person than the account's address. */
export function isOtherPerson(label: string | undefined, user: string): boolean {
  const address = (text: string): string => text.trim().toLowerCase();
  return !!label?.includes('@') && user.includes('@') && address(label) !== address(user);
}

/** A person may have access to a mailbox of another address (a shared mailbox), so it is for them to say. */
export function offerOtherPerson(
  line: StatusLine,
  who: string,
  user: string,
  { signInAgain, useAddress, keep }: { signInAgain(): void; useAddress(): void; keep(): void },
): void {
  line.say(accountWord('signIn.otherPerson', { who, user }), 'warning');
  line.addButtons([
    {
      text: accountWord('label.signInAs', { user }),
      kind: 'primary redletter-other-again',
      act: signInAgain,
    },
    { text: accountWord('label.useAddress', { who }), kind: 'redletter-other-use', act: useAddress },
    { text: accountWord('label.keepSignIn'), kind: 'redletter-other-keep', act: keep },
  ]);
  line.scrollIntoView();
}
