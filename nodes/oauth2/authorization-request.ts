/** The request that takes the browser to the provider's sign-in page. */
import { createHash } from 'node:crypto';
import type { AccountConfig } from './config';
import { providerOf, readEndpoints, scopeOf } from './endpoints';
import type { WaitingForCode } from './sign-in-store';

/** The address of the sign-in page (RFC 6749 section 4.1.1, RFC 7636 section 4.3). */
export function authorizationUrl({ id, config, pending }: WaitingForCode): URL {
  const { redirectUri, state, verifier } = pending;
  const endpoints = readEndpoints(pending.endpoints);
  if (!endpoints.authorization) throw new TypeError('a sign-in without an authorization endpoint');
  const url = new URL(endpoints.authorization);
  const scope = scopeOf(config);
  const parameters = {
    response_type: 'code',
    client_id: config.clientId?.trim() ?? '',
    redirect_uri: redirectUri,
    ...(scope && { scope }),
    state: `${id}.${state}`,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    ...standing(config, url),
    ...(pending.anotherPerson && { prompt: choosing(config, url) }),
    ...(config.user?.trim() && { login_hint: config.user.trim() }),
  };
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return url;
}

/** The provider's own parameters. One typed into the authorization URL counts for more, and so does the account's prompt. */
function standing(config: AccountConfig, url: URL): Record<string, string> {
  const parameters = { ...providerOf(config).authorizationParameters };
  if (config.provider === 'custom' && config.prompt !== undefined) {
    if (config.prompt === '') delete parameters.prompt;
    else parameters.prompt = config.prompt;
  }
  return Object.fromEntries(Object.entries(parameters).filter(([name]) => !url.searchParams.has(name)));
}

/** The `prompt` in force, and with it the one that lets the person choose; `none` forbids the choice. */
function choosing(config: AccountConfig, url: URL): string {
  const prompt = url.searchParams.get('prompt') ?? standing(config, url).prompt ?? '';
  const choose = providerOf(config).choosePrompt ?? 'login';
  const words = prompt.split(/\s+/).filter((word) => word !== '' && word !== 'none');
  return [...new Set([choose, ...words])].join(' ');
}
