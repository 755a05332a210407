import { Agent } from 'node:https';
import { MailboxError } from '../mailbox';
import { exchange, providerFor } from '../oauth2';
import { isAutoconfig, readAutoconfig } from './autoconfig';
import { AUTOCONFIG_HEADERS, domainOf, isHostName, MOST_OCTETS } from './find-server';
import type { FoundServer } from './protocol';

/** Where Mozilla's autoconfig database is asked. `ca`: instead of the public authorities. */
export interface AutoconfigDatabase {
  url: URL;
  ca?: string;
}

/** github.com/thunderbird/autoconfig, November 2026 */
const MOZILLA = 'https://autoconfig.thunderbird.net/v1.1/';
const PATIENCE_MS = 10_000;

/**
 * The database that may be asked, by the setting `redletter.autoconfigDatabase`: Mozilla's own, another copy of it under
 * an https address, or none: `false`, and whatever else is no such address.
 */
export function databaseOf(setting: unknown): AutoconfigDatabase | undefined {
  const given = setting === true ? MOZILLA : (setting ?? MOZILLA);
  if (typeof given !== 'string' || !URL.canParse(given)) return undefined;
  const url = new URL(given);
  if (url.protocol !== 'https:' || url.username || url.password || url.search || url.hash) return undefined;
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  return { url };
}

/** Only domains that are in no row are looked up: what a row says was verified. */
export const mayLookUp = (address: string): boolean =>
  domainOf(address) !== undefined && providerFor(address) === undefined;

/**
 * Asks the database for a domain's POP3 server; nothing but the domain is sent. Undefined: it has none.
 *
 * @throws MailboxError CONFIG: may not be asked; CONNECT: does not answer, or not as it should
 */
export async function askDatabase(
  address: string,
  database: AutoconfigDatabase | undefined,
  signal: AbortSignal,
): Promise<FoundServer | undefined> {
  if (database === undefined) throw new MailboxError('CONFIG', 'autoconfig-disabled', { retryable: false });
  const domain = domainOf(address);
  if (domain === undefined) throw new MailboxError('CONFIG', 'address-without-domain', { retryable: false });
  if (!mayLookUp(address)) return undefined;
  const { url, ca } = database;
  const unavailable = (system: string): MailboxError =>
    new MailboxError('CONNECT', 'autoconfig-unavailable', { facts: { host: url.host, system } });
  const { status, text } = await exchange(new URL(domain, url), {
    headers: AUTOCONFIG_HEADERS,
    ...(ca !== undefined && { agent: () => new Agent({ ca }) }),
    signal,
    timeoutMs: PATIENCE_MS,
    maxBytes: MOST_OCTETS,
  }).catch((error: NodeJS.ErrnoException) => {
    signal.throwIfAborted();
    throw unavailable(error.code ?? error.name);
  });
  if (status === 404) return undefined;
  // A redirect, too: where it leads was not checked.
  if (status !== 200) throw unavailable(`HTTP ${status}`);
  // The page of a proxy on the way, for instance.
  if (!isAutoconfig(text)) throw unavailable('ERR_INVALID_FILE');
  // The placeholder stands for what was asked for.
  const found = readAutoconfig(text.replaceAll('%EMAILDOMAIN%', domain));
  return found !== undefined && isHostName(found.host) ? { ...found, by: 'database' } : undefined;
}
