/** What the dialogs share: validators that also take `${ENV}`, and choices made from the provider table. */

const ENVIRONMENT = /^\$\{\S+\}$/;

/** Node-RED replaces whole values only, at a deploy, so nothing can be said about them here. */
export const fromEnvironment = (value: unknown): boolean =>
  typeof value === 'string' && ENVIRONMENT.test(value);

/** A validator's sentence where `valid` is false. */
export function unless(valid: boolean, sentence: string): true | string {
  return valid || sentence;
}

/** Fills a select with options, text never taken for HTML. */
export function offer(select: JQuery, options: { value: string; label: string }[]): void {
  select.empty();
  for (const { value, label } of options) select.append($('<option>').val(value).text(label));
}

/** Labels of these forms are longer than the editor's own; the style is there once, for all of them. */
export function styleForms(): void {
  if ($('#redletter-style').length > 0) return;
  const field = '.redletter-form .form-row > label:first-child + ';
  $('<style id="redletter-style">')
    .text(
      `.redletter-form .form-row > label:first-child { width: 150px }
      ${field}input:not([type="checkbox"]):last-child, ${field}select:last-child {
        width: calc(100% - 160px) !important }
      .redletter-form .red-ui-button { color: var(--red-ui-primary-text-color) !important }
      .redletter-form summary { cursor: pointer; margin: 12px 0 }
      .redletter-form .redletter-indented { margin-left: 154px }`,
    )
    .appendTo('head');
}
