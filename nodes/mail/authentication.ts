// What the receiving server found out about the sender: Authentication-Results (RFC 8601). Anybody can write such a
// field into a mail, so only the topmost one counts, and only when it names a server that is trusted: a receiving server
// puts its own on top, and removes those that use its name (section 5).
import type { HeaderLine } from './header-block';
import type { MailAuthentication } from './message';
import { endOfComment } from './parameters';

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

/**
 * @param trusted names of servers whose results count; `*.example.net` is every one below that domain, `~example.net`
 *   one below it that leaves its name out, as Microsoft's do
 */
export function authenticationOf(
  lines: readonly HeaderLine[],
  trusted: readonly string[],
): MailAuthentication {
  const found: MailAuthentication = {
    by: '',
    spf: 'none',
    dkim: 'none',
    dmarc: 'none',
    arc: 'none',
    verdict: 'none',
  };
  const results = new Map<Method, string[]>();
  let count = 0;
  let isBelow = false;
  for (const [index, { key, line }] of lines.entries()) {
    if (key === 'received' && found.by !== '') isBelow = true;
    if (key !== 'authentication-results') continue;
    if (++count > MAX_FIELDS || line.length > MAX_FIELD) break;
    const field = readField(line.slice(line.indexOf(':') + 1));
    // Below a field of another server, or of one without a name, nothing is certain to be of this one.
    const isFirst = found.by === '';
    const by =
      field?.by === '' && isFirst ? namelessBy(lines.slice(index + 1), trusted) : nameOf(field, trusted);
    if (!field || by === undefined || (!isFirst && by !== found.by)) break;
    found.by = by;
    for (const [method, result] of field.results) {
      // Another hop wrote it, or the sender, where the server does not remove what bears its name: that opens no gate.
      if (isBelow && method === 'dmarc' && result === 'pass') continue;
      const list = results.get(method) ?? [];
      list.push(result);
      results.set(method, list);
    }
  }
  for (const method of METHODS) {
    const list = results.get(method);
    // One signature that fits is enough; which one counts for the sender is for DMARC to say.
    if (list) found[method] = list.includes('pass') && method === 'dkim' ? 'pass' : (list[0] as string);
    // The same method twice with other results, but for signatures: something has been added.
    if (list && method !== 'dkim' && new Set(list).size > 1)
      found[method] = list.find((one) => one !== 'pass') as string;
  }
  found.verdict = verdictOf(found);
  return found;
}

/** Only DMARC compares what was proven with the sender's domain (RFC 7489 section 3). */
function verdictOf({ dmarc }: MailAuthentication): MailAuthentication['verdict'] {
  if (dmarc === 'pass') return 'pass';
  return dmarc === 'fail' ? 'fail' : 'none';
}

/** The name of a trusted server. */
function nameOf(field: Field | undefined, trusted: readonly string[]): string | undefined {
  const server = field?.by ?? '';
  if (server === '') return undefined;
  const isTrusted = trusted.some((name) => {
    const wanted = name.trim().toLowerCase();
    return wanted.startsWith('*.') ? server.endsWith(wanted.slice(1)) : server === wanted;
  });
  return isTrusted ? server : undefined;
}

/**
 * Whose a field without a name is. A server puts it on top of the Received field that it has written itself: the next
 * one below says which it is.
 */
function namelessBy(below: readonly HeaderLine[], trusted: readonly string[]): string | undefined {
  const received = below.find(({ key }) => key === 'received')?.line.slice(0, MAX_RECEIVED) ?? '';
  const host = /[\s)]by\s+([\w.-]+)/i.exec(received)?.[1]?.toLowerCase() ?? '';
  return trusted
    .filter((name) => name.startsWith('~'))
    .map((name) => name.slice(1).toLowerCase())
    .find((domain) => host.endsWith(`.${domain}`));
}

interface Field {
  /** Empty where the server left its name out. */
  by: string;
  results: [Method, string][];
}

/** Versions other than 1 are not understood (section 2.2). authserv-id [version] *( ";" method[/version] = result [reason] [properties] ), comments anywhere. */
function readField(body: string): Field | undefined {
  const [head = '', ...others] = pieces(body.replace(/[\r\n]+[ \t]*/g, ' '));
  const isNameless = /^\s*[a-z][a-z0-9-]*\s*(?:\/\s*\d+\s*)?=/i.test(head);
  const by = isNameless ? '' : /^\s*([^\s;=]+)(?:\s+1)?\s*$/.exec(head)?.[1]?.toLowerCase();
  if (by === undefined) return undefined;
  const rest = isNameless ? [head, ...others] : others;
  const results: [Method, string][] = [];
  for (const piece of rest.slice(0, MAX_RESULTS)) {
    const match = /^\s*([a-z][a-z0-9-]*)\s*(?:\/\s*1\s*)?=\s*([a-z]+)(?![\w-])/i.exec(piece);
    const method = METHODS.find((one) => one === match?.[1]?.toLowerCase());
    if (method && match?.[2]) results.push([method, match[2].toLowerCase()]);
  }
  return { by, results };
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
      // A server's name may be quoted; a result never is.
      const quoted = text.slice(at + 1, end);
      found.at(-1)?.push(found.length === 1 && /^[\w.-]+$/.test(quoted) ? quoted : '_');
      at = end + 1;
    } else {
      if (char === ';') found.push([]);
      else found.at(-1)?.push(char);
      at++;
    }
  }
  return found.map((piece) => piece.join(''));
}
