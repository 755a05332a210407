import { identify, identifyInForm } from './client-authentication';
import { OAuth2Error, retryAfter } from './errors';
import { exchange, noAnswer, readFields } from './http';
import { isRedirect, movedFrom } from './moved';
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
  }).catch(async (cause) => {
    throw await noAnswer(cause, facts, url, agent);
  });
  if (answer.status === 200 || answer.status === 204) return true;
  if (isRedirect(answer.status)) {
    throw movedFrom({ url, ...answer }, config.provider, endpoints.issuer !== undefined);
  }
  const said = readFields(answer.text);
  const retryAfterMs = retryAfter(answer.headers['retry-after'], now());
  const refusal = refused({
    step: 'revoke',
    ...judgedBy(config, [tokens.refreshToken, tokens.accessToken]),
    host: url.host,
    status: answer.status,
    answer: said,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  });
  // It was void already, which is all that was wanted. (Google says so with an error.)
  if (answer.status === 400 && refusal.says('invalid_token')) return true;
  if (said !== undefined || refusal.reason !== 'answer-malformed') throw refusal;
  throw new OAuth2Error('TEMPORARY', 'not-json', { facts: { ...facts, status: answer.status } });
}
