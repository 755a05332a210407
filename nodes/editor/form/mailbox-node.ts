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
