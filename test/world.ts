import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Dovecot, startDovecot } from '../servers/dovecot';
import { type FlowNode, type NodeRed, type NodeRedOptions, startNodeRed } from '../servers/node-red';
import { clients, consent, startProvider, type TestProvider } from '../servers/oidc';
import { type Sink, startSink } from '../servers/sink';

/** The person whose mail it is. */
export const ALICE = 'alice@example.test';
export const PASSWORD = 'correct horse';

/** A real sign-in server, a real mail server, a real Node-RED, and a place where the flow's messages come in. */
export interface World {
  provider: TestProvider;
  dovecot: Dovecot;
  sink: Sink;
  nodeRed: NodeRed;
  /** The certificate authority of the mail server, as a file. */
  ca: string;
  close(): Promise<void>;
}

export async function startWorld(
  options: NodeRedOptions,
  provide: Parameters<typeof startProvider>[0] = { accessTokenTtl: 3 },
  mailServer: Parameters<typeof startDovecot>[0] = {},
): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), 'redletter-world-'));
  const provider = await startProvider(provide);
  const dovecot = await startDovecot({ introspectionUrl: provider.introspectionUrl, ...mailServer });
  const sink = await startSink();
  const ca = join(folder, 'ca.pem');
  await writeFile(ca, dovecot.ca);
  const world: World = {
    provider,
    dovecot,
    sink,
    ca,
    nodeRed: await startNodeRed(options),
    close: async () => {
      await world.nodeRed.remove();
      await Promise.all([provider.close(), dovecot.stop(), sink.close()]);
      await rm(folder, { recursive: true, force: true });
    },
  };
  return world;
}

/** An account at the test's own sign-in server. */
export const account = ({ provider }: Pick<World, 'provider'>, more: Partial<FlowNode> = {}): FlowNode => ({
  id: 'account',
  type: 'oauth2-account',
  name: '',
  provider: 'custom',
  grant: 'authorization_code',
  tenant: '',
  issuer: provider.issuer,
  authorizationUrl: '',
  tokenUrl: '',
  deviceUrl: '',
  revocationUrl: '',
  scope: 'openid offline_access email mail.pop',
  clientAuth: 'body',
  redirectUri: '',
  tls: '',
  proxy: '',
  credentials: { user: ALICE, clientId: clients.native.id },
  ...more,
});

/** A `pop3 in` as the form would have saved it. */
export const pop3In = ({ dovecot }: World, more: Partial<FlowNode> = {}): FlowNode => ({
  id: 'mail',
  type: 'pop3 in',
  z: 'tab',
  name: '',
  service: '',
  host: 'localhost',
  port: dovecot.tlsPort,
  security: 'tls',
  tls: 'tls',
  auth: 'oauth2',
  account: 'account',
  mechanism: 'auto',
  allowPlaintext: false,
  interval: 1,
  inputs: 0,
  outputs: 1,
  first: 'all',
  after: 'keep',
  keepDays: 30,
  handled: 'send',
  ackTimeout: 600,
  maxAttempts: 5,
  maxInFlight: 10,
  maxSize: 25,
  oversize: 'headers',
  maxPerCheck: 0,
  attachments: 'buffer',
  directory: '',
  content: 'parsed',
  summary: false,
  wires: [['messages']],
  ...more,
});

/** The whole flow: account, trust, the node, what it sends, and what Catch hears. */
export function flows(world: World, ...nodes: FlowNode[]): FlowNode[] {
  const { sink, ca } = world;
  return [
    { id: 'tab', type: 'tab', label: 'Mail' },
    {
      id: 'tls',
      type: 'tls-config',
      name: '',
      ca,
      cert: '',
      key: '',
      servername: '',
      verifyservercert: true,
    },
    ...nodes,
    { id: 'catch', type: 'catch', z: 'tab', scope: null, uncaught: false, wires: [['errors']] },
    ...sink.nodes('messages', 'tab'),
    ...sink.nodes('errors', 'tab'),
  ];
}

/** What the dialog posts for an account, saved or not. */
export function dialog(node: FlowNode): { properties: object; credentials: object } {
  const { credentials = {}, id: _, type: __, ...properties } = node;
  return { properties, credentials };
}

/** Signs in as the dialog does, and as a person at the sign-in server's pages does. */
export async function signIn(world: World, node = account(world), login = ALICE): Promise<string> {
  const { nodeRed } = world;
  const redirectUri = new URL('redletter/oauth2-account/callback', nodeRed.url).href;
  const answer = await nodeRed.admin(`redletter/oauth2-account/${node.id}/sign-in`, {
    json: { ...dialog(node), redirectUri },
  });
  const started = (await answer.json()) as { url: string; id: string; error?: string };
  assert.equal(answer.status, 200, started.error);
  const { page } = await consent(started.url, { login });
  assert.equal(page?.status, 200, page?.html);
  return started.id;
}

/** A mail worth reading. */
export function mail(subject: string, more: Record<string, string> = {}, body = 'Hello.'): string {
  const headers = {
    From: 'Bob <bob@example.test>',
    To: `Alice <${ALICE}>`,
    Subject: subject,
    Date: 'Mon, 02 Nov 2026 10:00:00 +0100',
    'Message-ID': `<${subject.replace(/\W+/g, '-')}@example.test>`,
    ...more,
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  return `${[...lines, '', body].join('\r\n')}\r\n`;
}

/**
 * Resolves when the account's tokens are on the disk as saved at `at` (ms since the epoch) or later; no renewal reaches
 * the sign-in server from here on, until the function it answers is called. In between, a kill can cost nothing.
 */
export async function quietlySaved(world: World, at: number): Promise<() => void> {
  const release = world.provider.fault({ grantType: 'refresh_token', hangUp: 'before' });
  const file = join(world.nodeRed.userDir, '.config.runtime.json');
  for (let tries = 0; tries < 1000; tries += 1) {
    const text = await readFile(file, 'utf8').catch(() => '');
    const times = [...text.matchAll(/"savedAt":\s*(\d+)/g)].map(([, time]) => Number(time));
    if (times.some((time) => time >= at)) return release;
    await once(AbortSignal.timeout(10), 'abort');
  }
  throw new Error('The tokens were not saved');
}
