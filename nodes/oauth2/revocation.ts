import { identify, identifyInForm } from './client-authentication';
import { failed, isRecord, retryAfter } from './errors';
import { exchange } from './http';
import { judgedBy, refused } from './refusals';
import type { RenewalContext } from './renewal';
import type { Tokens } from './tokens';

/**
 * Has the tokens revoked (RFC 7009 section 2). The refresh token is named where there is one: with it goes every
 * access token made from it.
 * @returns false where the provider has no revocation endpoint
 * @throws {OAuth2Error}
 */
export async function revokeToken(context: RenewalContext, tokens: Tokens): Promise<boolean> {
  const { config, endpoints, agent, now, timeoutMs } = context;
  const url = endpoints.revocation;
  if (!url) return false;
  const facts = { provider: config.provider, host: url.host };
  const { form, headers } = identifyInForm(identify(config, endpoints, now()));
  const answer = await exchange(url, {
    agent,
    timeoutMs,
    form: {
      token: tokens.refreshToken ?? tokens.accessToken,
      token_type_hint: tokens.refreshToken ? 'refresh_token' : 'access_token',
      ...form,
    },
    headers,
  }).catch((cause) => {
    throw failed(cause, facts);
  });
  if (answer.status === 200 || answer.status === 204) return true;
  const said = answer.json;
  // It was void already, which is all that was wanted. (Google says so with an error.)
  if (answer.status === 400 && isRecord(said) && said.error === 'invalid_token') return true;
  const retryAfterMs = retryAfter(answer.headers['retry-after'], now());
  throw refused({
    step: 'revoke',
    ...judgedBy(config, [tokens.refreshToken, tokens.accessToken]),
    host: url.host,
    status: answer.status,
    answer: said,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  });
}
