import assert from 'node:assert/strict';
import type { Browser, Page } from 'playwright-core';
import {
  chromiumMissing,
  type Editor,
  type EditorOptions,
  openEditor,
  signIn,
  startBrowser,
} from '../../servers/browser';
import { needs } from '../../servers/needs';
import { type NodeRed, nodeRed5Missing, startNodeRed } from '../../servers/node-red';
import { clients, startProvider, type TestProvider } from '../../servers/oidc';
import { freePorts } from '../../servers/ports';
import { startTokenEndpoint } from '../../servers/token-endpoint';
import { ALICE, account } from '../world';

/** As a user types it into a field. */
const variable = (name: string): string => `$\{${name}}`;

const CALLBACK = 'redletter/oauth2-account/callback';
/** A host as it may be called on a LAN: neither https nor this machine itself, as far as the browser can tell. */
const LAN = 'nodered.test';

for (const version of [4, 5] as const) {
  describe(`the account's dialog, Node-RED ${version}`, function () {
    this.timeout(60_000);
    let provider: TestProvider;
    let nodeRed: NodeRed;
    let browser: Browser;
    let editor: Editor;
    before(async function () {
      needs(chromiumMissing, ...(version === 5 ? [nodeRed5Missing] : [])).call(this);
      [provider, nodeRed, browser] = await Promise.all([
        startProvider(),
        startNodeRed({ version }),
        startBrowser([LAN]),
      ]);
    });
    after(async () => {
      await browser?.close();
      await nodeRed?.remove();
      await provider?.close();
    });
    afterEach(() => editor?.close());

    const state = (kind: string) => editor.dialog.locator(`.redletter-state[data-state="${kind}"]`);
    const button = () => editor.dialog.locator('.redletter-sign-in');
    const redirectAt = (host: string): string => `http://${host}:${nodeRed.port}/${CALLBACK}`;

    /** A new account, filled in as far as its sign-in needs it. */
    const newAccount = async (
      options: EditorOptions = {},
      more: Record<string, string> = {},
    ): Promise<void> => {
      editor = await openEditor(browser, nodeRed, options);
      const node = await editor.addNode('pop3 in', { x: 180, y: 120 });
      await editor.openDialog(node);
      await editor.addConfig('account');
      await editor.fill({
        provider: 'custom',
        user: ALICE,
        clientId: clients.native.id,
        issuer: provider.issuer,
      });
      await editor.dialog.locator('.redletter-more > summary').first().click();
      await editor.fill({ scope: 'openid offline_access email mail.pop', ...more });
    };
    const signedIn = async (window: Page): Promise<void> => {
      await signIn(window, ALICE);
      await state('ok').waitFor();
      assert.match((await state('ok').textContent()) ?? '', new RegExp(ALICE));
    };

    for (const [here, there] of [
      ['127.0.0.1', 'localhost'],
      ['localhost', '127.0.0.1'],
    ] as const) {
      it(`signs in from ${here} with a redirect to ${there}: the cookie is where the answer comes (S1)`, async () => {
        await newAccount({ host: here }, { redirectUri: redirectAt(there) });
        assert.equal(await editor.dialog.locator('.redletter-redirect').textContent(), redirectAt(there));
        const window = await editor.popup(() => button().click());
        const closed = window.waitForEvent('close');
        await window.waitForSelector('input[name="login"]');
        assert.equal(await window.evaluate(() => globalThis.opener), null, 'it cannot reach the editor');
        await signedIn(window);
        await closed;
        assert.equal(await editor.dialog.locator('.redletter-paste').isVisible(), false);
      });
    }

    it('signs in from a LAN address by pasting the address of the error page', async () => {
      await newAccount({ host: LAN });
      assert.equal(await editor.dialog.locator('.redletter-redirect').textContent(), redirectAt('localhost'));
      // Nothing listens there on the reader's own machine.
      const [closed = 1] = await freePorts(1);
      await editor.fill({
        redirectUri: redirectAt('localhost').replace(String(nodeRed.port), String(closed)),
      });
      const window = await editor.popup(() => button().click());
      const failed = window.waitForEvent('requestfailed', (request) => request.url().includes(CALLBACK));
      await signIn(window, ALICE);
      const address = (await failed).url();
      assert.match(address, /[?&]code=/);
      const paste = editor.dialog.locator('#redletter-paste');
      await paste.waitFor();
      await editor.screenshot(`paste-${version}`);
      await paste.fill(address.replace(/&?state=[^&]*/, ''));
      await paste.press('Enter');
      await state('error').waitFor();
      assert.match((await state('error').textContent()) ?? '', /contains no state/);
      await paste.fill(address);
      await editor.dialog.locator('.redletter-paste-send').click();
      await state('ok').waitFor();
      assert.equal(await paste.isVisible(), false);
    });

    it('notices within a second that its window was closed, and tries again', async () => {
      await newAccount();
      const first = await editor.popup(() => button().click());
      await first.waitForSelector('input[name="login"]');
      await first.close();
      const line = state('warning');
      await line.waitFor({ timeout: 1500 });
      assert.match((await line.textContent()) ?? '', /window was closed/);
      await editor.screenshot(`window-closed-${version}`);
      const second = await editor.popup(() => editor.dialog.locator('.redletter-try-again').click());
      await signedIn(second);
    });

    it('a second press replaces the first sign-in, and never shows it as failed', async () => {
      await newAccount();
      await editor.popup(() => button().click());
      const second = await editor.popup(() => button().click());
      await second.waitForSelector('input[name="login"]');
      await state('wait').waitFor();
      assert.equal(await state('error').count(), 0);
      await signedIn(second);
    });

    it('asks at once where another person signed in', async () => {
      await newAccount();
      const window = await editor.popup(() => button().click());
      await signIn(window, 'bob@example.test');
      await state('warning').waitFor();
      assert.match(
        (await state('warning').textContent()) ?? '',
        /Signed in as bob@example\.test, but .*alice@/,
      );
      assert.equal(await state('ok').count(), 0);
      await editor.screenshot(`other-person-${version}`);
      const again = await editor.popup(() => editor.dialog.locator('.redletter-other-again').click());
      await signedIn(again);
    });

    it('shows a link where the browser opens no window', async () => {
      await newAccount();
      await editor.page.evaluate(() => {
        window.open = () => null;
      });
      await button().click();
      const link = state('wait').locator('a');
      await link.waitFor();
      const opened = editor.context.waitForEvent('page');
      await link.click();
      await signedIn(await opened);
    });

    it('says so at once where the redirect URI is no address, and opens no window', async () => {
      await newAccount({}, { redirectUri: 'nonsense' });
      await button().click();
      await state('error').waitFor();
      assert.match((await state('error').textContent()) ?? '', /https:\/\//);
      assert.equal(editor.context.pages().length, 1);
    });

    it('copies the redirect URI, and can be worked without a mouse', async () => {
      await newAccount({ host: LAN });
      await editor.field('issuer').focus();
      const reached: string[] = [];
      for (let step = 0; step < 12 && !reached.includes('redletter-sign-in'); step += 1) {
        await editor.page.keyboard.press('Tab');
        const classes = await editor.page.evaluate(() => document.activeElement?.className ?? '');
        reached.push(...classes.split(' ').filter((name) => name.startsWith('redletter-')));
        if (classes.includes('redletter-copy')) {
          await editor.page.keyboard.press('Enter');
          await editor.page.locator('.red-ui-popover', { hasText: 'copied' }).waitFor();
        }
      }
      assert.ok(reached.includes('redletter-copy') && reached.includes('redletter-sign-in'), reached.join());
      await editor.field('name').focus();
      await editor.page.keyboard.press('ControlOrMeta+v');
      assert.equal(await editor.field('name').inputValue(), redirectAt('localhost'));
      assert.deepEqual(editor.problems, []);
    });

    if (version === 4)
      it('offers the issuer that a discovery document names, and signs in with it', async () => {
        const body = { issuer: provider.issuer, token_endpoint: `${provider.issuer}/token` };
        const misnamed = await startTokenEndpoint({ body });
        try {
          await newAccount({}, { issuer: `http://127.0.0.1:${misnamed.port}` });
          await button().click();
          await state('error').waitFor();
          assert.ok((await state('error').textContent())?.includes(`names the issuer ${provider.issuer}.`));
          const use = editor.dialog.locator('.redletter-use-issuer');
          await signedIn(await editor.popup(() => use.click()));
          assert.equal(await editor.field('issuer').inputValue(), provider.issuer);
        } finally {
          await misnamed.close();
        }
      });

    it('asks again when the address has changed', async () => {
      await newAccount();
      await signedIn(await editor.popup(() => button().click()));
      await editor.fill({ user: 'bob@example.test' });
      await state('plain').waitFor();
      await editor.fill({ user: ALICE });
      await state('ok').waitFor();
    });

    for (const dark of version === 5 ? [false, true] : [false]) {
      it(`speaks German where the reader does${dark ? ', in the dark' : ''}`, async () => {
        await newAccount({ language: 'de', dark });
        const labels = await editor.dialog.locator('.redletter-form label').allTextContents();
        assert.ok(
          labels.some((label) => label.includes('E-Mail-Adresse')),
          labels.join(),
        );
        assert.doesNotMatch(labels.join(), /label\.|Provider/);
        await editor.fill({ user: '' });
        await button().click();
        await state('error').waitFor();
        assert.equal((await state('error').textContent())?.trim(), 'Geben Sie die E-Mail-Adresse ein.');
        await editor.fill({ user: ALICE, clientId: 'nobody' });
        await editor.fill({ issuer: 'http://127.0.0.1:9/' });
        await button().click();
        await editor.dialog.locator('.redletter-state', { hasText: /Anmeldeserver/ }).waitFor();
        await editor.screenshot(`oauth2-account-de-${version}${dark ? '-dark' : ''}`);
      });
    }
  });

  describe(`a deployed account in its dialog, Node-RED ${version}`, function () {
    this.timeout(60_000);
    let provider: TestProvider;
    let nodeRed: NodeRed;
    let browser: Browser;
    before(async function () {
      needs(chromiumMissing, ...(version === 5 ? [nodeRed5Missing] : [])).call(this);
      [provider, browser] = await Promise.all([startProvider(), startBrowser()]);
      nodeRed = await startNodeRed({ version, env: { CLIENT: clients.confidential.id, MAILBOX: ALICE } });
    });
    after(async () => {
      await browser?.close();
      await nodeRed?.remove();
      await provider?.close();
    });

    it('keeps its secret, unseen, when something else is changed; takes its values from the environment', async () => {
      const { confidential } = clients;
      await nodeRed.deploy([
        { id: 'tab', type: 'tab', label: 'Mail' },
        account(
          { provider },
          {
            name: 'Box',
            credentials: {
              user: variable('MAILBOX'),
              clientId: variable('CLIENT'),
              clientSecret: confidential.secret,
            },
          },
        ),
        {
          id: 'mail',
          type: 'pop3 in',
          z: 'tab',
          account: 'account',
          auth: 'oauth2',
          interval: 0,
          host: 'localhost',
          port: 1,
          security: 'tls',
          first: 'new',
          after: 'keep',
          mechanism: 'auto',
          inputs: 0,
          outputs: 1,
          wires: [[]],
        },
      ]);
      const editor = await openEditor(browser, nodeRed);
      const heard: string[] = [];
      editor.page.on(
        'response',
        (response) =>
          void response.text().then(
            (text) => heard.push(text),
            () => {},
          ),
      );
      await editor.openDialog('mail');
      await editor.editConfig('account');
      assert.equal(await editor.field('clientSecret').inputValue(), '__PWRD__');
      assert.equal(await editor.field('user').inputValue(), variable('MAILBOX'));
      await editor.fill({ name: 'Another name' });
      await editor.done();
      await editor.done();
      await editor.deploy();
      await editor.openDialog('mail');
      await editor.editConfig('account');
      assert.equal(await editor.field('clientSecret').inputValue(), '__PWRD__');
      const window = await editor.popup(() => editor.dialog.locator('.redletter-sign-in').click());
      await signIn(window, ALICE);
      await editor.dialog.locator('.redletter-state[data-state="ok"]').waitFor();
      const { parameters, status } = provider.tokenRequests.at(-1) ?? {};
      assert.equal(status, 200);
      assert.equal(parameters?.get('client_secret'), confidential.secret);
      assert.equal(parameters?.get('client_id'), confidential.id);
      assert.ok(heard.length > 0 && heard.every((text) => !text.includes(confidential.secret)));
      await editor.close();
    });
  });
}
