/** Every text of the dialogs and the sidebar: looked up in the catalogs, in the language of the editor. */
import type { ErrorResponse, Facts } from '../admin/protocol';

type CatalogName = 'pop3-in' | 'oauth2-account';

/** Undefined where the catalog has no such text. A fact that is missing leaves a gap. */
function lookUp(catalog: CatalogName, key: string, facts: Facts = {}): string | undefined {
  const text = RED._(`@redletter/node-red-pop3/${catalog}:${key}`, facts).replace(/__\w+?__/g, '');
  // A key without a text comes back as it is, with or without its catalog.
  return text.endsWith(key) && (text === key || text.endsWith(`:${key}`)) ? undefined : text;
}

/** A text of the catalog of `pop3 in`, which the sidebar uses too. */
export const word = (key: string, facts?: Facts): string => lookUp('pop3-in', key, facts) ?? key;

/** A text of the catalog of `oauth2-account`. */
export const accountWord = (key: string, facts?: Facts): string =>
  lookUp('oauth2-account', key, facts) ?? key;

const ACCOUNT = 'account/';

/**
 * A sentence for an error, in the reader's language.
 * @param where `dialog`: the person who reads it has just tried something, and nothing retries by itself
 */
export function sentenceOf(
  { code, reason = '', facts, message }: ErrorResponse,
  where: 'dialog' | 'running' = 'dialog',
  catalog: CatalogName = 'pop3-in',
): string | undefined {
  const ofAccount = reason.startsWith(ACCOUNT);
  const about = ofAccount ? reason.slice(ACCOUNT.length) : reason;
  const its = ofAccount ? 'oauth2-account' : catalog;
  const prefixes = where === 'dialog' ? ['dialog', 'errors'] : ['errors'];
  const tried = [
    ...(about === '' ? [] : prefixes.map((prefix) => lookUp(its, `${prefix}.${about}`, facts))),
    ...(code === undefined ? [] : prefixes.map((prefix) => lookUp('pop3-in', `${prefix}.${code}`, facts))),
  ];
  // The account has sentences for reasons only; the runtime's own is better than one for a code.
  if (its === 'oauth2-account') tried.splice(prefixes.length, tried.length, message);
  const told = tried.find((text) => text !== undefined) ?? message;
  // A sentence is a guess at what the server means: its own words stand beside it.
  const words = its === 'oauth2-account' ? facts?.said : facts?.response;
  const said = typeof words === 'string' ? words.replace(/^[-+]err\s*/i, '') : '';
  if (!told || said === '' || told.includes(said)) return told;
  return `${told} ${word('errors.serverSaid', { response: said })}`;
}

/** A status is its own key, and in English its own text. */
export const statusWord = (text: string, key = text, facts: Facts = {}): string =>
  lookUp('pop3-in', key, facts) ?? text;

/** The language of the editor. */
export const language = (): string => RED.i18n.lang?.() || navigator.language || 'en-US';

/** "12 kB", "3.4 MB". */
export function formatSize(bytes: number): string {
  const [unit, size] = bytes < 1024 * 1024 ? ['kB', bytes / 1024] : ['MB', bytes / 1024 / 1024];
  const digits = size < 10 ? 1 : 0;
  return `${size.toLocaleString(language(), { maximumFractionDigits: digits })} ${unit}`;
}

/** "42 seconds", "55 minutes". */
export function formatDuration(seconds: number): string {
  const [unit, length] = seconds < 120 ? ['second', 1] : ['minute', 60];
  const format = new Intl.NumberFormat(language(), { style: 'unit', unit, unitDisplay: 'long' });
  return format.format(Math.max(0, Math.round(seconds / length)));
}

/** "1 day", "30 days". */
export const formatDays = (days: number): string =>
  new Intl.NumberFormat(language(), { style: 'unit', unit: 'day', unitDisplay: 'long' }).format(days);

export function formatDay(iso: string | undefined): string {
  const time = new Date(iso ?? '');
  return Number.isNaN(time.getTime())
    ? (iso ?? '')
    : time.toLocaleDateString(language(), { dateStyle: 'medium' });
}

/** Date and time, both short; empty where there is none. */
export function formatTime(at: string | number | undefined): string {
  const time = new Date(at ?? '');
  return Number.isNaN(time.getTime())
    ? ''
    : time.toLocaleString(language(), { dateStyle: 'short', timeStyle: 'short' });
}
