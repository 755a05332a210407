import { readCredential, signAssertion } from './assertion';
import type { AccountConfig } from './config';
import { type Endpoints, providerOf } from './endpoints';
import { OAuth2Error } from './errors';

/** A client identifies itself by two parameters, in the body or as user name and password of the Authorization header. */
export interface Identification {
  in: 'body' | 'header';
  /** Name and value. */
  first: readonly [name: string, value: string];
  /** Name and value; in a header only the value counts. */
  second: readonly [name: string, value: string];
  /** Sent in the body besides. */
  parameters?: Record<string, string>;
}

/** RFC 7523 section 2.2. */
const JWT_BEARER = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/**
 * How this account's application identifies itself at the token endpoint (RFC 6749 section 2.3). A client without a
 * secret names itself and nothing else: an empty secret is refused by Entra.
 * @throws {OAuth2Error} `CONFIG`
 */
export function identify(config: AccountConfig, endpoints: Endpoints, now: number): Identification {
  const facts = { provider: config.provider };
  const id = config.clientId?.trim();
  if (!id) throw new OAuth2Error('CONFIG', 'client-id-missing', { facts });
  if (config.clientAuth === 'private_key_jwt') {
    // The issuer, where it is known, since an assertion for it alone is of no use to any other server.
    const aud = endpoints.issuerText ?? endpoints.token.href;
    return {
      in: 'body',
      first: ['client_id', id],
      second: ['client_assertion', signAssertion(readCredential(config), { iss: id, sub: id, aud }, now)],
      parameters: { client_assertion_type: JWT_BEARER },
    };
  }
  const secret = config.clientSecret;
  if (secret) {
    return {
      in: config.clientAuth === 'header' ? 'header' : 'body',
      first: ['client_id', id],
      second: ['client_secret', secret],
    };
  }
  if (providerOf(config).clientSecret === 'required' || config.grant === 'client_credentials') {
    throw new OAuth2Error('CONFIG', 'secret-missing', { facts });
  }
  // The id alone, by giving it as both parameters.
  return { in: 'body', first: ['client_id', id], second: ['client_id', id] };
}

/** The same for a request that is not made by the token client: fields of the form, and headers. */
export function identifyInForm(identification: Identification): {
  form: Record<string, string>;
  headers: Record<string, string>;
} {
  const { in: place, first, second, parameters } = identification;
  if (place === 'body')
    return { form: { ...Object.fromEntries([first, second]), ...parameters }, headers: {} };
  // RFC 6749 section 2.3.1: both parts form-encoded, then as RFC 7617 has it.
  const encode = (text: string) => new URLSearchParams({ '': text }).toString().slice(1);
  const credentials = Buffer.from(`${encode(first[1])}:${encode(second[1])}`).toString('base64');
  return { form: { ...parameters }, headers: { authorization: `Basic ${credentials}` } };
}
