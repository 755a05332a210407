/** The sidebar tab: every account and mailbox of the runtime at a glance. */

import type { AccountReport, HealthReport, MailboxReport } from '../../admin/protocol';
import { getHealth, onHealthNews, RequestError } from '../api';
import { sentenceOf, word } from '../i18n';
import { accountCard } from './account';
import { arrange, type Card, nameOf, part } from './card';
import { mailboxCard } from './mailbox';

const TAB = 'redletter-health';
/** As the editor names its own; a key can be put on it in the settings of the keyboard. */
const ACTION = 'redletter:show-mail-tab';
/** What was missed, such as while Node-RED was started anew, is asked for at last after so many ms. */
const AT_LAST_MS = 60_000;

let remove: (() => void) | undefined;

/** Puts the tab into the sidebar, once. */
export function addHealthTab(): void {
  if (remove !== undefined) return;
  const view = healthView();
  const name = word('health.tab');
  const tab = {
    id: TAB,
    label: name,
    name,
    content: view.element[0] as HTMLElement,
    iconClass: 'redletter-tab-icon',
    // It becomes visible only after this.
    onchange: () => window.setTimeout(view.look),
  };
  RED.sidebar.addTab(tab);
  RED.actions.add(ACTION, view.enter, { label: word('health.showTab') });
  const stop = onHealthNews(view.look);
  RED.events.on('deploy', view.look);
  const timer = window.setInterval(view.look, AT_LAST_MS);
  remove = () => {
    stop();
    RED.events.off('deploy', view.look);
    window.clearInterval(timer);
    RED.actions.remove(ACTION);
    RED.sidebar.removeTab(TAB);
  };
}

/** Takes it out again: the nodes are no longer in the palette. */
export function removeHealthTab(): void {
  remove?.();
  remove = undefined;
}

function healthView(): { element: JQuery; look: () => void; enter: () => void } {
  const mailboxes = section<MailboxReport>(
    word('health.mailboxes'),
    () => mailboxCard(ask),
    (report) => report.id,
  );
  const accounts = section<AccountReport>(
    word('health.accounts'),
    accountCard,
    // Instances of a subflow share the node, but may differ in whose account it is.
    ({ node, user, provider }) => `${node} ${user} ${provider}`,
  );
  const empty = part($('<div class="redletter-empty">'), (kind: 'none' | 'undeployed' | '') => {
    if (kind === '') return [];
    if (kind === 'undeployed') {
      return [$('<p>').text(word('health.undeployed'))];
    }
    return [
      $('<p>').text(word('health.empty')),
      $('<button type="button" class="red-ui-button">')
        .text(word('health.example'))
        .on('click', () => RED.actions.invoke('core:show-examples-import-dialog')),
    ];
  });
  const trouble = part($('<div class="redletter-error" role="status">'), (told: string) =>
    told === '' ? [] : [told],
  );
  const element = $('<div class="redletter-health" tabindex="-1">').append(
    trouble.element,
    empty.element,
    mailboxes.element,
    accounts.element,
  );

  let asking = false;
  let again = false;
  /** Asks how everything is, where somebody sees it; one question at a time. */
  function look(): void {
    if (!element.is(':visible')) return;
    if (asking) {
      again = true;
      return;
    }
    asking = true;
    again = false;
    getHealth()
      .then(
        (report) => {
          trouble.show('');
          show(report);
        },
        () => trouble.show(word('health.unreachable')),
      )
      .finally(() => {
        asking = false;
        if (again) look();
      });
  }

  function show(report: HealthReport): void {
    const skew = Date.now() - report.now;
    // Beyond what the way takes, it is the clocks that differ.
    const least = Math.abs(skew) < 2000 ? 0 : skew;
    mailboxes.show(report.mailboxes, least);
    accounts.show(report.accounts, least);
    const drawn = RED.nodes.filterNodes({ type: 'pop3 in' }).length > 0;
    empty.show(report.mailboxes.length > 0 ? '' : drawn ? 'undeployed' : 'none');
  }

  function ask(request: Promise<object>): void {
    request.then(look, (error: unknown) => {
      const view = error instanceof RequestError ? error.view : undefined;
      RED.notify((view && sentenceOf(view)) ?? word('health.unreachable'), 'error');
    });
  }

  /** From the list of actions, or by a key of the reader's own: the next Tab is in the first card. */
  const enter = (): void => {
    RED.sidebar.show(TAB);
    window.setTimeout(() => element.trigger('focus'));
  };
  return { element, look, enter };
}

interface Section<Report> {
  element: JQuery;
  show(reports: Report[], skew: number): void;
}

function section<Report extends { node: string; name: string; user: string }>(
  title: string,
  make: () => Card<Report>,
  keyOf: (report: Report) => string,
): Section<Report> {
  const list = $('<ul>');
  const cards = new Map<string, Card<Report>>();
  const element = $('<section>').attr('aria-label', title).append($('<h3>').text(title), list).hide();
  return {
    element,
    show: (reports, skew) => {
      const named = reports.map((report) => ({ report, name: nameOf(report) }));
      named.sort((a, b) => a.name.localeCompare(b.name));
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
