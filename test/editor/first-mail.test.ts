import assert from 'node:assert/strict';
import type { Browser } from 'playwright-core';
import { chromiumMissing, type Editor, openEditor, signIn, startBrowser } from '../servers/browser';
import { dovecotMissing } from '../servers/dovecot';
import { needs } from '../servers/needs';
import { nodeRed5Missing } from '../servers/node-red';
import { clients } from '../servers/oidc';
import { ALICE, mail, startWorld, type World } from '../world';

for (const version of [4, 5] as const) {
  describe(`a newcomer in the editor, Node-RED ${version}`, function () {
    this.timeout(90_000);
    let world: World;
    let browser: Browser;
    let editor: Editor;
    let node: string;
    before(async function () {
      needs(chromiumMissing, dovecotMissing, ...(version === 5 ? [nodeRed5Missing] : [])).call(this);
      [world, browser] = await Promise.all([startWorld({ version }, { accessTokenTtl: 3 }), startBrowser()]);
      // A mail server whose certificate the machine trusts, as a provider's is.
      world.nodeRed = await world.nodeRed.restart('SIGTERM', { env: { NODE_EXTRA_CA_CERTS: world.ca } });
      editor = await openEditor(browser, world.nodeRed, { dark: version === 5 });
    });
    after(async () => {
      await browser?.close();
      await world?.close();
    });

    const state = (kind: string) => editor.dialog.locator(`.redletter-state[data-state="${kind}"]`);

    it('is told what is missing before anything is sent', async () => {
      node = await editor.addNode('pop3 in', { x: 180, y: 120 });
      const debug = await editor.addNode('debug', { x: 420, y: 120 });
      await editor.wire(node, debug);
      await editor.openDialog(debug);
      await editor.page.locator('#node-input-typed-complete').waitFor({ state: 'attached' });
      await editor.cancel();
      await editor.openDialog(node);
      await editor.screenshot(`pop3-in-${version}`);
      await editor.addConfig('account');
      await editor.fill({ provider: 'custom' });
      const button = editor.dialog.locator('.redletter-sign-in');
      for (const [property, value, problem] of [
        ['user', ALICE, /mail address/i],
        ['clientId', clients.native.id, /client id/i],
        ['issuer', world.provider.issuer, /issuer/i],
      ] as const) {
        await button.click();
        await state('error').waitFor();
        assert.match((await state('error').textContent()) ?? '', problem);
        await editor.fill({ [property]: value });
      }
      assert.equal(editor.context.pages().length, 1, 'no window was opened');
    });

    it("signs in on the provider's own pages, before the first deploy", async () => {
      const redirect = await editor.dialog.locator('.redletter-redirect').textContent();
      assert.equal(redirect, new URL('redletter/oauth2-account/callback', world.nodeRed.url).href);
      await editor.dialog.locator('summary').click();
      await editor.fill({ scope: 'openid offline_access email mail.pop' });
      const window = await editor.popup(() => editor.dialog.locator('.redletter-sign-in').click());
      const closed = window.waitForEvent('close');
      await signIn(window, ALICE);
      await closed;
      await state('ok').waitFor();
      assert.match((await state('ok').textContent()) ?? '', new RegExp(ALICE));
      await editor.screenshot(`oauth2-account-${version}`);
      await editor.done();
    });

    it('deploys, and sees a mail arrive', async () => {
      await editor.fill({ host: 'localhost', port: world.dovecot.tlsPort, interval: 1 });
      await editor.screenshot(`pop3-in-filled-${version}`);
      await editor.done();
      await editor.deploy();
      await editor.waitForStatus(node, /idle|0 new/);
      await world.dovecot.deliver(ALICE, mail('Seen in the editor', {}, 'Hello from the test.'));
      await editor.waitForStatus(node, /1 new|idle/);
      // Version 5 shows it beside the canvas from the start.
      if (version === 4) await editor.page.locator('#red-ui-tab-debug-link-button').click();
      await editor.page.locator('.red-ui-debug-msg', { hasText: 'Hello from the test.' }).waitFor();
      await editor.screenshot(`first-mail-${version}`);
      assert.deepEqual(editor.problems, []);
    });

    it('opens the deployed account again: signed in, and the secret is never shown', async () => {
      await editor.openDialog(node);
      await editor.editConfig('account');
      await state('ok').waitFor();
      assert.equal(await editor.field('user').inputValue(), ALICE);
      await editor.cancel();
      await editor.cancel();
    });

    it('says it when the person declines', async () => {
      await editor.openDialog(node);
      await editor.editConfig('account');
      await state('ok').waitFor();
      const window = await editor.popup(() => editor.dialog.locator('.redletter-sign-in').click());
      await window.locator('a[href*="/abort"]').click();
      await state('error').waitFor();
      assert.match((await state('error').textContent()) ?? '', /declin/i);
      await window.close();
      await editor.cancel();
      await editor.cancel();
      // The running sign-in was not touched.
      await world.dovecot.deliver(ALICE, mail('Still there', {}, 'Still there.'));
      await editor.page.locator('.red-ui-debug-msg', { hasText: 'Still there.' }).waitFor();
    });
  });
}
