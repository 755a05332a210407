import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Advice, adviceOn, type Setup, type Trouble } from '../../nodes/editor/test/advice';
import { providerFor, providers } from '../../nodes/oauth2/providers';
import { filesBelow, root } from '../sources';

const advice = (reason: string, setup: Partial<Setup> = {}, trouble: Partial<Trouble> = {}): Advice =>
  adviceOn(
    { step: 'login', reason, facts: {}, ...trouble },
    { auth: 'password', service: 'custom', user: 'alice@example.org', ...setup },
  );
const keys = (given: Advice): string[] => given.lines.map(({ key }) => key);

describe('advice on a failed test', () => {
  it('Gmail: POP switched off leads to its settings', () => {
    const given = advice('pop-disabled', { auth: 'oauth2', service: 'google' });
    assert.deepEqual(keys(given), ['google-pop']);
    assert.equal(given.link?.href, providers.google?.links.pop);
  });

  it('Gmail with a password: an app password, or OAuth 2.0', () => {
    const given = advice('wrong-password', { service: 'google' });
    assert.deepEqual(keys(given), ['app-password', 'oauth2']);
    assert.match(given.link?.href ?? '', /apppasswords/);
    assert.equal(given.field, 'password');
  });

  it('Microsoft: no password helps; with a token it is the address, POP, or the tenant', () => {
    const password = advice('vague-refusal', { service: 'microsoft' });
    assert.deepEqual([keys(password), password.field], [['microsoft-password'], 'auth']);
    for (const reason of ['vague-refusal', 'mailbox-refused', 'not-connected', 'pop-disabled']) {
      const token = advice(reason, { auth: 'oauth2', service: 'microsoft' });
      assert.deepEqual(keys(token), ['microsoft-user', 'microsoft-pop', 'microsoft-tenant'], reason);
    }
  });

  it('a scope without POP is said first, and only where it is known', () => {
    const setup = { auth: 'oauth2', service: 'microsoft' };
    assert.equal(keys(advice('mailbox-refused', setup, { scope: 'openid' }))[0], 'scope');
    const right = providers.microsoft?.scope ?? '';
    assert.notEqual(keys(advice('mailbox-refused', setup, { scope: right }))[0], 'scope');
    assert.notEqual(keys(advice('mailbox-refused', setup))[0], 'scope');
    for (const scope of [
      'https://outlook.office365.com/POP.AccessAsUser.All',
      'https://outlook.office.com/pop.accessasuser.all offline_access',
      'POP.AccessAsUser.All',
    ])
      assert.notEqual(keys(advice('mailbox-refused', setup, { scope }))[0], 'scope', scope);
    for (const scope of [
      'https://graph.microsoft.com/POP.AccessAsUser.All',
      'https://outlook.office.com/IMAP.AccessAsUser.All',
    ])
      assert.equal(keys(advice('mailbox-refused', setup, { scope }))[0], 'scope', scope);
  });

  it('a token for another resource is named, and one for Exchange never accused', () => {
    const setup = { auth: 'oauth2', service: 'microsoft' };
    const scope = providers.microsoft?.scope ?? '';
    for (const audience of [
      'https://graph.microsoft.com',
      '00000003-0000-0000-c000-000000000000',
      'api://mine',
    ]) {
      const [first] = advice('mailbox-refused', setup, { audience, scope }).lines;
      assert.deepEqual(first, { key: 'audience', facts: { audience, wanted: scope.split(' ')[0] } });
    }
    for (const audience of [
      'https://outlook.office.com',
      'https://outlook.office365.com/',
      'HTTPS://Outlook.Office365.com',
      '00000002-0000-0ff1-ce00-000000000000',
      'https://outlook.office365.us',
      'https://partner.outlook.cn',
    ])
      assert.doesNotMatch(
        keys(advice('mailbox-refused', setup, { audience, scope })).join(),
        /audience/,
        audience,
      );
    // What other providers name is theirs.
    assert.deepEqual(
      keys(advice('mailbox-refused', { ...setup, service: 'custom' }, { audience: 'mail' })),
      [],
    );
    const app = { ...setup, grant: 'client_credentials' };
    const graph = { audience: 'https://graph.microsoft.com' };
    assert.deepEqual(keys(advice('mailbox-refused', app, graph)), ['audience-app', 'microsoft-app']);
    const wrong = { scope: 'https://graph.microsoft.com/.default' };
    assert.deepEqual(keys(advice('mailbox-refused', app, wrong)), ['scope-app', 'microsoft-app']);
    for (const id of ['microsoft', 'microsoft-us', 'microsoft-dod', 'microsoft-cn']) {
      const granted = { scope: providers[id]?.applicationScope ?? assert.fail(id) };
      assert.deepEqual(
        keys(advice('mailbox-refused', { ...app, service: id }, granted)),
        ['microsoft-app'],
        id,
      );
    }
  });

  it('an application without a person is told of the two cmdlets, and of no person who signed in', () => {
    const app = {
      auth: 'oauth2',
      service: 'microsoft',
      user: 'alice@contoso.example',
      grant: 'client_credentials',
    };
    assert.deepEqual(keys(advice('vague-refusal', app)), ['microsoft-app']);
    const { advice: texts } = JSON.parse(readFileSync(join(root, 'locales/en-US/pop3-in.json'), 'utf8'));
    assert.match(texts['microsoft-app'], /New-ServicePrincipal.*Add-MailboxPermission/);
  });

  it('providers with app passwords: how to make one, and that POP may have to be switched on', () => {
    assert.deepEqual(keys(advice('wrong-password', { service: 'yahoo' })), ['app-password']);
    for (const service of ['qq', 'netease-163', 'netease-126', 'netease-yeah', 'sina'])
      assert.deepEqual(keys(advice('app-password-needed', { service })), ['authorization-code'], service);
    assert.deepEqual(keys(advice('wrong-password', { service: 'webde' })), ['app-password', 'switch-on']);
  });

  it('any other server: the user name with or without its domain', () => {
    assert.deepEqual(keys(advice('wrong-password')), ['user-without-domain']);
    assert.deepEqual(keys(advice('wrong-password', { user: 'alice' })), ['user-with-domain']);
  });

  it('certificates: the right way to trust, and whose it is', () => {
    assert.deepEqual(keys(advice('self-signed')), ['tls-config']);
    assert.equal(advice('self-signed').field, 'tls');
    const names = advice('wrong-name', {}, { facts: { names: 'mail.example.org' } });
    assert.deepEqual(names.lines, [{ key: 'names', facts: { names: 'mail.example.org' } }]);
    assert.equal(names.field, 'host');
  });

  it('what belongs to the account leads to it, whatever it is', () => {
    assert.equal(advice('account/not-signed-in', { auth: 'oauth2' }).field, 'account');
  });

  it('has its words, and every field it leads to is in the form', () => {
    const source = filesBelow('nodes', '.ts').get('nodes/editor/test/advice.ts') ?? assert.fail();
    const form = [...filesBelow('nodes', '.html').values()].join('\n');
    const catalogue = JSON.parse(readFileSync(join(root, 'locales/en-US/pop3-in.json'), 'utf8')) as {
      advice: object;
      link: object;
    };
    const said = [...source.matchAll(/say\(([^)]*)\)/g)].flatMap(([, list = '']) => [
      ...list.matchAll(/'([\w-]+)'/g),
    ]);
    const lines = [...source.matchAll(/\{ key: '([\w-]+)'/g)];
    assert.ok(said.length > 12);
    for (const [, key = ''] of [...said, ...lines]) assert.ok(key in catalogue.advice, key);
    for (const [, key = ''] of source.matchAll(/open\('(\w+)'/g)) assert.ok(key in catalogue.link, key);
    const steps = filesBelow('nodes', '.ts').get('nodes/editor/next-step.ts') ?? assert.fail();
    const fields = [...steps.matchAll(/: '(\w+)',$/gm)];
    assert.ok(fields.length > 30);
    for (const [, field = ''] of fields) {
      assert.ok(form.includes(`id="node-input-${field}"`), field);
    }
  });
});

describe('the provider of an address', () => {
  const cases: [string, string | undefined][] = [
    ['a@gmail.com', 'google'],
    ['A@GoogleMail.com ', 'google'],
    ['recent:a@gmail.com', 'google'],
    ['a@outlook.com', 'microsoft'],
    ['a@hotmail.co.uk', 'microsoft'],
    ['a@live.de', 'microsoft'],
    ['a@contoso.onmicrosoft.com', 'microsoft'],
    ['a@fastmail.com', 'fastmail'],
    ['a@yahoo.com.br', 'yahoo'],
    ['a@aol.com', 'aol'],
    ['a@gmx.net', 'gmx'],
    ['a@web.de', 'webde'],
    ['a@t-online.de', 'tonline'],
    ['a@mail.ru', 'mailru'],
    ['a@yandex.ru', 'yandex'],
    ['a@zoho.com', 'zoho'],
    ['a@zoho.eu', 'zoho-eu'],
    ['a@zohomail.com.au', 'zoho-au'],
    ['a@yahoo.co.jp', 'yahoojp'],
    ['a@gmx.com', 'gmxcom'],
    ['a@gmx.co.uk', 'gmxcom'],
    ['a@gmx.fr', 'gmxcom'],
    ['a@currently.com', 'att'],
    ['a@compuserve.com', 'aol'],
    ['a@foxmail.com', 'qq'],
    ['a@163.com', 'netease-163'],
    ['a@laposte.net', 'laposte'],
    ['a@icloud.com', 'icloud'],
    ['a@example.org', undefined],
    ['a@notgmail.com', undefined],
    ['a@gmail.com.example.org', undefined],
    ['a@outlook.example.org', undefined],
    ['a@onmicrosoft.com', undefined],
    ['gmail.com', undefined],
    ['', undefined],
  ];
  for (const [address, id] of cases) {
    it(`${address} → ${id ?? 'another'}`, () => assert.equal(providerFor(address)?.id, id));
  }
});
