import { OAuth2Error, type OAuth2Reason } from './errors';

/**
 * Finds the answer of the sign-in server in what a person has pasted: the whole address, with or without its scheme,
 * only the query, only the fragment, or code and state in words; with line breaks of a mail program, quotes or angle
 * brackets around it.
 * @throws {OAuth2Error} `DECLINED`, its reason naming what is missing
 */
export function readPasted(text: string): URLSearchParams {
  const joined = text
    .trim()
    .replace(/^[<"'“”„‘’«»`(]+|[>"'“”‘’«»`)]+$/gu, '')
    // An address broken over several lines. Blanks are kept where they separate "code: … state: …".
    .replace(/\r?\n[ \t]*(?=\S)/g, (match, at: number, all: string) =>
      /[\w%&=.+,;~/-]$/.test(all.slice(0, at)) &&
      !/^(code|state|iss|error)\s*[:=]/i.test(all.slice(at + match.length))
        ? ''
        : ' ',
    )
    .trim();
  if (!joined) throw missing('paste-empty');

  const parameters = /(^|[?&#])(code|state|iss|error|error_description)=/i.test(joined)
    ? fromAddress(joined)
    : fromWords(joined);
  if (!parameters.has('code') && !parameters.has('error')) {
    // The sign-in page's own address instead of the one it led to.
    if (/[?&]response_type=code\b/.test(joined)) throw missing('paste-not-the-answer');
    throw missing('paste-code-missing');
  }
  if (!parameters.has('state')) throw missing('paste-state-missing');
  return parameters;
}

/**
 * The query or fragment of an address. Only `&` ends a value: a browser shows and copies commas, semicolons and blanks
 * as they are.
 */
function fromAddress(text: string): URLSearchParams {
  const parameters = new URLSearchParams();
  for (const piece of text.split(/&(?:amp;|#38;)?|[?#]/i)) {
    const [, name = '', value = ''] = /^\s*([a-z_]+)\s*=\s*(.*)$/is.exec(piece) ?? [];
    if (value === '' || !PARAMETERS.has(name.toLowerCase())) continue;
    // A state of ours has no blanks; what follows one is other text.
    const whole = name.toLowerCase() === 'state' ? value.replace(/\s.*$/s, '') : value.trim();
    parameters.append(name.toLowerCase(), decode(whole));
  }
  return parameters;
}

const PARAMETERS: ReadonlySet<string> = new Set(['code', 'state', 'iss', 'error', 'error_description']);

/** `code: … state: …`, as people write it. */
function fromWords(text: string): URLSearchParams {
  const parameters = new URLSearchParams();
  // A parameter given twice is refused by whatever reads on (RFC 6749 section 3.1).
  for (const match of text.matchAll(
    /(?:^|[\s,;])(code|state|iss|error|error_description)\s*[=:]\s*([^&#\s,;]+)/gi,
  )) {
    parameters.append((match[1] ?? '').toLowerCase(), decode(match[2] ?? ''));
  }
  return parameters;
}

function missing(reason: OAuth2Reason): OAuth2Error {
  return new OAuth2Error('DECLINED', reason);
}

function decode(value: string): string {
  try {
    return decodeURIComponent(value.replaceAll('+', ' '));
  } catch {
    return value;
  }
}
