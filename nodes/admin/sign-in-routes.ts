import type { Request, RequestHandler } from 'express';
import type { NodeAPI } from 'node-red';
import { agentFor } from '../node-red/agent';
import { translateBy } from '../node-red/lifecycle';
import { accountSentence, sentence } from '../node-red/messages';
import {
  AuthorizationCodeSignIn,
  bindingOf,
  DeviceCodeSignIn,
  OAuth2Error,
  offeredScopes,
  registerClient,
  type SignInOutcome,
  type SignInQuestion,
  SignIns,
  type Tokens,
} from '../oauth2';
import type { Runtime } from '../runtime';
import { answering, errorView } from './account-answers';
import { type Dialog, deployed, dialogOf } from './account-dialog';
import { onlyFromTheEditor } from './guard';
import { lookIntoMailbox } from './mailbox-probe';
import type {
  CancelSignInRequest,
  PasteRequest,
  ProbeRequest,
  ProbeResponse,
  ScopesResponse,
  SignInNews,
  SignInOutcomeView,
  SignInRequest,
  SignInResponse,
  SignOutResponse,
  StatusRequest,
  StatusResponse,
} from './protocol';
import { pageTexts, serveWindow } from './sign-in-window';
import { textOf } from './text-of';

/** Below the admin root; the editor computes the redirect URI from the same words. */
const BASE = '/redletter/oauth2-account';
const PERMISSION = 'oauth2-account.write';

/** Routes are made once for each admin app, however often the file is loaded. */
const served = new WeakSet<object>();

/** What the routes share. */
interface Context {
  RED: NodeAPI;
  runtime: Runtime;
  signIns: SignIns;
  byCode: AuthorizationCodeSignIn;
  byDevice: DeviceCodeSignIn;
  /** Every user who may read the editor receives this, so it says no more than which node and how it went. */
  tell(account: string, state: string): void;
}

/**
 * The routes of the sign-in: start, status, paste, cancel, sign-out, scopes and a look into the mailbox for users who may edit;
 * begin and callback for the browser window.
 */
export function serveSignIn(RED: NodeAPI, runtime: Runtime): void {
  if (served.has(RED.httpAdmin)) return;
  served.add(RED.httpAdmin);

  const tell = (account: string, state: string): void =>
    RED.comms.publish(`redletter/oauth2-account/${account}`, { state } satisfies SignInNews, false);
  const signIns = new SignIns({
    onSignedIn: (signedIn) => runtime.accounts.signedIn(signedIn),
    onOutcome: ({ account, state }) => tell(account, state),
    store: runtime.fleet?.signIns,
  });
  // The answer may reach another replica than the one that this editor is connected to.
  runtime.fleet?.signIns.watch(tell);
  const agentOf = ({ tls, proxy }: Record<string, unknown>) => agentFor(RED, tls, proxy);
  const byCode = new AuthorizationCodeSignIn({ signIns, texts: pageTexts(RED, undefined), agentOf });
  const byDevice = new DeviceCodeSignIn({ signIns });
  const context = { RED, runtime, signIns, byCode, byDevice, tell };
  const guarded = [onlyFromTheEditor, RED.auth.needsPermission(PERMISSION) as unknown as RequestHandler];
  const post = (name: string, answer: (context: Context, request: Request) => Promise<object>): void => {
    const handler = answering(RED, (request) => answer(context, request));
    RED.httpAdmin.post(`${BASE}/:id/${name}`, ...guarded, handler);
  };
  post('sign-in', start);
  post('paste', paste);
  post('status', status);
  post('sign-out', signOut);
  post('mailbox', probe);
  post('cancel', cancel);
  post('scopes', scopes);
  serveWindow(RED, BASE, byCode);
}

async function start(context: Context, request: Request): Promise<SignInResponse> {
  const { RED, runtime, byDevice } = context;
  const dialog = dialogOf(RED, accountOf(request), request.body);
  const adminUser = adminUserOf(request);
  const registered = byPerson(dialog.config) ? await registerUnlessKnown(request, dialog) : {};
  switch (dialog.config.grant) {
    case 'authorization_code':
      return { ...registered, ...(await openWindow(context, request, dialog)) };
    case 'device_code': {
      const { expiresAt, ...shown } = await byDevice.start({ ...dialog, adminUser });
      // How long, since the browser's clock may be another one.
      return { ...registered, ...shown, lastsMs: expiresAt - Date.now() };
    }
    default:
      await runtime.accounts.connect(dialog.account, dialog.config, dialog.agent);
      return { state: 'signed-in' };
  }
}

async function openWindow(
  { RED, byCode }: Context,
  request: Request,
  dialog: Dialog,
): Promise<{ id: string; url: string }> {
  const { callbackUrl, texts, anotherPerson } = request.body as Unchecked<SignInRequest>;
  const { id, beginUrl } = await byCode.start({
    ...dialog,
    adminUser: adminUserOf(request),
    redirectUri: redirectUriOf(request, dialog),
    ...(typeof callbackUrl === 'string' && callbackUrl !== '' && { callbackUrl }),
    texts: pageTexts(RED, texts),
    anotherPerson: anotherPerson === true,
  });
  return { id, url: beginUrl };
}

async function paste({ RED, byCode }: Context, request: Request): Promise<SignInOutcomeView> {
  const { text } = request.body as Unchecked<PasteRequest>;
  const outcome = await byCode.paste({
    account: accountOf(request),
    adminUser: adminUserOf(request),
    text: textOf(text),
  });
  return outcomeOf(RED, outcome);
}

async function status({ RED, runtime, signIns }: Context, request: Request): Promise<StatusResponse> {
  const { account, config } = dialogOf(RED, accountOf(request), request.body);
  const question = questionOf(request);
  const outcome = question && (await signIns.outcome(question));
  const tokens = await runtime.accounts.stored(account, config);
  const running = deployed(RED, account);
  const state = running && bindingOf(running.account) === bindingOf(config) ? running.state : undefined;
  return {
    state: state && state.kind !== 'unknown' ? state.kind : tokens ? 'signed-in' : 'signed-out',
    ...(tokens && {
      signedInAt: tokens.signedInAt,
      // After a revocation they are worth nothing, however long they would have been valid.
      ...(state?.kind !== 'sign-in-again' && {
        renewedAt: tokens.obtainedAt,
        expiresAt: tokens.expiresAt,
        renewable: tokens.refreshToken !== undefined,
        endsAt: state?.endsAt,
      }),
      scope: tokens.scope,
      label: tokens.label,
    }),
    ...(state?.error
      ? errorView(RED, state.error, 'running')
      : tokens && expiryView(RED, config.provider, tokens)),
    ...(outcome && { signIn: outcomeOf(RED, outcome) }),
  };
}

async function signOut({ RED, runtime, tell }: Context, request: Request): Promise<SignOutResponse> {
  const { account, config, agent } = dialogOf(RED, accountOf(request), request.body);
  const { revoked, error } = await runtime.accounts.look(account, config, agent).revoke();
  tell(account, 'signed-out');
  return { revoked, ...(error && errorView(RED, error)) };
}

/** Whether the mail server accepts the token. */
async function probe({ RED, runtime, signIns }: Context, request: Request): Promise<ProbeResponse> {
  const dialog = dialogOf(RED, accountOf(request), request.body);
  const question = questionOf(request);
  const outcome = question && (await signIns.outcome(question));
  const trusted = question ? outcome?.state === 'signed-in' : !byPerson(dialog.config) && !dialog.stored;
  const { mailbox } = request.body as Unchecked<ProbeRequest>;
  const look = await lookIntoMailbox(RED, runtime, dialog, mailbox, trusted);
  if (look === undefined) return {};
  if ('messages' in look) return look;
  const { failure, catalogue } = look;
  const words = catalogue === 'pop3-in' ? sentence : accountSentence;
  const { reason, facts } = failure;
  return { message: words(failure, translateBy(RED)) ?? reason, reason, facts, catalogue };
}

async function cancel({ signIns }: Context, request: Request): Promise<object> {
  const question = questionOf(request);
  if (question) await signIns.cancel(question);
  return {};
}

async function scopes({ RED }: Context, request: Request): Promise<ScopesResponse> {
  const { config, agent } = dialogOf(RED, accountOf(request), request.body);
  return { scopes: await offeredScopes(config, { agent }) };
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

/** What the browser has computed, unless one was typed: that may be a `${NAME}`, which only this side can fill in. */
function redirectUriOf(request: Request, { config }: Dialog): string {
  return config.redirectUri ?? textOf((request.body as Record<string, unknown>).redirectUri);
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
  return { id: signIn, account: accountOf(request), adminUser: adminUserOf(request) };
}

/** Whether a person signs in to such an account. */
const byPerson = ({ grant }: Dialog['config']): boolean =>
  grant === 'authorization_code' || grant === 'device_code';

function accountOf(request: Request): string {
  return request.params.id as string;
}

function adminUserOf(request: Request): string {
  const user = (request as Request & { user?: { username?: unknown } }).user?.username;
  return typeof user === 'string' ? user : '';
}
