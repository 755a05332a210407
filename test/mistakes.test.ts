// What a person finds after each of the usual mistakes: a sentence, a status, and one button or field that leads on.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fieldFor, type NextStep, nextStep } from '../nodes/editor/next-step';
import { MailboxError } from '../nodes/mailbox';
import { asMailboxError } from '../nodes/mailbox/from-pop3';
import { nodeError, statusOf, statusTexts, type Translate } from '../nodes/node-red/messages';
import { OAuth2Error } from '../nodes/oauth2';
import { failed } from '../nodes/oauth2/failed-connection';
import { connectError, tlsError } from '../nodes/pop3/connect-error';
import { refusal } from '../nodes/pop3/refusal';
import { parseResponse } from '../nodes/pop3/response';
import { notAReply } from '../nodes/pop3/violations';
import { asAccountError } from '../nodes/runtime/from-oauth2';
import { filesBelow } from './sources';

const LOCALES = join(__dirname, '../locales');
const languages = readdirSync(LOCALES);
/** Where words are divided by spaces. */
const counted = languages.filter((language) => !/^(ja|zh)/.test(language));

type Catalog = Record<string, unknown>;
const catalogs = new Map(
  languages.flatMap((language) =>
    ['pop3-in', 'oauth2-account'].map((set): [string, Catalog] => [
      `${language}/${set}`,
      JSON.parse(readFileSync(join(LOCALES, language, `${set}.json`), 'utf8')),
    ]),
  ),
);

const textOf = (language: string, set: string, key: string): unknown =>
  key
    .split('.')
    .reduce<unknown>((at, part) => (at as Catalog | undefined)?.[part], catalogs.get(`${language}/${set}`));

/** As Node-RED does it: `set:key.of.dots`, `__fact__`, and the key itself where there is nothing. */
const translator =
  (language: string): Translate =>
  (key, facts) => {
    const [set = '', path = ''] = key.replace('@redletter/node-red-pop3/', '').split(':');
    const found = textOf(language, set, path);
    if (typeof found !== 'string') return path;
    return found.replace(/__(\w+?)__/g, (place, name: string) => String(facts?.[name] ?? place));
  };

const FACTS = { host: 'pop.example.com', port: 995, user: 'alice@example.com' };
const system = (code: string): Error => Object.assign(new Error(code), { code });
/** A server's refusal of a login. */
const refused = (line: string, token = false): Error => {
  const response = parseResponse(line) ?? assert.fail(line);
  return refusal(response, 'login', 'PASS', { login: { token, encrypted: true, offersTls: false } });
};
const account = (error: OAuth2Error): MailboxError => asAccountError(error) as MailboxError;
const store = (reason: 'disk-full' | 'folder-unwritable'): MailboxError =>
  new MailboxError('STORE', reason, { facts: { folder: '/data', file: '/data/ledger', system: 'ENOSPC' } });

/** Each mistake as the code that meets it tells it, the status, and what leads on: a field, or a button. */
const MISTAKES: Record<string, [error: Error, status: string, step: NextStep | `field ${string}`]> = {
  'wrong address': [connectError(system('ENOTFOUND')), 'host not found', 'field host'],
  'wrong port': [connectError(system('ECONNREFUSED')), 'connection refused', 'field port'],
  'wrong protocol': [notAReply('* OK IMAP4rev1 ready', undefined), 'not a POP3 server', 'field port'],
  'wrong password': [refused('-ERR [AUTH] Invalid credentials'), 'wrong password', 'field password'],
  'wrong certificate': [
    tlsError(system('DEPTH_ZERO_SELF_SIGNED_CERT')),
    'untrusted certificate',
    'field tls',
  ],
  'provider down': [
    account(failed(system('ECONNREFUSED'), { host: 'id.example.com' })),
    'sign-in unavailable',
    'sign-in',
  ],
  'POP off': [
    refused('-ERR [SYS/PERM] Your account is not enabled for POP access.'),
    'POP disabled',
    'check',
  ],
  'expired sign-in': [
    account(new OAuth2Error('SIGN_IN_AGAIN', 'sign-in-expired')),
    'sign in again',
    'sign-in',
  ],
  'locked mailbox': [refused('-ERR [IN-USE] mailbox is locked'), 'mailbox in use', 'check'],
  'disk full': [store('disk-full'), 'disk full', 'check'],
  'folder unwritable': [store('folder-unwritable'), 'cannot store', 'check'],
  'no network': [connectError(system('EAI_AGAIN')), 'DNS unavailable', 'check'],
  'other person': [refused('-ERR [AUTH] Authentication failed.', true), 'mailbox refused', 'field account'],
  'missing account': [
    new MailboxError('CONFIG', 'account-missing', { retryable: false }),
    'no account',
    'field account',
  ],
};

describe('the usual mistakes', () => {
  const form = [...filesBelow('nodes', '.html').values()].join('\n');
  const card = filesBelow('nodes/editor/health', '.ts').get('nodes/editor/health/mailbox.ts') ?? '';

  for (const [name, [thrown, status, step]] of Object.entries(MISTAKES)) {
    const error = asMailboxError(thrown, FACTS);

    it(`${name}: "${status}", then ${step}`, () => {
      const shown = statusOf({ is: 'failed', error });
      assert.deepEqual(shown, { fill: 'red', shape: 'ring', text: status });
      const field = fieldFor(error.reason);
      const leads = nextStep(error);
      assert.equal(leads === 'field' ? `field ${field}` : leads, step);
      if (leads === 'field') assert.ok(form.includes(`id="node-input-${field}"`), field);
      // The buttons are on the mailbox's card.
      else assert.match(card, leads === 'check' ? /\(api\) => api\.check\(\)/ : /redletter-sign-in-again/);
    });

    it(`${name}: a sentence for the debug sidebar, in every language`, () => {
      const english = String(nodeError(error, translator('en-US')));
      for (const language of languages) {
        const told = nodeError(error, translator(language));
        // The debug sidebar shows a string; a Catch node reads the code.
        assert.ok(told instanceof String && told.code === error.code);
        const said = String(told);
        assert.match(said, /^\S.{12,}[.。!?”“」»"]$/su, `${language}: ${said}`);
        assert.doesNotMatch(said, /__|undefined|\[object|MailboxError/, language);
        if (language !== 'en-US') assert.notEqual(said, english, language);
      }
    });
  }

  it('and every other status: at most four words where words can be counted', () => {
    assert.ok(statusTexts.length > 40 && counted.length === 7);
    for (const language of counted) {
      for (const key of statusTexts) {
        const text = textOf(language, 'pop3-in', key);
        assert.equal(typeof text, 'string', `${language}: ${key}`);
        assert.ok(String(text).split(/\s+/).length <= 4, `${language}: ${text}`);
      }
    }
  });
});
