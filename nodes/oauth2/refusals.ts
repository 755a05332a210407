import { type AccountConfig, type Grant, secretsOf } from './config';
import { isRecord, OAuth2Error, type OAuth2Facts } from './errors';
import { redact } from './redact';
import { type Row, refusals, type Step } from './refusal-table';

/** What a server that gives numbers says of nearly everything; without a row for the number, its own words say more. */
const VAGUE: ReadonlySet<string> = new Set(['invalid_grant', 'access_denied']);

/** The words of the standards and of the table: shown as they are, whatever a secret may happen to be. */
const WORDS: ReadonlySet<string> = new Set([
  'authorization_pending',
  'invalid_grant',
  'invalid_request',
  ...refusals.flatMap(({ error }) => error ?? []),
]);

/** What is known of an answer that refuses. */
export interface Refusal {
  step: Step;
  provider: string;
  grant?: Grant | undefined;
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
): Pick<Refusal, 'provider' | 'grant' | 'secrets'> => ({
  provider: config.provider,
  grant: config.grant,
  // The person's address is theirs to see in the dialog, and must not be in a log or status.
  secrets: [...secretsOf(config), ...secrets, config.user?.trim() || undefined],
});

/** Makes the error of a server's refusal. */
export function refused(refusal: Refusal): OAuth2Error {
  const { provider, host, status, answer, retryAfterMs, secrets, redirectUri } = refusal;
  const said: Record<string, unknown> = isRecord(answer) ? answer : {};
  // Some servers answer { error: { code | type, message } } in the manner of their other interfaces.
  const inner: Record<string, unknown> = isRecord(said.error) ? said.error : {};
  const given = text(said.error) ?? text(inner.code) ?? text(inner.type) ?? text(inner.status);
  // Compared whatever its case, since some servers write it in capitals.
  const error = given?.trim().toLowerCase();
  const description = text(said.error_description) ?? text(inner.message);
  const subtype = text(said.error_subtype);
  const aadsts = numberOf(said.error_codes, description);
  const facts: OAuth2Facts = {
    provider,
    ...(host && { host }),
    ...(status && { status }),
    ...(given && error && { error: WORDS.has(error) ? error : redact(given, secrets).slice(0, 64) }),
    ...(aadsts && { aadsts }),
    ...(description && { description: redact(description, secrets) }),
    ...(redirectUri && { uri: redirectUri }),
  };
  const options = { facts, word: error, ...(retryAfterMs !== undefined && { retryAfterMs }) };
  // Whatever the body says: a server that answers so is not able to judge the request just now.
  if (status === 429 || status === 408) return new OAuth2Error('TEMPORARY', 'server-busy', options);
  if (status !== undefined && status >= 500) return new OAuth2Error('TEMPORARY', 'server-error', options);
  if (!error) return new OAuth2Error('TEMPORARY', 'answer-malformed', options);
  const words = `${subtype ?? ''} ${description ?? ''}`;
  const row = refusals.find((row) => fits(row, refusal, error, aadsts, words));
  const isGuess = aadsts !== undefined && !!description && VAGUE.has(error) && !row?.aadsts && !row?.says;
  return new OAuth2Error(row?.code ?? 'CONFIG', (!isGuess && row?.reason) || 'request-refused', options);
}

function fits(
  row: Row,
  { step, provider, grant }: Refusal,
  error: string,
  aadsts: number | undefined,
  words: string,
): boolean {
  return (
    (row.error === undefined ||
      (typeof row.error === 'string' ? row.error === error : row.error.includes(error))) &&
    (row.aadsts === undefined || (aadsts !== undefined && row.aadsts.includes(aadsts))) &&
    (row.provider === undefined || provider === row.provider || provider.startsWith(`${row.provider}-`)) &&
    (row.step === undefined || row.step.includes(step)) &&
    (row.grant === undefined || (grant !== undefined && row.grant.includes(grant))) &&
    (row.says === undefined || row.says.test(words))
  );
}

function numberOf(codes: unknown, description: string | undefined): number | undefined {
  const [first] = Array.isArray(codes)
    ? codes.map(Number).filter((code) => Number.isSafeInteger(code) && code > 0)
    : [];
  if (first !== undefined) return first;
  const match = /AADSTS(\d{4,8})\b/.exec(description ?? '');
  return match ? Number(match[1]) : undefined;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
