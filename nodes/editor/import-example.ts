/** Opens *Import* at the examples. Node-RED does so only while no dialog is open: this one is done first. */
export function importExample(): void {
  const onClosed = (): void => {
    RED.events.off('editor:close', onClosed);
    RED.actions.invoke('core:show-examples-import-dialog');
  };
  RED.events.on('editor:close', onClosed);
  $('#node-dialog-ok').trigger('click');
}
