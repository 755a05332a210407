import { isLoopback as isLoopbackHost } from '../base/loopback';
import { type AccountConfig, isMicrosoft } from './config';
import { isRecord, OAuth2Error, type OAuth2Facts } from './errors';
import { type AgentFor, exchange, type HttpResponse, noAnswer } from './http';
import { documentMoved, plain } from './moved';
import { type Provider, providers } from './providers';
import { redact } from './redact';

/** The addresses one account's sign-in and renewal use. All of them come from one issuer. */
export interface Endpoints {
  /** Absent where the issuer is not known, as with addresses given by hand. */
  issuer?: URL;
  /** `issuer` to the letter, as `iss` has to be (RFC 9207 section 2.4). */
  issuerText?: string;
  /** The server promises `iss` in each authorization answer, so one without it is not from there. */
  issuerPromised: boolean;
  authorization?: URL;
  token: URL;
  device?: URL;
  revocation?: URL;
  /** Where an application may register itself (RFC 7591). */
  registration?: URL;
}

export interface DiscoveryOptions {
  agent?: AgentFor | undefined;
  signal?: AbortSignal | undefined;
  /** Milliseconds; for tests. */
  timeoutMs?: number | undefined;
}

/**
 * Finds the endpoints of an account: from the provider table, as given by hand, or by discovery at the issuer
 * (OpenID Connect Discovery 1.0 section 4, RFC 8414 section 3). An issuer counts alone: addresses given by hand
 * beside it are not looked at, so that no code or secret of one server ever reaches another.
 *
 * Every address is https unless it is loopback.
 * @throws {OAuth2Error} `CONFIG`, or `TEMPORARY` and `TLS` when discovery cannot reach the issuer.
 */
export async function resolveEndpoints(
  config: AccountConfig,
  options: DiscoveryOptions = {},
): Promise<Endpoints> {
  const provider = providerOf(config);
  if (provider.endpoints) return fromTable(provider, config);
  if (provider.id !== 'custom') {
    throw new OAuth2Error('CONFIG', 'provider-needs-password', { facts: { provider: provider.id } });
  }
  if (config.issuer?.trim()) return fromDocument(await discover(config.issuer, options));
  if (!config.tokenUrl?.trim())
    throw new OAuth2Error('CONFIG', 'token-url-missing', { facts: { provider: 'custom' } });
  return {
    issuerPromised: false,
    token: endpoint(config.tokenUrl, 'tokenUrl'),
    ...given('authorization', config.authorizationUrl, 'authorizationUrl'),
    ...given('device', config.deviceUrl, 'deviceUrl'),
    ...given('revocation', config.revocationUrl, 'revocationUrl'),
  };
}

/** The account's row of the provider table. */
export function providerOf(config: AccountConfig): Provider {
  const provider = Object.hasOwn(providers, config.provider) ? providers[config.provider] : undefined;
  if (!provider) {
    throw new OAuth2Error('CONFIG', 'provider-unknown', { facts: { detail: config.provider } });
  }
  return provider;
}

/** Scopes that are offered at most, and the characters of one. */
const MAX_OFFERED_SCOPES = 50;
const MAX_SCOPE_LENGTH = 200;
/** RFC 6749 section 3.3. */
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+$/;

/**
 * The scopes that an own provider names in its discovery document (RFC 8414 section 2: some may be left out); none
 * where there is no issuer to ask.
 *
 * @throws {OAuth2Error} as `resolveEndpoints`
 */
export async function offeredScopes(
  config: AccountConfig,
  options: DiscoveryOptions = {},
): Promise<string[]> {
  if (providerOf(config).id !== 'custom' || !config.issuer?.trim()) return [];
  const { scopes_supported: named } = (await discover(config.issuer, options)).metadata;
  if (!Array.isArray(named)) return [];
  const isScope = (value: unknown): value is string =>
    typeof value === 'string' && value.length <= MAX_SCOPE_LENGTH && SCOPE.test(value);
  return [...new Set(named.filter(isScope))].slice(0, MAX_OFFERED_SCOPES);
}

/** The scope to ask for, or undefined to leave it to the server. */
export function scopeOf(config: AccountConfig): string | undefined {
  const given = config.scope
    ?.split(/[\s,]+/)
    .filter(Boolean)
    .join(' ');
  if (given) return given;
  const provider = providerOf(config);
  return (config.grant === 'client_credentials' && provider.applicationScope) || provider.scope;
}

/** Whether the address is the machine itself: what is sent there crosses no network. */
export function isLoopback(url: URL): boolean {
  return isLoopbackHost(url.hostname);
}

function fromTable(provider: Provider, config: AccountConfig): Endpoints {
  const rows = provider.endpoints;
  if (!rows) throw new TypeError('a provider without endpoints');
  const tenant = config.tenant?.trim() || provider.tenant || '';
  // An id, a domain or one of the three words; anything else would change the address.
  if (provider.tenant && !/^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/i.test(tenant)) {
    throw new OAuth2Error('CONFIG', 'tenant-malformed', { facts: { provider: provider.id, detail: tenant } });
  }
  // The national clouds have no personal accounts.
  if (isMicrosoft(provider.id) && provider.id !== 'microsoft' && /^consumers$/i.test(tenant)) {
    throw new OAuth2Error('CONFIG', 'tenant-not-in-cloud', {
      facts: { provider: provider.id, detail: tenant },
    });
  }
  const at = (address: string) => new URL(address.replaceAll('{tenant}', tenant));
  return {
    issuerPromised: false,
    ...(rows.issuer && { issuer: new URL(rows.issuer), issuerText: rows.issuer }),
    authorization: at(rows.authorization),
    token: at(rows.token),
    ...(rows.device && { device: at(rows.device) }),
    ...(rows.revocation && { revocation: at(rows.revocation) }),
  };
}

/** A discovery document of the issuer that was asked for. */
interface Discovered {
  metadata: Record<string, unknown>;
  issuer: URL;
  /** As the document writes it. */
  issuerText: string;
  from: URL;
}

async function discover(given: string, options: DiscoveryOptions): Promise<Discovered> {
  // People paste the address of the document as often as the issuer's.
  const typed = given
    .trim()
    .replace(/\/\.well-known\/(openid-configuration|oauth-authorization-server)$/, '');
  const issuer = endpoint(typed, 'issuer', 'issuer-malformed');
  if (issuer.search || issuer.hash) {
    throw new OAuth2Error('CONFIG', 'issuer-malformed', { facts: { uri: plain(issuer) } });
  }
  const path = issuer.pathname.replace(/\/$/, '');
  const candidates = [
    new URL(`${path}/.well-known/openid-configuration`, issuer),
    new URL(`/.well-known/oauth-authorization-server${path}`, issuer),
    // Not by the book, but seen: the well-known part first, and a path that ends in a slash.
    ...(path === ''
      ? []
      : [
          new URL(`/.well-known/openid-configuration${path}`, issuer),
          new URL(`/.well-known/oauth-authorization-server${path}/`, issuer),
        ]),
  ];
  for (const url of candidates) {
    const metadata = await fetchMetadata(url, options);
    if (metadata) return { metadata, issuer, issuerText: sameIssuer(metadata, typed, url), from: url };
  }
  throw new OAuth2Error('CONFIG', 'issuer-not-found', { facts: { host: issuer.host, uri: plain(issuer) } });
}

/** The document, or undefined where there is none. */
async function fetchMetadata(
  url: URL,
  options: DiscoveryOptions,
): Promise<Record<string, unknown> | undefined> {
  const facts: OAuth2Facts = { provider: 'custom', host: url.host, uri: plain(url) };
  const answer = await followed(url, options).catch(async (cause) => {
    options.signal?.throwIfAborted();
    throw await noAnswer(cause, facts, url, options.agent);
  });
  const { status } = answer;
  if (status === 429 || status >= 500) {
    const reason = status === 429 ? 'server-busy' : 'server-error';
    throw new OAuth2Error('TEMPORARY', reason, { facts: { ...facts, status } });
  }
  // A page of HTML where the document should be: some servers answer every address with their front page.
  return status === 200 && isRecord(answer.json) && !Array.isArray(answer.json) ? answer.json : undefined;
}

/** Redirects a document may lie behind. */
const MOST_REDIRECTS = 5;

/** A GET that carries nothing may be sent on, but only over https, and to no loopback address from elsewhere. */
async function followed(from: URL, options: DiscoveryOptions): Promise<HttpResponse> {
  let url = from;
  for (let count = 0; ; count += 1) {
    const answer = await exchange(url, options);
    const { location } = answer.headers;
    if (![301, 302, 303, 307, 308].includes(answer.status) || location === undefined) return answer;
    const next = URL.canParse(location, url) ? new URL(location, url) : undefined;
    const isSafe =
      next?.protocol === 'https:' && url.protocol === 'https:' && (!isLoopback(next) || isLoopback(from));
    if (!isSafe || count === MOST_REDIRECTS) {
      throw documentMoved({ url, ...answer });
    }
    url = next;
  }
}

/** @returns the issuer as the document writes it */
function sameIssuer({ issuer }: Record<string, unknown>, typed: string, from: URL): string {
  // RFC 8414 section 3.3: identical. A slash at the end is all that may differ from what was typed.
  if (typeof issuer === 'string' && issuer.replace(/\/$/, '') === typed.replace(/\/$/, '')) return issuer;
  const detail = typeof issuer === 'string' ? redact(issuer).slice(0, 200) : '';
  throw new OAuth2Error('CONFIG', detail ? 'issuer-wrong' : 'issuer-unnamed', {
    facts: { uri: plain(from), ...(detail && { detail }) },
  });
}

function fromDocument({ metadata, issuer, issuerText, from }: Discovered): Endpoints {
  const at = (key: string): URL | undefined => {
    const value = metadata[key];
    if (value === undefined || value === null) return undefined;
    // Not made into text: an object may bring a `toString` that cannot be called.
    const url = endpoint(typeof value === 'string' ? value : '', key);
    // What a server on the network says must not send us knocking about on our own machine.
    if (isLoopback(url) && !isLoopback(issuer)) {
      throw new OAuth2Error('CONFIG', 'endpoint-insecure', { facts: { uri: plain(url), detail: key } });
    }
    return url;
  };
  const token = at('token_endpoint');
  if (!token) throw new OAuth2Error('CONFIG', 'token-url-missing', { facts: { uri: plain(from) } });
  const authorization = at('authorization_endpoint');
  const device = at('device_authorization_endpoint');
  const revocation = at('revocation_endpoint');
  const registration = at('registration_endpoint');
  return {
    issuer,
    issuerText,
    issuerPromised: metadata.authorization_response_iss_parameter_supported === true,
    token,
    ...(authorization && { authorization }),
    ...(device && { device }),
    ...(revocation && { revocation }),
    ...(registration && { registration }),
  };
}

function given<Key extends string>(key: Key, value: string | undefined, name: string): { [K in Key]?: URL } {
  return value?.trim() ? ({ [key]: endpoint(value, name) } as { [K in Key]?: URL }) : {};
}

/** An address that a secret may be sent to. */
function endpoint(
  value: string,
  name: string,
  malformed: 'endpoint-malformed' | 'issuer-malformed' = 'endpoint-malformed',
): URL {
  const text = value.trim();
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password) {
    throw new OAuth2Error('CONFIG', malformed, { facts: { detail: name } });
  }
  if (url.protocol !== 'https:' && !isLoopback(url)) {
    throw new OAuth2Error('CONFIG', 'endpoint-insecure', { facts: { uri: plain(url), detail: name } });
  }
  url.hash = '';
  return url;
}

/** As plain JSON, to be kept while a person signs in. */
export function writeEndpoints(endpoints: Endpoints): Record<string, string | boolean> {
  return Object.fromEntries(
    Object.entries(endpoints).map(([name, value]) => [name, value instanceof URL ? value.href : value]),
  );
}

export function readEndpoints(written: Record<string, string | boolean>): Endpoints {
  return Object.fromEntries(
    Object.entries(written).map(([name, value]) => [
      name,
      typeof value === 'string' && name !== 'issuerText' ? new URL(value) : value,
    ]),
  ) as unknown as Endpoints;
}
