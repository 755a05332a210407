/** What a person needs to sign in by device code: the page, the code, and how long it is valid. */
import type { DeviceCodeView } from '../../admin/protocol';
import { copyText, scrollIntoView } from '../form/form';
import { accountWord } from '../i18n';

export class DeviceCodePanel {
  readonly element = $('.redletter-device');
  readonly #code = $('.redletter-device-code');
  #timer: ReturnType<typeof setInterval> | undefined;

  /** @param cancel the person gives up */
  constructor(cancel: () => void) {
    $('.redletter-device-cancel').on('click', cancel);
    const copy = $('.redletter-device-copy');
    copy.on('click', () => copyText(this.#code.text(), copy));
  }

  show({ userCode, verificationUri, verificationUriComplete, lastsMs }: DeviceCodeView): void {
    this.hide();
    // The address is shown in full; the link may have the code in it, on the same site.
    $('.redletter-device-link')
      .attr('href', verificationUriComplete ?? verificationUri)
      .text(verificationUri);
    this.#code.text(userCode);
    const end = performance.now() + lastsMs;
    const tick = (): void => {
      const seconds = Math.max(0, Math.round((end - performance.now()) / 1000));
      const left = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
      $('.redletter-device-left').text(accountWord('signIn.left', { left }));
    };
    tick();
    this.#timer = setInterval(tick, 1000);
    this.element.show();
    scrollIntoView(this.element);
  }

  hide(): void {
    clearInterval(this.#timer);
    this.element.hide();
    this.#code.empty();
  }
}
