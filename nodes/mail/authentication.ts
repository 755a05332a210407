// What the receiving server found out about the sender: Authentication-Results (RFC 8601). Anybody can write such a
// field into a mail, so only the topmost one counts, and only when it names a server that is trusted: a receiving server
// puts its own on top, and removes those that use its name (section 5).
import { domainToASCII } from 'node:url';
import type { HeaderLine } from './header-block';
import type { MailAddress, MailAuthentication } from './message';
import { endOfComment, withoutComments } from './parameters';

/** Fields that are looked at: a server may write one for each method. */
const MAX_FIELDS = 20;
/** Characters of a Received field in which the server names itself. */
const MAX_RECEIVED = 2000;
/** Characters of a field; a longer one is no server's. */
const MAX_FIELD = 16 * 1024;
/** Results of one field. */
const MAX_RESULTS = 100;

const METHODS = ['spf', 'dkim', 'dmarc', 'arc'] as const;
type Method = (typeof METHODS)[number];

interface Result {
  method: Method;
  result: string;
  /** Of DMARC: the domain in From, as the server read it. */
  from?: string;
  /** Of SPF: it is about the name in HELO, and not about the sender. */
  isHelo: boolean;
}

/**
 * @param from the addresses in From
 * @param trusted names of servers whose results count; `*.example.net` is every one below that domain, `~example.net`
 *   one below it that leaves its name out, as Microsoft's do
 */
export function authenticationOf(
  lines: readonly HeaderLine[],
  from: readonly MailAddress[],
  trusted: readonly string[],
): MailAuthentication {
  let by = '';
  const results: Result[] = [];
  let count = 0;
  for (const [index, { key, line }] of lines.entries()) {
    // Below the next Received everything may have come with the mail, such as a forged field of the same name.
    if (key === 'received' && by !== '') break;
    if (key !== 'authentication-results') continue;
    if (++count > MAX_FIELDS || line.length > MAX_FIELD) break;
    const field = readField(line.slice(line.indexOf(':') + 1));
    const name = field && serverOf(field, lines.slice(index + 1), trusted);
    // Below a field of another server nothing is certain to be of this one.
    if (!name || (by !== '' && name !== by)) break;
    by = name;
    results.push(...field.results);
  }
  const of = (method: Method): string => resultOf(method, results);
  const verdict = verdictOf(of('dmarc'), isAboutFrom(results, lines, from));
  return { by, spf: of('spf'), dkim: of('dkim'), dmarc: of('dmarc'), arc: of('arc'), verdict };
}

/**
 * One signature that fits is enough; which one counts for the sender is for DMARC to say. Of any other method that is
 * there with several results, something has been added.
 */
function resultOf(method: Method, results: Result[]): string {
  const all = results.filter((one) => one.method === method);
  const ofSender = all.filter(({ isHelo }) => !isHelo);
  const list = ofSender.length ? ofSender : all;
  const isPass = method === 'dkim';
  return (list.find(({ result }) => (result === 'pass') === isPass) ?? list[0])?.result ?? 'none';
}

/** Only DMARC compares what was proven with the sender's domain (RFC 7489 section 3). */
function verdictOf(dmarc: string, isAboutSender: boolean): MailAuthentication['verdict'] {
  if (dmarc === 'pass') return isAboutSender ? 'pass' : 'none';
  return dmarc === 'fail' ? 'fail' : 'none';
}

/** Of several senders the server has judged one, and not the one that flows see, perhaps (RFC 7489 section 6.6.1). */
function isAboutFrom(results: Result[], lines: readonly HeaderLine[], from: readonly MailAddress[]): boolean {
  const senders = from.map(({ address }) => address).filter((address) => address.includes('@'));
  const domains = new Set(senders.map(domainOf));
  return (
    lines.filter(({ key }) => key === 'from').length === 1 &&
    domains.size === 1 &&
    results.every((one) => one.from === undefined || domains.has(domainOf(one.from)))
  );
}

/** Some servers write the whole address. */
function domainOf(address: string): string {
  const domain = address.slice(address.lastIndexOf('@') + 1).replace(/\.?>?$/, '');
  return domainToASCII(domain) || domain.toLowerCase();
}

/** The name of a trusted server. */
function serverOf(
  { by }: Field,
  below: readonly HeaderLine[],
  trusted: readonly string[],
): string | undefined {
  if (by === '') return namelessBy(below, trusted);
  const isTrusted = trusted.some((name) => {
    const wanted = hostOf(name);
    return wanted.startsWith('*.') ? by.endsWith(wanted.slice(1)) : by === wanted;
  });
  return isTrusted ? by : undefined;
}

/**
 * Whose a field without a name is. A server puts it on top of the Received field that it has written itself: the next
 * one below says which it is.
 */
function namelessBy(below: readonly HeaderLine[], trusted: readonly string[]): string | undefined {
  const received = below.find(({ key }) => key === 'received')?.line.slice(0, MAX_RECEIVED) ?? '';
  const host = hostOf(/\sby\s+([\w.-]+)/i.exec(withoutComments(received))?.[1] ?? '');
  return trusted
    .filter((name) => name.startsWith('~'))
    .map((name) => hostOf(name.slice(1)))
    .find((domain) => host.endsWith(`.${domain}`));
}

const hostOf = (name: string): string => name.trim().toLowerCase().replace(/\.$/, '');

interface Field {
  /** Empty where the server left its name out. */
  by: string;
  results: Result[];
}

const NAMELESS = /^[ \t]*[a-z][a-z0-9-]*[ \t]*(?:\/[ \t]*\d+[ \t]*)?=/i;
/** Versions other than 1 are not understood (section 2.2). */
const NAME = /^[ \t]*"?([^\s;="]+)"?(?:[ \t]+1)?[ \t]*$/;
const RESULT = /^[ \t]*([a-z][a-z0-9-]*)[ \t]*(?:\/[ \t]*1[ \t]*)?=[ \t]*([a-z]+)(?![^ \t])/i;
const HEADER_FROM = /[ \t]header[ \t]*\.[ \t]*from[ \t]*=[ \t]*"?([^ \t"]+)/i;
const HELO = /[ \t]smtp[ \t]*\.[ \t]*helo\b/i;
const MAIL_FROM = /[ \t]smtp[ \t]*\.[ \t]*mail/i;
const CONTROL = /[^\t\x20-\x7e\x80-\xff]/;

/** authserv-id [version] *( ";" method[/version] = result [reason] [properties] ), comments anywhere. */
function readField(body: string): Field | undefined {
  const text = body.replace(/\r\n[ \t]*/g, ' ');
  if (CONTROL.test(text)) return undefined;
  const [head = '', ...others] = pieces(text);
  const isNameless = NAMELESS.test(head);
  const by = isNameless ? '' : NAME.exec(head)?.[1];
  if (by === undefined) return undefined;
  const rest = isNameless ? [head, ...others] : others;
  return { by: hostOf(by), results: rest.slice(0, MAX_RESULTS).flatMap(readResult) };
}

function readResult(piece: string): Result[] {
  const [, name, result] = RESULT.exec(piece) ?? [];
  const method = METHODS.find((one) => one === name?.toLowerCase());
  if (!method || !result) return [];
  const from = method === 'dmarc' ? HEADER_FROM.exec(piece)?.[1] : undefined;
  return [
    {
      method,
      result: result.toLowerCase(),
      ...(from !== undefined && { from: Buffer.from(from, 'latin1').toString() }),
      isHelo: HELO.test(piece) && !MAIL_FROM.test(piece),
    },
  ];
}

/** What stands between semicolons, without comments and with what is quoted made harmless. */
function pieces(text: string): string[] {
  const found: string[][] = [[]];
  for (let at = 0; at < text.length; ) {
    const char = text[at] as string;
    if (char === '(') {
      at = endOfComment(text, at);
      found.at(-1)?.push(' ');
    } else if (char === '"') {
      let end = at + 1;
      while (end < text.length && text[end] !== '"') end += text[end] === '\\' ? 2 : 1;
      // Names and domains may be quoted; a result never is.
      const quoted = text.slice(at + 1, end).replace(/\\(.)/g, '$1');
      found.at(-1)?.push(/^[\w.@-]+$/.test(quoted) ? `"${quoted}"` : '_');
      at = end + 1;
    } else {
      if (char === ';') found.push([]);
      else found.at(-1)?.push(char);
      at++;
    }
  }
  return found.map((piece) => piece.join(''));
}
