import { createServer } from 'node:net';

/**
 * Ports of 127.0.0.1 that were free a moment ago, for programs that cannot be told 0. Somebody else may be faster:
 * whoever starts such a program tries again when it says that the port is in use.
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
