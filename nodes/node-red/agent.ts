import http from 'node:http';
import https from 'node:https';
import { connect } from 'node:tls';
import type { NodeAPI } from 'node-red';
import { isLoopback } from '../base/loopback';
import { type AgentFor, OAuth2Error, type OAuth2Reason } from '../oauth2';
import {
  type ConnectOptions,
  Pop3Error,
  type ProxySettings,
  proxyFromEnvironment,
  throughProxy,
} from '../pop3';
import { nameOfProxyNode, proxyOf } from './proxy';

type Open = NonNullable<ConnectOptions['open']>;

/**
 * Connections to the sign-in server: under core's `tls-config` and through core's `http proxy`, where they are chosen,
 * else through what the environment names. Both count as they are deployed at the moment of the request; one that is
 * chosen and not deployed ends the request before a byte is sent.
 */
export function agentFor(RED: NodeAPI, tls: unknown, proxy: unknown): AgentFor {
  return (url) => {
    const options: https.AgentOptions = {};
    const node = chosen<{ addTLSOptions?(options: https.AgentOptions): unknown }>(
      RED,
      tls,
      'tls-not-deployed',
    );
    node?.addTLSOptions?.(options);
    chosen(RED, proxy, 'proxy-not-deployed');
    const settings = proxyOf(RED, proxy);
    const open = settings ? through(settings, nameOfProxyNode(RED, proxy)) : fromEnvironment(url);
    if (open !== undefined) return new Tunnel(open, url, options);
    return url.protocol === 'https:' && node?.addTLSOptions ? new https.Agent(options) : undefined;
  };
}

/** @throws OAuth2Error CONFIG where the node is named and not deployed */
function chosen<T>(RED: NodeAPI, id: unknown, reason: OAuth2Reason): T | undefined {
  if (typeof id !== 'string' || id === '') return undefined;
  const node = RED.nodes.getNode(id) as T | null;
  if (node === null) throw new OAuth2Error('CONFIG', reason);
  return node;
}

/** As Node-RED's own http request does it; `pop3_proxy` is for the mail server alone. */
function fromEnvironment(url: URL): Open | undefined {
  if (isLoopback(url.hostname)) return undefined;
  const { pop3_proxy: _, POP3_PROXY: __, ...environment } = process.env;
  const security = url.protocol === 'https:' ? 'tls' : 'none';
  const found = proxyFromEnvironment({ host: url.hostname, port: portOf(url), security }, environment);
  if (found === undefined) return undefined;
  const own = security === 'tls' ? 'https_proxy' : 'http_proxy';
  const isOwn = Boolean(environment[own] || environment[own.toUpperCase()]);
  return through({ url: found }, isOwn ? own : 'all_proxy');
}

/** An address that is none fails like a proxy that is not there: when it is used; it is called what names it. */
function through(settings: ProxySettings, name: string): Open {
  try {
    return throughProxy(settings);
  } catch (error) {
    return () => Promise.reject(proxyFailed(error, name));
  }
}

const proxyFailed = (cause: unknown, proxy: string): Error =>
  Object.assign(new Error('the proxy failed', { cause }), { code: 'EPROXY', proxy });

/** One connection through a proxy: to the server itself, so that the proxy sees no token. */
class Tunnel extends http.Agent {
  readonly protocol: string;
  readonly defaultPort: number;
  readonly #open: Open;
  readonly #url: URL;
  readonly #tls: https.AgentOptions;

  constructor(open: Open, url: URL, tls: https.AgentOptions) {
    super();
    this.protocol = url.protocol;
    this.defaultPort = portOf(url);
    this.#open = open;
    this.#url = url;
    this.#tls = tls;
  }

  override createConnection(
    options: object,
    callback: (error: Error | null, socket?: NodeJS.WritableStream) => void,
  ): undefined {
    const { protocol, hostname } = this.#url;
    const host = hostname.replace(/^\[|\]$/g, '');
    this.#open({ host, port: this.defaultPort }).then(
      (socket) => {
        if (protocol !== 'https:') return callback(null, socket);
        // An address has no server name (RFC 6066 section 3).
        const servername = /^[\d.]+$|:/.test(host) ? '' : host;
        // To see a certificate that is not trusted, and for nothing else.
        const look = (options as https.AgentOptions).rejectUnauthorized === false && {
          rejectUnauthorized: false,
        };
        callback(null, connect({ servername, ...this.#tls, ...look, host, socket }));
      },
      (error: Error) => callback(failedOpening(error)),
    );
  }
}

/** A host the proxy is not for is reached without it, and looked up here: then it is not the proxy that failed. */
function failedOpening(error: Error): Error {
  if (!(error instanceof Pop3Error)) return error;
  if (error.proxy !== undefined) return proxyFailed(error, error.proxy);
  return error.cause instanceof Error ? error.cause : error;
}

const portOf = ({ port, protocol }: URL): number => Number(port) || (protocol === 'https:' ? 443 : 80);
