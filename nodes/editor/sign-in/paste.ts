/** The address of the sign-in window's last page, pasted where the window does not find its way back. */

export class PasteField {
  readonly element = $('.redletter-paste');
  readonly #field = $('#redletter-paste');

  constructor(finish: (text: string) => void) {
    const send = $('.redletter-paste-send');
    send.on('click', () => finish(String(this.#field.val() ?? '')));
    this.#field.on('keydown', (event) => {
      if (event.key !== 'Enter') return;
      event.preventDefault();
      send.trigger('click');
    });
  }

  /** In every sign-in that waits, since a return can be lost; open where it certainly is. */
  show(open: boolean): void {
    this.element.show().prop('open', open);
  }

  clear(): void {
    this.#field.val('');
  }
}
