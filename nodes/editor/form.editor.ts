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
