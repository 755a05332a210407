import { lookup, resolveSrv } from 'node:dns/promises';
import { Agent } from 'node:https';
import { BlockList, isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import { untilAborted } from '../base/abort';
import { MailboxError } from '../mailbox';
import { exchange } from '../oauth2';
import { readAutoconfig } from './autoconfig';
import { greetsByTls } from './greeting';
import type { FoundServer } from './protocol';

/** The ways out of this machine that are used, so that tests can have their own. */
export interface Network {
  /** RFC 2782. */
  srv(name: string): Promise<{ name: string; port: number; priority: number; weight: number }[]>;
  addresses(host: string): Promise<string[]>;
  /** GET by https from this address, whatever the name: answer 200 and its body, or undefined for anything else. */
  get(url: URL, address: string, signal: AbortSignal): Promise<string | undefined>;
  /** Whether a POP3 server answers there by TLS, with a certificate for this host. */
  greets(host: string, at: { address: string; port: number }, signal: AbortSignal): Promise<boolean>;
}

/** Of an autoconfig file, which has about 4 kB. */
export const MOST_OCTETS = 65_536;
export const AUTOCONFIG_HEADERS = { accept: 'text/xml, application/xml' };
const PATIENCE_MS = 6_000;

/**
 * Asks a mail domain for its POP3 server: by its autoconfig file, at its own two addresses and nowhere else, and by its
 * SRV records (RFC 6186). The file is preferred, since TLS proves whose it is. Undefined: the domain says nothing.
 *
 * @throws MailboxError CONFIG: the address has no domain that others could have; CONNECT: there is no network
 */
export async function findServer(
  address: string,
  network: Network,
  signal: AbortSignal,
): Promise<FoundServer | undefined> {
  const domain = domainOf(address);
  if (domain === undefined) throw new MailboxError('CONFIG', 'address-without-domain', { retryable: false });
  const both = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]);
  const files = [
    `https://autoconfig.${domain}/mail/config-v1.1.xml`,
    `https://${domain}/.well-known/autoconfig/mail/config-v1.1.xml`,
  ];
  const asked = [
    ...files.map((url) => byFile(new URL(url), network, both)),
    byRecord(`_pop3s._tcp.${domain}`, 'tls', network, both),
    byRecord(`_pop3._tcp.${domain}`, 'starttls', network, both),
  ];
  return whereOnline(asked, domain);
}

/** What DNS and connections say where this machine has no network. */
const OFFLINE = new Set(['EAI_AGAIN', 'EAI_FAIL', 'ECONNREFUSED', 'ETIMEOUT', 'ENETUNREACH', 'EHOSTUNREACH']);

/** An answer of DNS; where it does not come in time, there is none, as without a network. */
export function fromDns<T>(answer: Promise<T>, signal: AbortSignal): Promise<T> {
  return untilAborted(answer, signal).catch((error: Error) => {
    throw error.name === 'TimeoutError' ? Object.assign(new Error('no answer'), { code: 'ETIMEOUT' }) : error;
  });
}

/**
 * The first of the answers that names a server, in their order.
 *
 * @throws MailboxError CONNECT: none of them could be asked for
 */
export async function whereOnline(
  asked: Promise<FoundServer | undefined>[],
  domain: string,
): Promise<FoundServer | undefined> {
  let unasked = 0;
  const answers = asked.map((answer) =>
    answer.catch((error: NodeJS.ErrnoException) => {
      if (OFFLINE.has(error.code ?? '')) unasked += 1;
      return undefined;
    }),
  );
  for (const answer of answers) {
    const found = await answer;
    if (found !== undefined) return found;
  }
  if (unasked < asked.length) return undefined;
  throw new MailboxError('CONNECT', 'dns-unavailable', { facts: { host: domain } });
}

/** The domain of a mail address, as DNS has it; undefined where there is none that others could have. */
export function domainOf(address: string): string | undefined {
  const [, domain] = /^[^@\s]+@([^@\s/\\:?#[\]%]+)$/.exec(address.trim()) ?? [];
  const name = domain === undefined ? '' : domainToASCII(domain).toLowerCase();
  const labels = name.split('.');
  const valid =
    labels.length > 1 &&
    name.length < 250 &&
    isIP(name) === 0 &&
    labels.every((label) => /^(?!-)[a-z0-9-]{1,63}(?<!-)$/.test(label)) &&
    !/^\d+$/.test(labels.at(-1) ?? '');
  return valid ? name : undefined;
}

async function byFile(url: URL, network: Network, signal: AbortSignal): Promise<FoundServer | undefined> {
  const addresses = await fromDns(network.addresses(url.hostname), signal);
  // Every address has to be a public one: addresses in this machine's own network belong to no domain.
  const [first] = addresses;
  if (first === undefined || !addresses.every(isPublic)) return undefined;
  const text = await untilAborted(network.get(url, first, signal), signal);
  const found = text === undefined ? undefined : readAutoconfig(text);
  if (found === undefined || !isHostName(found.host)) return undefined;
  return { ...found, by: 'autoconfig' };
}

async function byRecord(
  name: string,
  security: 'tls' | 'starttls',
  network: Network,
  signal: AbortSignal,
): Promise<FoundServer | undefined> {
  const records = (await fromDns(network.srv(name), signal))
    // A lone dot says that there is no such service (RFC 6186 section 3.4).
    .filter((record) => isHostName(record.name) && record.port > 0 && record.port < 65_536)
    .sort((a, b) => a.priority - b.priority || b.weight - a.weight);
  const [best] = records;
  return best && { host: best.name.replace(/\.$/, ''), port: best.port, security, by: 'srv' };
}

/** A name that others could have, with or without the dot of the root. */
export const isHostName = (name: string): boolean => domainOf(`x@${name.replace(/\.$/, '')}`) !== undefined;

const RESERVED = new BlockList();
// RFC 6890, and what has been added to its registries since.
for (const [net, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const) {
  RESERVED.addSubnet(net, prefix, 'ipv4');
}
const GLOBAL = new BlockList();
GLOBAL.addSubnet('2000::', 3, 'ipv6');
// Within it: documentation, and the ways to carry an IPv4 address.
for (const [net, prefix] of [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
] as const) {
  RESERVED.addSubnet(net, prefix, 'ipv6');
}

/** Whether an address is one of the public internet. */
export function isPublic(address: string): boolean {
  const version = isIP(address);
  if (version === 4) return !RESERVED.check(address, 'ipv4');
  return version === 6 && GLOBAL.check(address, 'ipv6') && !RESERVED.check(address, 'ipv6');
}

export const systemNetwork: Network = {
  greets: greetsByTls,
  srv: (name) => resolveSrv(name),
  addresses: async (host) => (await lookup(host, { all: true })).map(({ address }) => address),
  get: async (url, address, signal) => {
    // The address that was judged, and not what DNS says the next time.
    const agent = new Agent({
      lookup: (_host, { all }, done) => {
        const family = isIP(address);
        if (all) done(null, [{ address, family }]);
        else done(null, address, family);
      },
    });
    const { status, text } = await exchange(url, {
      headers: AUTOCONFIG_HEADERS,
      agent: () => agent,
      signal,
      maxBytes: MOST_OCTETS,
    });
    // A redirect leads to where nothing was checked.
    return status === 200 ? text : undefined;
  },
};
