import { type AccountConfig, type Grant, isMicrosoft, secretsOf } from './config';
import { OAuth2Error, type OAuth2Facts } from './errors';
import { providers } from './providers';
import { redact } from './redact';
import { readRefusal } from './refusal-answer';
import { type Proof, type Row, refusals, type Step } from './refusal-table';

/** The words of the standards and of the table: shown as they are, whatever a secret may happen to be. */
const WORDS: ReadonlySet<string> = new Set([
  'authorization_pending',
  'invalid_grant',
  'invalid_request',
  ...refusals.flatMap(({ error }) => error ?? []),
]);

/** What some servers put where a description belongs, and that says nothing. */
const EMPTY_WORDS = /^(bad request|unauthorized|forbidden|error)\.?$/i;

/** What is known of an answer that refuses. */
export interface Refusal {
  step: Step;
  provider: string;
  grant?: Grant | undefined;
  /** How the application proved itself; absent: not known. */
  proof?: Proof | undefined;
  host?: string;
  /** HTTP status, where it came over HTTP from the server. */
  status?: number;
  /** The parsed body or the query: anything at all. */
  answer: unknown;
  /** Milliseconds, from Retry-After. */
  retryAfterMs?: number;
  /** To be struck out of the server's words. */
  secrets?: readonly (string | undefined)[];
  /** The redirect URI in use, for the sentence about one that is not registered. */
  redirectUri?: string | undefined;
}

/** What of the account a refusal is judged by. */
export const judgedBy = (
  config: AccountConfig,
  secrets: readonly (string | undefined)[] = [],
): Pick<Refusal, 'provider' | 'grant' | 'secrets' | 'proof'> => ({
  provider: config.provider,
  grant: config.grant,
  proof: proofOf(config),
  // The person's address is theirs to see in the dialog, and must not be in a log or status.
  secrets: [...secretsOf(config), ...secrets, config.user?.trim() || undefined],
});

function proofOf({ provider, grant, clientAuth, clientSecret }: AccountConfig): Proof {
  if (providers[provider]?.clientSecret === 'none') return 'never';
  if (clientAuth === 'private_key_jwt' && grant !== 'service_account') return 'key';
  if (grant === 'service_account' && !(provider === 'custom' && clientSecret)) return 'key';
  return clientSecret ? 'secret' : 'none';
}

/** Makes the error of a server's refusal. */
export function refused(refusal: Refusal): OAuth2Error {
  const { provider, host, status, answer, retryAfterMs, secrets, redirectUri } = refusal;
  const read = readRefusal(answer, WORDS);
  const { given, word, subtype } = read;
  // Only Microsoft has numbers; a provider of one's own may be Microsoft too.
  const numbers = isMicrosoft(provider) || provider === 'custom' ? read.numbers : [];
  const shown = given && word && (WORDS.has(word) ? word : redact(given, secrets).slice(0, 64));
  const description = read.description && redact(read.description, secrets);
  const words = `${subtype ?? ''} ${read.description ?? ''}`;
  const row = refusals.find((row) => fits(row, refusal, word, numbers, words));
  const aadsts = numbers.find((number) => row?.aadsts?.includes(number)) ?? numbers[0];
  const facts: OAuth2Facts = {
    provider,
    ...(host && { host }),
    ...(status && { status }),
    ...(shown && { error: shown }),
    ...(aadsts && { aadsts }),
    ...(description && { description }),
    ...(redirectUri && { uri: redirectUri }),
  };
  const spoken = description && !EMPTY_WORDS.test(description) ? description : undefined;
  const later = (reason: 'server-busy' | 'server-error'): OAuth2Error => {
    const said = [shown, spoken].filter(Boolean).join(': ');
    return made('TEMPORARY', reason, said);
  };
  const made = (code: Row['code'], reason: Row['reason'], said?: string): OAuth2Error =>
    new OAuth2Error(code, reason, {
      facts: said ? { ...facts, said } : facts,
      word,
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    });
  // Whatever the body says: a server that answers so is not able to judge the request just now.
  if (status === 429 || status === 408) return later('server-busy');
  if (status !== undefined && status >= 500) return later('server-error');
  if (row?.aadsts || row?.says) return made(row.code, row.reason);
  if (!word) return made('TEMPORARY', description ? 'request-refused' : 'answer-malformed');
  if (!row) return made('CONFIG', 'request-refused');
  // A number without a row is not guessed at by the word beside it: the server's own words say more.
  const isGuess = aadsts !== undefined && spoken !== undefined && row.code !== 'TEMPORARY';
  // What is judged by its word alone may mean something else: the server's own words belong to it.
  return isGuess ? made(row.code, 'request-refused') : made(row.code, row.reason, spoken);
}

function fits(
  row: Row,
  { step, provider, grant, proof }: Refusal,
  error: string | undefined,
  numbers: readonly number[],
  words: string,
): boolean {
  const isAmong = <T>(list: readonly T[] | undefined, value: T | undefined): boolean =>
    list === undefined || (value !== undefined && list.includes(value));
  return (
    isAmong(typeof row.error === 'string' ? [row.error] : row.error, error) &&
    (row.aadsts === undefined || numbers.some((number) => row.aadsts?.includes(number))) &&
    (row.provider === undefined || provider === row.provider || provider.startsWith(`${row.provider}-`)) &&
    (row.isWorldwide === undefined || provider === 'microsoft') &&
    isAmong(row.step, step) &&
    isAmong(row.grant, grant) &&
    (row.proof === undefined || proof === undefined || row.proof.includes(proof)) &&
    (row.says === undefined || row.says.test(words))
  );
}
