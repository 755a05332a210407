import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import type { NodeAPI } from 'node-red';
import type { MailboxError } from '../../nodes/mailbox';
import { openerOf } from '../../nodes/node-red/proxy';

const NAMES = ['http_proxy', 'https_proxy', 'all_proxy', 'pop3_proxy', 'no_proxy'];

describe('the proxy of a mail server', () => {
  // Node-RED without any configuration node.
  const RED = { nodes: { getNode: () => null } } as unknown as NodeAPI;
  const before = new Map<string, string | undefined>();

  beforeEach(() => {
    for (const name of [...NAMES, ...NAMES.map((one) => one.toUpperCase())]) {
      before.set(name, process.env[name]);
      delete process.env[name];
    }
  });
  afterEach(() => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });

  const opener = (host = 'pop.example.com', security: 'tls' | 'none' = 'tls') =>
    openerOf(RED, '', { host, port: 995, security });

  it('is not one that the environment names for web pages', () => {
    for (const name of ['http_proxy', 'https_proxy', 'all_proxy']) {
      process.env[name] = 'http://127.0.0.1:3128';
      process.env[name.toUpperCase()] = 'http://127.0.0.1:3128';
    }
    assert.equal(opener(), undefined);
    assert.equal(opener('pop.example.com', 'none'), undefined);
  });

  it('is the one that the environment names for mail, unless the host is exempt or this machine', () => {
    for (const name of ['pop3_proxy', 'POP3_PROXY']) {
      process.env[name] = 'http://127.0.0.1:3128';
      assert.equal(typeof opener(), 'function', name);
      assert.equal(opener('127.0.0.1'), undefined);
      process.env.NO_PROXY = '.example.com';
      assert.equal(opener(), undefined);
      delete process.env.NO_PROXY;
      delete process.env[name];
    }
  });

  it('names itself, never its login; an address that is none is named by its node', () => {
    const node = { id: 'p1', name: 'Office proxy', url: 'http://me:canary@proxy.example.com:3128' };
    const withNode = { nodes: { getNode: () => node } } as unknown as NodeAPI;
    const target = { host: 'pop.example.com', port: 995, security: 'tls' as const };
    assert.equal(openerOf(withNode, 'p1', target)?.proxyFor?.(target), 'proxy.example.com:3128');
    node.url = 'http://me:canary';
    assert.throws(
      () => openerOf(withNode, 'p1', target),
      (error: MailboxError) => {
        assert.equal(error.facts.proxy, 'Office proxy');
        assert.ok(!inspect(error, { depth: 9, showHidden: true }).includes('canary'));
        return error.code === 'CONFIG' && error.reason === 'proxy';
      },
    );
  });
});
