import assert from 'node:assert/strict';
import type { Browser, Page } from 'playwright-core';
import { chromiumMissing, type Editor, openEditor, signIn, startBrowser } from '../../servers/browser';
import { needs } from '../../servers/needs';
import { type NodeRed, startNodeRed } from '../../servers/node-red';
import { clients, startProvider, type TestProvider } from '../../servers/oidc';
import { freePorts } from '../../servers/ports';
import { type ReverseProxy, startReverseProxy } from '../../servers/reverse-proxy';
import { ALICE } from '../world';

const CALLBACK = 'redletter/oauth2-account/callback';
/** The name the world knows this house by. */
const PUBLIC = 'house.example.test';
/** A name on the LAN: neither https nor this machine itself, as far as the browser can tell. */
const LAN = 'nodered.lan';
const user = { username: 'admin', password: 'open sesame' };

/** One Node-RED with a login and an admin root, which people reach in different ways. */
describe('signing in where people have their Node-RED', function () {
  this.timeout(60_000);
  let provider: TestProvider;
  let nodeRed: NodeRed;
  let proxy: ReverseProxy;
  let browser: Browser;
  let editor: Editor;
  before(async function () {
    needs(chromiumMissing).call(this);
    proxy = await startReverseProxy({ name: PUBLIC, prefix: '/house', to: () => nodeRed.port });
    [provider, nodeRed, browser] = await Promise.all([
      startProvider({ redirectUris: [`${proxy.url}red/${CALLBACK}`] }),
      startNodeRed({
        version: 4,
        settings: { httpAdminRoot: '/red' },
        users: { [user.username]: { password: user.password, permissions: '*' } },
      }),
      startBrowser([PUBLIC, LAN]),
    ]);
  });
  after(async () => {
    await browser?.close();
    await nodeRed?.remove();
    await proxy?.close();
    await provider?.close();
  });

  const state = (kind: string) => editor.dialog.locator(`.redletter-state[data-state="${kind}"]`);
  const redirect = () => editor.dialog.locator('.redletter-redirect').textContent();
  const press = (): Promise<Page> => editor.popup(() => editor.dialog.locator('.redletter-sign-in').click());
  const signedIn = async (): Promise<void> => {
    await state('ok').waitFor();
    assert.match((await state('ok').textContent()) ?? '', new RegExp(ALICE));
    assert.deepEqual(editor.problems, []);
  };

  /** The next person signs in from the same dialog; the sign-in server has no session yet. */
  const another = async (): Promise<void> => {
    editor.problems.length = 0;
    await editor.context.clearCookies();
  };

  /** A new account in the editor as it is reached there, filled in as far as its sign-in needs it. */
  const newAccount = async (url: string, more: Record<string, string> = {}): Promise<void> => {
    editor = await openEditor(browser, { url }, { user });
    const node = await editor.addNode('oauth2 token', { x: 180, y: 120 });
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

  describe('behind a reverse proxy with TLS and a path, with an admin root and a login', () => {
    const callback = (): string => `${proxy.url}red/${CALLBACK}`;
    before(() => newAccount(`${proxy.url}red/`));
    after(() => editor?.close());

    it('the window goes out from the public address, comes back to it, and closes by itself', async () => {
      assert.equal(await redirect(), callback());
      const window = await press();
      const closed = window.waitForEvent('close');
      await window.waitForSelector('input[name="login"]');
      const [cookie] = (await editor.context.cookies(callback())).filter(({ name }) =>
        /^redletter/.test(name),
      );
      assert.deepEqual(
        [cookie?.domain, cookie?.path, cookie?.secure, cookie?.httpOnly, cookie?.sameSite],
        [PUBLIC, new URL(callback()).pathname, true, true, 'Lax'],
      );
      await signIn(window, ALICE);
      await signedIn();
      await closed;
      // The window has no login to Node-RED; the editor that opened it has one.
      const seen = proxy.requests.filter(({ path }) => path.startsWith('/house/red/redletter/'));
      const bearer = (path: RegExp): boolean[] =>
        seen.filter((one) => path.test(one.path)).map(({ headers }) => headers.authorization !== undefined);
      assert.deepEqual(bearer(/\/(begin|callback)$/), [false, false]);
      assert.ok(bearer(/\/sign-in$/).length === 1 && bearer(/\/(sign-in|status)$/).every(Boolean));
      assert.ok(
        proxy.requests.some(({ path }) => path === '/house/red/comms'),
        'news came by web socket',
      );
    });
  });

  describe('at a LAN name over plain http, with an admin root and a login', () => {
    let window: Page;
    let address: URL;
    let registered: string;
    before(async () => {
      // Nothing listens there on the reader's own machine.
      const [closed = 1] = await freePorts(1);
      registered = `http://localhost:${closed}/red/${CALLBACK}`;
      await newAccount(`http://${LAN}:${nodeRed.port}/red/`, { redirectUri: registered });
      assert.equal(await redirect(), registered);
    });
    after(() => editor?.close());
    /** Goes as far as the error page at the end. */
    beforeEach(async () => {
      await another();
      window = await press();
      await state('wait').waitFor();
      const failed = window.waitForEvent('requestfailed', (request) => request.url().startsWith(registered));
      await signIn(window, ALICE);
      address = new URL((await failed).url());
    });
    afterEach(() => window?.close());
    const paste = async (text: string): Promise<void> => {
      await editor.dialog.locator('#redletter-paste').fill(text);
      await editor.dialog.locator('.redletter-paste-send').click();
    };

    it('the address of the error page is pasted', async () => {
      await paste(address.href);
      await signedIn();
    });

    it('accepts the query string alone, and names what is missing', async () => {
      const { searchParams } = address;
      await paste(`?code=${searchParams.get('code')}`);
      await state('error').waitFor();
      assert.match((await state('error').textContent()) ?? '', /contains no state/);
      await paste(address.search);
      await state('ok').waitFor();
    });

    it('the host is corrected in the address bar instead', async () => {
      const there = new URL(address);
      there.host = `${LAN}:${nodeRed.port}`;
      const closed = window.waitForEvent('close');
      await window.goto(there.href).catch(() => undefined);
      await signedIn();
      await closed;
    });
  });
});
