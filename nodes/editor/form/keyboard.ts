/** Every control of a dialog can be reached and used by key. */

/** The pencil and the plus beside a choice of configuration nodes are links without an address, which no key reaches. */
export function enableKeyboard(): void {
  const links = $('.redletter-form a.red-ui-button').not('[role]');
  for (const [ending, key] of [
    ['edit', 'editor.editConfig'],
    ['add', 'editor.addNewConfig'],
  ] as const) {
    links.filter(`[id$="-${ending}"]`).each((_, link) => {
      const field = /-btn-(.+)-\w+$/.exec(link.id)?.[1] ?? '';
      const label = $(link).closest('.form-row').children('label').text().trim();
      link.setAttribute('aria-label', `${label || field}: ${RED._(key, { type: label || field })}`);
    });
  }
  links.attr({ role: 'button', tabindex: 0 }).on('keydown', function (event) {
    if (event.key !== 'Enter' && event.key !== ' ') return;
    event.preventDefault();
    $(this).trigger('click');
  });
}

/** A question of the editor's own lies over everything, but lets the keyboard stay below it. */
function trapFocus(question: HTMLElement, giveUp: () => void): void {
  const buttons = $(question).attr({ role: 'alertdialog', 'aria-modal': 'true' }).find('button');
  $(question)
    .attr('aria-label', $(question).children('p').text())
    .on('keydown', (event) => {
      if (event.key === 'Escape') giveUp();
      else if (event.key === 'Tab') {
        const at = buttons.index(document.activeElement as HTMLElement) + (event.shiftKey ? -1 : 1);
        buttons.eq(at % buttons.length).trigger('focus');
      } else return;
      event.preventDefault();
      event.stopPropagation();
    });
  // It has begun to slide in, so it can be focused.
  buttons.first().trigger('focus');
}

/** Asks before an act; `cancelled` and `confirmed` are told where the focus belongs afterwards. */
export function confirmAct(
  text: string,
  { cancel, act }: { cancel: string; act: string },
  answered: (confirmed: boolean) => void,
): void {
  const close = (confirmed: boolean): void => {
    question.close();
    answered(confirmed);
  };
  const question = RED.notify(text, {
    modal: true,
    fixed: true,
    type: 'warning',
    buttons: [
      { text: cancel, click: () => close(false) },
      { text: act, class: 'primary', click: () => close(true) },
    ],
  });
  trapFocus(question, () => close(false));
}
