/** From the e-mail node to this one: its settings in a `pop3 in`, beside each `e-mail in` that uses POP3. */
import { word } from '../i18n';

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
  const dirty = RED.nodes.dirty();
  const added: string[] = [];
  const links: EditorLink[] = [];
  for (const old of found) {
    const [made] = RED.nodes.import([pop3InFor(old as unknown as EmailIn)], {
      generateIds: true,
      applyNodeDefaults: true,
    }).nodes;
    if (made === undefined) continue;
    made.changed = true;
    added.push(made.id);
    for (const { sourcePort, target } of RED.nodes.getNodeLinks(old, 0)) {
      const link = { source: made, sourcePort, target };
      RED.nodes.addLink(link);
      links.push(link);
    }
    // The nodes that trigger the old one trigger this one too.
    for (const { source, sourcePort } of RED.nodes.getNodeLinks(old, 1)) {
      const link = { source, sourcePort, target: made };
      RED.nodes.addLink(link);
      links.push(link);
    }
  }
  RED.history.push({ t: 'add', nodes: added, links, dirty });
  RED.nodes.dirty(true);
  RED.view.redraw(true);
  RED.notify(word('fromEmail.added', { count: added.length }), { type: 'success', timeout: 15_000 });
}
