import { showable } from '../base/shown';
import type { Secrets } from './secrets';

/** One status line (RFC 1939 section 3), or one continuation of a SASL exchange (RFC 5034 section 4). */
export interface Response {
  status: 'ok' | 'err' | 'continue';
  /** The response code in brackets (RFC 2449 section 8), upper case, without the brackets; empty when there is none. */
  code: string;
  /** What follows the status indicator and the response code; of a refusal with secrets masked. */
  text: string;
  /** The whole line; of a refusal as it may be shown: secrets masked, control characters replaced. */
  line: string;
}

/** Reads a status line; `undefined` when it is none. The indicators are taken in any case. */
export function parseResponse(line: string): Response | undefined {
  let status: Response['status'];
  let rest: string;
  if (line === '+OK' || line.startsWith('+OK ') || /^\+ok(?![^\s])/i.test(line)) {
    status = 'ok';
    rest = line.slice(3);
  } else if (/^[-+]err(?![^\s])/i.test(line)) {
    // `+ERR` is how at least one server writes a refusal.
    status = 'err';
    rest = line.slice(4);
  } else if (line === '+' || line.startsWith('+ ')) {
    status = 'continue';
    rest = line.slice(1);
  } else return undefined;
  let text = rest.trim();
  let code = '';
  if (status !== 'continue' && text.startsWith('[')) {
    const close = text.indexOf(']');
    if (close > 0) {
      code = text.slice(1, close).trim().toUpperCase();
      text = text.slice(close + 1).trim();
    }
  }
  return { status, code, text, line };
}

/** A refusal is shown in errors. A `+OK` is not, and comes once a mail: it is left as it is. */
export function fitToShow(response: Response | undefined, secrets: Secrets): Response | undefined {
  if (response?.status !== 'err') return response;
  const { text, line } = response;
  return { ...response, text: secrets.mask(text), line: showable(secrets.mask(line)) };
}
