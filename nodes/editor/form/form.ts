/** What the dialogs share: validators that accept `${ENV}`, options of a select, values of fields. */

const ENVIRONMENT = /^\$\{\S+\}$/;

/** Node-RED replaces whole values only, at a deploy, so nothing can be said about them here. */
export const fromEnvironment = (value: unknown): boolean =>
  typeof value === 'string' && ENVIRONMENT.test(value);

/** A validator's sentence where `valid` is false. */
export function unless(valid: boolean, sentence: string): true | string {
  return valid || sentence;
}

/**
 * A validator of a property. The editor shows the sentence of one that has two parameters; of any other it takes a
 * sentence for a yes. A node made before the property existed has its default.
 */
export function validator<N, V>(
  check: (this: N, value: V) => true | string,
): (this: N, value: V | undefined, _options: unknown) => true | string {
  return function (value, _options) {
    return value === undefined || check.call(this, value);
  };
}

/** Fills a select with options, text never taken for HTML. */
export function setOptions(select: JQuery, options: { value: string; label: string }[]): void {
  select.empty();
  for (const { value, label } of options) select.append($('<option>').val(value).text(label));
}

/** The part after the @; empty where there is none. */
export const domainOfAddress = (address: string): string => /@([^@\s]+)$/.exec(address.trim())?.[1] ?? '';

/** A field's trimmed value; empty for a configuration node that is still to be added. */
export function trimmedValue(field: JQuery): string {
  const value = String(field.val() ?? '').trim();
  return value === '_ADD_' ? '' : value;
}

/** What the editor shows in place of a stored password. */
export const STORED_SECRET = '__PWRD__';

/**
 * A secret as far as this editor knows it: typed in this dialog, or in an earlier one and not deployed yet. Undefined:
 * only the runtime has it.
 */
export function secretOf(field: JQuery, earlier: unknown): string | undefined {
  const typed = String(field.val() ?? '');
  const secret = typed === STORED_SECRET ? earlier : typed;
  return typeof secret === 'string' && secret !== STORED_SECRET ? secret : undefined;
}

/** What has just appeared is seen, in a dialog that is longer than many screens. */
export const scrollIntoView = (part: JQuery): void => part[0]?.scrollIntoView({ block: 'nearest' });

/** A copy button's work; the editor's own popover says that it is done. */
export const copyText = (text: string, button: JQuery): void =>
  RED.clipboard.copyText(text, button, 'clipboard.copyMessageValue');
