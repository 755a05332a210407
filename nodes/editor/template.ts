/** Whether a node stands in the template of a subflow: it runs in each instance, and not by itself. */
export const isInTemplate = ({ z }: Pick<EditorNode, 'z'>): boolean =>
  z !== undefined && Boolean(RED.nodes.subflow(z));
