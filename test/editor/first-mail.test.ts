import assert from 'node:assert/strict';
import type { Browser } from 'playwright-core';
import { chromiumMissing, type Editor, openEditor, signIn, startBrowser } from '../../servers/browser';
import { dovecotMissing } from '../../servers/dovecot';
import { needs } from '../../servers/needs';
import { asInstalled, nodeRed5Missing } from '../../servers/node-red';
import { clients } from '../../servers/oidc';
import { ALICE, mail, startWorld, type World } from '../world';

for (const version of [4, 5] as const) {
  describe(`a newcomer in the editor, Node-RED ${version}`, function () {
    this.timeout(90_000);
    let world: World;
    let browser: Browser;
    let editor: Editor;
    let node: string;
    /** What a person does in Node-RED on the direct way: a click, a drag, a field filled in. */
    let actions = 0;
    /** How long that and what follows it took. */
    let spentMs = 0;
    const timed = async <T>(part: () => Promise<T>): Promise<T> => {
      const began = performance.now();
      try {
        return await part();
      } finally {
        spentMs += performance.now() - began;
      }
    };
    const act = <T>(action: () => Promise<T>): Promise<T> => {
      actions += 1;
      return timed(action);
    };
    before(async function () {
      needs(chromiumMissing, dovecotMissing, ...(version === 5 ? [nodeRed5Missing] : [])).call(this);
      [world, browser] = await Promise.all([startWorld({ version }, { accessTokenTtl: 3 }), startBrowser()]);
      // A mail server whose certificate the machine trusts, as a provider's is.
      world.nodeRed = await world.nodeRed.restart('SIGTERM', {
        env: { NODE_EXTRA_CA_CERTS: world.ca },
        settings: asInstalled,
      });
      editor = await openEditor(browser, world.nodeRed, { dark: version === 5 });
    });
    after(async () => {
      await browser?.close();
      await world?.close();
    });

    const checkNow = (): Promise<void> =>
      editor.page.locator(`[id="${node}"] .red-ui-flow-node-button-button`).click();
    const state = (kind: string) => editor.dialog.locator(`.redletter-state[data-state="${kind}"]`);

    it('is told what is missing before anything is sent', async () => {
      node = await act(() => editor.addNode('pop3 in', { x: 180, y: 120 }));
      const debug = await act(() => editor.addNode('debug', { x: 420, y: 120 }));
      await act(() => editor.wire(node, debug));
      await editor.openDialog(debug);
      await editor.page.locator('#node-input-typed-complete').waitFor({ state: 'attached' });
      await editor.cancel();
      await act(() => editor.openDialog(node));
      await editor.screenshot(`pop3-in-${version}`);
      await act(() => editor.fill({ user: ALICE }));
      const port = world.dovecot.tlsPort;
      await act(() => editor.fill({ host: `localhost:${port}` }));
      assert.deepEqual(
        [await editor.field('host').inputValue(), await editor.field('port').inputValue()],
        ['localhost', String(port)],
      );
      await act(() => editor.addConfig('account'));
      // The address came along, and with a domain that is not known it chose the provider.
      assert.equal(await editor.field('user').inputValue(), ALICE);
      assert.equal(await editor.field('provider').inputValue(), 'custom');
      // What is missing is told on the press, which is a mistake and no part of the way.
      const button = editor.dialog.locator('.redletter-sign-in');
      await editor.fill({ user: '' });
      for (const [property, value, problem] of [
        ['user', ALICE, /mail address/i],
        ['clientId', clients.native.id, /client id/i],
        ['issuer', world.provider.issuer, /issuer/i],
      ] as const) {
        await button.click();
        await state('error').waitFor();
        assert.match((await state('error').textContent()) ?? '', problem);
        if (property === 'user') await editor.fill({ user: value });
        else await act(() => editor.fill({ [property]: value }));
      }
      assert.equal(editor.context.pages().length, 1, 'no window was opened');
    });

    it("signs in on the provider's own pages, before the first deploy", async () => {
      const redirect = await editor.dialog.locator('.redletter-redirect').textContent();
      assert.equal(redirect, new URL('redletter/oauth2-account/callback', world.nodeRed.url).href);
      await act(() => editor.fill({ scope: 'openid offline_access email mail.pop' }));
      const window = await act(() => editor.popup(() => editor.dialog.locator('.redletter-sign-in').click()));
      const closed = window.waitForEvent('close');
      await timed(async () => {
        // On the provider's own pages: name, password, and a button on each of two.
        await signIn(window, ALICE);
        await closed;
        // The server was typed in the form beneath, which is not saved yet.
        await state('ok')
          .filter({ hasText: `Connected as ${ALICE}. Emails in the mailbox: 0` })
          .waitFor();
      });
      await editor.screenshot(`oauth2-account-${version}`);
      await act(() => editor.done());
    });

    it('walks the whole way by Test, before the first deploy', async () => {
      await editor.dialog.locator('.redletter-test-start').click();
      await editor.dialog.locator('.redletter-test-panel .redletter-verdict[data-state="ok"]').waitFor();
      await editor.dialog.locator('.redletter-test-start').scrollIntoViewIfNeeded();
      await editor.screenshot(`test-${version}`, editor.dialog);
    });

    it('deploys, and sees a mail arrive', async () => {
      await editor.screenshot(`pop3-in-filled-${version}`);
      await act(() => editor.done());
      await act(() => editor.deploy());
      await timed(() => editor.waitForStatus(node, /idle|0 new/));
      await world.dovecot.deliver(ALICE, mail('Seen in the editor', {}, 'Hello from the test.'));
      await act(checkNow);
      await timed(() => editor.waitForStatus(node, /1 new/));
      // Version 5 shows it beside the canvas from the start.
      if (version === 4) await act(() => editor.page.locator('#red-ui-tab-debug-link-button').click());
      await editor.page.locator('.red-ui-debug-msg', { hasText: 'Hello from the test.' }).waitFor();
      await editor.smallScreenshot(`first-mail-${version}`, { width: 1000, height: 330 });
      assert.deepEqual(editor.problems, []);
    });

    it('has come there in at most 16 actions and 30 s', () => {
      assert.equal(actions, version === 4 ? 16 : 15);
      assert.ok(spentMs < 30_000, `${Math.round(spentMs / 1000)} s`);
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
      await checkNow();
      await editor.page.locator('.red-ui-debug-msg', { hasText: 'Still there.' }).waitFor();
    });
  });
}
