import { homedir } from 'node:os';
import { join } from 'node:path';
import type { NodeAPI } from 'node-red';
import { Runtime } from '../runtime';
import type { Translate } from './messages';

/** One room for each user directory of this process: a real Node-RED has one, tests may have several. */
const runtimes = new Map<string, Runtime>();

/** What `settings.js` says under `redletter`, whatever it may be. */
interface OwnSettings {
  fleet?: unknown;
  keepMails?: unknown;
  autoconfigDatabase?: unknown;
}

export const ownSettings = (RED: NodeAPI): OwnSettings =>
  (RED.settings as { redletter?: OwnSettings | null }).redletter ?? {};

/** Everything that outlives a deploy, for the Node-RED that `RED` belongs to. */
export function runtimeOf(RED: NodeAPI): Runtime {
  const settings = RED.settings as NodeAPI['settings'] &
    Partial<Record<'userDir' | 'credentialSecret' | 'readOnly', unknown>>;
  const folder = typeof settings.userDir === 'string' ? settings.userDir : join(homedir(), '.node-red');
  let runtime = runtimes.get(folder);
  if (runtime === undefined) {
    const secret = settings.credentialSecret;
    const own = ownSettings(RED);
    runtime = new Runtime({
      folder,
      settings: { get: (key) => settings.get(key), set: (key, value) => settings.set(key, value) },
      ...(typeof secret === 'string' && secret !== '' && { credentialSecret: secret }),
      readOnly: settings.readOnly === true,
      fleet: own.fleet,
      keepsMails: own.keepMails !== false,
    });
    runtimes.set(folder, runtime);
    forgetRemovedAccounts(RED, runtime);
  }
  return runtime;
}

/** The catalog in the language of this Node-RED. */
export const translateBy =
  (RED: NodeAPI): Translate =>
  (key, facts) =>
    RED._(key, facts as Record<string, string>);

/** Disabling a node closes it like removing does; only the configuration tells them apart, once it has started. */
function forgetRemovedAccounts(RED: NodeAPI, runtime: Runtime): void {
  RED.events.on('flows:started', () => {
    const configured = new Set<string>();
    RED.nodes.eachNode((node) => {
      if (node.type === 'oauth2-account') configured.add(node.id);
    });
    runtime.accounts
      .sweep(configured)
      .catch((error) => RED.log.warn(`oauth2-account: ${(error as Error).message}`));
  });
}

/** So many begin at once when the flows start, and then one after the other: a thousand must not hold up the rest. */
const AT_ONCE = 16;
const APART_MS = 25;

interface Line {
  /** Those of the deploy under way. */
  waiting: Set<() => void>;
  /** Those whose flows are started, until it is their turn. */
  due: Set<() => void>;
  timer: NodeJS.Timeout | undefined;
}

/** What waits for the flows to be started; one listener for all of them, since an emitter warns of many. */
const lines = new WeakMap<object, Line>();

/** Runs once, when every node of the deploy under way stands; returns how to call it off. */
export function onceStarted({ events }: Pick<NodeAPI, 'events'>, run: () => void): () => void {
  const line = lines.get(events) ?? newLine(events);
  const mine = () => run();
  line.waiting.add(mine);
  return () => {
    line.waiting.delete(mine);
    line.due.delete(mine);
  };
}

function newLine(events: NodeAPI['events']): Line {
  const line: Line = { waiting: new Set(), due: new Set(), timer: undefined };
  lines.set(events, line);
  events.on('flows:started', () => {
    for (const one of line.waiting) line.due.add(one);
    line.waiting.clear();
    // Those of an earlier deploy are still at it: the new ones come after them.
    if (line.timer === undefined) advance(line, AT_ONCE);
  });
  return line;
}

function advance(line: Line, count: number): void {
  for (const one of [...line.due].slice(0, count)) {
    line.due.delete(one);
    one();
  }
  line.timer = line.due.size > 0 ? setTimeout(advance, APART_MS, line, 1) : undefined;
}
