// Addresses in the form flows of the e-mail node know: as text and as HTML, beside what was read.
import type { AddressObject, EmailAddress } from 'mailparser';

/** Addresses after which other flows may get their turn. */
const STEP = 64;

/** An address field in the form flows of the e-mail node know; written in steps. */
export function* addressObject(list: EmailAddress[]): Generator<void, AddressObject> {
  const html: string[] = [];
  const text: string[] = [];
  for (const [at, address] of list.entries()) {
    if (at % STEP === STEP - 1) yield;
    html.push(asHtml(address));
    text.push(asText(address));
  }
  return { value: list, html: html.join(', '), text: text.join(', ') };
}

function asHtml({ name, address, group }: EmailAddress): string {
  const members = group ? `${group.map(asHtml).join(', ')};` : '';
  const shown = name ? `<span class="mp_address_name">${escaped(name)}${group ? ': ' : ''}</span>` : '';
  const link = address
    ? `<a href="mailto:${escaped(address)}" class="mp_address_email">${escaped(address)}</a>`
    : '';
  return `<span class="mp_address_group">${shown}${link && shown ? ` &lt;${link}&gt;` : link}${members}</span>`;
}

function asText({ name, address, group }: EmailAddress): string {
  const members = group ? `${group.map(asText).join(', ')};` : '';
  const shown = name ? `"${name.replace(/["\\]/g, '\\$&')}"${group ? ': ' : ''}` : '';
  return `${shown}${address && shown ? ` <${address}>` : (address ?? '')}${members}`;
}

const SPECIAL = /["&'<>`]|[^\x20-\x7e\n\r\t]/;

/** As mailparser's library writes characters of HTML. */
export function escaped(text: string): string {
  if (!SPECIAL.test(text)) return text;
  return text.replace(
    /["&'<>`]|[^\x20-\x7e\n\r\t]/gu,
    (char) => `&#x${(char.codePointAt(0) as number).toString(16).toUpperCase()};`,
  );
}
