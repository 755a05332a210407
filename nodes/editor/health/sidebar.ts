/** The sidebar tab: every account and mailbox of the runtime at a glance, what needs a person first. */
import type { AccountReport, HealthReport, MailboxReport } from '../../admin/protocol';
import { getHealth, onHealthNews, RequestError } from '../api';
import { sentenceOf, word } from '../i18n';
import { accountCard } from './account';
import { arrange, type Card, nameOf, part } from './card';
import { FleetPart } from './fleet';
import { MailboxCard, needsPerson } from './mailbox';
import { rememberSurroundings } from './report';

const TAB = 'redletter-health';
/** As the editor names its own; a key can be put on it in the keyboard settings. */
const ACTION = 'redletter:show-mail-tab';
/** News that was missed, such as during a restart of Node-RED, is asked for after so many ms. */
const ASK_ANYWAY_MS = 60_000;
/** While the tab is hidden, only its badge has to be true; ms. */
const HIDDEN_EVERY_MS = 10_000;

let remove: (() => void) | undefined;

/** Puts the tab into the sidebar, once. */
export function addHealthTab(): void {
  if (remove !== undefined) return;
  const view = new HealthView();
  const name = word('health.tab');
  RED.sidebar.addTab({
    id: TAB,
    label: name,
    name,
    content: view.element[0] as HTMLElement,
    iconClass: 'redletter-tab-icon',
    // It becomes visible only after this.
    onchange: () => window.setTimeout(view.look),
  });
  RED.actions.add(ACTION, view.enter, { label: word('health.showTab') });
  const stop = onHealthNews(view.look);
  RED.events.on('deploy', view.look);
  const timer = window.setInterval(view.look, ASK_ANYWAY_MS);
  const first = window.setTimeout(view.look, 2000);
  remove = () => {
    stop();
    RED.events.off('deploy', view.look);
    window.clearInterval(timer);
    window.clearTimeout(first);
    RED.actions.remove(ACTION);
    RED.sidebar.removeTab(TAB);
  };
}

/** Takes it out again: the nodes are no longer in the palette. */
export function removeHealthTab(): void {
  remove?.();
  remove = undefined;
}

class HealthView {
  readonly element = $('<div class="redletter-health" tabindex="-1">');
  /** The mailboxes whose details are unfolded. */
  readonly #open = new Set<string>();
  readonly #mailboxes = section<MailboxReport>(
    word('health.mailboxes'),
    () => new MailboxCard(this.#ask, this.#showDetails),
    (report) => report.id,
    (report) => (needsPerson(report) ? 0 : 1),
  );
  readonly #accounts = section<AccountReport>(
    word('health.accounts'),
    accountCard,
    // Instances of a subflow share the node, but may differ in whose account it is.
    ({ node, user, provider }) => `${node} ${user} ${provider}`,
    ({ error }) => (error === undefined ? 1 : 0),
  );
  readonly #fleet: FleetPart;
  readonly #empty = part($('<div class="redletter-empty">'), emptyOf);
  readonly #trouble = part($('<div class="redletter-error" role="status">'), (said: string) =>
    said === '' ? [] : [said],
  );
  #asking = false;
  #again = false;
  #lookedAt = 0;

  constructor() {
    this.#fleet = new FleetPart(this.#ask);
    this.element.append(
      this.#trouble.element,
      this.#empty.element,
      this.#mailboxes.element,
      this.#accounts.element,
      this.#fleet.element,
    );
  }

  /** Asks how everything is; one question at a time, and rarely while it is hidden. */
  readonly look = (): void => {
    const hidden = !this.element.is(':visible');
    if (hidden && performance.now() - this.#lookedAt < HIDDEN_EVERY_MS) return;
    if (this.#asking) {
      this.#again = true;
      return;
    }
    this.#asking = true;
    this.#again = false;
    this.#lookedAt = performance.now();
    getHealth(hidden ? [] : this.#open)
      .then(
        (report) => {
          this.#trouble.show('');
          this.#show(report);
        },
        () => this.#trouble.show(word('health.unreachable')),
      )
      .finally(() => {
        this.#asking = false;
        if (this.#again) this.look();
      });
  };

  #show(report: HealthReport): void {
    rememberSurroundings(report);
    badge(report.mailboxes.filter(needsPerson).length);
    if (!this.element.is(':visible')) return;
    const skew = Date.now() - report.now;
    // Beyond what the way takes, it is the clocks that differ.
    const least = Math.abs(skew) < 2000 ? 0 : skew;
    this.#fleet.show(report.fleet, report.now, least);
    this.#mailboxes.show(report.mailboxes, least);
    this.#accounts.show(report.accounts, least);
    const drawn = RED.nodes.filterNodes({ type: 'pop3 in' }).length > 0;
    this.#empty.show(report.mailboxes.length > 0 ? '' : drawn ? 'undeployed' : 'none');
  }

  readonly #ask = (request: Promise<object>): void => {
    request.then(this.look, (error: unknown) => {
      const view = error instanceof RequestError ? error.view : undefined;
      RED.notify((view && sentenceOf(view)) ?? word('health.unreachable'), 'error');
    });
  };

  readonly #showDetails = (id: string, is: boolean): void => {
    if (is) this.#open.add(id);
    else this.#open.delete(id);
    if (is) this.look();
  };

  /** From the list of actions, or by a key of the reader's own: the next Tab is in the first card. */
  readonly enter = (): void => {
    RED.sidebar.show(TAB);
    window.setTimeout(() => this.element.trigger('focus'));
  };
}

/** How many mailboxes need a person, beside the icon of the tab wherever the editor shows it. */
function badge(count: number): void {
  $('.redletter-badge').remove();
  if (count > 0) $('<span class="redletter-badge">').text(count).insertAfter('.redletter-tab-icon');
}

function emptyOf(kind: 'none' | 'undeployed' | ''): JQuery[] {
  if (kind === '') return [];
  if (kind === 'undeployed') return [$('<p>').text(word('health.undeployed'))];
  return [
    $('<p>').text(word('health.empty')),
    $('<button type="button" class="red-ui-button">')
      .text(word('health.example'))
      .on('click', () => RED.actions.invoke('core:show-examples-import-dialog')),
  ];
}

interface Section<Report> {
  element: JQuery;
  show(reports: Report[], skew: number): void;
}

/** @param rank what comes first; names decide among equals */
function section<Report extends { node: string; name: string; user: string }>(
  title: string,
  make: () => Card<Report>,
  keyOf: (report: Report) => string,
  rank: (report: Report) => number,
): Section<Report> {
  const list = $('<ul>');
  const cards = new Map<string, Card<Report>>();
  const element = $('<section>').attr('aria-label', title).append($('<h3>').text(title), list).hide();
  return {
    element,
    show: (reports, skew) => {
      const named = reports.map((report) => ({ report, name: nameOf(report), rank: rank(report) }));
      named.sort((a, b) => a.rank - b.rank || a.name.localeCompare(b.name));
      arrange(
        list,
        cards,
        named.map(({ report }) => [keyOf(report), report]),
        make,
        skew,
      );
      element.toggle(reports.length > 0);
    },
  };
}
