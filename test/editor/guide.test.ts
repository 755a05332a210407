import assert from 'node:assert/strict';
import type { Browser } from 'playwright-core';
import { chromiumMissing, type Editor, openEditor, startBrowser } from '../../servers/browser';
import { dovecotMissing } from '../../servers/dovecot';
import { needs } from '../../servers/needs';
import { nodeRed5Missing } from '../../servers/node-red';
import { account, flows, pop3In, startWorld, type World } from '../world';

for (const version of [4, 5] as const) {
  describe(`the setup of an account, step by step, Node-RED ${version}`, function () {
    this.timeout(120_000);
    let world: World;
    let browser: Browser;
    let editor: Editor;
    before(async function () {
      needs(chromiumMissing, dovecotMissing, ...(version === 5 ? [nodeRed5Missing] : [])).call(this);
      [world, browser] = await Promise.all([startWorld({ version }), startBrowser()]);
      await world.nodeRed.deploy(flows(world, account(world), pop3In(world, { interval: 0 })));
      editor = await openEditor(browser, world.nodeRed, { dark: version === 5 });
      await editor.page.evaluate("RED.editor.editConfig('', 'oauth2-account', 'account', '')");
      await editor.dialog.locator('.redletter-form').waitFor({ state: 'visible' });
    });
    after(async () => {
      await browser?.close();
      await world?.close();
    });

    it('names the three steps of Google and of Microsoft, and none for an own provider', async () => {
      const steps = editor.dialog.locator('.redletter-setup li');
      assert.equal(await steps.count(), 0);
      for (const [provider, type] of [
        ['microsoft', 'Mobile and desktop applications'],
        ['google', 'Desktop app'],
      ] as const) {
        await editor.fill({ provider });
        assert.equal(await steps.count(), 3);
        const texts = (await steps.allTextContents()).join('\n');
        assert.ok(texts.includes(type), texts);
        assert.match(texts, /enable POP/i);
        assert.match(texts, /Sign in/);
        // Google registers no redirect URI for a desktop application.
        const redirect = editor.dialog.locator('.redletter-redirect-row');
        assert.equal(await redirect.isVisible(), provider === 'microsoft');
        await editor.screenshot(`setup-${provider}-${version}`);
      }
    });

    it('opens the guide of the provider beside the dialog, and from there another one', async () => {
      await editor.dialog.locator('.redletter-guide').click();
      const title = editor.page.locator('.red-ui-help-title');
      await title.filter({ hasText: 'Gmail and Google Workspace' }).waitFor({ state: 'visible' });
      await editor.screenshot(`guide-${version}`);
      const other = editor.page.locator('.red-ui-help a[data-redletter-guide="troubleshooting"]').first();
      await other.click();
      await title.filter({ hasText: 'Troubleshooting' }).waitFor({ state: 'visible' });
      assert.deepEqual(editor.problems, []);
    });
  });
}
