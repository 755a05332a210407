// Fields with parameters: Content-Type and Content-Disposition (RFC 2045 section 5.1, RFC 2231).
import { decodeAll } from './charset';
import { decodeText } from './words';

export interface WithParameters {
  value: string;
  params: Record<string, string>;
}

/** Parameters that are known behind a blank where the `;` is missing. */
const KNOWN =
  'boundary|charset|filename|name|format|delsp|type|start|report-type|micalg|protocol|size|method|creation-date|modification-date|read-date';
const MISSING_SEMICOLON = new RegExp(`[ \\t](?=(?:${KNOWN})(?:\\*\\d*\\*?)?[ \\t]*=)`, 'i');
/** Parameters of one field; a long name may come in some twenty pieces. */
const MAX_PARAMETERS = 500;
/** In names brackets and blanks are part of an unquoted value too. */
const NAMES = /^(file)?name\b/;

/** Names that reach the machinery of an object when a flow merges it into another without care. */
export const RISKY = new Set(['__proto__', 'constructor', 'prototype']);

/**
 * Reads a field, one byte per character.
 *
 * @param charset what bytes are in that no parameter names a charset for
 */
export function readParameters(field: string, charset?: string): WithParameters {
  const text = field.replace(/[\r\n]+[ \t]*/g, ' ');
  const pieces = parameterPieces(text);
  const value = withoutComments(pieces.value).trim();
  const params: Record<string, string> = {};
  const segments = new Map<string, Segment[]>();
  for (const { name, value: written } of pieces.params) {
    const match = /^([^*]+)(?:\*(\d{1,4}))?(\*)?$/.exec(name);
    const base = (match?.[1] ?? name).trim();
    if (base === '' || RISKY.has(base)) continue;
    if (match && (match[2] !== undefined || match[3])) {
      const list = segments.get(base) ?? [];
      list.push({ number: Number(match[2] ?? 0), isEncoded: match[3] === '*', text: written });
      segments.set(base, list);
    } else if (!Object.hasOwn(params, base)) params[base] = decodeText(written, charset);
  }
  for (const [name, list] of segments) params[name] = joined(list, charset);
  return { value: decodeText(value, charset), params };
}

interface Segment {
  number: number;
  isEncoded: boolean;
  text: string;
}

/** RFC 2231: segments by their number; percent signs mean themselves in those that are not marked. */
function joined(list: Segment[], charset: string | undefined): string {
  list.sort((a, b) => a.number - b.number);
  let label = '';
  let prefix = '';
  const octets = list.map(({ text, isEncoded }, index) => {
    let rest = text;
    if (index === 0 && isEncoded) {
      prefix = /^([^']*)'[^']*'/.exec(text)?.[0] ?? '';
      label = prefix.slice(0, Math.max(0, prefix.indexOf("'")));
    }
    // Some mailers name the charset in every segment.
    if (isEncoded && prefix !== '' && text.startsWith(prefix)) rest = text.slice(prefix.length);
    return isEncoded
      ? rest.replace(/%([0-9a-f]{2})/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
      : rest;
  });
  const all = octets.join('');
  // Mailers that mark nothing write encoded words into the pieces.
  if (!list.some(({ isEncoded }) => isEncoded)) return decodeText(all, charset);
  return decodeAll(Buffer.from(all, 'latin1'), label, charset);
}

interface Pieces {
  value: string;
  params: { name: string; value: string }[];
}

function parameterPieces(text: string): Pieces {
  const params: Pieces['params'] = [];
  let at = endOfToken(text, 0);
  const value = text.slice(0, at);
  let equals = text.indexOf('=', at);
  while (at < text.length && params.length < MAX_PARAMETERS) {
    while (at < text.length && (text[at] === ';' || isSpace(text.charCodeAt(at)))) at++;
    if (text[at] === '(') {
      at = endOfComment(text, at);
      continue;
    }
    if (equals < at && equals >= 0) equals = text.indexOf('=', at);
    const semicolon = text.indexOf(';', at);
    if (equals < 0) break;
    if (semicolon >= 0 && semicolon < equals) {
      at = semicolon;
      continue;
    }
    const name = withoutComments(text.slice(at, equals)).trim().toLowerCase();
    at = equals + 1;
    while (at < text.length && isSpace(text.charCodeAt(at))) at++;
    if (text[at] === '"') {
      const quoted = readQuoted(text, at);
      params.push({ name, value: quoted.value });
      at = quoted.end;
    } else {
      const end = endOfToken(text, at);
      const written = text.slice(at, end);
      params.push({ name, value: (NAMES.test(name) ? written : withoutComments(written)).trim() });
      at = end;
    }
  }
  return { value, params };
}

/** Where an unquoted value ends: at a `;`, or where a parameter begins whose `;` was forgotten. */
function endOfToken(text: string, from: number): number {
  const semicolon = text.indexOf(';', from);
  const end = semicolon < 0 ? text.length : semicolon;
  const missing = MISSING_SEMICOLON.exec(text.slice(from, end));
  return missing ? from + missing.index : end;
}

function readQuoted(text: string, from: number): { value: string; end: number } {
  let value = '';
  let at = from + 1;
  for (; at < text.length && text[at] !== '"'; at++) {
    // Paths come with single backslashes; what the RFC lets them quote besides needs none.
    if (text[at] === '\\' && (text[at + 1] === '"' || text[at + 1] === '\\')) at++;
    value += text[at];
  }
  return { value, end: at + 1 };
}

/** Behind a comment (RFC 5322 section 3.2.2), those inside it included; one that nothing closes ends with the text. */
export function endOfComment(text: string, from: number): number {
  return closeOfComment(text, from) ?? text.length;
}

/** Behind a comment, where something closes it. */
export function closeOfComment(text: string, from: number): number | undefined {
  let depth = 0;
  for (let at = from; at < text.length; at++) {
    const char = text[at];
    if (char === '\\') at++;
    else if (char === '(') depth++;
    else if (char === ')' && --depth === 0) return at + 1;
  }
  return undefined;
}

/** A value without its comments. */
export function withoutComments(text: string): string {
  if (!text.includes('(')) return text;
  let kept = '';
  for (let at = 0; at < text.length; ) {
    if (text[at] === '(') at = endOfComment(text, at);
    else kept += text[at++];
  }
  return kept;
}

const isSpace = (code: number): boolean => code === 0x20 || code === 0x09 || code === 0x0d || code === 0x0a;
