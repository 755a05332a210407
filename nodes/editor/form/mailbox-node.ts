/** A `pop3 in` of the editor, and what its open form shows in place of what is saved. */
import { type Provider, providers } from '../../oauth2/providers';
import { trimmedValue } from './form';

export interface MailboxNode extends EditorNode {
  credentials?: { user?: string; password?: string; has_password?: boolean };
  name: string;
  auth: string;
  account: string;
  service: string;
  host: string;
  first: string;
  mechanism: string;
  attachments: string;
  content: string;
  handled: string;
}

/** The node whose dialog is open. */
let opened: string | undefined;

export const setOpened = (node: MailboxNode | undefined): void => {
  opened = node?.id;
};
export const isOpened = (node: MailboxNode): boolean => node.id === opened;

/** The field that the next dialog opens at. */
let wanted: string | undefined;

/** Opens the node's dialog, at one of its fields where one is given. */
export function editAt(node: EditorNode, property: string | undefined): void {
  wanted = property;
  RED.editor.edit(node);
}

/** To be called once the form is prepared: the editor gives its first field the focus while the dialog slides in. */
export function goToWantedField(): void {
  if (wanted === undefined) return;
  const target = field(wanted);
  wanted = undefined;
  const body = target.closest('.red-ui-tray-body');
  body.one('focusin', () => {
    target.parents('details').prop('open', true);
    // Scrolled by hand: the browser would also scroll sideways, to where the dialog still is.
    target[0]?.focus({ preventScroll: true });
    const above = (target.offset()?.top ?? 0) - (body.offset()?.top ?? 0);
    body.scrollTop((body.scrollTop() ?? 0) + above - (body.height() ?? 0) / 2);
  });
}

export const field = (property: string): JQuery => $(`#node-input-${property}`);
export const fieldValue = (property: string): string => trimmedValue(field(property));

type Shown = 'auth' | 'account' | 'service' | 'attachments' | 'content';

/** A property as the reader sees it: in the form where that is open, else as it was saved. */
export const shownValue = (node: MailboxNode, property: Shown): string =>
  isOpened(node) ? fieldValue(property) : node[property];

/** The row of the provider table that names the server. */
export function providerOf(auth: string, account: string, service: string): Provider | undefined {
  const id = auth === 'password' ? service : (RED.nodes.node(account)?.provider as string | undefined);
  return id === undefined ? undefined : providers[id];
}
