/** Who is signed in, since when, what for, and how long the access token still lives: in the account's dialog and in the sidebar. */
import { live, moment, relative } from '../health/time';

/** As the runtime tells it. Times are ms since the epoch. */
export interface SignedIn {
  /** The address the sign-in server named. */
  label?: string;
  /** Space-separated. */
  scope?: string;
  signedInAt?: number;
  /** When the access token was given out. */
  renewedAt?: number;
  expiresAt?: number;
  renewable?: boolean;
  /** When somebody has to sign in again, whatever happens. */
  endsAt?: number;
}

export interface AccountPanel {
  readonly element: JQuery;
  /** @param skew ms by which this browser's clock is ahead of the runtime's */
  show(signedIn: SignedIn, skew?: number): void;
}

/** An empty panel; it changes only where what it shows has changed. */
export function accountPanel(): AccountPanel {
  styleAccountPanel();
  const element = $('<dl class="redletter-signed-in">');
  let shown = '';
  return {
    element,
    show: (signedIn, skew = 0) => {
      const { label, scope, signedInAt, renewedAt, expiresAt, renewable, endsAt } = signedIn;
      const now = JSON.stringify([label, scope, signedInAt, renewedAt, expiresAt, renewable, endsAt]);
      if (now === shown) return;
      shown = now;
      element.empty();
      const row = (term: string, ...told: (JQuery | string)[]): void => {
        element.append($('<dt>').text(term), $('<dd>').append(...told.map(asText)));
      };
      if (signedInAt === undefined) return;
      if (label) row(RED._('@redletter/node-red-pop3/oauth2-account:panel.who'), label);
      row(RED._('@redletter/node-red-pop3/oauth2-account:panel.since'), moment(signedInAt + skew));
      if (scope) row(RED._('@redletter/node-red-pop3/oauth2-account:panel.scope'), scopes(scope));
      if (renewedAt !== undefined && expiresAt !== undefined) {
        row(
          RED._('@redletter/node-red-pop3/oauth2-account:panel.token'),
          ...life(renewedAt + skew, expiresAt + skew),
        );
      }
      if (renewable === false) {
        row(
          RED._('@redletter/node-red-pop3/oauth2-account:panel.renewed'),
          RED._('@redletter/node-red-pop3/oauth2-account:panel.never'),
        );
      } else if (renewedAt !== undefined) {
        row(
          RED._('@redletter/node-red-pop3/oauth2-account:panel.renewed'),
          renewedAt > signedInAt
            ? moment(renewedAt + skew)
            : RED._('@redletter/node-red-pop3/oauth2-account:panel.notYet'),
        );
      }
      if (renewable && endsAt !== undefined) {
        row(RED._('@redletter/node-red-pop3/oauth2-account:panel.ends'), moment(endsAt + skew));
      }
    },
  };
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
      'aria-label': RED._('@redletter/node-red-pop3/oauth2-account:panel.token'),
      'aria-valuemin': 0,
      'aria-valuemax': 100,
    })
    .append(rest);
  const words = (): string =>
    until > Date.now()
      ? RED._('@redletter/node-red-pop3/oauth2-account:panel.runsOut', { time: relative(until) })
      : RED._('@redletter/node-red-pop3/oauth2-account:panel.ranOut', { time: relative(until) });
  live(bar, () => {
    const left = Math.max(0, Math.min(1, (until - Date.now()) / Math.max(1, until - from)));
    rest.css('width', `${Math.round(left * 100)}%`);
    bar.attr({ 'aria-valuenow': Math.round(left * 100), 'aria-valuetext': words() });
  });
  return [bar, moment(until, words)];
}

/** The style is there once, for dialog and sidebar. */
function styleAccountPanel(): void {
  if ($('#redletter-signed-in-style').length > 0) return;
  $('<style id="redletter-signed-in-style">')
    .text(
      `.redletter-signed-in { display: grid; grid-template-columns: auto 1fr; gap: 3px 10px; margin: 6px 0;
        color: var(--red-ui-primary-text-color) }
      .redletter-signed-in dt { font-weight: normal; color: var(--red-ui-primary-text-color) }
      .redletter-signed-in dd { margin: 0; min-width: 0; overflow-wrap: anywhere }
      .redletter-signed-in code { display: block; padding: 0; border: 0; background: none; white-space: normal;
        overflow-wrap: anywhere; color: inherit; font-size: 0.9em }
      .redletter-life { height: 4px; margin: 7px 0 5px; border-radius: 2px; overflow: hidden;
        background: var(--red-ui-secondary-border-color) }
      .redletter-life > div { height: 100%; background: var(--red-ui-node-status-colors-blue) }`,
    )
    .appendTo('head');
}
