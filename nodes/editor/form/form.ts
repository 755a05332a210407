/** What the dialogs share: validators that also take `${ENV}`, and choices made from the provider table. */

const ENVIRONMENT = /^\$\{\S+\}$/;

/** Node-RED replaces whole values only, at a deploy, so nothing can be said about them here. */
export const fromEnvironment = (value: unknown): boolean =>
  typeof value === 'string' && ENVIRONMENT.test(value);

/** A validator's sentence where `valid` is false. */
export function unless(valid: boolean, sentence: string): true | string {
  return valid || sentence;
}

/**
 * A validator of a property. The editor shows the sentence of one that takes two parameters; of any other it takes a
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
export function offer(select: JQuery, options: { value: string; label: string }[]): void {
  select.empty();
  for (const { value, label } of options) select.append($('<option>').val(value).text(label));
}

/** What stands behind the @; empty where there is none. */
export const domainOfAddress = (address: string): string => /@([^@\s]+)$/.exec(address.trim())?.[1] ?? '';

const FIELD = '.redletter-form .form-row > label:first-child + ';
/**
 * The editor makes a dialog as wide as its longest line wants to be, and cuts off what is narrower; so the form asks for
 * the editor's own least width, and takes what there is. Labels and what stands behind a field have columns of their
 * own, for in some languages they take two lines.
 *
 * Colours are the editor's own, so that they follow its theme; for text only those that can be read on its background,
 * which those of links and of success cannot.
 */
const STYLE = `
.redletter-form { width: 460px; min-width: 100% }
.redletter-form .form-row > label:first-child { width: 150px; vertical-align: middle }
.redletter-form .form-row > input[inputmode="numeric"] + span { display: inline-block; vertical-align: middle;
  width: calc(100% - 250px) }
.redletter-form .redletter-indented > input[inputmode="numeric"] + span { width: calc(100% - 96px) }
.redletter-form .form-row > .redletter-first-choice { width: calc(100% - 160px) }
.redletter-form .form-row > .redletter-beside-port { width: calc(100% - 240px) }
.redletter-form .form-row > #redletter-first-date { display: block; width: 160px; margin: 6px 0 0 154px }
${FIELD}div > select { min-width: 0; width: 0 }
${FIELD}div, .redletter-form .form-row > .red-ui-typedInput-container { width: calc(100% - 160px) !important }
${FIELD}input:not([type="checkbox"], [inputmode]):last-child, ${FIELD}select:last-child { width: calc(100% - 160px) !important }
.redletter-form .red-ui-button:not(.primary) { color: var(--red-ui-primary-text-color) !important }
.redletter-form summary { cursor: pointer; margin: 3px 0 }
.redletter-form :is(summary, a, pre):focus-visible { outline: 2px solid var(--red-ui-form-input-focus-color);
  outline-offset: 2px }
.redletter-form details[open] > summary { margin: 12px 0 }
.redletter-form .redletter-stated { opacity: 0.85 }
.redletter-form summary .redletter-stated::before { content: ": " }
.redletter-form details[open] > summary .redletter-stated { display: none }
.redletter-form .redletter-indented, .redletter-form .redletter-hint { margin-left: 154px }
.redletter-form .redletter-hint:empty { display: none }
.redletter-form .redletter-hint, .redletter-form .redletter-note { opacity: 0.85; font-size: 0.95em }
.redletter-form .redletter-hint a, .redletter-after a { color: inherit; text-decoration: underline }
.redletter-actions { display: flex; gap: 8px; margin: 12px 0 6px }
.redletter-panel { border: 1px solid var(--red-ui-secondary-border-color); border-radius: 4px; padding: 10px 12px;
  margin-bottom: 12px; background: var(--red-ui-secondary-background); color: var(--red-ui-primary-text-color) }
.redletter-panel .redletter-steps { list-style: none; margin: 8px 0 0; padding: 0 }
.redletter-steps li { display: grid; grid-template-columns: 18px 112px minmax(0, 1fr) auto; gap: 6px; padding: 2px 0;
  align-items: baseline }
.redletter-steps .redletter-found { overflow-wrap: anywhere; opacity: 0.85 }
.redletter-ms { font-variant-numeric: tabular-nums; opacity: 0.85; font-size: 0.9em }
.redletter-steps [data-state="waiting"], .redletter-steps [data-state="skipped"] { opacity: 0.85 }
.redletter-steps [data-state="ok"] .fa, .redletter-verdict[data-state="ok"]::before { color: var(--red-ui-text-color-success) }
.redletter-steps [data-state="warning"] .fa { color: var(--red-ui-text-color-warning) }
.redletter-steps [data-state="failed"] .fa { color: var(--red-ui-text-color-error) }
.redletter-steps [data-state="failed"] .redletter-step { font-weight: bold }
.redletter-unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%) }
.redletter-verdict { margin: 0; font-weight: bold }
.redletter-verdict .redletter-ms { font-weight: normal }
.redletter-verdict[data-state="failed"], .redletter-find-said[data-state="failed"] {
  color: var(--red-ui-text-color-error) }
.redletter-verdict[data-state="ok"]::before { content: "\\f00c"; font-family: FontAwesome; font-weight: normal;
  margin-right: 6px }
.redletter-advice { margin: 6px 0 0 18px }
.redletter-do { display: flex; flex-wrap: wrap; gap: 8px 12px; align-items: center; margin-top: 8px }
.redletter-do:empty { display: none }
.redletter-panel .redletter-transcript { margin-top: 8px }
.redletter-panel .redletter-transcript summary { margin: 4px 0 }
.redletter-transcript pre { max-height: 220px; overflow: auto; margin: 0; font-size: 12px; white-space: pre-wrap;
  overflow-wrap: anywhere; background: var(--red-ui-primary-background); color: var(--red-ui-primary-text-color);
  border: 1px solid var(--red-ui-secondary-border-color) }
.redletter-mails { width: 100%; table-layout: fixed; border-collapse: collapse; margin-top: 8px }
.redletter-mails th, .redletter-mails td { text-align: left; padding: 3px 6px 3px 0; overflow: hidden;
  text-overflow: ellipsis; white-space: nowrap; border-bottom: 1px solid var(--red-ui-secondary-border-color) }
.redletter-mails .redletter-subject { white-space: normal; overflow: hidden; overflow-wrap: anywhere;
  display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2 }
.redletter-mails tr > :nth-child(2) { width: 20% }
.redletter-mails tr > :nth-child(3) { width: 124px }
.redletter-mails tr > :nth-child(4) { width: 60px; text-align: right }
.redletter-mails tr > :nth-child(5) { width: 34px; padding-right: 0; text-align: right }
.redletter-panel .redletter-note { margin: 8px 0 0 }
`;

/** What every one of these forms begins with, once its fields are there. */
export function prepareForm(): void {
  reachByKey();
  // Labels are longer than the editor's own; the style is there once, for all forms.
  if ($('#redletter-style').length > 0) return;
  $('<style id="redletter-style">').text(STYLE).appendTo('head');
}

/** The pencil and the plus beside a choice of configuration nodes are links to nowhere, which no key gets to. */
function reachByKey(): void {
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
