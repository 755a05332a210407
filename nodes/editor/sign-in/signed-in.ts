/** Who is signed in, since when, for which scopes, and how long the access token is valid: in the dialog and in the sidebar. */
import type { SignedInView } from '../../admin/protocol';
import { live, moment, relative } from '../health/time';
import { accountWord } from '../i18n';

/** It changes only where what it shows has changed. */
export class SignedInPanel {
  readonly element = $('<dl class="redletter-signed-in">');
  #shown = '';

  /** @param skew ms by which this browser's clock is ahead of the runtime's */
  show(view: SignedInView, skew = 0): void {
    const { label, scope, signedInAt, renewedAt, expiresAt, renewable, endsAt } = view;
    const now = JSON.stringify([label, scope, signedInAt, renewedAt, expiresAt, renewable, endsAt]);
    if (now === this.#shown) return;
    this.#shown = now;
    this.element.empty();
    if (signedInAt === undefined) return;
    if (label) this.#row('who', label);
    this.#row('since', moment(signedInAt + skew));
    if (scope) this.#row('scope', scopes(scope));
    if (renewedAt !== undefined && expiresAt !== undefined) {
      this.#row('token', ...life(renewedAt + skew, expiresAt + skew));
    }
    if (renewable === false) this.#row('renewed', accountWord('panel.never'));
    else if (renewedAt !== undefined) {
      const isRenewed = renewedAt > signedInAt;
      this.#row('renewed', isRenewed ? moment(renewedAt + skew) : accountWord('panel.notYet'));
    }
    if (renewable && endsAt !== undefined) this.#row('ends', moment(endsAt + skew));
  }

  #row(term: string, ...told: (JQuery | string)[]): void {
    this.element.append($('<dt>').text(accountWord(`panel.${term}`)), $('<dd>').append(...told.map(asText)));
  }
}

const asText = (told: JQuery | string): JQuery => (typeof told === 'string' ? $('<span>').text(told) : told);

/** Scopes are long addresses at some providers; one a line they can be read. */
const scopes = (scope: string): JQuery =>
  $('<span>').append(...scope.split(/\s+/).map((one) => $('<code>').text(one)));

/** A thin bar that grows shorter, and the words for it. */
function life(from: number, until: number): JQuery[] {
  const rest = $('<div>');
  const bar = $('<div class="redletter-life" role="meter">')
    .attr({
      'aria-label': accountWord('panel.token'),
      'aria-valuemin': 0,
      'aria-valuemax': 100,
    })
    .append(rest);
  const words = (): string =>
    until > Date.now()
      ? accountWord('panel.runsOut', { time: relative(until) })
      : accountWord('panel.ranOut', { time: relative(until) });
  live(bar, () => {
    const left = Math.max(0, Math.min(1, (until - Date.now()) / Math.max(1, until - from)));
    rest.css('width', `${Math.round(left * 100)}%`);
    bar.attr({ 'aria-valuenow': Math.round(left * 100), 'aria-valuetext': words() });
  });
  return [bar, moment(until, words)];
}
