import { request as httpRequest, type IncomingMessage } from 'node:http';
import { createServer } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { certificateAuthority } from './certificates';

/** A request as it came in from the browser. */
export interface Proxied {
  method: string;
  /** With the prefix, and without the query. */
  path: string;
  headers: IncomingMessage['headers'];
}

export interface ReverseProxy {
  /** `https://<name>:<port><prefix>/`; only a browser that was told the name finds it. */
  url: string;
  requests: readonly Proxied[];
  close(): Promise<void>;
}

/**
 * What people put in front of Node-RED: TLS outside, plain http inside, under a path of its own, which the inside knows
 * nothing of; web sockets pass. Like most of them it tells the inside nothing but the host's own name.
 */
export async function startReverseProxy(options: {
  name: string;
  /** Without a slash at its end, such as `/house`. */
  prefix: string;
  /** The port inside; asked at each request, since Node-RED may come later. */
  to: () => number;
}): Promise<ReverseProxy> {
  const { name, prefix, to } = options;
  const requests: Proxied[] = [];
  const open = new Set<Duplex>();

  /** The path inside; undefined where it is not below the prefix. */
  const inside = (request: IncomingMessage): string | undefined => {
    const url = request.url ?? '';
    requests.push({
      method: request.method ?? '',
      path: url.replace(/\?.*/, ''),
      headers: request.headers,
    });
    return url.startsWith(`${prefix}/`) ? url.slice(prefix.length) : undefined;
  };

  const server = createServer(certificateAuthority().issue({ names: [name] }), (incoming, outgoing) => {
    const path = inside(incoming);
    if (path === undefined) {
      outgoing.writeHead(404).end();
      return;
    }
    const { method, headers } = incoming;
    const onward = httpRequest({ host: '127.0.0.1', port: to(), path, method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on('error', () => outgoing.destroy());
    incoming.pipe(onward);
  });
  server.on('upgrade', (incoming: IncomingMessage, socket: Duplex, head: Buffer) => {
    const path = inside(incoming);
    if (path === undefined) {
      socket.destroy();
      return;
    }
    const onward = connect(to(), '127.0.0.1', () => {
      const headers = incoming.rawHeaders.flatMap((text, at) =>
        at % 2 === 0 ? [`${text}: ${incoming.rawHeaders[at + 1]}`] : [],
      );
      onward.write([`GET ${path} HTTP/1.1`, ...headers, '', ''].join('\r\n'));
      onward.write(head);
      onward.pipe(socket).pipe(onward);
    });
    for (const [one, other] of [
      [socket, onward],
      [onward, socket],
    ] as const) {
      open.add(one);
      one
        .on('error', () => {})
        .on('close', () => {
          open.delete(one);
          other.destroy();
        });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  return {
    url: `https://${name}:${(server.address() as AddressInfo).port}${prefix}/`,
    requests,
    close: () =>
      new Promise((resolve) => {
        for (const socket of open) socket.destroy();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
