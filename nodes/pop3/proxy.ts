import { lookup } from 'node:dns/promises';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { connect, type Socket } from 'node:net';
import { lazily } from '../base/lazy';
import { connectError } from './connect-error';
import { Pop3Error } from './error';
import type { ConnectOptions, Opener } from './options';

type Target = Parameters<Opener>[0];

export interface ProxySettings {
  /** `http:`, `https:` (CONNECT), `socks5:`, `socks5h:` or `socks:`; it may contain user and password. */
  url: string;
  /** Hosts that are reached without it: names, `.suffixes`, `*.suffixes`, `host:port`, or `*`. */
  noProxy?: string | readonly string[];
}

/** An `open` for `Pop3Client.connect` that goes through a proxy. Errors: `CONFIG`, `CONNECT` (reason `proxy`). */
export function throughProxy({ url, noProxy }: ProxySettings): Opener {
  let proxy: URL;
  try {
    proxy = new URL(url);
  } catch {
    // The cause would show the address, and with it the password.
    throw new Pop3Error('CONFIG', 'The address of the proxy is none', { reason: 'proxy' });
  }
  const way = WAYS[proxy.protocol];
  if (!way)
    throw new Pop3Error('CONFIG', `A proxy of the kind ${proxy.protocol} is not known`, { reason: 'proxy' });
  const open = (target: Target): Promise<Socket> =>
    isExempt(target, noProxy) ? directly(target) : way(proxy, target);
  return Object.assign(open, {
    proxyFor: (target: Omit<Target, 'signal'>) => (isExempt(target, noProxy) ? undefined : nameOf(proxy)),
  });
}

/**
 * The proxy the environment names for a POP3 server, as far as it names one: `pop3_proxy`, then `https_proxy` or
 * (without TLS) `http_proxy`, then `all_proxy`, in lower or upper case, unless `no_proxy` exempts the host.
 */
export function proxyFromEnvironment(
  target: { host: string; port: number; security: ConnectOptions['security'] },
  environment: NodeJS.ProcessEnv = process.env,
): string | undefined {
  const value = (name: string) => environment[name] || environment[name.toUpperCase()] || undefined;
  if (isExempt(target, value('no_proxy'))) return undefined;
  const url =
    value('pop3_proxy') ??
    value(target.security === 'none' ? 'http_proxy' : 'https_proxy') ??
    value('all_proxy');
  return url === undefined || url.includes('://') ? url : `http://${url}`;
}

/** Whether `no_proxy` rules exempt a host. Names are compared whole; a leading dot or star means any name below. */
export function isExempt(
  { host, port }: { host: string; port: number },
  rules: ProxySettings['noProxy'],
): boolean {
  const name = host.toLowerCase().replace(/^\[|\]$/g, '');
  return (typeof rules === 'string' ? rules.split(/[\s,]+/) : (rules ?? [])).some((rule) => {
    const found = /^(.+?)(?::(\d+))?$/.exec(rule.trim().toLowerCase());
    if (!found) return false;
    const [, pattern = '', only] = found;
    if (only !== undefined && Number(only) !== port) return false;
    if (pattern === '*') return true;
    return /^[.*]/.test(pattern) ? name.endsWith(pattern.replace(/^\*/, '')) : name === pattern;
  });
}

const socks = lazily(() => import('socks'));

const WAYS: Record<string, ((proxy: URL, target: Target) => Promise<Socket>) | undefined> = {
  'http:': throughConnect,
  'https:': throughConnect,
  'socks:': throughSocks,
  'socks5:': throughSocks,
  'socks5h:': throughSocks,
};

function directly({ host, port, signal }: Target): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, noDelay: true, ...(signal && { signal }) });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      resolve(socket);
    });
  });
}

/** CONNECT (RFC 9110 section 9.3.6). What comes with the proxy's answer may be the greeting already, and is kept. */
function throughConnect(proxy: URL, { host, port, signal }: Target): Promise<Socket> {
  const authority = `${host.includes(':') && !host.startsWith('[') ? `[${host}]` : host}:${port}`;
  const login = decodeURIComponent(`${proxy.username}:${proxy.password}`);
  return new Promise((resolve, reject) => {
    const request = (proxy.protocol === 'https:' ? requestHttps : requestHttp)({
      method: 'CONNECT',
      host: proxy.hostname.replace(/^\[|\]$/g, ''),
      port: proxy.port || (proxy.protocol === 'https:' ? 443 : 80),
      path: authority,
      agent: false,
      headers: {
        host: authority,
        ...(proxy.username && { 'proxy-authorization': `Basic ${Buffer.from(login).toString('base64')}` }),
      },
      ...(signal && { signal }),
    });
    request.once('connect', (answer, socket: Socket, head: Buffer) => {
      if (answer.statusCode === 200) {
        socket.setNoDelay(true);
        if (head.length > 0) socket.unshift(head);
        resolve(socket);
        return;
      }
      socket.destroy();
      reject(failed(proxy, `answered ${answer.statusCode}`, { login: answer.statusCode === 407 }));
    });
    request.once('response', (answer) => {
      answer.destroy();
      reject(failed(proxy, `answered ${answer.statusCode}`));
    });
    request.once('error', (cause) => reject(failed(proxy, 'cannot be reached', { cause })));
    request.end();
  });
}

/**
 * SOCKS 5 (RFC 1928), with user and password (RFC 1929) where there are any; `socks5h` and `socks` leave it to the
 * proxy to look up the name.
 */
async function throughSocks(proxy: URL, { host, port, signal }: Target): Promise<Socket> {
  const { SocksClient } = await socks();
  const at = { host: proxy.hostname.replace(/^\[|\]$/g, ''), port: Number(proxy.port) || 1080 };
  const bare = host.replace(/^\[|\]$/g, '');
  const name = proxy.protocol === 'socks5:' ? await addressOf(bare) : bare;
  const existing_socket = await directly({ ...at, ...(signal && { signal }) }).catch((cause) => {
    throw failed(proxy, 'cannot be reached', { cause });
  });
  try {
    const { socket } = await SocksClient.createConnection({
      existing_socket,
      command: 'connect',
      destination: { host: name, port },
      proxy: {
        ...at,
        type: 5,
        ...(proxy.username && {
          userId: decodeURIComponent(proxy.username),
          password: decodeURIComponent(proxy.password),
        }),
      },
    });
    return socket;
  } catch (error) {
    existing_socket.destroy();
    // No cause: the library's own errors carry the proxy's password in their options.
    throw failed(proxy, `failed: ${(error as Error).message}`);
  }
}

/** The server's own name is looked up here, and so says what is wrong with it. */
async function addressOf(name: string): Promise<string> {
  try {
    return (await lookup(name)).address;
  } catch (error) {
    throw connectError(error);
  }
}

/** A proxy without its user and password. */
const nameOf = (proxy: URL): string => proxy.host;

/** It is the proxy that failed, whatever the system says: the server was never asked. */
function failed(
  proxy: URL,
  how: string,
  { login = false, cause }: { login?: boolean; cause?: unknown } = {},
): Pop3Error {
  const name = nameOf(proxy);
  return new Pop3Error(login ? 'CONFIG' : 'CONNECT', `The proxy ${name} ${how}`, {
    reason: 'proxy',
    proxy: name,
    cause,
  });
}
