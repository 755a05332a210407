// What a person finds after each of the usual mistakes: a sentence, a status, and one button or field that leads on.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { systemClock } from '../nodes/base/clock';
import { fieldFor, type NextStep, nextStep } from '../nodes/editor/next-step';
import { asMailboxError, fileLog, Ledger, MailboxError } from '../nodes/mailbox';
import type { TokenAccount } from '../nodes/node-red/account';
import type { Pop3InProperties } from '../nodes/node-red/mail-server';
import { nodeError, statusOf, statusTexts } from '../nodes/node-red/messages';
import { type AccountConfig, bindingOf } from '../nodes/oauth2';
import { Accounts } from '../nodes/runtime/accounts';
import { FolderLock } from '../nodes/runtime/folder-lock';
import { TokenVault } from '../nodes/runtime/token-vault';
import { loopbackCertificate } from '../servers/certificates';
import { freePorts } from '../servers/ports';
import { type ScriptedOptions, startScripted } from '../servers/scripted-pop3';
import { startTokenEndpoint } from '../servers/token-endpoint';
import { caught, met, USER } from './met';
import { inNetworkOfItsOwn, needsNetwork } from './pop3/own-network';
import { filesBelow } from './sources';
import { languages, textOf, translator } from './translator';

/** Where words are divided by spaces. */
const counted = languages.filter((language) => !/^(ja|zh)/.test(language));

/** The same in a network without a way out. */
async function metWithoutNetwork(): Promise<Error> {
  const child = JSON.stringify(join(__dirname, 'no-network-child.ts'));
  const { stdout } = await promisify(execFile)(
    ...inNetworkOfItsOwn('true', `exec node --require tsx/cjs ${child}`),
  );
  const { code, reason, facts } = JSON.parse(stdout);
  return new MailboxError(code, reason, { facts });
}

/** The same at a server that says and shows what it is told to. */
async function metAt(script: ScriptedOptions, more: Partial<Pop3InProperties> = {}, token?: TokenAccount) {
  const server = await startScripted(script);
  try {
    return await met({ port: server.port, ...more }, token && { token });
  } finally {
    await server.close();
  }
}
const refused = (line: string): Promise<Error> =>
  metAt({ capabilities: ['USER'], commands: { PASS: () => `${line}\r\n` } });

const account = (token: TokenAccount['token']): TokenAccount =>
  ({ account: { provider: 'custom', user: USER }, state: { kind: 'signed-in' }, token }) as TokenAccount;

/** What a check meets whose access token has to be renewed at that address. */
async function metRenewing(tokenUrl: string): Promise<Error> {
  const kept = new Map<string, unknown>();
  const settings = {
    get: (key: string) => kept.get(key),
    set: async (key: string, value: unknown) => void kept.set(key, value),
  };
  const accounts = new Accounts(new TokenVault({ settings }));
  const config: AccountConfig = {
    provider: 'custom',
    grant: 'authorization_code',
    tokenUrl,
    clientId: 'client',
    user: USER,
  };
  const tokens = { accessToken: 'old', refreshToken: 'old', expiresAt: 1, obtainedAt: 0, signedInAt: 0 };
  await accounts.signedIn({ account: 'a', binding: bindingOf(config), tokens });
  const loan = accounts.borrow('a', config);
  try {
    return await met(
      { auth: 'oauth2', port: 1 },
      { token: account((question) => loan.source.token(question)) },
    );
  } finally {
    loan.giveBack();
  }
}

/** What records a delivery, in a folder that is none, and on a disk that is full. */
async function metStoring(isFull: boolean): Promise<Error> {
  const folder = await mkdtemp(join(tmpdir(), 'redletter-mistakes-'));
  try {
    if (!isFull) {
      await writeFile(join(folder, 'file'), '');
      const lock = new FolderLock(join(folder, 'file'), systemClock);
      return await caught(lock.acquire(new AbortController().signal));
    }
    const full = (path: string, flags: string | number, mode?: number) =>
      open(path.endsWith('.ledger') && typeof flags === 'number' ? '/dev/full' : path, flags, mode);
    await writeFile(join(folder, 'a.ledger'), '');
    return await caught(
      Ledger.open(fileLog(join(folder, 'a.ledger'), full)).then((ledger) => ledger.recordBaseline([])),
    );
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Each mistake as it is met, the status, and what leads on: a field, or a button. */
const MISTAKES: Record<
  string,
  [meet: () => Promise<Error>, status: string, step: NextStep | `field ${string}`]
> = {
  'wrong address': [
    () => met({ host: 'no-such-host.invalid', port: 995, security: 'tls' }),
    'host not found',
    'field host',
  ],
  'no network': [metWithoutNetwork, 'DNS unavailable', 'check'],
  'wrong port': [async () => met({ port: (await freePorts(1))[0] }), 'connection refused', 'field port'],
  'wrong protocol': [
    () => metAt({ greeting: '* OK IMAP4rev1 ready\r\n' }),
    'not a POP3 server',
    'field port',
  ],
  'wrong password': [() => metAt({ allow: () => false }), 'wrong password', 'field password'],
  'wrong certificate': [
    () => metAt({ tls: 'implicit', ...loopbackCertificate() }, { security: 'tls' }),
    'untrusted certificate',
    'field tls',
  ],
  'provider down': [
    async () => metRenewing(`http://127.0.0.1:${(await freePorts(1))[0]}/token`),
    'sign-in unavailable',
    'check',
  ],
  'POP off': [
    () => refused('-ERR [SYS/PERM] Your account is not enabled for POP access.'),
    'POP disabled',
    'check',
  ],
  'expired sign-in': [
    async () => {
      const endpoint = await startTokenEndpoint({ status: 400, body: { error: 'invalid_grant' } });
      return metRenewing(endpoint.url).finally(() => endpoint.close());
    },
    'sign in again',
    'sign-in',
  ],
  'locked mailbox': [() => refused('-ERR [IN-USE] mailbox is locked'), 'mailbox in use', 'check'],
  'disk full': [() => metStoring(true), 'disk full', 'check'],
  'folder unwritable': [() => metStoring(false), 'cannot store', 'check'],
  'other person': [
    () =>
      metAt(
        {
          capabilities: ['SASL XOAUTH2', 'SASL-IR'],
          commands: { AUTH: () => '-ERR [AUTH] Authentication failed.\r\n' },
        },
        { auth: 'oauth2' },
        account(async () => ({ accessToken: "another person's", expiresAt: Date.now() + 3_600_000 })),
      ),
    'mailbox refused',
    'field account',
  ],
  'missing account': [() => met({ auth: 'oauth2', port: 995 }), 'no account', 'field account'],
};

describe('the usual mistakes', () => {
  const form = [...filesBelow('nodes', '.html').values()].join('\n');
  const cards = [...filesBelow('nodes/editor/health', '.ts').values()].join('\n');

  for (const [name, [meet, status, step]] of Object.entries(MISTAKES)) {
    let error: MailboxError;

    it(`${name}: "${status}", then ${step}`, async function () {
      this.timeout(10_000);
      if (meet === metWithoutNetwork) needsNetwork('true', 'a network of its own').call(this);
      error = asMailboxError(await meet(), { host: 'pop.example.com', port: 995, user: USER });
      const shown = statusOf({ is: 'failed', error });
      assert.deepEqual(shown, { fill: 'red', shape: 'ring', text: status });
      const field = fieldFor(error.reason);
      const leads = nextStep(error);
      assert.equal(leads === 'field' ? `field ${field}` : leads, step);
      if (leads === 'field') assert.ok(form.includes(`id="node-input-${field}"`), field);
      // The buttons are on the mailbox's card, and beside its status.
      else assert.match(cards, leads === 'check' ? /\(api\) => api\.check\(\)/ : /redletter-sign-in-again/);
    });

    it(`${name}: a sentence for the debug sidebar, in every language`, function () {
      if (error === undefined && meet === metWithoutNetwork) this.skip();
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

  it('what the account is the cause of leads to it, unless it passes by itself', () => {
    for (const [code, reason, step] of [
      ['SIGN_IN_AGAIN', 'account/sign-in-revoked', 'sign-in'],
      ['CONFIG', 'account/secret-expired', 'account'],
      ['TLS', 'account/certificate-untrusted', 'account'],
      ['CONNECT', 'account/proxy-failed', 'account'],
      ['CONNECT', 'account/host-not-found', 'check'],
      ['TIMEOUT', 'account/timeout', 'check'],
      ['SYS_TEMP', 'account/server-error', 'check'],
    ] as const)
      assert.equal(nextStep({ code, reason }), step, reason);
  });

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
