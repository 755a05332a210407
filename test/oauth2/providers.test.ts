import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { providerFor, providers } from '../../nodes/oauth2';
import { root } from '../sources';

/** From Mozilla's autoconfig database, read in November 2026: host, and whether the user name is the whole address. */
const AUTOCONFIG: Record<string, [host: string, userName: 'address' | 'local-part']> = {
  'gmail.com': ['pop.gmail.com', 'address'],
  'outlook.com': ['outlook.office365.com', 'address'],
  'livemail.tw': ['outlook.office365.com', 'address'],
  'yahoo.com': ['pop.mail.yahoo.com', 'address'],
  'yahoo.co.uk': ['pop.mail.yahoo.com', 'address'],
  'cox.net': ['pop.mail.yahoo.com', 'address'],
  'aol.com': ['pop.aol.com', 'address'],
  'compuserve.com': ['pop.aol.com', 'address'],
  'netscape.com': ['pop.aol.com', 'address'],
  'att.net': ['inbound.att.net', 'address'],
  'currently.com': ['inbound.att.net', 'address'],
  'prodigy.net': ['inbound.att.net', 'address'],
  'flash.net': ['inbound.att.net', 'address'],
  'yandex.ru': ['pop.yandex.com', 'address'],
  'mail.ru': ['pop.mail.ru', 'address'],
  'zoho.com': ['pop.zoho.com', 'address'],
  'gmx.net': ['pop.gmx.net', 'address'],
  'mein.gmx': ['pop.gmx.net', 'address'],
  'gmx.com': ['pop.gmx.com', 'address'],
  'gmx.co.uk': ['pop.gmx.com', 'address'],
  'gmx.fr': ['pop.gmx.com', 'address'],
  'web.de': ['pop3.web.de', 'local-part'],
  't-online.de': ['securepop.t-online.de', 'address'],
  'posteo.de': ['posteo.de', 'address'],
  'naver.com': ['pop.naver.com', 'address'],
  'wp.pl': ['pop3.wp.pl', 'local-part'],
  'o2.pl': ['poczta.o2.pl', 'local-part'],
  'libero.it': ['popmail.libero.it', 'address'],
  'orange.fr': ['pop.orange.fr', 'address'],
  'free.fr': ['pop.free.fr', 'local-part'],
  'rambler.ru': ['pop.rambler.ru', 'address'],
  'uol.com.br': ['pop3.uol.com.br', 'local-part'],
};

/** By the providers' own pages. */
const OWN_PAGES: typeof AUTOCONFIG = {
  // another company than Yahoo
  'yahoo.co.jp': ['pop.mail.yahoo.co.jp', 'local-part'],
  'zoho.eu': ['pop.zoho.eu', 'address'],
  'zoho.in': ['pop.zoho.in', 'address'],
  'zoho.com.au': ['pop.zoho.com.au', 'address'],
  'zoho.jp': ['pop.zoho.jp', 'address'],
  'zoho.com.cn': ['pop.zoho.com.cn', 'address'],
  'qq.com': ['pop.qq.com', 'address'],
  'foxmail.com': ['pop.qq.com', 'address'],
  '163.com': ['pop.163.com', 'address'],
  '126.com': ['pop.126.com', 'address'],
  'yeah.net': ['pop.yeah.net', 'address'],
  'laposte.net': ['pop.laposte.net', 'local-part'],
};

describe('the table of providers', () => {
  it('names the public source of each row, and when it was read', () => {
    const source = readFileSync(join(root, 'nodes/oauth2/providers.ts'), 'utf8');
    const rows = [...source.matchAll(/((?: {2}\/\/ .*\n)*) {2}\{\n {4}id: '([\w-]+)'/g)];
    assert.deepEqual(
      rows.map(([, , id]) => id),
      Object.keys(providers),
    );
    const months = 'January|February|March|April|May|June|July|August|September|October|November|December';
    const dated = new RegExp(`Source: \\S.*, (${months}) 20\\d\\d\\n`);
    const without = rows.filter(([, comment = '']) => !dated.test(comment)).map(([, , id]) => id);
    assert.deepEqual(without, []);
  });

  for (const [domain, [host, userName]] of Object.entries({ ...AUTOCONFIG, ...OWN_PAGES })) {
    it(`${domain}: ${host}, user name: ${userName}`, () => {
      const { pop } = providerFor(`alice@${domain}`) ?? assert.fail('no row');
      assert.deepEqual(
        [pop?.host, pop?.port, pop?.security, pop?.userName ?? 'address'],
        [host, 995, 'tls', userName],
      );
    });
  }

  it('Yahoo! JAPAN has neither Yahoo’s hosts nor its app passwords', () => {
    const row = providerFor('alice@yahoo.co.jp') ?? assert.fail();
    assert.equal(row.signIn, 'password');
    assert.doesNotMatch(JSON.stringify(row), /yahoo\.com/);
  });

  it('a national cloud of Microsoft has its own authority, resource and mail server', () => {
    for (const [id, authority, resource] of [
      ['microsoft', 'login.microsoftonline.com', 'outlook.office365.com'],
      ['microsoft-us', 'login.microsoftonline.us', 'outlook.office365.us'],
      ['microsoft-dod', 'login.microsoftonline.us', 'outlook-dod.office365.us'],
      ['microsoft-cn', 'login.partner.microsoftonline.cn', 'partner.outlook.cn'],
    ] as const) {
      const { endpoints, pop, applicationScope, scope = '', grants } = providers[id] ?? assert.fail(id);
      for (const address of [endpoints?.authorization, endpoints?.token, endpoints?.device])
        assert.equal(new URL(address ?? '').host, authority, id);
      assert.equal(pop?.host, resource);
      assert.equal(applicationScope, `https://${resource}/.default`);
      assert.match(scope, /\/POP\.AccessAsUser\.All offline_access$/);
      assert.ok(grants.includes('device_code'));
    }
  });
});
