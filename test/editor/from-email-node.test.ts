import assert from 'node:assert/strict';
import type { Browser } from 'playwright-core';
import { type EmailIn, pop3InFor } from '../../nodes/editor/form/from-email-node';
import { chromiumMissing, type Editor, openEditor, startBrowser } from '../../servers/browser';
import { needs } from '../../servers/needs';
import { type NodeRed, nodeRed5Missing, startNodeRed } from '../../servers/node-red';

const OLD: EmailIn = {
  id: 'old',
  z: 'tab',
  x: 200,
  y: 100,
  type: 'e-mail in',
  name: 'Orders',
  protocol: 'POP3',
  server: 'pop.example.com',
  port: '995',
  useSSL: true,
  autotls: 'never',
  authtype: 'BASIC',
  repeat: '60',
  fetch: 'auto',
  credentials: { userid: 'alice' },
};

describe('what a pop3 in takes over from an e-mail in', () => {
  it('server, port, encryption, user and rhythm, and never that mail is deleted', () => {
    const { after, first, ...made } = pop3InFor(OLD);
    assert.deepEqual([after, first], [undefined, undefined]);
    assert.deepEqual(made, {
      id: 'old-pop3',
      type: 'pop3 in',
      z: 'tab',
      x: 200,
      y: 160,
      name: 'Orders',
      auth: 'password',
      service: 'custom',
      host: 'pop.example.com',
      port: 995,
      security: 'tls',
      interval: 60,
      inputs: 0,
      wires: [],
      credentials: { user: 'alice' },
    });
  });

  for (const [what, settings, expected] of [
    ['STARTTLS', { useSSL: false, autotls: 'always', port: '' }, { security: 'starttls', port: 110 }],
    ['no encryption', { useSSL: false, autotls: 'never', port: '110' }, { security: 'none', port: 110 }],
    ['a token brought along', { authtype: 'XOAUTH2' }, { auth: 'oauth2' }],
    ['fetching on a message', { fetch: 'trigger', inputs: 1 }, { interval: 0, inputs: 1 }],
    ['no user that can be seen', { credentials: {} }, { credentials: undefined }],
  ] as const) {
    it(what, () => {
      const made = pop3InFor({ ...OLD, ...settings } as EmailIn);
      for (const [name, value] of Object.entries(expected)) assert.equal(made[name], value, name);
    });
  }
});

for (const version of [4, 5] as const) {
  describe(`pop3 in beside e-mail in, in the editor of version ${version}`, function () {
    this.timeout(60_000);
    let nodeRed: NodeRed;
    let browser: Browser;
    let editor: Editor;
    before(async function () {
      needs(chromiumMissing, ...(version === 5 ? [nodeRed5Missing] : [])).call(this);
      [nodeRed, browser] = await Promise.all([startNodeRed({ version }), startBrowser()]);
      editor = await openEditor(browser, nodeRed);
    });
    after(async () => {
      await browser?.close();
      await nodeRed?.remove();
    });

    it('hangs below the old one, wired alike, and undo takes it away again', async () => {
      const seen = await editor.page.evaluate(
        (old) => {
          // biome-ignore lint/suspicious/noExplicitAny: the editor's own object, most of which its types leave out
          const { RED } = globalThis as any;
          const defaults = Object.fromEntries(
            [
              'name',
              'protocol',
              'server',
              'port',
              'useSSL',
              'autotls',
              'authtype',
              'repeat',
              'fetch',
              'inputs',
            ].map((name) => [name, { value: '' }]),
          );
          // The e-mail node itself is not in the palette here: its settings are what counts.
          const set = { id: 'there/email', name: 'email', types: ['e-mail in'], enabled: true };
          RED.nodes.addNodeSet({ ...set, module: 'there', version: '1.0.0', local: true });
          RED.nodes.registerType('e-mail in', { category: 'network', defaults, inputs: 0, outputs: 1 });
          const z = RED.workspaces.active();
          RED.nodes.import([
            { ...old, z, wires: [['shown']] },
            { ...old, id: 'imap', protocol: 'IMAP', z, wires: [[]] },
            { id: 'shown', type: 'debug', z, x: 400, y: 100, wires: [] },
          ]);
          const made = () => RED.nodes.filterNodes({ type: 'pop3 in' });
          RED.actions.invoke('redletter:pop3-in-beside-e-mail-in');
          const [node] = made();
          const links = RED.nodes
            .getNodeLinks(node, 0)
            .map((link: { target: { id: string } }) => link.target.id);
          const { host, port, interval, after, first, x, y } = node;
          const count = made().length;
          RED.history.pop();
          return { count, host, port, interval, after, first, x, y, links, left: made().length };
        },
        { ...OLD },
      );
      assert.deepEqual(seen, {
        count: 1,
        host: 'pop.example.com',
        port: 995,
        interval: 60,
        after: 'keep',
        first: 'new',
        x: 200,
        y: 160,
        links: ['shown'],
        left: 0,
      });
    });

    it('says so where there is nothing to do', async () => {
      await editor.page.evaluate(() => {
        // biome-ignore lint/suspicious/noExplicitAny: the editor's own object
        const { RED } = globalThis as any;
        RED.nodes.remove('old');
        RED.actions.invoke('redletter:pop3-in-beside-e-mail-in');
      });
      await editor.page
        .getByText(/This flow has no email in/)
        .first()
        .waitFor();
    });
  });
}
