import { homedir } from 'node:os';
import { join } from 'node:path';
import type { NodeAPI } from 'node-red';
import { Runtime } from '../runtime';
import type { Translate } from '../runtime/words';

/** One room for each user directory of this process: a real Node-RED has one, tests may have several. */
const runtimes = new Map<string, Runtime>();

/** Everything that outlives a deploy, for the Node-RED that `RED` belongs to. */
export function runtimeOf(RED: NodeAPI): Runtime {
  const settings = RED.settings as NodeAPI['settings'] &
    Partial<Record<'userDir' | 'credentialSecret' | 'readOnly', unknown>>;
  const folder = typeof settings.userDir === 'string' ? settings.userDir : join(homedir(), '.node-red');
  let runtime = runtimes.get(folder);
  if (runtime === undefined) {
    const secret = settings.credentialSecret;
    runtime = new Runtime({
      folder,
      settings: { get: (key) => settings.get(key), set: (key, value) => settings.set(key, value) },
      ...(typeof secret === 'string' && secret !== '' && { credentialSecret: secret }),
      readOnly: settings.readOnly === true,
    });
    runtimes.set(folder, runtime);
    forgetRemovedAccounts(RED, runtime);
  }
  return runtime;
}

/** The catalogue in the language of this Node-RED. */
export const translateBy =
  (RED: NodeAPI): Translate =>
  (key, facts) =>
    RED._(key, facts as Record<string, string>);

/** Disabling a node closes it like removing does; only the configuration tells them apart, once it has started. */
function forgetRemovedAccounts(RED: NodeAPI, runtime: Runtime): void {
  let before: ReadonlySet<string> = new Set();
  RED.events.on('flows:started', () => {
    const configured = new Set<string>();
    RED.nodes.eachNode((node) => {
      if (node.type === 'oauth2-account') configured.add(node.id);
    });
    // A start without any account may be one whose flow file could not be read: no reason to forget a sign-in.
    if (configured.size === 0 && before.size === 0) return;
    runtime.accounts
      .sweep(configured, before)
      .catch((error) => RED.log.warn(`oauth2-account: ${(error as Error).message}`));
    before = configured;
  });
}

/** What waits for the flows to be started; one listener for all of them, since an emitter warns of many. */
const waiting = new WeakMap<object, Set<() => void>>();

/** Runs once, when every node of the deploy under way stands; returns how to call it off. */
export function onceStarted(RED: NodeAPI, run: () => void): () => void {
  const { events } = RED;
  let runs = waiting.get(events);
  if (runs === undefined) {
    const added = new Set<() => void>();
    runs = added;
    waiting.set(events, added);
    events.on('flows:started', () => {
      const all = [...added];
      added.clear();
      for (const one of all) one();
    });
  }
  const mine = runs.add(run);
  return () => {
    mine.delete(run);
  };
}
