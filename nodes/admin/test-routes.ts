import type { Request, RequestHandler } from 'express';
import type { NodeAPI } from 'node-red';
import { type Report, type TestLogin, testConnection } from '../connection-test';
import { type Login, MailboxError, previewMailbox } from '../mailbox';
import { ownSettings, translateBy } from '../node-red/lifecycle';
import { sentence } from '../node-red/messages';
import { asAccountError, mailboxId, type Runtime } from '../runtime';
import { askDatabase, databaseOf, mayLookUp } from './autoconfig-database';
import { findServer, type Network, systemNetwork } from './find-server';
import { onlyFromTheEditor } from './guard';
import { guessServer } from './guess-server';
import { deployedPop3In, draftOf } from './mailbox-dialog';
import type {
  ErrorView,
  FindRequest,
  FindResponse,
  PreviewResponse,
  SendRequest,
  TestHandle,
  TestReportResponse,
} from './protocol';
import { TestRuns } from './test-runs';
import { textOf } from './text-of';

/** Below the admin root. */
const BASE = '/redletter/pop3-in';
const PERMISSION = 'pop3-in.write';
/** Mails in a preview. */
const PREVIEWED = 10;
/** A person at a dialog waits no longer, ms. */
const MOST_PATIENCE_MS = 60_000;

/** Routes are made once for each admin app, however often the file is loaded. */
const served = new WeakSet<object>();

/** What the dialog of `pop3 in` asks for, all of it for users who may edit: test, preview, one mail, a server's name. */
export function serveTests(RED: NodeAPI, runtime: Runtime, network: Network = systemNetwork): void {
  if (served.has(RED.httpAdmin)) return;
  served.add(RED.httpAdmin);

  const runs = new TestRuns((node, news) => RED.comms.publish(`redletter/pop3-in/${node}`, news, false));
  const route = (name: string, answer: (request: Request, signal: AbortSignal) => Promise<object>): void => {
    RED.httpAdmin.post(
      `${BASE}/:id/${name}`,
      onlyFromTheEditor,
      RED.auth.needsPermission(PERMISSION) as unknown as RequestHandler,
      answering(RED, answer),
    );
  };
  const inTurn = <T>(
    server: Parameters<typeof mailboxId>[0],
    run: () => Promise<T>,
    signal: AbortSignal,
  ): Promise<T> => runtime.turns.take(mailboxId(server), run, signal);

  route('test', async (request): Promise<TestHandle> => {
    const id = nodeOf(request);
    const { server } = draftOf(RED, runtime, id, request.body);
    const { target, login } = server.way();
    const test = runs.start(id, adminUser(request), (onStep, signal) => {
      const walk = (): Promise<Report> =>
        testConnection({ ...target, login: loginOf(login), signal, onStep });
      return inTurn(server, walk, signal);
    });
    return { test };
  });

  route('test-report', async (request): Promise<TestReportResponse> => {
    const { test } = request.body as Partial<TestHandle>;
    const report = runs.report(nodeOf(request), adminUser(request), test);
    if (report === undefined) throw new MailboxError('CONFIG', 'test-gone', { retryable: false });
    return { report };
  });

  route('test-cancel', async (request) => {
    runs.cancel(nodeOf(request), adminUser(request), (request.body as Partial<TestHandle>).test);
    return {};
  });

  route('preview', async (request, signal) => {
    const { server } = draftOf(RED, runtime, nodeOf(request), request.body);
    const look = async (): Promise<PreviewResponse> => ({
      mails: await previewMailbox(await server.open(signal), { most: PREVIEWED, signal }),
      service: server.service,
    });
    return inTurn(server, look, signal);
  });

  route('send', async (request, signal) => {
    const node = deployedPop3In(RED, nodeOf(request));
    if (node === undefined) throw new MailboxError('CONFIG', 'node-not-deployed', { retryable: false });
    const { key } = request.body as Partial<SendRequest>;
    await inTurn(node.server, () => node.sendOne(textOf(key), signal), signal);
    return {};
  });

  route('find', async (request, signal): Promise<FindResponse> => {
    const { address: given, database: asks, guess } = request.body as Partial<FindRequest>;
    const address = textOf(given);
    const database = databaseOf(ownSettings(RED).autoconfigDatabase);
    if (asks === true) return { found: (await askDatabase(address, database, signal)) ?? null };
    const find = guess === true ? guessServer : findServer;
    const answer = await find(address, network, signal).then(
      (found) => ({ found: found ?? null }),
      (error: unknown) => {
        if (!(error instanceof MailboxError && error.reason === 'dns-unavailable')) throw error;
        return { found: null, offline: true as const };
      },
    );
    const next = guess !== true && answer.found === null && database !== undefined && mayLookUp(address);
    return { ...answer, ...(next && { database: database.url.host }) };
  });
}

/** Sign-in errors as the mailbox has them, so that there is one room of words. */
function loginOf(login: Login): TestLogin {
  if ('password' in login) return login;
  return {
    ...login,
    token: (question) =>
      login.token(question).catch((error) => {
        throw asAccountError(error);
      }),
  };
}

/** Every answer settles, and an error says what a person can do: in this Node-RED's words, and what makes others. */
function answering(
  RED: NodeAPI,
  answer: (request: Request, signal: AbortSignal) => Promise<object>,
): RequestHandler {
  return (request, response) => {
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const signal = AbortSignal.any([AbortSignal.timeout(MOST_PATIENCE_MS), gone.signal]);
    Promise.resolve()
      .then(() => answer(request, signal))
      .then(
        (body) => response.json(body),
        (error: unknown) => {
          const told =
            error instanceof MailboxError
              ? error
              : new MailboxError('TIMEOUT', isAbort(error) ? 'took-too-long' : 'unexpected', {
                  facts: { detail: error instanceof Error ? error.message : 'failed' },
                });
          const { code, reason, facts } = told;
          response
            .status(error instanceof MailboxError ? 400 : 500)
            .json({ code, reason, facts, message: sentence(told, translateBy(RED)) } satisfies ErrorView);
        },
      );
  };
}

const isAbort = (error: unknown): boolean =>
  error instanceof Error && (error.name === 'AbortError' || error.name === 'TimeoutError');

const nodeOf = (request: Request): string => request.params.id as string;

function adminUser(request: Request): string {
  const user = (request as Request & { user?: { username?: unknown } }).user?.username;
  return typeof user === 'string' ? user : '';
}
