import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { endChild, startChild } from './child';
import { Comms } from './comms';
import { packed } from './packed';
import { freePorts } from './ports';

/** A node as in a flow file (`x` and `y` may be left out); a deploy may carry `credentials` in it. */
export type FlowNode = { id: string; type: string; z?: string; credentials?: object } & Record<
  string,
  unknown
>;

export interface NodeRedOptions {
  /** 4 on the machine's Node; 5 on it too where it is 22.9 or newer, else on one that npm has brought. */
  version: 4 | 5;
  /** One that is there already, perhaps used before. Default: a fresh one. */
  userDir?: string;
  /** Default: a free one. */
  port?: number;
  /** Added to settings.js as JSON, for instance `{ credentialSecret: '…' }` or `{ httpAdminRoot: '/admin' }`. */
  settings?: Record<string, unknown>;
  /** Users of the editor, with `*` or `read` as permissions. Default: no login. */
  users?: Record<string, { password: string; permissions: string }>;
  /** Environment variables besides the machine's. */
  env?: Record<string, string>;
  /** Flows that are there when it starts. */
  flows?: FlowNode[];
}

/** Where `prepare` has installed Node-RED 5. */
export const nodeRed5Folder = join(__dirname, 'node-red-5');

/**
 * Core nodes that few tests need, by their files: loading them is 40 % of what a start costs.
 */
const heavyNodes = [
  ...['10-mqtt.js', '21-httprequest.js', '22-websocket.js', '23-watch.js', '31-tcpin.js', '32-udp.js'],
  ...['70-CSV.js', '70-HTML.js', '70-XML.js', '70-YAML.js', '90-exec.js'],
];

const theme = { tours: false, palette: { catalogues: [] } };

/** Settings for the tests that are about the editor as a user finds it, with every core node and Monaco. */
export const asInstalled = { nodesExcludes: ['node-red-node-email'], editorTheme: theme };

/** What Node-RED 5 is missing, in one line. */
export function nodeRed5Missing(): string | undefined {
  if (!existsSync(join(nodeRed5Folder, 'node_modules', 'node-red', 'red.js'))) {
    return 'Node-RED 5 (npm ci --ignore-scripts --prefix servers/node-red-5)';
  }
  return nodeForNodeRed5() ? undefined : `a Node of 22.9 or newer for Node-RED 5; here is ${process.version}`;
}

/**
 * Starts a real Node-RED, in a process and a user directory of its own, with the packed package installed as a
 * user would have it. Ready when its flows are started and its editor answers.
 */
export async function startNodeRed(options: NodeRedOptions): Promise<NodeRed> {
  const userDir = options.userDir ?? (await mkdtemp(join(tmpdir(), 'redletter-node-red-')));
  const modules = join(userDir, 'node_modules');
  if (!existsSync(modules)) await symlink((await packed()).nodeModules, modules, 'dir');
  if (options.flows) await writeFile(join(userDir, 'flows.json'), JSON.stringify(options.flows.map(placed)));

  for (let attempt = 1; ; attempt += 1) {
    const port = options.port ?? (await freePorts(1))[0] ?? 0;
    await writeFile(join(userDir, 'settings.js'), settingsFile(port, options));
    const nodeRed = new NodeRed({ ...options, userDir }, port);
    if (await nodeRed.started()) return nodeRed;
    const busy = nodeRed.logs.some((line) => line.includes('port in use'));
    if (options.port !== undefined || !busy || attempt === 3) {
      if (options.userDir === undefined) await rm(userDir, { recursive: true, force: true });
      throw new Error(`Node-RED ${options.version} did not start:\n${nodeRed.logs.join('\n')}`);
    }
  }
}

/** How far a deploy reaches. */
export type DeployType = 'full' | 'nodes' | 'flows' | 'reload';

export class NodeRed {
  /** The editor's address, with a slash at its end. */
  readonly url: string;
  readonly userDir: string;
  /** What it has written to its console, the oldest first. */
  readonly logs: string[] = [];
  #child: ChildProcess;
  #token: string | undefined;
  #comms = new Set<Comms>();
  #listeners = new Set<() => void>();
  #ended = false;

  /** @internal use {@link startNodeRed} */
  constructor(
    readonly options: NodeRedOptions & { userDir: string },
    readonly port: number,
  ) {
    const root = String(options.settings?.httpAdminRoot ?? '/').replace(/^\/?|\/?$/g, '/');
    this.url = `http://127.0.0.1:${port}${root.replace(/^\/+/, '/')}`;
    this.userDir = options.userDir;
    const { node, red } = programs(options.version);
    const { NODE_OPTIONS: _, PORT: __, ...env } = process.env;
    this.#child = startChild(
      node,
      [red, '--userDir', this.userDir, '-s', join(this.userDir, 'settings.js')],
      {
        cwd: this.userDir,
        env: { ...env, ...options.env },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (!stream) continue;
      createInterface({ input: stream }).on('line', (line) => {
        this.logs.push(line);
        this.#changed();
      });
    }
    this.#child.once('exit', () => {
      this.#ended = true;
      this.#changed();
    });
  }

  /** The process. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Whether the process has ended, for whatever reason. */
  get ended(): boolean {
    return this.#ended;
  }

  /** @internal */
  async started(): Promise<boolean> {
    try {
      await this.waitForLog(/Server now running at|Node-RED http server/i, 0, 30_000);
      await this.waitForLog(/Started flows|Waiting for missing types/, 0, 30_000);
      return true;
    } catch {
      await endChild(this.#child, 'SIGKILL');
      return false;
    }
  }

  /** A request to the admin API; `path` is relative to the admin root and has no slash in front. */
  async admin(path: string, init: RequestInit & { json?: unknown } = {}): Promise<Response> {
    const { json, ...rest } = init;
    const headers = new Headers(rest.headers);
    if (this.#token && !headers.has('authorization')) headers.set('authorization', `Bearer ${this.#token}`);
    if (json !== undefined) headers.set('content-type', 'application/json');
    return fetch(new URL(path, this.url), {
      redirect: 'manual',
      ...(json === undefined ? {} : { method: 'POST', body: JSON.stringify(json) }),
      ...rest,
      headers,
    });
  }

  /** Logs in; what follows is done as this user. Answers the bearer token. */
  async logIn(username: string, password: string): Promise<string> {
    const form = { client_id: 'node-red-admin', grant_type: 'password', scope: '', username, password };
    const answer = await this.#ok(this.admin('auth/token', { json: form }));
    const { access_token } = (await answer.json()) as { access_token: string };
    this.#token = access_token;
    return access_token;
  }

  /** Deploys, and is back when the nodes run. Credentials left out of a node stay as they were. */
  async deploy(flows: FlowNode[], type: DeployType = 'full'): Promise<void> {
    const since = this.logs.length;
    const headers = { 'node-red-deployment-type': type };
    await this.#ok(
      this.admin('flows', {
        json: type === 'reload' ? undefined : flows.map(placed),
        method: 'POST',
        headers,
      }),
    );
    await this.waitForLog(/Started (modified )?(flows|nodes)|Waiting for missing types/, since);
  }

  /** What the editor's Restart Flows does. */
  restartFlows(): Promise<void> {
    return this.deploy([], 'reload');
  }

  async getFlows(): Promise<FlowNode[]> {
    return (await (await this.#ok(this.admin('flows'))).json()) as FlowNode[];
  }

  /** What the editor is told of a node's credentials: text, and of passwords only `has_…`. */
  async credentials(type: string, id: string): Promise<Record<string, unknown>> {
    const name = type.replace(/\s+/g, '-');
    return (await (await this.#ok(this.admin(`credentials/${name}/${id}`))).json()) as Record<
      string,
      unknown
    >;
  }

  /** Presses the button of an inject node. */
  async inject(id: string): Promise<void> {
    await this.#ok(this.admin(`inject/${id}`, { method: 'POST' }));
  }

  /** Listens to what open editors are told. Closed with this Node-RED. */
  async comms(): Promise<Comms> {
    const url = new URL('comms', this.url);
    url.protocol = 'ws:';
    const comms = await Comms.open(url.href, this.#token);
    this.#comms.add(comms);
    return comms;
  }

  /** Settles with the first line that fits, of those since `since` (a length of `logs`; default: all). */
  waitForLog(pattern: RegExp, since = 0, ms = 20_000): Promise<string> {
    return new Promise((resolve, reject) => {
      const settle = (settled: () => void) => {
        clearTimeout(timer);
        this.#listeners.delete(look);
        settled();
      };
      const fail = (why: string) =>
        settle(() =>
          reject(new Error(`${why}, no line like ${pattern} in:\n${this.logs.slice(since).join('\n')}`)),
        );
      const look = () => {
        const line = this.logs.slice(since).find((text) => pattern.test(text));
        if (line !== undefined) settle(() => resolve(line));
        else if (this.#ended) fail('Node-RED has ended');
      };
      const timer = setTimeout(() => fail(`After ${ms / 1000} s`), ms);
      this.#listeners.add(look);
      look();
    });
  }

  /** Ends the process: in an orderly way, or as a power failure would. The user directory stays. */
  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    for (const comms of this.#comms) comms.close();
    await endChild(this.#child, signal);
  }

  /** Ends the process and starts another on the same user directory and port, with the same or other options. */
  async restart(
    signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM',
    changes: Partial<NodeRedOptions> = {},
  ): Promise<NodeRed> {
    await this.stop(signal);
    const { flows: _, ...options } = this.options;
    return startNodeRed({ ...options, port: this.port, ...changes });
  }

  /** Ends the process, if it still runs, and removes the user directory. */
  async remove(): Promise<void> {
    await this.stop('SIGKILL');
    await rm(this.userDir, { recursive: true, force: true });
  }

  async #ok(answer: Promise<Response>): Promise<Response> {
    const response = await answer;
    if (response.ok) return response;
    throw new Error(`${response.status} of ${new URL(response.url).pathname}: ${await response.text()}`);
  }

  #changed(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}

/** A node that is wired but has no place would be taken for a configuration node. */
function placed(node: FlowNode, index: number): FlowNode {
  return 'wires' in node && !('x' in node) ? { x: 160, y: 40 + 60 * index, ...node } : node;
}

function settingsFile(port: number, { settings = {}, users }: NodeRedOptions): string {
  const all = {
    uiHost: '127.0.0.1',
    uiPort: port,
    flowFile: 'flows.json',
    telemetry: { enabled: false, updateNotification: false },
    nodesExcludes: [...heavyNodes, 'node-red-node-email'],
    externalModules: { palette: { allowInstall: false }, modules: { allowInstall: false } },
    // Monaco is a quarter of what it costs to load the editor, and no form of ours has code in it.
    editorTheme: { ...theme, codeEditor: { lib: 'ace' } },
    logging: { console: { level: 'info', metrics: false, audit: false } },
    ...settings,
  };
  const adminAuth = users
    ? `const users = ${JSON.stringify(users)};
const find = async (name) => (users[name] ? { username: name, permissions: users[name].permissions } : null);
module.exports.adminAuth = {
  type: 'credentials',
  users: find,
  authenticate: (name, password) => (users[name]?.password === password ? find(name) : Promise.resolve(null)),
};
`
    : '';
  return `module.exports = ${JSON.stringify(all, undefined, 2)};\n${adminAuth}`;
}

function programs(version: 4 | 5): { node: string; red: string } {
  if (version === 4) {
    return { node: process.execPath, red: join(dirname(require.resolve('node-red/package.json')), 'red.js') };
  }
  const node = nodeForNodeRed5();
  if (!node) throw new Error(`Missing: ${nodeRed5Missing()}`);
  return { node, red: join(nodeRed5Folder, 'node_modules', 'node-red', 'red.js') };
}

function nodeForNodeRed5(): string | undefined {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 22 || (major === 22 && minor >= 9)) return process.execPath;
  const brought = join(
    nodeRed5Folder,
    'node_modules',
    `node-${process.platform}-${process.arch}`,
    'bin',
    'node',
  );
  return existsSync(brought) ? brought : undefined;
}
