import type { Facts } from '../../admin/protocol';
import { type Provider, providers } from '../../oauth2/providers';
import { fieldFor } from '../next-step';

/** What a connection test found, as far as advice depends on it. */
export interface Trouble {
  step: string;
  reason: string;
  facts: Facts;
  /** What the access token is good for, where that is known. */
  scope?: string;
  /** The resource it names. */
  audience?: string;
}

/** How the mailbox is set up. */
export interface Setup {
  auth: string;
  /** A provider's id, or `custom`. */
  service: string;
  user: string;
  /** How the account gets its tokens, where it is known. */
  grant?: string;
}

export interface Advice {
  /** Keys of `advice.…`, the most likely first. */
  lines: { key: string; facts?: Record<string, string> }[];
  /** The property to change. */
  field?: string;
  /** Where it is to be changed, if not here; `key` of `link.…`. */
  link?: { href: string; key: string };
}

const REFUSED: ReadonlySet<string> = new Set([
  'wrong-password',
  'mailbox-refused',
  'vague-refusal',
  'closed-during-login',
  'app-password-needed',
]);
const CLOSED: ReadonlySet<string> = new Set(['pop-disabled', 'not-connected', 'sys-perm']);

/** Microsoft's page about mail by an application without a person. */
const MICROSOFT_APP =
  'https://learn.microsoft.com/exchange/client-developer/legacy-protocols/how-to-authenticate-an-imap-pop-smtp-application-by-using-oauth#register-service-principals-in-exchange';

const isMicrosoft = (id: string | undefined): boolean => /^microsoft(-|$)/.test(id ?? '');

/** Exchange Online as a resource, in each of Microsoft's clouds. */
const EXCHANGE =
  /^https:\/\/(outlook\.(office|office365)\.com|outlook(-dod)?\.office365\.us|partner\.outlook\.cn)(\/+|$)/;

/** Exchange Online's own application ID, which stands in some of its tokens. */
const EXCHANGE_ID = '00000002-0000-0ff1-ce00-000000000000';

/**
 * Whether a scope that was granted holds the one that POP requires. Microsoft names one permission by several
 * resources (`outlook.office.com`, `outlook.office365.com`) and in any letter case; one of Graph is another permission.
 */
function allows(granted: string, wanted: string): boolean {
  const bare = (scope: string): string => scope.toLowerCase().replace(EXCHANGE, '').replace(/\/$/, '');
  return granted.split(/\s+/).some((scope) => [bare(wanted), '.default'].includes(bare(scope)));
}

/** A token that is good for something else. Only what is known to be another permission or resource is accused. */
function wrongToken(
  { scope, audience }: Trouble,
  { grant }: Setup,
  row: Provider,
): Advice['lines'][number] | undefined {
  const isApp = grant === 'client_credentials';
  const wanted = (isApp && row.applicationScope) || row.scope?.split(' ')[0];
  if (wanted === undefined) return undefined;
  // No person signs in to an application of its own.
  const byApp = isApp || grant === 'service_account';
  if (scope !== undefined && !allows(scope, wanted))
    return { key: byApp ? 'scope-app' : 'scope', facts: { scope, wanted } };
  const isExchange = audience === EXCHANGE_ID || EXCHANGE.test(audience?.toLowerCase() ?? '');
  if (!isMicrosoft(row.id) || audience === undefined || isExchange) return undefined;
  return { key: byApp ? 'audience-app' : 'audience', facts: { audience, wanted } };
}

/** What to change, and where: the sentence about the error says only what is so with every server. */
export function adviceOn(trouble: Trouble, setup: Setup): Advice {
  const { reason, facts } = trouble;
  const known = setup.service !== 'custom' && Object.hasOwn(providers, setup.service);
  const row = known ? providers[setup.service] : undefined;
  const field = fieldFor(reason);
  const advice: Advice = { lines: [], ...(field && { field }) };
  const say = (...keys: string[]): void => {
    advice.lines.push(...keys.map((key) => ({ key })));
  };
  const open = (key: string, href: string | undefined): void => {
    if (href !== undefined) advice.link = { href, key };
  };
  const refused = REFUSED.has(reason);
  const closed = CLOSED.has(reason);
  const password = setup.auth === 'password';

  if (row?.id === 'microsoft' && password && refused) {
    say('microsoft-password');
    return { ...advice, field: 'auth' };
  }
  if (row?.id === 'google' && closed) {
    say('google-pop');
    open('pop', row.links.pop);
  } else if (isMicrosoft(row?.id) && refused && setup.grant === 'client_credentials') {
    say('microsoft-app');
    open('help', MICROSOFT_APP);
  } else if (isMicrosoft(row?.id) && row && (refused || closed)) {
    say('microsoft-user', 'microsoft-pop', 'microsoft-tenant');
    open('pop', row.links.pop);
  } else if (closed) {
    say('switch-on');
    open('pop', row?.links.pop ?? row?.links.help);
  } else if (password && refused && row?.signIn === 'oauth2' && row.links.appPassword === undefined) {
    say('oauth2');
    advice.field = 'auth';
  } else if (password && refused && (row?.signIn === 'app-password' || row?.links.appPassword)) {
    say(row.quirks.authorizationCode ? 'authorization-code' : 'app-password');
    if (row.links.pop && row.id !== 'google') say('switch-on');
    if (row.signIn === 'oauth2') say('oauth2');
    open('appPassword', row.links.appPassword ?? row.links.register ?? row.links.help);
  } else if (password && refused) {
    say(setup.user.includes('@') ? 'user-without-domain' : 'user-with-domain');
  }
  const wrong = refused && !password && row ? wrongToken(trouble, setup, row) : undefined;
  if (wrong !== undefined) advice.lines.unshift(wrong);
  if (['self-signed', 'untrusted-issuer', 'certificate-rejected'].includes(reason)) say('tls-config');
  if (reason === 'wrong-name' && facts.names) {
    advice.lines.push({ key: 'names', facts: { names: String(facts.names) } });
  }
  if (reason === 'account-locked') say('locked');
  if (reason === 'in-use') say('in-use');
  if (reason === 'login-delay') say('often');
  if (reason === 'timeout' && trouble.step === 'connection') say('firewall');
  if (reason === 'web-login-needed') open('help', row?.links.help);
  return advice;
}
