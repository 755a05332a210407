/** The debug sidebar cuts every string after 80 characters; what these nodes report there is shown whole. */
import { LABELS } from './palette';

const HOOK = 'debugPostProcessMessage.redletter';

let hooked = false;

export function showWholeSentences(): void {
  if (!hooked) RED.hooks.add(HOOK, showWhole);
  hooked = true;
}

/** The nodes are no longer in the palette. */
export function leaveSentences(): void {
  if (hooked) RED.hooks.remove(HOOK);
  hooked = false;
}

function showWhole({ message, element, payload }: DebugMessage): void {
  // What a debug node shows has no type.
  if (!Object.hasOwn(LABELS, message.type ?? '') || typeof payload !== 'string') return;
  const row = element.find('.red-ui-debug-msg-element').first();
  row.find('.red-ui-debug-msg-object-header').first().text(payload);
  row.removeClass('collapsed').find('.red-ui-debug-msg-object-handle').remove();
  row.find('.red-ui-debug-msg-row').first().off('click').removeClass('red-ui-debug-msg-expandable');
}
