/** Whether a flow can acknowledge its mail: whether a `pop3 ack` is reachable from a `pop3 in`. */

interface Graph {
  nodes: Iterable<EditorNode>;
  /** The nodes wired to the outputs of a node. */
  next(node: EditorNode): EditorNode[];
}

/**
 * True where an acknowledgement may come. The mail reaches what is wired and linked; of what it reaches, a Complete node
 * hears the end and a Catch node the failure. Where it leaves what can be seen here (a subflow, a link call), it may.
 */
function canBeAcknowledged(start: EditorNode, graph: Graph): boolean {
  const nodes = [...graph.nodes];
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const reached = new Set<string>();
  const queue = [start];
  const reach = (node: EditorNode | undefined): void => {
    if (node !== undefined && !node.d && !reached.has(node.id)) queue.push(node);
  };
  for (let node = queue.pop(); node !== undefined; node = queue.pop()) {
    reached.add(node.id);
    if (node.type === 'pop3 ack') return true;
    if (leaves(node)) return true;
    for (const next of graph.next(node)) reach(next);
    for (const id of linkedFrom(node)) reach(byId.get(id));
    if (queue.length === 0)
      for (const listener of nodes) if (listensTo(listener, reached, byId)) reach(listener);
  }
  return false;
}

const idsOf = (list: unknown): string[] =>
  Array.isArray(list) ? list.filter((id): id is string => typeof id === 'string') : [];

const linkedFrom = ({ type, links }: EditorNode): string[] => (type === 'link out' ? idsOf(links) : []);

/** What comes of a mail there cannot be seen from here. */
const leaves = ({ type, mode }: EditorNode): boolean =>
  type.startsWith('subflow') || type === 'link call' || (type === 'link out' && mode === 'return');

function listensTo(
  { type, scope, z, d }: EditorNode,
  reached: ReadonlySet<string>,
  byId: ReadonlyMap<string, EditorNode>,
): boolean {
  if (d || (type !== 'complete' && type !== 'catch')) return false;
  if (Array.isArray(scope)) return idsOf(scope).some((id) => reached.has(id));
  return type === 'catch' && [...reached].some((id) => byId.get(id)?.z === z);
}

/** In the editor as it stands. */
export function isAcknowledged(node: EditorNode): boolean {
  const nodes: EditorNode[] = [];
  RED.nodes.eachNode((one) => {
    nodes.push(one);
  });
  const next = (one: EditorNode): EditorNode[] => RED.nodes.getNodeLinks(one, 0).map(({ target }) => target);
  return canBeAcknowledged(node, { nodes, next });
}

const EVENTS = ['links:add', 'links:remove', 'nodes:remove', 'nodes:change', 'flows:loaded'];
let timer: number | undefined;

/** Another wire may be what was missing: nodes that wait for acknowledgements are judged again. */
const judgeAgain = (): void => {
  window.clearTimeout(timer);
  timer = window.setTimeout(() => {
    for (const node of RED.nodes.filterNodes({ type: 'pop3 in' })) {
      if (node.handled !== 'ack') continue;
      RED.editor.validateNode(node);
      node.dirty = true;
    }
    RED.view.redraw();
  }, 200);
};

export const watchWires = (): void => {
  for (const event of EVENTS) RED.events.on(event, judgeAgain);
};
export const unwatchWires = (): void => {
  for (const event of EVENTS) RED.events.off(event, judgeAgain);
};
