import assert from 'node:assert/strict';
import type { Browser } from 'playwright-core';
import { type EmailIn, fieldLeft, pop3InFor } from '../../nodes/editor/form/from-email-node';
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

describe('what is left to do in a pop3 in that came from an e-mail in', () => {
  for (const [field, node] of [
    ['password', { auth: 'password', credentials: { user: 'alice' } }],
    ['user', { auth: 'password', credentials: {} }],
    ['user', { auth: 'password' }],
    ['account', { auth: 'oauth2', credentials: { user: 'alice' } }],
    [undefined, { auth: 'password', credentials: { user: 'alice', password: 'typed' } }],
    [undefined, { auth: 'password', credentials: { user: 'alice', has_password: true } }],
    [undefined, { auth: 'oauth2', account: 'chosen' }],
  ] as const)
    it(`${field}: ${JSON.stringify(node)}`, () => assert.equal(fieldLeft(node), field));
});

const TAB = { id: 'tab', type: 'tab', label: 'Mail' };
/** Disabled: the e-mail node must not look for its server. */
const DEPLOYED = {
  ...OLD,
  d: true,
  tls: true,
  inputs: 0,
  wires: [['shown']],
  credentials: { userid: 'alice', password: 'canary-password' },
};

for (const version of [4, 5] as const) {
  describe(`pop3 in beside e-mail in, in the editor of version ${version}`, function () {
    this.timeout(60_000);
    let nodeRed: NodeRed;
    let browser: Browser;
    let editor: Editor;
    before(async function () {
      needs(chromiumMissing, ...(version === 5 ? [nodeRed5Missing] : [])).call(this);
      // With the e-mail node itself, whose user IDs the runtime gives out.
      const settings = { nodesExcludes: [] };
      [nodeRed, browser] = await Promise.all([startNodeRed({ version, settings }), startBrowser()]);
      await nodeRed.deploy([
        TAB,
        DEPLOYED,
        { ...DEPLOYED, id: 'token', y: 300, name: 'Invoices', authtype: 'XOAUTH2', wires: [[]] },
        { ...DEPLOYED, id: 'imap', y: 400, protocol: 'IMAP', wires: [[]] },
        { id: 'shown', type: 'debug', z: 'tab', x: 400, y: 100, wires: [] },
      ]);
      editor = await openEditor(browser, nodeRed);
    });
    after(async () => {
      await browser?.close();
      await nodeRed?.remove();
    });

    const invoke = (): Promise<void> =>
      editor.page.evaluate(() => {
        // biome-ignore lint/suspicious/noExplicitAny: the editor's own object, most of which its types leave out
        (globalThis as any).RED.actions.invoke('redletter:pop3-in-beside-e-mail-in');
      });
    const made = (): Promise<Record<string, unknown>[]> =>
      editor.page.evaluate(() => {
        // biome-ignore lint/suspicious/noExplicitAny: the same
        const { RED } = globalThis as any;
        return RED.nodes.filterNodes({ type: 'pop3 in' }).map((node: Record<string, unknown>) => {
          const links = RED.nodes.getNodeLinks(node, 0);
          const wires = links.map((link: { target: { id: string } }) => link.target.id);
          const { name, host, port, interval, after, first, x, y, credentials } = node;
          return { name, host, port, interval, after, first, x, y, credentials, wires };
        });
      });

    it('hangs below the old one, wired alike, and knows its user', async () => {
      await invoke();
      const notice = editor.page.locator('.red-ui-notification', { hasText: 'Left to do' });
      await notice.waitFor();
      const all = await made();
      assert.equal(all.length, 2);
      assert.deepEqual(all[0], {
        name: 'Orders',
        host: 'pop.example.com',
        port: 995,
        interval: 60,
        after: 'keep',
        first: 'new',
        x: 200,
        y: 160,
        credentials: { user: 'alice' },
        wires: ['shown'],
      });
    });

    it('lists what is left to do, and opens each node at the field', async () => {
      const notice = editor.page.locator('.red-ui-notification', { hasText: 'Left to do' });
      assert.deepEqual(await notice.locator('li').allTextContents(), [
        'Orders: enter the password',
        'Invoices: select an account',
      ]);
      for (const [text, field] of [
        ['Orders: enter the password', 'node-input-password'],
        ['Invoices: select an account', 'node-input-account'],
      ] as const) {
        await notice.getByText(text).click();
        await editor.dialog.locator(`#${field}:focus`).waitFor();
        const shown = await editor.field(field.replace('node-input-', '')).boundingBox();
        const within = await editor.dialog.locator('.red-ui-tray-body').boundingBox();
        assert.ok(shown && within && shown.y >= within.y && shown.y < within.y + within.height, 'in sight');
        await editor.screenshot(`from-email-node-${field}-${version}`);
        assert.equal(await notice.isVisible(), false, 'it would cover the buttons of the dialog');
        if (field === 'node-input-password') {
          await editor.fill({ password: 'typed' });
          await editor.done();
        } else await editor.cancel();
      }
      await notice.waitFor();
      assert.deepEqual(await notice.locator('li').allTextContents(), ['Invoices: select an account']);
      await notice.getByText('Close').click();
      await notice.waitFor({ state: 'detached' });
      await editor.page.evaluate(() => {
        // biome-ignore lint/suspicious/noExplicitAny: the same
        const { RED } = globalThis as any;
        RED.history.pop();
        RED.history.pop();
      });
      assert.equal((await made()).length, 0, 'the password, and both nodes in one step');
    });

    it('says so where there is nothing to do', async () => {
      await editor.page.evaluate(() => {
        // biome-ignore lint/suspicious/noExplicitAny: the same
        const { RED } = globalThis as any;
        for (const id of ['old', 'token']) RED.nodes.remove(id);
      });
      await invoke();
      await editor.page
        .getByText(/This flow has no email in/)
        .first()
        .waitFor();
    });
  });
}
