// A real Node-RED with this package and the e-mail node in it: one of the two fetches a whole mailbox.
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { copyFile, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FlowNode, type NodeRed, startNodeRed } from '../servers/node-red';
import { packed } from '../servers/packed';
import type { Cost } from './measure';

export interface Mailbox {
  port: number;
  /** The same mailbox by IMAP, where the server has it. */
  imapPort?: number | undefined;
  user: string;
  password: string;
}

/** Node-RED finds the e-mail node beside itself, where it came with what this package is developed with. */
const SETTINGS = { nodesExcludes: [] };

/**
 * A user directory with this package as it would be published, and the probe.
 *
 * @param nodeModules where the package is installed: this version, unless told otherwise
 */
export async function userDirectory(nodeModules?: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'redletter-bench-'));
  mkdirSync(join(folder, 'node_modules'));
  const link = (from: string, name: string) =>
    symlinkSync(join(from, name), join(folder, 'node_modules', name));
  link(nodeModules ?? (await packed()).nodeModules, '@redletter');
  mkdirSync(join(folder, 'nodes'));
  await copyFile(join(__dirname, 'probe.js'), join(folder, 'nodes', 'probe.js'));
  const form = "<script>RED.nodes.registerType('bench probe', { defaults: {} })</script>";
  writeFileSync(join(folder, 'nodes', 'probe.html'), form);
  return folder;
}

/** This package, as `keep` or as the e-mail node does it, which deletes what it has fetched. */
export function pop3In({ port, user, password }: Mailbox, more: Partial<FlowNode> = {}): FlowNode {
  return {
    id: 'mail',
    type: 'pop3 in',
    z: 'tab',
    service: 'custom',
    host: '127.0.0.1',
    port,
    security: 'none',
    auth: 'password',
    interval: 0,
    inputs: 1,
    outputs: 1,
    first: 'all',
    after: 'delete',
    credentials: { user, password },
    wires: [['end']],
    ...more,
  };
}

export function emailIn({ port, user, password }: Mailbox): FlowNode {
  return {
    id: 'mail',
    type: 'e-mail in',
    z: 'tab',
    protocol: 'POP3',
    server: '127.0.0.1',
    port: String(port),
    useSSL: false,
    authtype: 'BASIC',
    disposition: 'Delete',
    inputs: 1,
    fetch: 'trigger',
    credentials: { userid: user, password },
    wires: [['end']],
  };
}

/**
 * Starts a Node-RED, lets the node fetch `count` mails, and ends it.
 *
 * @param nodeModules where the package is installed: this version, unless told otherwise
 */
export async function fetchInNodeRed(mail: FlowNode, count: number, nodeModules?: string): Promise<Cost> {
  const nodeRed: NodeRed = await startNodeRed({
    version: 4,
    userDir: await userDirectory(nodeModules),
    settings: SETTINGS,
  });
  try {
    await nodeRed.deploy([
      { id: 'tab', type: 'tab', label: 'Bench' },
      { id: 'go', type: 'inject', z: 'tab', props: [], repeat: '', once: false, wires: [['begin']] },
      { id: 'begin', type: 'bench probe', z: 'tab', begins: true, wires: [['mail']] },
      mail,
      { id: 'end', type: 'bench probe', z: 'tab', expected: count, wires: [] },
    ]);
    await nodeRed.inject('go');
    const line = await nodeRed.waitForLog(/^BENCH /, 0, 240_000);
    return JSON.parse(line.slice('BENCH '.length)) as Cost;
  } finally {
    await nodeRed.remove();
  }
}
