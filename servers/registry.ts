import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a package's entry in npm's registry says, as far as the scorecard asks. */
export interface Manifest {
  name: string;
  version: string;
  engines?: Record<string, string>;
  dependencies?: Record<string, string>;
}

export interface Registry {
  /** Its address, for `.npmrc` and, since it answers for every host, for `https_proxy`. */
  url: string;
  /** The paths asked for, in order. */
  asked: string[];
  close(): Promise<void>;
}

/**
 * npm's registry and Node-RED's catalog, as they would answer if the newest version of everything were the one that
 * is installed here. A request through a proxy names the whole address; only its path counts.
 *
 * @param packages every installed version, oldest first
 * @param tags dist-tags beside `latest`, by package
 */
export async function startRegistry(
  packages: readonly Manifest[],
  tags: Record<string, Record<string, string>>,
  catalogue: object,
): Promise<Registry> {
  const asked: string[] = [];
  const server: Server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://registry').pathname);
    asked.push(path);
    const name = path.slice(1);
    const versions = packages.filter((one) => one.name === name);
    const latest = versions.at(-1)?.version;
    const answer =
      path === '/catalogue.json'
        ? catalogue
        : latest && {
            name,
            'dist-tags': { latest, ...tags[name] },
            versions: Object.fromEntries(versions.map((one) => [one.version, one])),
          };
    response.writeHead(answer ? 200 : 404, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer ?? {}));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
