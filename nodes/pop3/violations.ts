import { showable } from '../base/shown';
import { Pop3Error, type Pop3Reason } from './error';
import type { Response } from './response';

/** What a server said outside the protocol, as errors that end the session. */

export function unsolicited(): Pop3Error {
  return new Pop3Error('PROTOCOL', 'The server sent data that was not requested', {
    reason: 'unsolicited-bytes',
  });
}

/** Servers end a session unasked: "-ERR Disconnected for inactivity." */
export function unasked(response: Response | undefined): Pop3Error {
  if (response?.status !== 'err') return unsolicited();
  return new Pop3Error('CONNECT', `The server ended the session: ${showable(response.text)}`, {
    response,
    reason: 'hung-up',
  });
}

export function speaksTls(): Pop3Error {
  return new Pop3Error('TLS', 'The server requires implicit TLS on this port', {
    reason: 'server-speaks-tls',
  });
}

/** `line`: the server's, masked. */
export function notAReply(line: string, command: string | undefined): Pop3Error {
  // A TLS server that was spoken to in the clear answers with an alert record.
  if (line.charCodeAt(0) === 0x15 || line.charCodeAt(0) === 0x16) return speaksTls();
  return new Pop3Error('PROTOCOL', `Not a reply: ${showable(line, 80)}`, {
    reason: otherProtocol(line),
    response: { line: showable(line), code: '' },
    command,
  });
}

/** Servers for other things say so in their first line (RFC 9051 section 7.1, RFC 5321 section 4.2). */
function otherProtocol(line: string): Pop3Reason | undefined {
  if (/^\* (OK|PREAUTH|BYE)\b/i.test(line)) return 'speaks-imap';
  if (/^(220|421|554)[ -]/.test(line)) return 'speaks-smtp';
  return undefined;
}
