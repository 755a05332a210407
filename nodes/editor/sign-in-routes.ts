import type { Request, RequestHandler, Response } from 'express';
import type { NodeAPI } from 'node-red';
import {
  type AccountConfig,
  bindingOf,
  Consent,
  type HttpReply,
  OAuth2Error,
  type PageTexts,
  type SignInOutcome,
} from '../oauth2';
import type { Runtime } from '../runtime';
import { accountSentence } from '../runtime/words';
import { type AccountNode, accountConfig } from './account';
import { agentFor } from './agent';
import { fillFromEnvironment } from './environment';
import { onlyFromTheEditor } from './guard';
import { translateBy } from './process';

/** Below the admin root; the editor computes the redirect URI from the same words. */
const BASE = '/redletter/oauth2-account';
const PERMISSION = 'oauth2-account.write';
const CATALOGUE = '@redletter/node-red-pop3/oauth2-account';

/** Routes are made once for each admin app, however often the file is loaded. */
const served = new WeakSet<object>();

/**
 * The routes of the sign-in: start, status, paste and sign-out for whoever may edit; begin and callback for the
 * browser window, which has no bearer and is known by ticket, state and cookie.
 */
export function serveSignIn(RED: NodeAPI, runtime: Runtime): void {
  if (served.has(RED.httpAdmin)) return;
  served.add(RED.httpAdmin);

  const consent = new Consent({
    texts: pageTexts(RED, undefined),
    onSignedIn: (signedIn) => runtime.accounts.signedIn(signedIn),
    // Everybody who may read the editor hears this, so it says no more than which node and how it went.
    onOutcome: ({ account, state }) =>
      RED.comms.publish(`redletter/oauth2-account/${account}`, { state }, false),
  });
  const guarded = [onlyFromTheEditor, RED.auth.needsPermission(PERMISSION) as unknown as RequestHandler];

  RED.httpAdmin.post(
    `${BASE}/:id/sign-in`,
    ...guarded,
    answering(RED, async (request) => {
      const config = configOf(RED, request);
      const { redirectUri, callbackUrl, texts } = request.body as Record<string, unknown>;
      const started = await consent.start({
        account: request.params.id as string,
        adminUser: adminUser(request),
        config,
        // What the browser has computed, unless one was typed: that may be a `${NAME}`, which only this side can fill in.
        redirectUri: config.redirectUri ?? String(redirectUri ?? ''),
        ...(typeof callbackUrl === 'string' && callbackUrl !== '' && { callbackUrl }),
        texts: pageTexts(RED, texts),
        agent: agentOf(RED, request),
      });
      return { id: started.id, url: started.beginUrl, expiresAt: started.expiresAt };
    }),
  );

  RED.httpAdmin.post(
    `${BASE}/:id/paste`,
    ...guarded,
    answering(RED, async (request) => {
      const { text } = request.body as Record<string, unknown>;
      const outcome = await consent.paste({
        account: request.params.id as string,
        adminUser: adminUser(request),
        text: String(text ?? ''),
      });
      return outcomeOf(RED, outcome);
    }),
  );

  RED.httpAdmin.post(
    `${BASE}/:id/status`,
    ...guarded,
    answering(RED, async (request) => {
      const account = request.params.id as string;
      const { signIn } = request.body as Record<string, unknown>;
      const outcome =
        typeof signIn === 'string'
          ? consent.outcome({ id: signIn, account, adminUser: adminUser(request) })
          : undefined;
      const config = configOf(RED, request);
      const tokens = await runtime.accounts.stored(account, config);
      const running = deployed(RED, account);
      const state = running && bindingOf(running.account) === bindingOf(config) ? running.state : undefined;
      return {
        state: state && state.kind !== 'unknown' ? state.kind : tokens ? 'signed-in' : 'signed-out',
        ...(tokens && {
          signedInAt: tokens.signedInAt,
          renewedAt: tokens.obtainedAt,
          expiresAt: tokens.expiresAt,
          renewable: tokens.refreshToken !== undefined,
          scope: tokens.scope,
          label: tokens.label,
        }),
        ...(state?.error
          ? toldOf(RED, state.error)
          : tokens &&
            !tokens.refreshToken &&
            toldOf(RED, new OAuth2Error('SIGN_IN_AGAIN', 'no-refresh-token'))),
        ...(outcome && { signIn: outcomeOf(RED, outcome) }),
      };
    }),
  );

  RED.httpAdmin.post(
    `${BASE}/:id/sign-out`,
    ...guarded,
    answering(RED, async (request) => {
      const account = request.params.id as string;
      const { revoked } = await runtime.accounts
        .look(account, configOf(RED, request), agentOf(RED, request))
        .revoke();
      RED.comms.publish(`redletter/oauth2-account/${account}`, { state: 'signed-out' }, false);
      return { revoked };
    }),
  );

  RED.httpAdmin.get(`${BASE}/begin`, (request, response) => {
    reply(response, consent.begin({ ticket: request.query.ticket }));
  });
  RED.httpAdmin.get(`${BASE}/callback`, (request, response) => {
    consent
      .callback({ query: request.query, cookies: request.headers.cookie })
      .then((page) => reply(response, page))
      .catch(() => response.status(500).end());
  });
}

/** Every answer settles, and an error says what a person can do. */
function answering(RED: NodeAPI, answer: (request: Request) => Promise<object>): RequestHandler {
  return (request, response) => {
    answer(request).then(
      (body) => response.json(body),
      (error: unknown) => {
        if (error instanceof OAuth2Error) {
          response.status(400).json({ code: error.code, ...toldOf(RED, error) });
        } else {
          RED.log.error(`oauth2-account: ${error instanceof Error ? error.message : 'failed'}`);
          response.status(500).json({
            code: 'UNEXPECTED',
            error: RED._(`${CATALOGUE}:errors.unexpected`),
          });
        }
      },
    );
  };
}

/**
 * What the dialog shows, saved or not. A stored secret is used only with the client and endpoint it was deployed for:
 * whoever changes one has to type the secret again (S7).
 */
function configOf(RED: NodeAPI, request: Request): AccountConfig {
  const body = request.body as {
    properties?: Record<string, unknown>;
    credentials?: Record<string, unknown>;
  };
  const running = deployed(RED, request.params.id as string);
  const filled = (values: Record<string, unknown> | undefined): Record<string, unknown> =>
    Object.fromEntries(
      Object.entries(values ?? {}).map(([name, value]) => [name, fillFromEnvironment(RED, value, running)]),
    );
  const config = accountConfig(filled(body.properties), filled(body.credentials));
  const stored = running?.account;
  // Absent: the dialog knows no more than that there is one. Empty: somebody has emptied the field.
  const unsaid = body.credentials?.clientSecret === undefined;
  if (unsaid && stored?.clientSecret !== undefined) {
    const forWhom = (account: AccountConfig): string => bindingOf({ ...account, user: '' });
    if (forWhom(config) === forWhom(stored)) config.clientSecret = stored.clientSecret;
  }
  return config;
}

/** The TLS settings chosen in the dialog, as far as they are deployed. */
function agentOf(RED: NodeAPI, request: Request): ReturnType<typeof agentFor> {
  return agentFor(RED, (request.body as { properties?: { tls?: unknown } }).properties?.tls);
}

function deployed(RED: NodeAPI, id: string): AccountNode | undefined {
  const node = RED.nodes.getNode(id) as AccountNode | null;
  return node?.type === 'oauth2-account' ? node : undefined;
}

function outcomeOf(RED: NodeAPI, { state, error, label, renewable }: SignInOutcome): object {
  return {
    state,
    label,
    renewable,
    ...(error && toldOf(RED, error)),
  };
}

/** A sentence in this Node-RED's language, and what the dialog makes one of in the reader's. */
function toldOf(RED: NodeAPI, error: OAuth2Error): { error: string; reason: string; facts: object } {
  const { reason, facts, message } = error;
  return { error: accountSentence(error, translateBy(RED)) ?? message, reason, facts };
}

function adminUser(request: Request): string {
  const user = (request as Request & { user?: { username?: unknown } }).user?.username;
  return typeof user === 'string' ? user : '';
}

/** The dialog sends its own words, so that the window speaks the reader's language and not the server's. */
function pageTexts(RED: NodeAPI, given: unknown): PageTexts {
  const words = (typeof given === 'object' && given !== null ? given : {}) as Record<string, unknown>;
  const text = (name: string): string => {
    const value = words[name];
    return typeof value === 'string' && value !== '' && value.length < 400
      ? value
      : RED._(`${CATALOGUE}:page.${name}`);
  };
  const lang = typeof words.lang === 'string' && /^[\w-]{2,12}$/.test(words.lang) ? words.lang : 'en-US';
  return { lang, title: text('title'), done: text('done'), failed: text('failed'), unknown: text('unknown') };
}

function reply(response: Response, { status, headers, body }: HttpReply): void {
  response.status(status).set(headers).send(body);
}
