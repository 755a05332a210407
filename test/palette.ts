import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Node, NodeAPI, NodeMessage } from 'node-red';
import { runtimeOf } from '../nodes/node-red/lifecycle';
import type { Runtime } from '../nodes/runtime';
import type { FlowNode } from '../servers/node-red';
import { ALICE } from './world';

interface Call {
  args: unknown[];
  thisValue: unknown;
}

/** As much of node-red-node-test-helper as is used here; it has no types. */
interface Helper {
  init(runtime: string): void;
  settings(settings: object): void;
  load(nodes: unknown[], flow: object[], credentials: object): Promise<void>;
  unload(): Promise<void>;
  getNode(id: string): (Node & Record<string, unknown>) | null;
}

const helper = require('node-red-node-test-helper') as Helper;
helper.init(require.resolve('node-red'));

// Each user directory adds a permanent listener: a process has one of them, and only tests have many.
(require('node-red') as { runtime: { events: EventEmitter } }).runtime.events.setMaxListeners(100);

type Register = (RED: NodeAPI) => void;

/** A status as a node has set it. */
export interface ShownStatus {
  fill: string;
  shape: string;
  text: string;
}

/** What came out of a node, in its order, with a way to wait for more. */
export class Outbox {
  readonly messages: Record<string, unknown>[] = [];
  #taken = 0;
  #arrivals = new EventEmitter();

  push(message: NodeMessage): void {
    this.messages.push(message as Record<string, unknown>);
    this.#arrivals.emit('message');
  }

  /** The next message that was not handed out before. */
  async next(): Promise<Record<string, unknown>> {
    while (this.messages.length <= this.#taken) await once(this.#arrivals, 'message');
    this.#taken += 1;
    return this.messages[this.#taken - 1] as Record<string, unknown>;
  }
}

/**
 * Nodes of the palette in the runtime of node-red-node-test-helper, which has neither storage nor catalogs: its
 * settings are replaced by some that keep what they are given, so that a second load is like a restart of the flows.
 */
export class Palette {
  #loaded = false;

  private constructor(
    readonly userDir: string,
    readonly kept: Map<string, unknown>,
  ) {}

  static async open(): Promise<Palette> {
    return new Palette(await mkdtemp(join(tmpdir(), 'redletter-palette-')), new Map());
  }

  /** What outlives a deploy, for this user directory: the same object the nodes have, once they have been loaded. */
  get runtime(): Runtime {
    return runtimeOf({ settings: { userDir: this.userDir } } as unknown as NodeAPI);
  }

  /**
   * Starts a flow. A node of the type `kept` keeps what it gets; see {@link outbox}.
   * @param settings replaces settings, such as a `set` that fails
   */
  async load(flow: FlowNode[], settings: object = {}): Promise<void> {
    const credentials = Object.fromEntries(flow.map((node) => [node.id, node.credentials ?? {}]));
    helper.settings({
      userDir: this.userDir,
      get: (key: string) => this.kept.get(key),
      set: async (key: string, value: unknown) => void this.kept.set(key, value),
      ...settings,
    });
    const files = ['../nodes/oauth2-account', '../nodes/pop3-in', '../nodes/oauth2-token'];
    const registers = files.map((file) => require(file) as Register);
    this.#loaded = true;
    await helper.load(
      [collecting, ...registers],
      flow.map(({ credentials: _, ...node }, index) => placed(node, index)),
      credentials,
    );
  }

  node<T = Node>(id: string): T {
    const node = helper.getNode(id);
    if (node === null) throw new Error(`There is no node ${id}`);
    return node as unknown as T;
  }

  outbox(id: string): Outbox {
    return this.node<{ outbox: Outbox }>(id).outbox;
  }

  /** Every status a node has had, the oldest first. */
  statuses(id: string): ShownStatus[] {
    return this.#calls(id, 'status').map(([status]) => status as ShownStatus);
  }

  /** Everything a node has reported with `node.error`: the error, and the message that went with it. */
  errors(id: string): { error: Error & { code?: string }; message: unknown }[] {
    return this.#calls(id, 'error').map(([error, message]) => ({
      error: error as Error & { code?: string },
      message,
    }));
  }

  /** Everything a node has said with `node.warn`. */
  warnings(id: string): unknown[] {
    return this.#calls(id, 'warn').map(([warning]) => warning);
  }

  /** Settles when a node has had a status whose text fits, of those since `since`. */
  async waitForStatus(id: string, pattern: RegExp, since = 0): Promise<ShownStatus> {
    const node = this.node<EventEmitter>(id);
    for (;;) {
      const found = this.statuses(id)
        .slice(since)
        .find(({ text }) => pattern.test(text));
      if (found) return found;
      await once(node, 'call:status');
    }
  }

  async unload(): Promise<void> {
    if (this.#loaded) await helper.unload();
    this.#loaded = false;
  }

  async close(): Promise<void> {
    await this.unload();
    await rm(this.userDir, { recursive: true, force: true });
  }

  #calls(id: string, method: 'status' | 'error' | 'warn'): unknown[][] {
    const node = this.node(id);
    const spied = node[method] as unknown as { getCalls(): Call[] };
    return spied
      .getCalls()
      .filter(({ thisValue }) => thisValue === node)
      .map(({ args }) => args);
  }
}

/** A node that is wired but has no position would be taken for a configuration node. */
function placed(node: object, index: number): object {
  return 'wires' in node ? { x: 100, y: 40 * index, ...node } : node;
}

/** The type `kept`: has an {@link Outbox}. */
function collecting(RED: NodeAPI): void {
  RED.nodes.registerType('kept', function (this: Node, def) {
    RED.nodes.createNode(this, def);
    const outbox = new Outbox();
    Object.assign(this, { outbox });
    this.on('input', (message, _send, done) => {
      outbox.push(message);
      done();
    });
  });
}

/** In a `describe`: fails the test in which a promise was rejected that nothing handles. */
export function failOnUnhandledRejections(): void {
  const rejections: unknown[] = [];
  const rejected = (reason: unknown): void => void rejections.push(reason);
  before(() => process.on('unhandledRejection', rejected));
  after(() => process.off('unhandledRejection', rejected));
  afterEach(() => {
    assert.deepEqual(rejections.splice(0), [], 'an unhandled rejection would have ended Node-RED');
  });
}

/** A deployed account of a provider whose only server is this one. */
export const customAccount = (url: string, more: Partial<FlowNode> = {}): FlowNode => ({
  id: 'account',
  type: 'oauth2-account',
  provider: 'custom',
  grant: 'authorization_code',
  authorizationUrl: url,
  tokenUrl: url,
  clientAuth: 'body',
  credentials: { user: ALICE, clientId: 'client', clientSecret: 'canary-client-secret' },
  ...more,
});
