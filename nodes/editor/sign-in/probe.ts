/** The last step of a sign-in: whether the mail server accepts the token. */
import type { AccountApi } from '../api';
import { mailboxOf } from '../form/surroundings';
import { accountWord, sentenceOf } from '../i18n';
import { type AccountNode, accountDraft } from './account-form';
import type { StatusLine } from './status-line';

/** Nothing is said where the mail server is not known yet. */
export async function showProbe(
  line: StatusLine,
  api: AccountApi,
  node: AccountNode,
  { who, signIn }: { who: string; signIn?: string | undefined },
): Promise<void> {
  const result = line.addLine(accountWord('signIn.looking'));
  const mailbox = mailboxOf(node.id);
  const request = { ...accountDraft(node), ...(mailbox && { mailbox }), ...(signIn && { signIn }) };
  const answer = await api.probe(request).catch(() => ({}));
  if ('messages' in answer) line.restate(accountWord('signIn.connected', { who, messages: answer.messages }));
  if (!('reason' in answer)) {
    result.remove();
    return;
  }
  result.text(sentenceOf(answer, 'running', answer.catalogue) ?? '').addClass('redletter-error');
  line.element.attr('data-mailbox', 'failed');
}
