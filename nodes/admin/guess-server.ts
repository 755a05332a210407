import { untilAborted } from '../base/abort';
import { MailboxError } from '../mailbox';
import { domainOf, fromDns, isPublic, type Network, whereOnline } from './find-server';
import type { FoundServer } from './protocol';

/** Names that mail domains commonly give their POP3 server, the most common first. */
const PREFIXES = ['pop', 'mail', 'pop3'];
const PORT = 995;
const PATIENCE_MS = 6_000;

/**
 * Tries the usual names below a mail domain, for a person who asked for that: a server counts that proves its name by
 * TLS and greets as POP3 servers do. Nothing is sent. Undefined: there is none.
 *
 * @throws MailboxError CONFIG: the address has no domain that others could have; CONNECT: there is no network
 */
export async function guessServer(
  address: string,
  network: Pick<Network, 'addresses' | 'greets'>,
  signal: AbortSignal,
): Promise<FoundServer | undefined> {
  const domain = domainOf(address);
  if (domain === undefined) throw new MailboxError('CONFIG', 'address-without-domain', { retryable: false });
  const both = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]);
  const greets = async (host: string): Promise<FoundServer | undefined> => {
    const addresses = await fromDns(network.addresses(host), both);
    const [first] = addresses;
    if (first === undefined || !addresses.every(isPublic)) return undefined;
    const isServer = await untilAborted(network.greets(host, { address: first, port: PORT }, both), both);
    return isServer ? { host, port: PORT, security: 'tls', by: 'guess' } : undefined;
  };
  return whereOnline(
    PREFIXES.map((prefix) => greets(`${prefix}.${domain}`)),
    domain,
  );
}
