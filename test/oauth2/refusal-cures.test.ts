// What a refusal's sentence tells a person to do, judged by what can help at all: by the answer and the account, and
// without a look at the table that chose the sentence.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type AccountConfig, type Grant, type OAuth2Error, providers } from '../../nodes/oauth2';
import { refusals, type Step } from '../../nodes/oauth2/refusal-table';
import { judgedBy, refused } from '../../nodes/oauth2/refusals';
import { root } from '../sources';

type Catalog = { errors: Record<string, string>; dialog: Record<string, string> };
const languages = readdirSync(join(root, 'locales'));
const catalogs = new Map<string, Catalog>(
  languages.map((language) => [
    language,
    JSON.parse(readFileSync(join(root, 'locales', language, 'oauth2-account.json'), 'utf8')),
  ]),
);
const english = catalogs.get('en-US') ?? assert.fail();

interface Situation {
  config: AccountConfig;
  step: Step;
  word: string;
  number?: number | undefined;
  says?: string;
  status?: number;
}

const STEPS: Record<Grant, readonly Step[]> = {
  authorization_code: ['authorize', 'code', 'refresh', 'revoke'],
  device_code: ['device', 'refresh', 'revoke'],
  refresh_token: ['refresh', 'revoke'],
  client_credentials: ['client', 'revoke'],
  service_account: ['client', 'revoke'],
};

/** Every kind of account that can be set up: provider, grant, and by what the application proves itself. */
function* accounts(): Generator<AccountConfig> {
  for (const provider of [
    'google',
    'microsoft',
    'microsoft-us',
    'microsoft-dod',
    'microsoft-cn',
    'fastmail',
    'comcast',
    'custom',
  ]) {
    const row = providers[provider] ?? assert.fail(provider);
    for (const grant of row.grants) {
      const base = { provider, grant, clientId: 'client', user: 'alice@example.test' };
      if (row.clientSecret !== 'required') yield base;
      if (row.clientSecret !== 'none') yield { ...base, clientSecret: 'canary-secret' };
      if (row.clientSecret === 'optional')
        yield { ...base, clientAuth: 'private_key_jwt', privateKey: 'canary' };
    }
  }
}

function* situations(): Generator<Pick<Situation, 'config' | 'step'>> {
  for (const config of accounts()) for (const step of STEPS[config.grant]) yield { config, step };
}

const isApp = ({ grant }: AccountConfig): boolean =>
  grant === 'client_credentials' || grant === 'service_account';
const isMicrosoft = ({ provider }: AccountConfig): boolean => provider.startsWith('microsoft');
/** Others than Microsoft have no numbers, and a provider of one's own may be Microsoft. */
const knowsNumbers = (config: AccountConfig): boolean => isMicrosoft(config) || config.provider === 'custom';
const sendsSecret = ({ grant, provider, clientAuth, clientSecret }: AccountConfig): boolean =>
  !!clientSecret &&
  clientAuth !== 'private_key_jwt' &&
  !(grant === 'service_account' && provider === 'google');

/** Conditional access, whatever else the number says: the same person on the same device is refused again. */
const POLICY = new Set([50097, 50129, 50155, 53000, 53001, 53002, 53003, 53009, 53011, 530032, 530034]);
/** The application is known to be a public client. */
const PUBLIC = new Set([700025, 90023]);
const REDIRECT = new Set([50011, 500113, 70004, 900971]);

/** What a sentence tells a person to do, and when that cannot help. */
const CURES: readonly { named: RegExp; cannotHelp(situation: Situation, error: OAuth2Error): boolean }[] = [
  {
    // No person signs in to an application of its own, or where a refresh token was given.
    named:
      /sign in (again|to|with|on)\b|start (it|the sign-in|again)|then sign in|give consent\.|approve the application first/i,
    cannotHelp: ({ config }) => isApp(config) || config.grant === 'refresh_token',
  },
  {
    named: /^(?!.*does not help).*(sign in again|start .*again|obtain a new one)/i,
    cannotHelp: ({ config, number }) => knowsNumbers(config) && POLICY.has(number ?? 0),
  },
  {
    named:
      /(enter|copy|create) .*client secret|client secret (is|has)|copy both|create a new one in the registration/i,
    cannotHelp: ({ config, number }) =>
      providers[config.provider]?.clientSecret === 'none' ||
      (knowsNumbers(config) && PUBLIC.has(number ?? 0)) ||
      config.clientAuth === 'private_key_jwt' ||
      (config.provider === 'google' && config.grant === 'service_account'),
  },
  {
    named: /client secret is wrong|client secret has expired|client ID and client secret|clear the field/i,
    cannotHelp: ({ config }) => !sendsSecret(config) && config.clientAuth !== 'private_key_jwt',
  },
  { named: /secret is missing|requires a client secret/i, cannotHelp: ({ config }) => sendsSecret(config) },
  {
    named: /clear the field/i,
    cannotHelp: ({ config }) => isApp(config),
  },
  {
    named: /private key|service account/i,
    cannotHelp: ({ config }) => config.grant !== 'service_account' && config.clientAuth !== 'private_key_jwt',
  },
  {
    named: /register exactly this address/i,
    cannotHelp: ({ step, number, word, says = '' }) =>
      (step !== 'authorize' && step !== 'code') ||
      !(REDIRECT.has(number ?? 0) || word === 'redirect_uri_mismatch' || /redirect_uri/i.test(says)),
  },
  {
    named: /\btenant\b/i,
    cannotHelp: ({ config, number }) =>
      !isMicrosoft(config) && !(config.provider === 'custom' && number === 7000229),
  },
  {
    named: /enter consumers|personal accounts through/i,
    cannotHelp: ({ config }) => config.provider !== 'microsoft' || isApp(config),
  },
  { named: /enter .*\bcommon\b(?!\.)/i, cannotHelp: ({ config }) => isApp(config) },
  {
    named: /allow public client flows" to yes/i,
    cannotHelp: ({ config }) => config.grant !== 'device_code',
  },
  {
    named: /google|workspace|domain-wide/i,
    cannotHelp: ({ config }) => config.provider !== 'google',
  },
  {
    named: /microsoft|AADSTS|POP\.Access|enterprise application|platform Web/i,
    cannotHelp: ({ config, number }) =>
      !isMicrosoft(config) && (number === undefined || config.provider === 'google'),
  },
  {
    named: /retries automatically/i,
    cannotHelp: ({ step }, { code }) => code === 'SIGN_IN_AGAIN' || code === 'DECLINED' || step === 'revoke',
  },
];

function judge({ config, step, word, number, says = '', status = 400 }: Situation): OAuth2Error {
  return refused({
    step,
    ...judgedBy(config),
    ...(step === 'authorize' ? {} : { status }),
    host: 'sign-in.example.test',
    ...(step === 'authorize' || step === 'code' ? { redirectUri: 'https://red.example.test/callback' } : {}),
    answer: {
      error: word,
      error_description: number === undefined ? says : `AADSTS${number}: ${says}`,
      ...(number !== undefined && { error_codes: [number] }),
    },
  });
}

/** The sentence, without the server's own words. */
function sentenceOf(
  { reason, facts }: OAuth2Error,
  step: Step,
  { dialog, errors }: Catalog = english,
): string {
  const text = (step === 'refresh' || step === 'client' ? undefined : dialog[reason]) ?? errors[reason];
  assert.ok(text, `no sentence for ${reason}`);
  if (reason === 'request-refused') return text;
  // What is said of one provider alone.
  return text.replace(/With Microsoft, [^.]*\./, '').replace(/__(\w+?)__/g, (_, name: string) => {
    const fact = (facts as Record<string, unknown>)[name];
    assert.ok(fact !== undefined && fact !== '', `${reason}: ${name} is not known`);
    return String(fact);
  });
}

const curesBySentence = new Map<string, (typeof CURES)[number][]>();
function curesIn(sentence: string): (typeof CURES)[number][] {
  const known = curesBySentence.get(sentence);
  if (known) return known;
  const cures = CURES.filter(({ named }) => named.test(sentence));
  curesBySentence.set(sentence, cures);
  return cures;
}

function check(situation: Situation): void {
  const { config, step, word, number, says } = situation;
  const error = judge(situation);
  const sentence = sentenceOf(error, step);
  const told = (): string =>
    `${config.provider} ${config.grant} ${step} ${word} ${number} “${says}”: ${error.reason}: ${sentence}`;
  for (const { named, cannotHelp } of curesIn(sentence)) {
    if (cannotHelp(situation, error)) assert.fail(`${named}\n${told()}`);
  }
  const waitsForPerson = error.code === 'SIGN_IN_AGAIN' || error.code === 'DECLINED';
  if (isApp(config) && waitsForPerson) assert.fail(told());
  if (step !== 'refresh' && error.code === 'SIGN_IN_AGAIN') assert.fail(told());
}

const numbers = [
  undefined,
  // without a row
  50053,
  50126,
  1000031,
  ...new Set(refusals.flatMap(({ aadsts }) => aadsts ?? [])),
];
const words = [
  'something_new',
  'invalid_request',
  'invalid_token',
  ...refusals.flatMap(({ error }) => error ?? []),
];
const descriptions = [
  '',
  'The client does not exist or is not enabled for consumers.',
  "Public clients can't send a client secret.",
  'The specified client_secret does not match.',
  'client_secret is missing.',
  'Invalid JWT Signature.',
  'Invalid grant: account not found',
  'Invalid email or User ID',
  'Token must be in a reasonable timeframe.',
  'Incorrect redirect_uri',
  'reauth related error (invalid_rapt)',
  'Token has been expired or revoked.',
  'The cloud does not federate.',
  'A policy of your organization does not allow this.',
  'The client must be marked as mobile.',
  'アクセスが拒否されました。',
];

describe('what a refusal tells a person to do', function () {
  this.timeout(30_000);

  // Sixty thousand errors, whose stacks are not needed.
  const { stackTraceLimit } = Error;
  before(() => {
    Error.stackTraceLimit = 0;
  });
  after(() => {
    Error.stackTraceLimit = stackTraceLimit;
  });

  it('names no cure that cannot help: by number', () => {
    for (const { config, step } of situations()) {
      // One national cloud is as good as the other here.
      const all = knowsNumbers(config) && !/-(us|dod)$/.test(config.provider) ? numbers : numbers.slice(0, 5);
      for (const number of all)
        check({ config, step, word: 'invalid_grant', number, says: 'It went wrong.' });
    }
  });

  it('names no cure that cannot help: by word and description', () => {
    const vague = ['something_new', 'invalid_grant', 'invalid_client', 'invalid_request', 'access_denied'];
    for (const { config, step } of situations()) {
      for (const word of words) check({ config, step, word, says: 'It went wrong.' });
      for (const word of vague) for (const says of descriptions) check({ config, step, word, says });
    }
  });

  it('names no cure that cannot help: by number and description', () => {
    const described = [50011, 53003, 70002, 70001, 700023, 700025, 90023, 90072, 900382];
    for (const { config, step } of situations()) {
      if (!knowsNumbers(config)) continue;
      for (const number of described) {
        for (const says of descriptions) check({ config, step, word: 'invalid_request', number, says });
      }
    }
  });

  it('a server that is not able to judge the request is waited for, whatever it says', () => {
    for (const { config, step } of situations()) {
      if (step === 'authorize') continue;
      for (const status of [408, 429, 500, 502, 503]) {
        const error = judge({ config, step, word: 'invalid_grant', number: 53003, says: 'No.', status });
        assert.deepEqual([error.code, error.facts.said], ['TEMPORARY', 'invalid_grant: AADSTS53003: No.']);
      }
    }
  });
});

/** What happened and who can help, in the words of the sentence: by Microsoft's number, step and grant. */
const TOLD: readonly [number: number, step: Step, grant: Grant, sentence: RegExp, account?: object][] = [
  [9002332, 'code', 'authorization_code', /personal accounts.*common, organizations or the tenant ID/],
  [90023, 'code', 'authorization_code', /public client.*Clear the field/, { clientSecret: 'canary' }],
  [7000218, 'device', 'device_code', /Allow public client flows/],
  [7000218, 'code', 'authorization_code', /requires a client secret/],
  [650056, 'authorize', 'authorization_code', /lacks the permission for POP/],
  [650052, 'authorize', 'authorization_code', /not subscribed.*administrator/],
  [700011, 'code', 'authorization_code', /does not recognize this client ID in this tenant/],
  [700016, 'client', 'client_credentials', /does not recognize this client ID in this tenant/],
  [7000229, 'client', 'client_credentials', /no enterprise application.*administrator.*consent/],
  [53000, 'code', 'authorization_code', /conditional access.*AADSTS53000.*administrator.*does not help/],
  [53000, 'client', 'client_credentials', /policy.*administrator must exempt/],
  [530032, 'refresh', 'authorization_code', /conditional access.*AADSTS530032.*does not help/],
  [530032, 'refresh', 'refresh_token', /conditional access.*AADSTS530032.*does not help/],
  [50105, 'code', 'authorization_code', /not assigned.*administrator must assign/],
  [50105, 'authorize', 'authorization_code', /not assigned.*administrator must assign/],
  [50105, 'client', 'client_credentials', /administrator must grant/],
  [700005, 'code', 'authorization_code', /another tenant/],
  [50059, 'device', 'device_code', /tenant of an organization.*instead of common/],
  [28000, 'code', 'authorization_code', /more than one resource/],
  [700022, 'code', 'authorization_code', /more than one resource/],
  [900382, 'code', 'authorization_code', /another Microsoft cloud/],
  [70043, 'refresh', 'authorization_code', /expired.*sign in again/],
  [50078, 'refresh', 'authorization_code', /multi-factor.*sign in again/],
  [50078, 'client', 'client_credentials', /administrator must exempt/],
  [50133, 'refresh', 'authorization_code', /revoked.*password.*sign in again/],
  [50173, 'refresh', 'authorization_code', /revoked.*sign in again/],
  [50034, 'code', 'authorization_code', /does not exist in the tenant/],
  [700003, 'code', 'authorization_code', /device.*not registered.*AADSTS700003.*administrator/],
  [700003, 'refresh', 'device_code', /device.*not registered.*AADSTS700003.*administrator/],
  [135011, 'code', 'authorization_code', /device.*disabled.*AADSTS135011.*administrator/],
  [135011, 'refresh', 'authorization_code', /device.*disabled.*AADSTS135011.*administrator/],
  [7000222, 'refresh', 'authorization_code', /secret has expired.*new one/, { clientSecret: 'canary' }],
  [7000215, 'client', 'client_credentials', /secret is wrong/, { clientSecret: 'canary' }],
  [
    700025,
    'client',
    'client_credentials',
    /public client.*“Allow public client flows” to No/,
    { clientSecret: 'c' },
  ],
  [50011, 'authorize', 'authorization_code', /Register exactly this address: https:/],
  [700082, 'refresh', 'refresh_token', /rejected this refresh token.*Obtain a new one/],
  [50076, 'refresh', 'refresh_token', /rejected this refresh token.*Obtain a new one/],
  [65001, 'refresh', 'authorization_code', /consent.*sign in again/i],
  [65001, 'client', 'client_credentials', /administrator must grant.*consent/],
  [90094, 'authorize', 'authorization_code', /administrator must approve/],
];

describe('what a refusal tells, by Microsoft’s number', () => {
  for (const [number, step, grant, sentence, more = {}] of TOLD) {
    it(`${number} at ${step}, ${grant}`, () => {
      const config: AccountConfig = { provider: 'microsoft', grant, clientId: 'client', ...more };
      const error = judge({ config, step, word: 'invalid_grant', number, says: 'Words.' });
      assert.match(sentenceOf(error, step), sentence);
    });
  }
});

describe('the sentences of refusals in ten languages', () => {
  /** What decides about a cure, as each language calls it. Where English says it, every language does, and only there. */
  const TERMS: Record<string, Record<string, RegExp>> = {
    'client secret': {
      'en-US': /client secret/i,
      de: /Client-Secret/,
      fr: /secret client/,
      'es-ES': /secreto de cliente/,
      'pt-BR': /segredo do cliente/,
      ru: /секрет\S* клиента/i,
      ja: /クライアントシークレット/,
      ko: /클라이언트 시크릿/,
      'zh-CN': /客户端密钥/,
      'zh-TW': /用戶端金鑰/,
    },
    'sign in again': {
      'en-US': /sign in again/i,
      de: /erneut (auf .*)?an\b|auf einem anderen Gerät erneut an/,
      fr: /reconnectez-vous/i,
      'es-ES': /inici\S+ sesión de nuevo/i,
      'pt-BR': /entre novamente/i,
      ru: /войдите снова/i,
      ja: /再度サインイン/,
      ko: /다시 로그인/,
      'zh-CN': /重新登录/,
      'zh-TW': /重新登入/,
    },
    administrator: {
      'en-US': /administrator/i,
      de: /Administrator/,
      fr: /administrateur/i,
      'es-ES': /administrador/i,
      'pt-BR': /administrador/i,
      // The Admin console of Google has the word in its name.
      ru: /(?<!консоли )администратор/i,
      ja: /管理者/,
      ko: /관리자/,
      'zh-CN': /管理员/,
      'zh-TW': /管理員/,
    },
  };

  it('name the same facts, numbers, addresses and words to type', () => {
    const literal = (text: string): string[] =>
      [
        ...text.matchAll(
          /__\w+?__|AADSTS|\b(?:common|organizations|consumers|offline_access|openid|invalid_rapt|org_internal|NODE_EXTRA_CA_CERTS|NTP|POP\.\w+|https?:\/\/\w*)/g,
        ),
      ]
        .map(([word]) => word)
        .sort();
    for (const [language, catalog] of catalogs) {
      for (const section of ['errors', 'dialog'] as const) {
        for (const [key, text] of Object.entries(english[section])) {
          const its = catalog[section][key] ?? assert.fail(`${language} ${key}`);
          assert.deepEqual([...new Set(literal(its))], [...new Set(literal(text))], `${language} ${key}`);
        }
      }
    }
  });

  for (const [term, names] of Object.entries(TERMS)) {
    it(`speak of “${term}” where English does, and only there`, () => {
      const wrong: string[] = [];
      for (const [language, { errors }] of catalogs) {
        const name = names[language] ?? assert.fail(language);
        for (const [key, text] of Object.entries(english.errors)) {
          if (name.test(errors[key] ?? '') !== names['en-US']?.test(text))
            wrong.push(`${language} ${key}: ${errors[key]}`);
        }
      }
      assert.deepEqual(wrong, []);
    });
  }
});
