import { lookup } from 'node:dns/promises';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { connect, type Socket } from 'node:net';
import { lazily } from '../base/lazy';
import { connectError } from './connect-error';
import { Pop3Error } from './error';
import type { ConnectOptions } from './options';

type Open = NonNullable<ConnectOptions['open']>;
type Target = Parameters<Open>[0];

export interface ProxySettings {
  /** `http:`, `https:` (CONNECT), `socks5:`, `socks5h:` or `socks:`; it may contain user and password. */
  url: string;
  /** Hosts that are reached without it: names, `.suffixes`, `*.suffixes`, `host:port`, or `*`. */
  noProxy?: string | readonly string[];
}

/** An `open` for `Pop3Client.connect` that goes through a proxy. Errors: `CONFIG`, `CONNECT` (reason `proxy`). */
export function throughProxy({ url, noProxy }: ProxySettings): Open {
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
  return (target) => (isExempt(target, noProxy) ? directly(target) : way(proxy, target));
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
      reject(refused(`The proxy answered ${answer.statusCode}`, answer.statusCode === 407));
    });
    request.once('response', (answer) => {
      answer.destroy();
      reject(refused(`The proxy answered ${answer.statusCode}`, false));
    });
    request.once('error', (error) => reject(connectError(error, 'proxy')));
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
  const existing_socket = await directly({ ...at, ...(signal && { signal }) }).catch((error) => {
    throw connectError(error, 'proxy');
  });
  try {
    const name = host.replace(/^\[|\]$/g, '');
    const { socket } = await SocksClient.createConnection({
      existing_socket,
      command: 'connect',
      destination: { host: proxy.protocol === 'socks5:' ? (await lookup(name)).address : name, port },
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
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== undefined) throw connectError(error as Error, 'proxy');
    // The library's own errors carry the proxy's password in their options.
    throw refused(`The proxy failed: ${message}`, false);
  }
}

function refused(message: string, login: boolean): Pop3Error {
  return new Pop3Error(login ? 'CONFIG' : 'CONNECT', message, { reason: 'proxy' });
}
