/** What a person needs to sign in by device code: the page, the code, and how long it is good for. */

export interface ShownCode {
  id: string;
  userCode: string;
  verificationUri: string;
  verificationUriComplete?: string;
  /** ms from now */
  lastsMs: number;
}

/** Wires the panel; `cancel` is called when the person gives up. */
export function prepareDevicePanel(
  node: { _(key: string, facts?: object): string },
  cancel: () => void,
): { show(code: ShownCode): void; hide(): void } {
  const panel = $('.redletter-device');
  let ticking: ReturnType<typeof setInterval> | undefined;

  const hide = (): void => {
    clearInterval(ticking);
    panel.hide();
    $('.redletter-device-code').empty();
  };
  $('.redletter-device-cancel').on('click', cancel);
  $('.redletter-device-copy').on('click', () => {
    RED.clipboard.copyText(
      $('.redletter-device-code').text(),
      // Its popover wants jQuery, whatever the types say.
      $('.redletter-device-copy') as never,
      'clipboard.copyMessageValue',
    );
  });

  return {
    hide,
    show({ userCode, verificationUri, verificationUriComplete, lastsMs }) {
      hide();
      // The address is shown in full; the link may have the code in it, on the same site.
      $('.redletter-device-link')
        .attr('href', verificationUriComplete ?? verificationUri)
        .text(verificationUri);
      $('.redletter-device-code').text(userCode);
      const end = performance.now() + lastsMs;
      const tick = (): void => {
        const seconds = Math.max(0, Math.round((end - performance.now()) / 1000));
        const left = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
        $('.redletter-device-left').text(node._('signIn.left', { left }));
      };
      tick();
      ticking = setInterval(tick, 1000);
      panel.show();
      // It stands low in a dialog that is longer than many screens.
      panel[0]?.scrollIntoView({ block: 'nearest' });
    },
  };
}
