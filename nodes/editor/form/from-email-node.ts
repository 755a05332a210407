/** For whoever comes from the e-mail node: its settings in a `pop3 in`, beside each `e-mail in` that fetches by POP3. */

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
 * e-mail node deletes whatever it has read by POP3, and nobody should come to that by an import.
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

interface Link {
  source: { id: string };
  sourcePort: number;
  target: object;
}

/** What the editor can do and its published types leave out. */
interface Workspace {
  actions: {
    add(name: string, handler: () => void, options: { label: string }): void;
    remove(name: string): void;
  };
  nodes: {
    eachNode(callback: (node: EmailIn) => void): void;
    getNodeLinks(node: object, portType: 0 | 1): Link[];
    addLink(link: Link): void;
    import: (
      nodes: object[],
      options: { generateIds: boolean; applyNodeDefaults: boolean },
    ) => { nodes: { id: string; changed?: boolean }[] };
    dirty(dirty?: boolean): boolean;
  };
  workspaces: { active(): string; isLocked?(): boolean };
  history: { push(event: object): void };
  view: { redraw(update: boolean): void };
  notify(text: string, options: object): void;
  _(key: string, facts?: object): string;
}

const ACTION = 'redletter:pop3-in-beside-e-mail-in';
const words = (key: string, facts?: object): string =>
  (RED as unknown as Workspace)._(`@redletter/node-red-pop3/pop3-in:fromEmail.${key}`, facts);

/** Puts the action into the editor's list of actions, for as long as the node is in the palette. */
export function offerFromEmailNode(): void {
  (RED as unknown as Workspace).actions.add(ACTION, putBeside, { label: words('action') });
}

export function withdrawFromEmailNode(): void {
  (RED as unknown as Workspace).actions.remove(ACTION);
}

function putBeside(): void {
  const editor = RED as unknown as Workspace;
  const found: EmailIn[] = [];
  const here = editor.workspaces.active();
  editor.nodes.eachNode((node) => {
    if (node.type === 'e-mail in' && node.protocol === 'POP3' && node.z === here) found.push(node);
  });
  if (found.length === 0 || editor.workspaces.isLocked?.()) {
    editor.notify(words('none'), { type: 'warning', timeout: 6000 });
    return;
  }
  const dirty = editor.nodes.dirty();
  const added: string[] = [];
  const links: Link[] = [];
  for (const old of found) {
    const [made] = editor.nodes.import([pop3InFor(old)], {
      generateIds: true,
      applyNodeDefaults: true,
    }).nodes;
    if (made === undefined) continue;
    made.changed = true;
    added.push(made.id);
    for (const { sourcePort, target } of editor.nodes.getNodeLinks(old, 0)) {
      const link = { source: made, sourcePort, target };
      editor.nodes.addLink(link);
      links.push(link);
    }
    // Whoever triggers the old one triggers this one too.
    for (const { source, sourcePort } of editor.nodes.getNodeLinks(old, 1)) {
      const link = { source, sourcePort, target: made };
      editor.nodes.addLink(link);
      links.push(link);
    }
  }
  editor.history.push({ t: 'add', nodes: added, links, dirty });
  editor.nodes.dirty(true);
  editor.view.redraw(true);
  editor.notify(words('added', { count: added.length }), { type: 'success', timeout: 15_000 });
}
