import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import type { Browser, Page } from 'playwright-core';
import { chromiumMissing, type Editor, openEditor, signIn, startBrowser } from '../../servers/browser';
import { dovecotMissing } from '../../servers/dovecot';
import { needs } from '../../servers/needs';
import { type FlowNode, nodeRed5Missing } from '../../servers/node-red';
import { clients } from '../../servers/oidc';
import { ALICE, account, flows, mail, pop3In, startWorld, type World } from '../world';

const LAN = 'nodered.test';
const KEY = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  .privateKey.export({ type: 'pkcs8', format: 'pem' })
  .toString();

/** The person's part of a sign-in by device code, from the address the dialog shows. */
async function typeCode(window: Page, code: string): Promise<void> {
  await window.fill('input[name="user_code"]', code);
  await window.click('button[type="submit"]');
  await window.waitForSelector('code');
  await window.click('button[type="submit"]');
  await signIn(window, ALICE);
}

/** Every way has an account of its own, and a `pop3 in` to come to it by. */
const WAYS: Record<string, { more?: Partial<FlowNode>; credentials?: object }> = {
  device: { more: { grant: 'device_code' } },
  closed: { more: { grant: 'device_code' } },
  refused: { more: { grant: 'device_code', scope: 'openid offline_access email' } },
  key: { more: { grant: 'client_credentials', clientAuth: 'private_key_jwt' } },
  unattended: {
    more: { grant: 'client_credentials', scope: 'mail.pop' },
    credentials: { clientId: clients.confidential.id, clientSecret: 'wrong' },
  },
  registers: { credentials: { clientId: '', clientSecret: "another application's" } },
};

for (const version of [4, 5] as const) {
  describe(`sign-in methods in the dialog, Node-RED ${version}`, function () {
    this.timeout(90_000);
    let world: World;
    let browser: Browser;
    let editor: Editor;
    before(async function () {
      needs(chromiumMissing, dovecotMissing, ...(version === 5 ? [nodeRed5Missing] : [])).call(this);
      [world, browser] = await Promise.all([
        startWorld({ version }, { accessTokenTtl: 600 }),
        startBrowser([LAN]),
      ]);
      await world.dovecot.deliver(ALICE, mail('One'));
      await world.dovecot.deliver(ALICE, mail('Two'));
      const nodes = Object.entries(WAYS).flatMap(([way, { more, credentials }], at) => [
        account(world, {
          ...more,
          id: way,
          credentials: { user: ALICE, clientId: clients.native.id, ...credentials },
        }),
        pop3In(world, { id: `mail-${way}`, account: way, interval: 0, x: 180, y: 60 + 50 * at }),
      ]);
      await world.nodeRed.deploy(flows(world, ...nodes));
      editor = await openEditor(browser, world.nodeRed);
    });
    after(async () => {
      await browser?.close();
      await world?.close();
    });
    // The next test starts with a canvas without a dialog, in front, and a sign-in server without a session.
    afterEach(async () => {
      // Behind another page the browser throttles the editor's timers.
      const others = editor?.context.pages().filter((page) => page !== editor.page) ?? [];
      await Promise.all(others.map((page) => page.close()));
      await editor?.page.bringToFront();
      while (await editor?.dialog.count()) await editor.cancel();
      await editor?.context.clearCookies();
    });

    const part = (name: string) => editor.dialog.locator(`.redletter-${name}`);
    const shownCode = async (): Promise<string> => {
      await part('device').waitFor();
      return (await part('device-code').textContent()) ?? '';
    };
    const says = (text: RegExp | string) => part('state').filter({ hasText: text }).waitFor();
    const openAccount = async (way: keyof typeof WAYS): Promise<void> => {
      await editor.openDialog(`mail-${way}`);
      await editor.editConfig('account');
    };

    it('by device code: the code, the page, the time left; then who it is and how many mails', async () => {
      await openAccount('device');
      await part('sign-in').click();
      const code = await shownCode();
      assert.match(code, /^[A-Z]{4}-[A-Z]{4}$/);
      // In the part of the dialog that is on the screen, with the time that is left below it.
      const shown = (await part('device-left').boundingBox()) ?? { y: 0, height: 0 };
      const within = (await editor.dialog.locator('.red-ui-tray-body').boundingBox()) ?? { y: 0, height: 0 };
      assert.ok(shown.y > 0 && shown.y + shown.height <= within.y + within.height, 'the code is in sight');
      assert.equal(await part('device-link').textContent(), `${world.provider.issuer}/device`);
      assert.match((await part('device-left').textContent()) ?? '', /^(10:00|9:5\d) left$/);
      await editor.screenshot(`device-${version}`, editor.dialog);
      const window = await editor.context.newPage();
      await window.goto(`${world.provider.issuer}/device`);
      await typeCode(window, code);
      await editor.page.bringToFront();
      await says(`Connected as ${ALICE}. Emails in the mailbox: 2`);
      assert.equal(await part('device').isVisible(), false);
      await editor.screenshot(`connected-${version}`, editor.dialog);

      // And out again, which is asked about once.
      await part('sign-out').click();
      const question = editor.page.locator('.red-ui-notification', { hasText: 'Sign out?' });
      await question.getByText('Cancel').click();
      await question.waitFor({ state: 'detached' });
      await says('Connected as');
      await part('sign-out').click();
      await editor.screenshot(`sign-out-${version}`);
      await question.locator('button.primary').click();
      await says('Signed out. The provider revoked the tokens.');
      assert.equal(await part('sign-out').isVisible(), false);
    });

    it('a private key keeps its lines, unseen, through every save, and is replaced by pasting (S19)', async () => {
      await openAccount('key');
      const key = editor.field('privateKey');
      assert.equal(await key.isVisible(), true);
      await key.fill(KEY);
      assert.equal(
        await key.evaluate((area) => getComputedStyle(area).getPropertyValue('-webkit-text-security')),
        'disc',
      );
      const saved = async (name: string): Promise<void> => {
        await editor.fill({ name });
        await editor.done();
        await editor.done();
        await editor.deploy();
        await openAccount('key');
      };
      await saved('First');
      assert.equal(await key.inputValue(), '__PWRD__');
      await saved('Second');
      // Signed by the key as it was pasted, lines and all: the server does not know it, which it can only say of a whole one.
      const asked = world.provider.nextTokenRequest('client_credentials');
      await part('sign-in').click();
      assert.match((await asked).parameters.get('client_assertion') ?? '', /^eyJ[\w-]+\.[\w-]+\.[\w-]{86}$/);
      await key.click();
      await editor.page.keyboard.insertText('x');
      assert.equal(await key.inputValue(), 'x', 'what stands for the stored one goes as a whole');
      await editor.screenshot(`key-${version}`, editor.dialog);
    });

    // The rest is the same in both, and a browser takes its time.
    if (version === 5) return;

    it('by device code: closing the dialog ends the asking', async () => {
      await openAccount('closed');
      await part('sign-in').click();
      await shownCode();
      const cancelled = editor.page.waitForResponse((answer) => answer.url().endsWith('/cancel'));
      await editor.cancel();
      assert.equal((await cancelled).status(), 200);
    });

    it('says what the mail server said, in words, when it refuses the token', async () => {
      await openAccount('refused');
      await part('sign-in').click();
      const code = await shownCode();
      const window = await editor.context.newPage();
      await window.goto(`${world.provider.issuer}/device`);
      await typeCode(window, code);
      await editor.page.bringToFront();
      await editor.dialog.locator('.redletter-state[data-mailbox="failed"]').waitFor();
      const words = (await part('state').textContent()) ?? '';
      assert.match(words, new RegExp(`Signed in as ${ALICE}`));
      assert.match(words, /mailbox|refused/i);
      assert.doesNotMatch(words, /errors\.|__/);
      await editor.screenshot(`refused-${version}`, editor.dialog);
    });

    it('without a person: Test says that it works, or in words what does not', async () => {
      await openAccount('unattended');
      await part('sign-in').filter({ hasText: 'Test' }).click();
      await says(/rejected the client ID and client secret/);
      // The deployed node stays wrong until the next deploy; the test uses the values of the form.
      await editor.fill({ clientSecret: clients.confidential.secret });
      await part('sign-in').click();
      await says(/Passed: the provider issued/);
    });

    it('registers itself where the server lets it, and keeps the client id (RFC 7591)', async () => {
      await openAccount('registers');
      const id = editor.field('clientId');
      assert.match((await id.getAttribute('placeholder')) ?? '', /registered automatically/);
      const asked = world.provider.nextTokenRequest('authorization_code');
      const window = await editor.popup(() => part('sign-in').click());
      await signIn(window, ALICE);
      // A secret that was deployed for another application does not go out for this one.
      assert.equal((await asked).secretIn, 'nowhere');
      await says(`Connected as ${ALICE}. Emails in the mailbox: 2`);
      const registered = await id.inputValue();
      assert.match(registered, /^[\w-]{10,}$/);
      await editor.done();
      await editor.done();
      await editor.deploy();
      assert.deepEqual(await world.nodeRed.credentials('oauth2-account', 'registers'), {
        user: ALICE,
        clientId: registered,
        has_clientSecret: false,
        has_privateKey: false,
        has_refreshToken: false,
      });
    });

    it('offers the scopes of an own provider as check boxes, which write what is sent', async () => {
      await openAccount('registers');
      const field = editor.field('scope');
      const box = (scope: string) => part('scopes').getByRole('checkbox', { name: scope, exact: true });
      await box('mail.pop').waitFor();
      const ticked = async (): Promise<string[]> =>
        part('scopes')
          .locator('input:checked')
          .evaluateAll((boxes) => boxes.map((one) => (one as HTMLInputElement).value).sort());
      const words = async (): Promise<string[]> => (await field.inputValue()).split(' ').filter(Boolean);
      assert.deepEqual(await ticked(), (await words()).sort());
      await field.fill('openid');
      assert.deepEqual(await ticked(), ['openid']);
      await box('mail.pop').check();
      await box('openid').uncheck();
      await box('offline_access').check();
      assert.equal(await field.inputValue(), 'mail.pop offline_access');
      const [request] = await Promise.all([
        editor.context.waitForEvent('request', (sent) =>
          sent.url().startsWith(world.provider.authorizationUrl),
        ),
        part('sign-in').click(),
      ]);
      assert.equal(new URL(request.url()).searchParams.get('scope'), 'mail.pop offline_access');
      await field.fill('');
      assert.deepEqual(await ticked(), []);
      await field.fill(['$', '{SCOPE}'].join(''));
      assert.equal(await part('scopes').isVisible(), false, 'Node-RED fills in the whole value');
      await editor.fill({ provider: 'google' });
      assert.equal(await box('mail.pop').count(), 0);
    });

    it('shows a sign-out in one editor in all of them', async () => {
      const other = await openEditor(browser, world.nodeRed);
      try {
        await other.openDialog('mail-registers');
        await other.editConfig('account');
        await editor.page.bringToFront();
        await openAccount('registers');
        for (const one of [other, editor]) {
          await one.dialog.locator('.redletter-state[data-state="ok"]').waitFor();
        }
        await part('sign-out').click();
        await editor.page.locator('.red-ui-notification button.primary').click();
        await says('Signed out. The provider revoked the tokens.');
        await other.page.bringToFront();
        await other.dialog.locator('.redletter-sign-out').waitFor({ state: 'hidden' });
        assert.equal(await other.dialog.locator('.redletter-state').textContent(), '');
        assert.equal(
          (await other.dialog.locator('.redletter-sign-in').textContent())?.trim(),
          'Sign in',
          'and no longer "again"',
        );
      } finally {
        await other.close();
      }
    });

    // The last, since it comes in by another address.
    it('proposes a code on a LAN where the provider has codes, and pasting where it has none', async () => {
      await editor.close();
      editor = await openEditor(browser, world.nodeRed, { host: LAN });
      await editor.openDialog(await editor.addNode('pop3 in', { x: 400, y: 300 }));
      await editor.addConfig('account');
      assert.equal(await editor.field('grant').inputValue(), 'authorization_code');
      assert.match((await part('way').textContent()) ?? '', /copy the address of that page/);
      await editor.fill({ provider: 'microsoft' });
      assert.equal(await editor.field('grant').inputValue(), 'device_code');
      assert.match((await part('way').textContent()) ?? '', /code to enter/);
      assert.equal(await part('redirect').isVisible(), false);
      await editor.fill({ grant: 'authorization_code' });
      await editor.fill({ provider: 'google' });
      await editor.fill({ provider: 'microsoft' });
      assert.equal(await editor.field('grant').inputValue(), 'authorization_code', 'chosen by hand');
      await editor.fill({ provider: 'yahoo' });
      assert.equal(await part('sign-in').isVisible(), false);
      assert.match((await part('hint').textContent()) ?? '', /app password.*pop\.mail\.yahoo\.com/s);
    });
  });
}
