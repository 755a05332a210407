/** From the e-mail node to this one: its settings in a `pop3 in`, beside each `e-mail in` that uses POP3. */
import { getEmailNodeCredentials } from '../api';
import { word } from '../i18n';
import { editAt } from './mailbox-node';

/** An `e-mail in` as the editor holds it (node-red-node-email 5). */
export interface EmailIn {
  id: string;
  z: string;
  x: number;
  y: number;
  type: string;
  name?: string;
  protocol?: string;
  server?: string;
  port?: string | number;
  useSSL?: boolean;
  autotls?: string;
  authtype?: string;
  repeat?: string | number;
  fetch?: string;
  credentials?: { userid?: string };
}

/**
 * The same settings in this package's words, as an import takes them. What it does with mail is not carried over: the
 * e-mail node deletes whatever it has read by POP3, and an import must not cause that.
 */
export function pop3InFor(old: EmailIn): Record<string, unknown> {
  const security = old.useSSL ? 'tls' : old.autotls === 'always' ? 'starttls' : 'none';
  const triggered = old.fetch === 'trigger';
  const user = old.credentials?.userid;
  return {
    id: `${old.id}-pop3`,
    type: 'pop3 in',
    z: old.z,
    x: old.x,
    y: old.y + 60,
    name: old.name ?? '',
    auth: old.authtype === 'XOAUTH2' ? 'oauth2' : 'password',
    service: 'custom',
    host: old.server ?? '',
    port: Number(old.port) || (security === 'tls' ? 995 : 110),
    security,
    interval: triggered ? 0 : Number(old.repeat) || 300,
    inputs: triggered ? 1 : 0,
    wires: [],
    ...(user && { credentials: { user } }),
  };
}

const ACTION = 'redletter:pop3-in-beside-e-mail-in';

/** Puts the action into the editor's list of actions, for as long as the node is in the palette. */
export function offerFromEmailNode(): void {
  RED.actions.add(ACTION, putBeside, { label: word('fromEmail.action') });
}

export function withdrawFromEmailNode(): void {
  RED.actions.remove(ACTION);
}

function putBeside(): void {
  const found: EditorNode[] = [];
  const here = RED.workspaces.active();
  RED.nodes.eachNode((node) => {
    if (node.type === 'e-mail in' && node.protocol === 'POP3' && node.z === here) found.push(node);
  });
  if (found.length === 0 || RED.workspaces.isLocked?.()) {
    RED.notify(word('fromEmail.none'), { type: 'warning', timeout: 6000 });
    return;
  }
  // All users are asked for first, so that the nodes come in one step that can be undone.
  void Promise.all(found.map((old) => withUser(old as unknown as EmailIn))).then((emailNodes) => {
    if (RED.workspaces.isLocked?.()) return;
    const there = emailNodes.filter(({ id }) => RED.nodes.node(id) !== null);
    if (there.length > 0) showLeft(addBelow(there));
  });
}

/** The editor holds the user ID only once the node's dialog was opened; the runtime gives it out. */
async function withUser(old: EmailIn): Promise<EmailIn> {
  if (old.credentials?.userid !== undefined) return old;
  const { userid } = await getEmailNodeCredentials(old.id).catch(() => ({ userid: undefined }));
  return userid ? { ...old, credentials: { userid } } : old;
}

function addBelow(emailNodes: EmailIn[]): EditorNode[] {
  const dirty = RED.nodes.dirty();
  const added: EditorNode[] = [];
  const links: EditorLink[] = [];
  const join = (link: EditorLink): void => {
    RED.nodes.addLink(link);
    links.push(link);
  };
  for (const old of emailNodes) {
    const [made] = RED.nodes.import([pop3InFor(old)], {
      generateIds: true,
      applyNodeDefaults: true,
    }).nodes;
    const original = RED.nodes.node(old.id);
    if (made === undefined || original === null) continue;
    made.changed = true;
    added.push(made);
    for (const { sourcePort, target } of RED.nodes.getNodeLinks(original, 0))
      join({ source: made, sourcePort, target });
    // The nodes that trigger the old one trigger this one too.
    for (const { source, sourcePort } of RED.nodes.getNodeLinks(original, 1))
      join({ source, sourcePort, target: made });
  }
  RED.history.push({ t: 'add', nodes: added.map(({ id }) => id), links, dirty });
  RED.nodes.dirty(true);
  RED.view.redraw(true);
  return added;
}

/** What a node still lacks, as a field of its form; undefined: nothing. */
export function fieldLeft({
  auth,
  account,
  credentials,
}: Partial<EditorNode>): 'account' | 'user' | 'password' | undefined {
  if (auth === 'oauth2') return account ? undefined : 'account';
  if (!credentials?.user) return 'user';
  return credentials.password || credentials.has_password ? undefined : 'password';
}

/**
 * Stays until it is closed, or nothing is left: one button for each node, which opens it at the field to fill in. While a
 * dialog is open it hides, since it would cover the dialog's own buttons.
 */
function showLeft(added: EditorNode[]): void {
  const list = $('<ul>');
  const show = (): void => {
    list.empty();
    for (const node of added) {
      // With a deploy the editor forgets the credentials.
      const isNew = RED.nodes.node(node.id) !== null && node.changed;
      const left = isNew ? fieldLeft(node) : undefined;
      if (left === undefined) continue;
      $('<button type="button" class="red-ui-button red-ui-button-small">')
        .text(word(`fromEmail.${left}`, { name: RED.utils.getNodeLabel(node, node.id) }))
        .on('click', () => {
          notice.hideNotification();
          editAt(node, left);
        })
        .appendTo($('<li>').appendTo(list));
    }
  };
  show();
  const text = $('<div>').append(
    $('<p>').text(word('fromEmail.added', { count: String(added.length) })),
    list,
    $('<p>').text(word('fromEmail.then')),
  );
  const onDialogClosed = (): void => {
    show();
    if (list.children().length === 0) close();
    else notice.showNotification();
  };
  const close = (): void => {
    RED.events.off('editor:close', onDialogClosed);
    notice.close();
  };
  const notice = RED.notify(text, {
    type: 'success',
    fixed: true,
    buttons: [{ text: word('fromEmail.close'), click: close }],
  });
  RED.events.on('editor:close', onDialogClosed);
}
