/** A check at once: from the node's button, from the list of actions, from the dialog. */
import { MailboxApi, RequestError } from './api';
import { sentenceOf, word } from './i18n';
import { isInTemplate } from './template';

/** As the editor names its own; a key can be put on it in the keyboard settings. */
const ACTION = 'redletter:check-now';

export async function checkNow(node: EditorNode): Promise<void> {
  if (node.changed || node.d) {
    RED.notify(word('button.undeployed'), 'warning');
    return;
  }
  if (isInTemplate(node)) {
    RED.notify(word('button.subflow'), 'warning');
    return;
  }
  try {
    await new MailboxApi(node.id).check();
    RED.notify(word('button.checking', { name: RED.utils.getNodeLabel(node, node.id) }), {
      type: 'success',
      timeout: 2000,
    });
  } catch (error) {
    const view = error instanceof RequestError ? error.view : undefined;
    RED.notify((view && sentenceOf(view)) ?? word('test.unreachable'), 'error');
  }
}

export function addCheckAction(): void {
  const act = (): void => {
    for (const node of RED.view.selection().nodes ?? []) if (node.type === 'pop3 in') checkNow(node);
  };
  RED.actions.add(ACTION, act, { label: word('button.action') });
}

export const removeCheckAction = (): void => RED.actions.remove(ACTION);
