/**
 * `npm start`: a sign-in server, a mail server and a Node-RED, all on loopback, signed in by real consent, with mail
 * arriving in the first flow. Press Ctrl-C to stop. No files remain.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import RED from 'node-red';
import { consent } from '../servers/consent';
import { startMailServer } from '../servers/mail-server';
import { clients, type SignInServer, scope, startSignInServer } from '../servers/sign-in-server';
import { type Controls, controls } from './controls';
import { type Account, account, accountId, flows, type Mailbox, users } from './flows';

/** From the connection of an editor until it has subscribed to the debug messages, ms. */
const EDITOR_SETTLES = 300;
const packageFolder = join(__dirname, '..');

/** What is undone at the end, the latest first. */
const undo: (() => unknown)[] = [];
let ending = false;

async function main(): Promise<void> {
  if (!existsSync(join(packageFolder, 'dist', 'nodes'))) throw new Error('Not built yet: npm run build');

  const signInServer = await onPort('REDLETTER_SIGN_IN_PORT', 0, (port) => startSignInServer({ port }));
  undo.push(() => signInServer.close());

  const mailServer = await onPort('REDLETTER_MAIL_PORT', 0, (port) =>
    startMailServer({
      port,
      interval: Number(process.env.REDLETTER_MAIL_INTERVAL ?? 20) * 1000,
      introspect: (token) => introspect(signInServer, token),
    }),
  );
  undo.push(() => mailServer.close());

  const demo = controls(mailServer, signInServer);
  const editor = await onPort('REDLETTER_PORT', 1880, (port) => startNodeRed(port, demo));
  const accounts = Object.fromEntries(
    Object.entries(users).map(([of, user]) => [
      of,
      account(signInServer.issuer, clients.native.id, scope, user),
    ]),
  ) as Record<Mailbox, Account>;
  for (const of of Object.keys(users) as Mailbox[]) {
    await signInByHandOfAMachine(editor, accountId(of), accounts[of], users[of]);
  }
  await demo.revokeSignIn(users.revoked);
  await post(`${editor}flows`, flows(mailServer.port, accounts), { 'node-red-deployment-type': 'full' });

  print(`
Open   ${editor}
       The first flow receives a new email every ${process.env.REDLETTER_MAIL_INTERVAL ?? 20} seconds. Each one is printed here.
       Its buttons stop the mail server, revoke the sign-in and fill the mailbox.

Sign in manually
       In the flow "Sign in again", double-click "Mailbox", click the pencil next to the account, then "Sign in again".
       User ${users.revoked}, any password. For another mailbox, enter another address in the account and sign in as that user.

A quarantined email
       In the flow "Acknowledged", an invoice fails. Press "Repair flow", then "Retry" in the Mail tab of the sidebar.

Servers  sign-in ${signInServer.issuer}   mail 127.0.0.1:${mailServer.port}
Press Ctrl-C to stop. No files remain.
`);
}

/** Node-RED in this process, with this checkout installed as its package, in a user directory of its own. */
async function startNodeRed(port: number, demo: Controls): Promise<string> {
  let handle: RequestListener = (_request, response) => void response.writeHead(503).end();
  const server = createServer((request, response) => handle(request, response));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  undo.push(() => {
    server.close();
    server.closeAllConnections();
  });
  // An editor that has just been opened shows a mail at once.
  server.on('upgrade', () => setTimeout(() => demo.addMail(users.first, 1), EDITOR_SETTLES).unref());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;

  const userDir = mkdtempSync(join(tmpdir(), 'redletter-demo-'));
  undo.push(() => rmSync(userDir, { recursive: true, force: true }));
  const scoped = join(userDir, 'node_modules', '@redletter');
  mkdirSync(scoped, { recursive: true });
  symlinkSync(packageFolder, join(scoped, 'node-red-pop3'), 'junction');

  RED.init(server, {
    userDir,
    flowFile: 'flows.json',
    credentialSecret: randomBytes(16).toString('hex'),
    uiPort: port,
    uiHost: '127.0.0.1',
    httpAdminRoot: '/',
    httpNodeRoot: '/',
    telemetry: { enabled: false, updateNotification: false },
    editorTheme: {
      page: { title: 'Redletter' },
      palette: { catalogues: [] },
      projects: { enabled: false },
      tours: false,
    },
    nodesExcludes: ['node-red-node-email'],
    externalModules: { palette: { allowInstall: false }, modules: { allowInstall: false } },
    functionGlobalContext: { terminal: { print }, demo },
    // The flows fail on purpose; what a node reports is in the editor.
    logging: { console: { level: 'fatal', metrics: false, audit: false } },
  } as unknown as Parameters<typeof RED.init>[1]);
  handle = (request, response) =>
    RED.httpAdmin(request as never, response as never, () =>
      RED.httpNode(request as never, response as never),
    );
  await RED.start();
  undo.push(() => RED.stop());
  return url;
}

/** What a person does with the account's dialog and the sign-in server's pages, done with fetch. */
async function signInByHandOfAMachine(
  editor: string,
  id: string,
  signIn: Account,
  user: string,
): Promise<void> {
  const route = `${editor}redletter/oauth2-account`;
  const started = await post(`${route}/${id}/sign-in`, {
    ...signIn,
    redirectUri: `${route}/callback`,
  });
  const { url } = (await started.json()) as { url: string };
  const { page } = await consent(url, { login: user });
  if (page?.status !== 200) throw new Error(`The sign-in failed: ${page?.status ?? 'no page'}`);
}

/** RFC 7662, as a mail server asks: whose token is this? */
async function introspect(server: SignInServer, token: string): Promise<string | undefined> {
  const { id, secret } = clients.mailServer;
  const answer = await fetch(`${server.issuer}/token/introspection`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}` },
    body: new URLSearchParams({ token }),
  });
  const about = (await answer.json()) as { active?: boolean; email?: string; scope?: string };
  return about.active && about.scope?.split(' ').includes('mail.pop') ? about.email : undefined;
}

async function post(url: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}: ${await answer.text()}`);
  return answer;
}

/** Starts something on the port an environment variable names, and reports when another program uses it. */
async function onPort<T>(
  variable: string,
  otherwise: number,
  start: (port: number) => Promise<T>,
): Promise<T> {
  const port = Number(process.env[variable] ?? otherwise);
  try {
    return await start(port);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new Error(`Port ${port} is taken. Choose another: ${variable}=${port + 1} npm start`);
  }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Takes everything down again, in five seconds at most. */
async function end(code: number): Promise<void> {
  if (ending) return;
  ending = true;
  setTimeout(() => process.exit(code), 5000).unref();
  for (const step of undo.reverse()) {
    try {
      await step();
    } catch (error) {
      print(`While ending: ${(error as Error).message}`);
    }
  }
  process.exit(code);
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void end(0));

main().catch((error: Error) => {
  print(error.message);
  void end(1);
});
