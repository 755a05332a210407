import type { Request, RequestHandler } from 'express';
import type { NodeAPI } from 'node-red';
import { MailboxError, type MailboxState } from '../mailbox';
import { translateBy } from '../node-red/lifecycle';
import { sentence, statusOf } from '../node-red/messages';
import type { OAuth2Error } from '../oauth2';
import {
  asAccountError,
  type FleetStanding,
  type MailboxHealth,
  packageVersion,
  type Runtime,
  type ShownMailbox,
} from '../runtime';
import { serveFleet } from './fleet-routes';
import { onlyForTheEditor, onlyFromTheEditor } from './guard';
import { metricsOf } from './metrics';
import type { AccountReport, ErrorView, HealthReport, MailboxReport, RestartRequest } from './protocol';
import { textOf } from './text-of';

/** Below the admin root. */
const BASE = '/redletter';
/** What open editors hear when there is something new to ask for; it says no more than that. */
const TOPIC = 'redletter/health';
/** Quarantined mails that are listed by name; there are as many as it says. */
const MOST_LISTED = 50;

/** Routes are made once for each admin app, however often the file is loaded. */
const served = new WeakSet<object>();

/** What the sidebar shows and does: how everything is, a check now, a mail tried again. */
export function serveHealth(RED: NodeAPI, runtime: Runtime): void {
  if (served.has(RED.httpAdmin)) return;
  served.add(RED.httpAdmin);

  // Every user who may see statuses receives this; names and addresses are for those who may read the flows, and ask.
  runtime.health.listen(() => RED.comms.publish(TOPIC, {}, false));
  RED.events.on('flows:started', () => runtime.health.sweep());

  const may = (permission: string): RequestHandler =>
    RED.auth.needsPermission(permission) as unknown as RequestHandler;
  const guarded = [onlyFromTheEditor, may('pop3-in.write')];

  RED.httpAdmin.get(`${BASE}/health`, onlyForTheEditor, may('flows.read'), (request, response) => {
    const open = new Set(textOf(request.query.open).split(','));
    reportOf(RED, runtime, open).then(
      (report) => response.json(report),
      (error: Error) => {
        RED.log.error(`pop3 in: ${error.message}`);
        response.status(500).end();
      },
    );
  });

  RED.httpAdmin.get(`${BASE}/metrics`, onlyForTheEditor, may('redletter.read'), (_request, response) => {
    reportOf(RED, runtime, new Set()).then(
      (report) => response.type('text/plain; version=0.0.4; charset=utf-8').send(metricsOf(report)),
      (error: Error) => {
        RED.log.error(`pop3 in: ${error.message}`);
        response.status(500).end();
      },
    );
  });

  serveFleet(RED, runtime);

  /** Asks something of a running mailbox: 404 where there is none, or where it does not know what is asked for. */
  const route = (
    path: string,
    act: (mailbox: ShownMailbox, request: Request) => Promise<unknown> | unknown,
  ): void => {
    RED.httpAdmin.post(`${BASE}/pop3-in/:id/${path}`, ...guarded, (request, response) => {
      const mailbox = runtime.health.mailbox(idOf(request));
      Promise.resolve()
        .then(() => (mailbox === undefined ? false : act(mailbox, request)))
        .then(
          (known) => {
            if (known !== false) response.status(202).json({});
            else response.status(404).json(errorView(RED, new MailboxError('CONFIG', 'node-not-deployed')));
          },
          (error: unknown) => response.status(500).json(errorView(RED, asMailboxError(error))),
        );
    });
  };
  // As if the interval were over: the result is reported as always.
  route('check', (mailbox) => (mailbox.isPaused ? mailbox.resume() : mailbox.wake()));
  route('pause', (mailbox) => mailbox.pause());
  route('resume', (mailbox) => mailbox.resume());
  route('restart', (mailbox, request) => {
    const { first } = request.body as Partial<RestartRequest>;
    return mailbox.restart(first === undefined ? 'new' : textOf(first));
  });
  route('set-aside/:uid/retry', (mailbox, request) => mailbox.tryAgain(textOf(request.params.uid)));
}

/** A fault of our own must be answered too: a rejection that nothing handles ends Node-RED. */
const asMailboxError = (error: unknown): MailboxError =>
  error instanceof MailboxError
    ? error
    : new MailboxError('CONFIG', 'unexpected', {
        facts: { detail: error instanceof Error ? error.message : 'failed' },
      });

const idOf = (request: Request): string => textOf(request.params.id);

/** @param open the mailboxes whose details are wanted */
async function reportOf(RED: NodeAPI, runtime: Runtime, open: ReadonlySet<string>): Promise<HealthReport> {
  const names = new Map<string, string>();
  RED.nodes.eachNode(({ id, name }) => {
    names.set(id, name ?? '');
  });
  const accounts: AccountReport[] = [];
  for (const { node, config, state: told } of runtime.accounts.deployed()) {
    // No token was requested yet, so the state is not known.
    const stored = told.kind === 'unknown' ? await runtime.accounts.stored(node, config) : undefined;
    const { kind, error, storeError, ...state } = stored
      ? { ...stored, kind: 'signed-in' as const, renewable: stored.refreshToken !== undefined }
      : told;
    const trouble = error ?? storeError;
    accounts.push({
      node,
      name: names.get(node) ?? '',
      provider: config.provider,
      user: config.user ?? '',
      state: kind,
      ...picked(state),
      ...(trouble && { error: accountErrorView(RED, trouble) }),
    });
  }
  const fleet = await standing(runtime);
  return {
    now: runtime.clock.now(),
    versions: {
      package: packageVersion(),
      nodeRed: String((RED.settings as { version?: unknown }).version ?? ''),
      node: process.versions.node,
    },
    mailboxes: runtime.health.mailboxes.map((mailbox) => {
      const owner = fleet?.owners.get(mailbox.id);
      return { ...mailboxReport(RED, mailbox, open.has(mailbox.id)), ...(owner !== undefined && { owner }) };
    }),
    accounts,
    ...(fleet && { fleet: { replicas: fleet.replicas } }),
  };
}

/** Undefined without a fleet; empty while its database does not respond. */
async function standing(runtime: Runtime): Promise<FleetStanding | undefined> {
  const nothing: FleetStanding = { replicas: [], owners: new Map() };
  return runtime.fleet?.standing().catch(() => nothing);
}

/** Of an account's state what people may see; everything else stays here. */
function picked(state: Partial<AccountReport> & { obtainedAt?: number }): Partial<AccountReport> {
  const { label, scope, signedInAt, obtainedAt, expiresAt, renewable, endsAt, retryAt } = state;
  const seen = { label, scope, signedInAt, renewedAt: obtainedAt, expiresAt, renewable, endsAt, retryAt };
  return Object.fromEntries(Object.entries(seen).filter(([, value]) => value !== undefined));
}

function mailboxReport(RED: NodeAPI, health: MailboxHealth, detailed: boolean): MailboxReport {
  const { state, failure, quarantined, unacknowledged, hours, checks, mails, ...rest } = health;
  return {
    ...rest,
    status: { ...statusOf(state), ...countsOf(state) },
    busy: state.is === 'checking' || state.is === 'progress',
    hours,
    path: pathOf(RED, health.id),
    checks: (detailed ? checks : [])
      .map(({ error, ...check }) => ({ ...check, ...(error && { error: errorView(RED, error) }) }))
      .reverse(),
    mails: (detailed ? mails : []).map(({ delivery: _, ...mail }) => mail).reverse(),
    unsettled: unacknowledged,
    setAside: { count: quarantined.length, mails: quarantined.slice(-MOST_LISTED).reverse() },
    ...(failure && {
      error: { ...errorView(RED, failure.error), at: failure.at, over: failure.over },
    }),
  };
}

/** The names of the subflow instances around a running node, the outermost first. */
function pathOf(RED: NodeAPI, id: string): string[] {
  // Node-RED's own: the tab, the instances, the node.
  const path = (RED.nodes.getNode(id) as { _path?: unknown } | null)?._path;
  if (typeof path !== 'string') return [];
  const instances = path.split('/').slice(1, -1);
  if (instances.length === 0) return [];
  const names = new Map<string, string>();
  RED.nodes.eachNode(({ id, name }) => {
    if (name && instances.includes(id)) names.set(id, name);
  });
  return instances.map((instance) => names.get(instance) ?? instance);
}

/** A status with numbers in it is put together again in the reader's language. */
function countsOf(state: MailboxState): Pick<MailboxReport['status'], 'key' | 'facts'> {
  if (state.is === 'new') {
    const { count, left } = state;
    return left === undefined
      ? { key: 'status.new', facts: { count } }
      : { key: 'status.first', facts: { count, left } };
  }
  return state.is === 'waiting' ? { key: 'health.waiting', facts: {} } : {};
}

/** A sentence in this Node-RED's language, and what the sidebar makes one of in the reader's. */
function errorView(
  RED: NodeAPI,
  error: { code: string; reason: string; facts: ErrorView['facts'] },
): ErrorView {
  const { code, reason, facts } = error;
  return { message: sentence(error, translateBy(RED)), code, reason, facts };
}

const accountErrorView = (RED: NodeAPI, error: OAuth2Error): ErrorView =>
  errorView(RED, asAccountError(error) as MailboxError);
