import { Pop3Error, type Pop3ErrorCode, type Pop3Hint } from './error';

/** One status line (RFC 1939 §3), or one continuation of a SASL exchange (RFC 5034 §4). */
export interface Response {
  status: 'ok' | 'err' | 'continue';
  /** The response code in brackets (RFC 2449 §8), upper case, without the brackets; empty when there is none. */
  code: string;
  /** What follows the status indicator and the response code. */
  text: string;
  /** The whole line; of a refusal as it may be shown: secrets masked, control characters replaced. */
  line: string;
}

/** Reads a status line; `undefined` when it is none. The indicators are taken in any case. */
export function parseResponse(
  line: string,
  mask: (text: string) => string = (text) => text,
): Response | undefined {
  let status: Response['status'];
  let rest: string;
  if (line === '+OK' || line.startsWith('+OK ') || /^\+ok(?![^\s])/i.test(line)) {
    status = 'ok';
    rest = line.slice(3);
  } else if (/^-err(?![^\s])/i.test(line)) {
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
  // A "+OK" is not shown, and comes once a mail: it is not made fit to be.
  if (status === 'ok') return { status, code, text, line };
  return { status, code, text: mask(text), line: showable(mask(line)) };
}

/** Text of the server's in a form that can stand in a log or dialog. */
export function showable(text: string, most = 512): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is to be replaced
  const clean = text.replace(/[\u0000-\u001f\u007f]/g, '\u00b7');
  return clean.length > most ? `${clean.slice(0, most)}…` : clean;
}

/** When in a session a refusal came: the same words mean different things at the door and inside. */
export type Stage = 'greeting' | 'login' | 'opening' | 'transaction';

interface Reading {
  code: Pop3ErrorCode;
  retryable?: boolean;
  retryAfterMs?: number;
  hint?: Pop3Hint;
}

/** Turns a `-ERR` into the error a caller can act on. Codes decide; words only where there is no code. */
export function refusal(response: Response, stage: Stage, command: string, challenge?: unknown): Pop3Error {
  const reading = byCode(response) ?? byWords(response.text, stage) ?? byStage(response.text, stage);
  const said = response.text || response.code || 'no reason given';
  return new Pop3Error(reading.code, `${command || 'The greeting'} was refused: ${showable(said)}`, {
    ...reading,
    response,
    challenge,
    command: command || undefined,
  });
}

/** RFC 2449 §8.1, RFC 3206 §3-4. Exact, but for what a server adds after a further slash. */
function byCode({ code, text }: Response): Reading | undefined {
  if (is(code, 'IN-USE')) return { code: 'IN_USE' };
  if (is(code, 'LOGIN-DELAY')) return { code: 'LOGIN_DELAY', retryAfterMs: waitIn(text) };
  if (is(code, 'SYS/TEMP')) return { code: 'SYS_TEMP', retryAfterMs: waitIn(text) };
  if (is(code, 'SYS/PERM')) {
    return popIsOff(text) ? { code: 'SYS_PERM', hint: 'pop-disabled' } : { code: 'SYS_PERM' };
  }
  if (is(code, 'AUTH')) return { code: 'AUTH', hint: authHint(text) };
  return undefined;
}

function is(code: string, name: string): boolean {
  return code === name || code.startsWith(`${name}/`);
}

/** Servers older than RFC 2449, or that never read it, say the same things in prose. */
function byWords(text: string, stage: Stage): Reading | undefined {
  if (stage === 'transaction') return undefined;
  const words = text.toLowerCase();
  if (
    /\bevery\s+\d+\s*(min|sec|hour)/.test(words) ||
    /login[- ]delay|minimum (time|interval)|too (soon|often|frequent)|too many (login|connection|attempt|request)|rate limit/.test(
      words,
    )
  ) {
    return { code: 'LOGIN_DELAY', retryAfterMs: waitIn(words) };
  }
  // "Account locked" is a person's matter; "maildrop already locked" passes by itself.
  if (/\b(account|user)\b[^.]*\b(is |has been )?(locked|disabled|suspended)/.test(words))
    return { code: 'AUTH' };
  if (
    /(mail ?(drop|box)|spool|popbox|session|lock)[^.]*\b(in use|busy|locked|lock)\b|\block(ed)? by\b|\bunable to lock|(can ?not|can't|could not|failed to) (get|obtain|acquire)?[^.]*\block|already (locked|in use|logged in|open)|another (pop3? )?(session|client|connection)/.test(
      words,
    )
  ) {
    return { code: 'IN_USE' };
  }
  if (popIsOff(words)) return { code: 'SYS_PERM', hint: 'pop-disabled' };
  // Exchange, when the login was right and the mailbox still cannot be opened.
  if (/authenticated but not connected/.test(words)) return { code: 'SYS_PERM', hint: 'not-connected' };
  if (
    /\bwait\b|try (again )?(it )?later|tempor|unavailable|internal (server )?error|server busy|shutting down|system error/.test(
      words,
    )
  ) {
    return { code: 'SYS_TEMP', retryAfterMs: waitIn(words) };
  }
  return undefined;
}

function byStage(text: string, stage: Stage): Reading {
  switch (stage) {
    case 'greeting':
    case 'opening':
      return { code: 'SYS_TEMP' };
    case 'login':
      return { code: 'AUTH', hint: authHint(text) };
    case 'transaction':
      return { code: 'REFUSED' };
  }
}

function popIsOff(text: string): boolean {
  return /\bpop3?\b[^.]*\b(disabled|not enabled|switched off|turned off|not permitted|not allowed|is off)|not enabled for pop|enable pop/i.test(
    text,
  );
}

function authHint(text: string): Pop3Hint | undefined {
  if (/application[- ]specific|app(lication)?[- ]?password/i.test(text)) return 'app-password-needed';
  if (/web ?login|log in (via|with) your (web )?browser|continue?signin/i.test(text))
    return 'web-login-needed';
  // Exchange says this one sentence for POP off, a wrong address, a wrong scope and missing rights alike.
  if (/unknown user name or bad password/i.test(text)) return 'vague-refusal';
  return undefined;
}

/** The waiting time a sentence names, in milliseconds. */
function waitIn(text: string): number | undefined {
  const found = /(\d{1,6})\s*(ms\b|milli|sec|s\b|min|m\b|hour|h\b)/i.exec(text);
  if (!found) return undefined;
  const amount = Number(found[1]);
  const unit = (found[2] ?? '').toLowerCase();
  if (unit.startsWith('mil') || unit === 'ms') return amount;
  if (unit.startsWith('s')) return amount * 1000;
  if (unit.startsWith('m')) return amount * 60_000;
  return amount * 3_600_000;
}
