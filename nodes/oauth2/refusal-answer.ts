/** What an answer that refuses says, in whichever of the forms in use: it may be anything at all. */
import { isRecord } from './errors';

export interface RefusalAnswer {
  /** The code as the server wrote it. */
  given?: string | undefined;
  /** The same to be compared: lower case, words joined by underscores. */
  word?: string | undefined;
  description?: string | undefined;
  /** A code below the code: Google's `error_subtype`, Microsoft's `suberror`. */
  subtype?: string | undefined;
  /** Microsoft's numbers, the outermost first. */
  numbers: readonly number[];
}

/**
 * Beside RFC 6749 section 5.2: Google's other interfaces (`error: { status, message }`), Okta's (`errorCode`), lists of
 * errors, Apigee's (`fault`), RFC 9457 (`title`, `detail`), and gateways before a server (`message`).
 */
const CODES = ['error', 'errorCode', 'error_code', 'errorType', 'errorcode', 'code', 'type', 'status'];
const WORDS = [
  'error_description',
  'errorSummary',
  'error_message',
  'errorMessage',
  'message',
  'detail',
  'faultstring',
  'title',
  'msg',
  'errmsg',
  'error_msg',
  'errorDescription',
  'description',
];

/** @param known the codes that mean something here */
export function readRefusal(answer: unknown, known: ReadonlySet<string>): RefusalAnswer {
  const said: Record<string, unknown> = isRecord(answer) ? answer : {};
  const layers = [said, said.error, said.errors, said.fault].map(first).filter(isRecord);
  if (isRecord(layers.at(-1)?.detail)) layers.push(layers.at(-1)?.detail as Record<string, unknown>);
  const find = (keys: readonly string[]): string | undefined => {
    for (const key of keys) {
      for (const layer of layers) {
        const value = text(first(layer[key]));
        // The type of RFC 9457 is an address.
        if (value !== undefined && !/^(https?:|about:)/i.test(value)) return value;
      }
    }
    return undefined;
  };
  const code = find(CODES);
  const description = find(WORDS);
  // A sentence in the place of the code.
  const given = code !== undefined && code.length > 64 && description === undefined ? undefined : code;
  return {
    given,
    word: given === undefined ? undefined : wordOf(given, known),
    description: description ?? (given === undefined ? code : undefined),
    subtype: text(said.error_subtype) ?? text(said.suberror),
    numbers: numbersIn(said.error_codes, [description, given, text(said.error_uri)]),
  };
}

/** Some servers write the code in capitals, with spaces or hyphens, or put their words behind it. */
function wordOf(given: string, known: ReadonlySet<string>): string {
  const written = (text: string): string =>
    text
      .trim()
      .toLowerCase()
      .replace(/[\s-]+/g, '_');
  const whole = written(given);
  const [start = ''] = given.split(/[:;,.(]/, 1);
  return !known.has(whole) && known.has(written(start)) ? written(start) : whole;
}

function numbersIn(codes: unknown, texts: readonly (string | undefined)[]): number[] {
  const listed = (Array.isArray(codes) ? codes.slice(0, 10) : [codes])
    .map((code) => Number(typeof code === 'string' ? code.replace(/^AADSTS/i, '') : code))
    .filter((code) => Number.isSafeInteger(code) && code > 0);
  if (listed.length > 0) return listed;
  const found = texts.flatMap((text) => [
    ...(text ?? '').matchAll(/AADSTS[\s:#]{0,3}(\d{4,8})\b|\/error\?code=(\d{4,8})\b/gi),
  ]);
  return [...new Set(found.map(([, number, linked]) => Number(number ?? linked)))].slice(0, 10);
}

function first(value: unknown): unknown {
  return Array.isArray(value) ? value[0] : value;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value.trim() !== '' ? value : undefined;
}
