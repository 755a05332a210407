import { showable } from '../base/shown';
import { Pop3Error, type Pop3ErrorCode, type Pop3Reason } from './error';
import {
  APP_PASSWORD_ELSEWHERE,
  IN_USE_ELSEWHERE,
  LATER_ELSEWHERE,
  LIMIT_ELSEWHERE,
  PASSWORD_ELSEWHERE,
  POP_OFF_ELSEWHERE,
} from './refusal-words';
import type { Response } from './response';

/** When in a session a refusal came: the same words mean different things before, during and after the login. */
export type Stage = 'greeting' | 'login' | 'opening' | 'transaction';

/** What is known of a login besides the server's answer. */
export interface LoginFacts {
  /** By an access token; a password else. */
  token: boolean;
  /** TLS is on the connection. */
  encrypted: boolean;
  /** CAPA has offered STLS. */
  offersTls: boolean;
}

/** Characters of a refusal that are read for words. */
const MOST_READ = 1024;

interface Reading {
  code: Pop3ErrorCode;
  reason?: Pop3Reason;
  retryAfterMs?: number;
}

/** Turns a `-ERR` into the error a caller can act on. Codes decide; words only where there is no code. */
export function refusal(
  response: Response,
  stage: Stage,
  command: string,
  { login, challenge }: { login?: LoginFacts; challenge?: unknown } = {},
): Pop3Error {
  // Long enough for any sentence, and short enough for patterns that look at each word of it.
  const readable = { ...response, text: response.text.slice(0, MOST_READ) };
  const reading = read(readable, stage, command, login);
  const said = response.text || response.code || 'no reason given';
  return new Pop3Error(reading.code, `${command || 'The greeting'} was refused: ${showable(said)}`, {
    ...reading,
    response,
    challenge,
    command: command || undefined,
  });
}

function read(response: Response, stage: Stage, command: string, login: LoginFacts | undefined): Reading {
  const { text } = response;
  if (stage === 'transaction') return byCode(response, login) ?? inSession(text, command);
  // A login refused for TLS that is missing, or for a limit, is refused with [AUTH] too, and is no wrong password.
  const isAuth = is(response.code, 'AUTH');
  if (response.code === '' || isAuth) {
    if (login && !login.encrypted && wantsTls(text, login)) return TLS_REQUIRED;
    const delay = isAuth && /\block/i.test(text) ? undefined : limited(text);
    if (delay !== undefined) return delay;
  }
  return byCode(response, login) ?? byWords(text) ?? byStage(text, stage, login);
}

const TLS_REQUIRED: Reading = { code: 'TLS', reason: 'tls-required' };

/** RFC 2449 section 8.1, RFC 3206 section 3-4. Exact, but for what a server adds after a further slash. */
function byCode({ code, text }: Response, login: LoginFacts | undefined): Reading | undefined {
  if (is(code, 'IN-USE')) return { code: 'IN_USE' };
  if (is(code, 'LOGIN-DELAY')) return { code: 'LOGIN_DELAY', retryAfterMs: waitIn(text) };
  if (is(code, 'SYS/TEMP')) return { code: 'SYS_TEMP', retryAfterMs: waitIn(text) };
  if (is(code, 'SYS/PERM')) {
    return popIsOff(text) ? { code: 'SYS_PERM', reason: 'pop-disabled' } : { code: 'SYS_PERM' };
  }
  if (is(code, 'AUTH')) return { code: 'AUTH', reason: loginReason(text, login) };
  return undefined;
}

function is(code: string, name: string): boolean {
  return code === name || code.startsWith(`${name}/`);
}

/** Words for a limit that was reached: it passes by itself, and asking again at once makes it worse. */
const LIMIT_WORDS =
  /\btoo (many|soon|often|frequent|much)|\bevery\s+\d+\s*(min|sec|hour)|login[- ]delay|minimum (time|interval)|\b(rate|login|connection|session|transfer|download|bandwidth|daily|hourly|usage)\w*[- ]+(limit|quota)|\blimit(s|ed)?\b|\bmore (frequent|often)|\b(only|once) (\w+ ){0,6}per \d|\bquota\b|\bexceeded\b|\bused up\b|\bthrottl|\bslow down\b/i;
/** Words for trouble that passes by itself. */
const LATER_WORDS =
  /\blater\b|\bwait\b|tempor(ary|arily)|unavailable|internal (server )?error|server busy|shutting down|system error|\bovertaxed\b|\boverload/i;
/** Of a password, not of a limit: "try again" is what servers add to it. */
const BLAMES_PASSWORD =
  /\b(invalid|incorrect|wrong|bad)\b[^.]*\b(password|credential|user|login|name|passphrase)/i;

/** A limit or a delay, at the login or while the mailbox is opened. */
function limited(text: string): Reading | undefined {
  if (isLimit(text)) return { code: 'LOGIN_DELAY', reason: 'throttled', retryAfterMs: waitIn(text) };
  const later =
    LATER_WORDS.test(text) ||
    (LATER_ELSEWHERE.test(text) && !PASSWORD_ELSEWHERE.test(text)) ||
    (/\btry (it )?again\b/i.test(text) && !BLAMES_PASSWORD.test(text));
  // A mailbox that is locked or in use has a code of its own; so has POP that is switched off.
  if (!later || inUse(text) || popIsOff(text)) return undefined;
  return { code: 'SYS_TEMP', retryAfterMs: waitIn(text) };
}

function isLimit(text: string): boolean {
  return LIMIT_WORDS.test(text) || LIMIT_ELSEWHERE.test(text);
}

/** Servers older than RFC 2449, or that never read it, say the same things in prose. */
function byWords(text: string): Reading | undefined {
  // "Account locked" is a person's matter; "maildrop already locked" passes by itself.
  if (accountLocked(text)) return { code: 'AUTH', reason: 'account-locked' };
  if (inUse(text)) return { code: 'IN_USE' };
  if (popIsOff(text)) return { code: 'SYS_PERM', reason: 'pop-disabled' };
  // Exchange, when the login was right and the mailbox still cannot be opened.
  if (/authenticated but not connected/i.test(text)) return { code: 'SYS_PERM', reason: 'not-connected' };
  return undefined;
}

function byStage(text: string, stage: Stage, login: LoginFacts | undefined): Reading {
  return stage === 'login' ? { code: 'AUTH', reason: loginReason(text, login) } : { code: 'SYS_TEMP' };
}

/**
 * A refusal inside an open session. What is said to a listing concerns the mailbox, and passes; of one mail only a
 * limit does, and everything else is that mail's own trouble.
 */
function inSession(text: string, command: string): Reading {
  if (isLimit(text)) return { code: 'SYS_TEMP', reason: 'throttled', retryAfterMs: waitIn(text) };
  const lists = /^(STAT|LIST|UIDL)\b/.test(command);
  if (lists && (LATER_WORDS.test(text) || /\btry (it )?again\b/i.test(text))) {
    return { code: 'SYS_TEMP', retryAfterMs: waitIn(text) };
  }
  return { code: 'REFUSED' };
}

function inUse(text: string): boolean {
  if (IN_USE_ELSEWHERE.test(text)) return true;
  return /(mail ?(drop|box)|spool|popbox|session|lock)[^.]*\b(in use|busy|locked|lock)\b|\block(ed)? by\b|\bunable to lock|(can ?not|can't|could not|failed to) (get|obtain|acquire)?[^.]*\block|already (locked|in use|logged in|open)|another (pop3? )?(session|client|connection)/i.test(
    text,
  );
}

function accountLocked(text: string): boolean {
  return /\b(account|user|mailbox)\b[^.]*\b(is |has been |was )?(disabled|suspended|blocked)|\b(account|user)\b[^.]*\blocked/i.test(
    text,
  );
}

function popIsOff(text: string): boolean {
  if (POP_OFF_ELSEWHERE.test(text)) return true;
  return /\bpop3?\b[^.]*\b(disabled|not enabled|switched off|turned off|not permitted|not allowed|is off|inactive)|not enabled for pop|(enable|activate|turn on|switch on) (the )?pop|\bservice\b[^.]*\b(not|needs?|must|first|please)\b[^.]*\b(open|enabl|activat|start)|\bneeds?\b[^.]*\bservice\b[^.]*\b(open|enabl|activat)/i.test(
    text,
  );
}

/** "No plaintext passwords", "begin TLS first", or a login that is out of place before STLS. */
function wantsTls(text: string, { offersTls }: LoginFacts): boolean {
  if (/\b(s?tls|starttls|ssl|encrypt(ed|ion)?|secure (connection|channel|socket))\b/i.test(text)) return true;
  if (/\b(clear|plain) ?-?text\b|\bin (the )?clear\b|unencrypted|insecure/i.test(text)) return true;
  return offersTls && /out of (place|order|sequence)|bad sequence|not (valid|permitted|allowed)/i.test(text);
}

/** App passwords go by many names; Chinese providers call theirs an authorization code. */
const APP_PASSWORD =
  /\b(app(lication)?s?|third[- ]party|external|client|device|special)('s)?[- ]?(specific|generated|dedicated)?[- ]?(pass(word|code|phrase)?|pwd)\b|application[- ]specific|\bapp[- ]specific|\b(authori[sz](ation|ed)|auth) code\b|\bpassword generated for\b|parol prilozheniya/iu;

/** Words that speak of nothing but a name and a password. */
const ABOUT_PASSWORD =
  /pass(word|phrase)?|\bcredential|\blog(in|on)\b|\bauth|\buser|\bname\b|\bdenied\b|\bunknown\b|\binvalid\b|\bincorrect\b|\bwrong\b|\bbad\b|\bfail|\breject|kennwort|mot de passe|contraseña|senha|парол|密码|密碼|パスワード|비밀번호/iu;

/** The narrower reason of a refused login. */
function loginReason(text: string, login: LoginFacts | undefined): Pop3Reason {
  if (APP_PASSWORD.test(text) || APP_PASSWORD_ELSEWHERE.test(text)) return 'app-password-needed';
  if (/web ?login|log in (via|with) your (web )?browser|continue?signin/i.test(text))
    return 'web-login-needed';
  // Exchange says this one sentence for POP off, a wrong address, a wrong scope and missing rights alike.
  if (/unknown user name or bad password/i.test(text)) return 'vague-refusal';
  if (accountLocked(text)) return 'account-locked';
  if (login === undefined) return 'auth';
  if (login.token) return 'mailbox-refused';
  // What names a page to go to, or speaks of something else, is no wrong password: its own words say what it is.
  const elsewhere = /https?:\/\//i.test(text);
  return !elsewhere && (text === '' || ABOUT_PASSWORD.test(text)) ? 'wrong-password' : 'auth';
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
