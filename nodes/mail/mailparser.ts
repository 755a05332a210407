// What is used of mailparser, and of the libraries it brings, that is no part of its public interface: this file and no
// other. test/mail/mailparser.test.ts names each, so that a mailparser which has changed there fails a test and no mail.
import { createRequire } from 'node:module';
import type { Headers } from 'mailparser';

interface Decoder {
  write(bytes: Buffer): string;
  end(): string | undefined;
}

/** Of iconv-lite: the tables of character sets. */
interface Iconv {
  encodingExists(label: string): boolean;
  getDecoder(label: string, options?: { stripBOM?: boolean }): Decoder;
}

/** Of he: the named characters of HTML. */
interface He {
  decode(text: string): string;
  encode(text: string, options?: { useNamedReferences?: boolean }): string;
}

/** A field: its name in lower case, and all of it as it came. */
type Line = { key: string; line: string };

/** Of mailparser and libmime. */
interface Internals {
  processHeaders(lines: Line[]): Headers;
  libmime: { detectMimeType(fileName: string): string };
}

const requireFrom = () => createRequire(require.resolve('mailparser'));

let iconvLite: Iconv | undefined;
export function iconv(): Iconv {
  iconvLite ??= requireFrom()('iconv-lite') as Iconv;
  return iconvLite;
}

let heLibrary: He | undefined;
export function he(): He {
  heLibrary ??= requireFrom()('he') as He;
  return heLibrary;
}

let parser: Internals | undefined;
function internals(): Internals {
  if (!parser) {
    const { MailParser } = require('mailparser') as typeof import('mailparser');
    parser = new MailParser() as unknown as Internals;
  }
  return parser;
}

/** The values of header fields, as flows of the e-mail node know them. */
export function headerValues(lines: Line[]): Headers {
  return internals().processHeaders(lines);
}

/** The media type of a file by its name. */
export function typeByName(fileName: string): string {
  return internals().libmime.detectMimeType(fileName) || 'application/octet-stream';
}

/** What mailparser is made of; what is missing here, or there by another name, is loaded with the rest. */
const PIECES = [
  'iconv-lite',
  '@zone-eu/mailsplit',
  'he',
  'libmime',
  'linkify-it',
  'nodemailer/lib/addressparser',
  'html-to-text',
];

let isLoaded = false;

/**
 * mailparser takes some 90 ms to load: the first mail pays for it, not the start of Node-RED; and piece by piece, so
 * that no other flow stands still for as long.
 */
export async function load(): Promise<void> {
  if (isLoaded) return;
  const from = requireFrom();
  for (const piece of PIECES) {
    try {
      from(piece);
    } catch {}
    await new Promise(setImmediate);
  }
  internals();
  isLoaded = true;
}

/** Whether {@link load} has nothing to do. */
export const loaded = (): boolean => isLoaded;

let unlinked: { textToHtml(text: string): string } | undefined;

/** The HTML of a plain text, escaped, its paragraphs and lines kept. `isLinked`: addresses in it become links. */
export function textToHtml(text: string, isLinked: boolean): string {
  const { MailParser } = require('mailparser') as typeof import('mailparser');
  // A fresh one: the work it spends on links is counted for its lifetime.
  if (isLinked) return new MailParser().textToHtml(text);
  unlinked ??= new MailParser({ skipTextLinks: true });
  return unlinked.textToHtml(text);
}
