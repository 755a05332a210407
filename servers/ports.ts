import { createServer } from 'node:net';

/**
 * Ports of 127.0.0.1 that were free a moment ago, for programs that do not accept 0. Another process may be faster:
 * the caller starts the program again when it reports that the port is in use.
 */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports: number[] = [];
  for (const server of servers) {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    if (address && typeof address === 'object') ports.push(address.port);
  }
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
