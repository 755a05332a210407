/** A failure in the dialog: what happened, who can change it, and the page or the button for it. */
import type { ErrorResponse } from '../../admin/protocol';
import { accountWord, sentenceOf } from '../i18n';
import { accountField } from './account-form';
import type { StatusLine } from './status-line';

/** @param again starts a sign-in by what the dialog then holds */
export function showRefusal(
  line: StatusLine,
  view: ErrorResponse,
  { where, otherwise, again }: { where: 'dialog' | 'running'; otherwise: string; again(): void },
): void {
  line.say(sentenceOf(view, where, 'oauth2-account') ?? otherwise, 'error');
  const { cure, reason, facts } = view;
  if (cure) {
    const said = line.addLine(accountWord(`who.${cure.who}`)).addClass('redletter-who');
    // Only the provider table and this package name such pages.
    if (cure.link) said.append(' ', line.link(accountWord('who.open'), cure.link));
  }
  const issuer = reason === 'issuer-wrong' ? facts?.detail : undefined;
  // Any other address would be refused again: https, or this machine itself.
  const isAccepted = /^(https:\/\/|http:\/\/(localhost|127\.0\.0\.1|\[::1\])([:/]|$))/;
  if (typeof issuer === 'string' && isAccepted.test(issuer)) {
    const text = accountWord('label.useIssuer', { issuer });
    const useIssuer = (): void => {
      accountField('issuer').val(issuer).trigger('change');
      again();
    };
    line.addButtons([{ text, kind: 'primary redletter-use-issuer', act: useIssuer }]);
  }
}
