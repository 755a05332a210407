/** What a red status under a node means: beside it, the whole sentence, and the buttons that lead on. */
import type { HealthReport } from '../../admin/protocol';
import { getHealth, RequestError } from '../api';
import { sentenceOf, word } from '../i18n';
import { LeadOn, type Trouble } from './lead-on';

const STATUS = '.red-ui-flow-node-status-group';
const EVENTS = '.redletter-status';
/** Milliseconds: a mouse that only passes asks for nothing, and one on its way to a button loses nothing. */
const SHOW_MS = 300;
const HIDE_MS = 400;

let timer: number | undefined;
let open: { at: Element; popover: EditorPopover } | undefined;

export function explainStatuses(): void {
  $('#red-ui-workspace-chart')
    .on(`mouseenter${EVENTS}`, STATUS, ({ currentTarget }) => {
      if (open?.at === currentTarget) window.clearTimeout(timer);
      else inAMoment(() => explain(currentTarget), SHOW_MS);
    })
    .on(`mouseleave${EVENTS}`, STATUS, () => inAMoment(hideUnlessUsed, HIDE_MS));
}

/** The nodes are no longer in the palette. */
export function leaveStatusDetails(): void {
  $('#red-ui-workspace-chart').off(EVENTS);
  window.clearTimeout(timer);
  hide();
}

function inAMoment(act: () => void, ms: number): void {
  window.clearTimeout(timer);
  timer = window.setTimeout(act, ms);
}

function hide(): void {
  open?.popover.close(true);
  open = undefined;
}

/** The editor closes it itself once the mouse has left what it shows. */
function hideUnlessUsed(): void {
  if (open?.popover.element?.is(':hover') !== true) hide();
}

async function explain(at: Element): Promise<void> {
  const node = RED.nodes.node(at.closest('.red-ui-flow-node-group')?.id ?? '');
  if (node === null || (node.type !== 'pop3 in' && node.type !== 'oauth2 token')) return;
  const report = await getHealth().catch(() => undefined);
  const trouble = report && troubleOf(node, report);
  // The mouse may have moved on meanwhile.
  if (trouble === undefined || !at.matches(':hover')) return;
  hide();
  const popover = RED.popover.create({
    target: $(at),
    trigger: 'manual',
    interactive: true,
    direction: 'bottom',
    size: 'small',
    width: '320px',
    delay: { show: 0, hide: HIDE_MS },
    content: detailsOf(trouble),
  });
  popover.open(true);
  open = { at, popover };
}

function troubleOf(node: EditorNode, { mailboxes, accounts }: HealthReport): Trouble | undefined {
  if (node.type === 'oauth2 token') {
    const error = accounts.find((one) => one.node === node.account)?.error;
    return error && { error, node: node.id, account: String(node.account) };
  }
  const mailbox = mailboxes.find((one) => one.node === node.id);
  if (mailbox?.error === undefined || mailbox.error.over) return undefined;
  const { id, error, account } = mailbox;
  return { error, node: node.id, account, mailbox: id };
}

function detailsOf(trouble: Trouble): JQuery {
  const buttons = new LeadOn((request) => {
    request.catch((error: unknown) => {
      const view = error instanceof RequestError ? error.view : undefined;
      RED.notify((view && sentenceOf(view)) ?? word('health.unreachable'), 'error');
    });
  });
  buttons.show(trouble);
  // A dialog opens, or a check begins: it has been read.
  buttons.element.on('click', 'button', hide);
  return $('<div class="redletter-status-details">').append(
    $('<p>').text(sentenceOf(trouble.error, 'running') ?? ''),
    buttons.element,
  );
}
