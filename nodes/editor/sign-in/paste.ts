/** The address of the sign-in window's last page, pasted where no provider can redirect to this editor. */

export class PasteField {
  readonly element = $('.redletter-paste');
  private readonly field = $('#redletter-paste');

  constructor(finish: (text: string) => void) {
    const send = $('.redletter-paste-send');
    send.on('click', () => finish(String(this.field.val() ?? '')));
    this.field.on('keydown', (event) => {
      if (event.key !== 'Enter') return;
      event.preventDefault();
      send.trigger('click');
    });
  }

  clear(): void {
    this.field.val('');
  }
}
