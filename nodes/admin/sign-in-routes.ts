import type { Request, RequestHandler, Response } from 'express';
import type { NodeAPI } from 'node-red';
import { agentFor } from '../node-red/agent';
import { translateBy } from '../node-red/lifecycle';
import { accountSentence, sentence } from '../node-red/messages';
import {
  bindingOf,
  Consent,
  DeviceSignIn,
  type HttpReply,
  OAuth2Error,
  type PageTexts,
  registerClient,
  type SignedIn,
  type SignInOutcome,
  type SignInQuestion,
  type Tokens,
} from '../oauth2';
import type { Runtime } from '../runtime';
import { type Dialog, deployed, dialogOf } from './account-dialog';
import { onlyFromTheEditor } from './guard';
import { lookIntoMailbox } from './mailbox-probe';
import type {
  CancelSignInRequest,
  ErrorView,
  PasteRequest,
  ProbeRequest,
  ProbeResponse,
  SignInNews,
  SignInOutcomeView,
  SignInRequest,
  SignInResponse,
  SignOutResponse,
  StatusRequest,
  StatusResponse,
} from './protocol';

/** Below the admin root; the editor computes the redirect URI from the same words. */
const BASE = '/redletter/oauth2-account';
const PERMISSION = 'oauth2-account.write';
const CATALOGUE = '@redletter/node-red-pop3/oauth2-account';

/** Routes are made once for each admin app, however often the file is loaded. */
const served = new WeakSet<object>();

/**
 * The routes of the sign-in: start, status, paste, cancel, sign-out and a look into the
 * mailbox for users who may edit; begin and callback for the
 * browser window, which has no bearer and is known by ticket, state and cookie.
 */
export function serveSignIn(RED: NodeAPI, runtime: Runtime): void {
  if (served.has(RED.httpAdmin)) return;
  served.add(RED.httpAdmin);

  const hears = {
    onSignedIn: (signedIn: SignedIn) => runtime.accounts.signedIn(signedIn),
    // Every user who may read the editor receives this, so it says no more than which node and how it went.
    onOutcome: ({ account, state }: SignInOutcome) => tell(account, state),
  };
  const agentOf = ({ tls, proxy }: Record<string, unknown>) => agentFor(RED, tls, proxy);
  const consent = new Consent({ texts: pageTexts(RED, undefined), agentOf, ...hears });
  const device = new DeviceSignIn(hears);
  const outcomeFor = async (question: SignInQuestion): Promise<SignInOutcome | undefined> =>
    (await consent.outcome(question)) ?? (await device.outcome(question));
  const tell = (account: string, state: string): void =>
    RED.comms.publish(`redletter/oauth2-account/${account}`, { state } satisfies SignInNews, false);
  const guarded = [onlyFromTheEditor, RED.auth.needsPermission(PERMISSION) as unknown as RequestHandler];

  RED.httpAdmin.post(
    `${BASE}/:id/sign-in`,
    ...guarded,
    answering(RED, async (request): Promise<SignInResponse> => {
      const dialog = dialogOf(RED, request.params.id as string, request.body);
      const adminUser = adminUserOf(request);
      const registered = byPerson(dialog.config) ? await registerUnlessKnown(request, dialog) : {};
      switch (dialog.config.grant) {
        case 'authorization_code':
          return { ...registered, ...(await openWindow(request, adminUser, dialog)) };
        case 'device_code': {
          const { expiresAt, ...shown } = await device.start({ ...dialog, adminUser });
          // How long, since the browser's clock may be another one.
          return { ...registered, ...shown, lastsMs: expiresAt - Date.now() };
        }
        default:
          await runtime.accounts.connect(dialog.account, dialog.config, dialog.agent);
          return { state: 'signed-in' };
      }
    }),
  );

  const openWindow = async (
    request: Request,
    adminUser: string,
    dialog: Dialog,
  ): Promise<{ id: string; url: string }> => {
    const { callbackUrl, texts, anotherPerson } = request.body as Unchecked<SignInRequest>;
    const { id, beginUrl } = await consent.start({
      ...dialog,
      adminUser,
      redirectUri: redirectUriOf(request, dialog),
      ...(typeof callbackUrl === 'string' && callbackUrl !== '' && { callbackUrl }),
      texts: pageTexts(RED, texts),
      anotherPerson: anotherPerson === true,
    });
    return { id, url: beginUrl };
  };

  RED.httpAdmin.post(
    `${BASE}/:id/paste`,
    ...guarded,
    answering(RED, async (request) => {
      const { text } = request.body as Unchecked<PasteRequest>;
      const outcome = await consent.paste({
        account: request.params.id as string,
        adminUser: adminUserOf(request),
        text: String(text ?? ''),
      });
      return outcomeOf(RED, outcome);
    }),
  );

  RED.httpAdmin.post(
    `${BASE}/:id/status`,
    ...guarded,
    answering(RED, async (request): Promise<StatusResponse> => {
      const { account, config } = dialogOf(RED, request.params.id as string, request.body);
      const question = questionOf(request);
      const outcome = question && (await outcomeFor(question));
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
          endsAt: state?.endsAt,
          scope: tokens.scope,
          label: tokens.label,
        }),
        ...(state?.error ? errorView(RED, state.error) : tokens && expiryView(RED, config.provider, tokens)),
        ...(outcome && { signIn: outcomeOf(RED, outcome) }),
      };
    }),
  );

  RED.httpAdmin.post(
    `${BASE}/:id/sign-out`,
    ...guarded,
    answering(RED, async (request): Promise<SignOutResponse> => {
      const { account, config, agent } = dialogOf(RED, request.params.id as string, request.body);
      const { revoked, error } = await runtime.accounts.look(account, config, agent).revoke();
      tell(account, 'signed-out');
      return { revoked, ...(error && errorView(RED, error)) };
    }),
  );

  RED.httpAdmin.post(
    `${BASE}/:id/mailbox`,
    ...guarded,
    answering(RED, async (request): Promise<ProbeResponse> => {
      const dialog = dialogOf(RED, request.params.id as string, request.body);
      const question = questionOf(request);
      const outcome = question && (await outcomeFor(question));
      const trusted = question ? outcome?.state === 'signed-in' : !byPerson(dialog.config) && !dialog.stored;
      const { mailbox } = request.body as Unchecked<ProbeRequest>;
      const look = await lookIntoMailbox(RED, runtime, dialog, mailbox, trusted);
      if (look === undefined) return {};
      if ('messages' in look) return look;
      const { failure, catalogue } = look;
      const words = catalogue === 'pop3-in' ? sentence : accountSentence;
      const { reason, facts } = failure;
      return { message: words(failure, translateBy(RED)) ?? reason, reason, facts, catalogue };
    }),
  );

  RED.httpAdmin.post(
    `${BASE}/:id/cancel`,
    ...guarded,
    answering(RED, async (request) => {
      const question = questionOf(request);
      if (question) {
        await consent.cancel(question);
        await device.cancel(question);
      }
      return {};
    }),
  );

  RED.httpAdmin.get(`${BASE}/begin`, (request, response) => {
    consent
      .begin({ ticket: request.query.ticket })
      .then((page) => reply(response, page))
      .catch(() => response.status(500).end());
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
          response.status(400).json(errorView(RED, error));
        } else {
          RED.log.error(`oauth2-account: ${error instanceof Error ? error.message : 'failed'}`);
          response.status(500).json({
            code: 'UNEXPECTED',
            message: RED._(`${CATALOGUE}:errors.unexpected`),
          });
        }
      },
    );
  };
}

function outcomeOf(RED: NodeAPI, { state, error, label, renewable }: SignInOutcome): SignInOutcomeView {
  return {
    state,
    label,
    renewable,
    ...(error && errorView(RED, error)),
  };
}

/** That a sign-in will not last, while there is time to do something about it. */
function expiryView(
  RED: NodeAPI,
  provider: string,
  { refreshToken, refreshExpiresAt }: Tokens,
): object | undefined {
  if (!refreshToken) return errorView(RED, new OAuth2Error('SIGN_IN_AGAIN', 'no-refresh-token'));
  // What does not end, Google gives no end.
  if (refreshExpiresAt && provider === 'google')
    return errorView(RED, new OAuth2Error('SIGN_IN_AGAIN', 'google-testing-weekly'));
  return undefined;
}

/** A sentence in this Node-RED's language, and what the dialog makes one of in the reader's. */
function errorView(RED: NodeAPI, error: OAuth2Error): ErrorView {
  const { code, reason, facts, message } = error;
  return { code, reason, facts: { ...facts }, message: accountSentence(error, translateBy(RED)) ?? message };
}

/** What the browser has computed, unless one was typed: that may be a `${NAME}`, which only this side can fill in. */
function redirectUriOf(request: Request, { config }: Dialog): string {
  return config.redirectUri ?? String((request.body as Record<string, unknown>).redirectUri ?? '');
}

/** Without a client id the application registers itself, where the server lets it; the dialog keeps the id. */
async function registerUnlessKnown(request: Request, dialog: Dialog): Promise<{ clientId?: string }> {
  const { config, agent } = dialog;
  if (config.clientId || !config.issuer) return {};
  const redirectUri = redirectUriOf(request, dialog);
  const clientId = await registerClient({ config, redirectUri, agent });
  if (clientId === undefined) return {};
  config.clientId = clientId;
  // A public client has no secret and no key: what was deployed belongs to another one (S7).
  config.clientAuth = 'body';
  for (const name of ['clientSecret', 'privateKey'] as const) delete config[name];
  return { clientId };
}

/** A request's body as the browser should have sent it, before anything is checked. */
type Unchecked<T> = { [K in keyof T]?: unknown };

/** Which sign-in the dialog means, and who asks. */
function questionOf(request: Request): SignInQuestion | undefined {
  const { signIn } = request.body as Unchecked<StatusRequest | CancelSignInRequest>;
  if (typeof signIn !== 'string') return undefined;
  return { id: signIn, account: request.params.id as string, adminUser: adminUserOf(request) };
}

/** Whether a person signs in to such an account. */
const byPerson = ({ grant }: Dialog['config']): boolean =>
  grant === 'authorization_code' || grant === 'device_code';

function adminUserOf(request: Request): string {
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
  return {
    lang,
    title: text('title'),
    done: text('done'),
    failed: text('failed'),
    unknown: text('unknown'),
    paste: text('paste'),
  };
}

function reply(response: Response, { status, headers, body }: HttpReply): void {
  response.status(status).set(headers).send(body);
}
