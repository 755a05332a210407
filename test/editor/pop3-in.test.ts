import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createSecureServer, type Server } from 'node:https';
import { type AddressInfo, createServer } from 'node:net';
import type { Browser } from 'playwright-core';
import { chromiumMissing, type Editor, openEditor, startBrowser } from '../../servers/browser';
import { loopbackCertificate } from '../../servers/certificates';
import { dovecotMissing } from '../../servers/dovecot';
import { needs } from '../../servers/needs';
import { nodeRed5Missing } from '../../servers/node-red';
import { ALICE, mail, PASSWORD, startWorld, type World } from '../world';

for (const version of [4, 5] as const) {
  describe(`the form of pop3 in, Node-RED ${version}`, function () {
    this.timeout(60_000);
    let world: World;
    let browser: Browser;
    let editor: Editor;
    let node: string;
    /** In place of Mozilla's autoconfig database; `lookedUp`: what it was asked for. */
    let database: Server;
    const lookedUp: string[] = [];
    before(async function () {
      needs(chromiumMissing, dovecotMissing, ...(version === 5 ? [nodeRed5Missing] : [])).call(this);
      database = createSecureServer(loopbackCertificate(), (request, response) => {
        lookedUp.push(request.url ?? '');
        const server = `<incomingServer type="pop3"><hostname>pop.mail-host.example</hostname><port>995</port>
          <socketType>SSL</socketType></incomingServer>`;
        response.end(`<clientConfig><emailProvider>${server}</emailProvider></clientConfig>`);
      }).listen(0, '127.0.0.1');
      await once(database, 'listening');
      const { port } = database.address() as AddressInfo;
      const settings = { redletter: { autoconfigDatabase: `https://localhost:${port}/` } };
      [world, browser] = await Promise.all([startWorld({ version, settings }), startBrowser()]);
      // A mail server whose certificate the machine trusts, as a provider's is.
      world.nodeRed = await world.nodeRed.restart('SIGTERM', { env: { NODE_EXTRA_CA_CERTS: world.ca } });
      editor = await openEditor(browser, world.nodeRed, { language: 'de', dark: version === 5 });
    });
    after(async () => {
      await browser?.close();
      await world?.close();
      database?.close();
    });

    const unfold = async (): Promise<void> => {
      for (const summary of await editor.dialog
        .locator('details:not([open]) > summary')
        .all()
        .then((all) => all.reverse())) {
        await summary.click();
      }
    };
    const saved = async (): Promise<Record<string, unknown>> =>
      (await world.nodeRed.getFlows()).find(({ id }) => id === node) ?? {};

    it('a password, the mail of the last days, an input and a second output: in German', async () => {
      await world.dovecot.deliver(ALICE, mail('Old', { Date: 'Mon, 05 Jan 2026 10:00:00 +0000' }));
      await world.dovecot.deliver(ALICE, mail('Young', { Date: 'Mon, 02 Nov 2026 10:00:00 +0000' }));
      node = await editor.addNode('pop3 in', { x: 240, y: 120 });
      await editor.openDialog(node);
      await editor.fill({ auth: 'password' });
      await editor.fill({
        service: 'custom',
        user: ALICE,
        password: PASSWORD,
        host: 'localhost',
        port: world.dovecot.tlsPort,
        interval: 300,
      });
      await unfold();
      const labels = (await editor.dialog.locator('.redletter-form label').allTextContents()).join();
      assert.match(labels, /Passwort/);
      assert.doesNotMatch(labels, /label\./);
      await editor.dialog.locator('#redletter-first').selectOption('date');
      await editor.dialog.locator('#redletter-first-date').fill('2026-10-01');
      await editor.dialog.locator('#redletter-input').check();
      await editor.fill({ summary: true });
      await editor.screenshot(`pop3-in-de-${version}`);
    });

    const verdict = (state: string, panel = 'test') =>
      editor.dialog.locator(`.redletter-${panel}-panel .redletter-verdict[data-state="${state}"]`);
    const steps = () =>
      editor.dialog
        .locator('.redletter-steps li')
        .evaluateAll((rows) =>
          rows.map((row) => `${row.getAttribute('data-step')} ${row.getAttribute('data-state')}`),
        );

    it('tests what is not deployed yet: every step, and no secret in the transcript', async () => {
      await editor.dialog.locator('.redletter-test-start').click();
      await verdict('ok').waitFor();
      const names = [
        'name',
        'connection',
        'certificate',
        'greeting',
        'capabilities',
        'login',
        'stat',
        'uidl',
      ];
      assert.deepEqual(
        await steps(),
        names.map((name) => `${name} ok`),
      );
      assert.match((await verdict('ok').textContent()) ?? '', /Nichts wurde heruntergeladen/);
      const text = (await editor.dialog.locator('.redletter-transcript pre').textContent()) ?? '';
      assert.match(text, /^C: QUIT$/m);
      assert.ok(!text.includes(PASSWORD));
      await editor.dialog.locator('.redletter-test-start').scrollIntoViewIfNeeded();
      await editor.screenshot(`pop3-in-test-${version}`);
    });

    it('says why it fails, leads to the field, and offers the port that would do', async () => {
      await editor.fill({ password: 'wrong horse' });
      await editor.dialog.locator('.redletter-test-start').press('Enter');
      await verdict('failed').waitFor();
      assert.equal(
        (await steps()).find((step) => step.endsWith('failed')),
        'login failed',
      );
      assert.match((await verdict('failed').textContent()) ?? '', /Passwort/);
      await editor.screenshot(`pop3-in-test-failed-${version}`);
      await editor.dialog.locator('.redletter-do button', { hasText: 'Ändern' }).click();
      assert.equal(await editor.page.evaluate(() => document.activeElement?.id), 'node-input-password');
      await editor.fill({ password: PASSWORD, port: world.dovecot.port });
      await editor.dialog.locator('.redletter-test-start').click();
      await verdict('failed').waitFor();
      await editor.screenshot(`pop3-in-test-port-${version}`);
      await editor.dialog.locator('.redletter-use').click();
      await verdict('ok').waitFor();
      assert.equal(await editor.field('security').inputValue(), 'starttls');
      await editor.fill({ security: 'tls', port: world.dovecot.tlsPort });
    });

    it('is cancelled by a click', async () => {
      const silent = createServer();
      await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
      try {
        await editor.fill({ port: (silent.address() as AddressInfo).port });
        await editor.dialog.locator('.redletter-test-start').click();
        await editor.dialog
          .locator('.redletter-steps [data-step="certificate"][data-state="running"]')
          .waitFor();
        await editor.screenshot(`pop3-in-test-running-${version}`);
        await editor.dialog.locator('.redletter-test-cancel').click();
        await verdict('cancelled').waitFor();
      } finally {
        silent.close();
      }
      await editor.fill({ port: world.dovecot.tlsPort });
    });

    it('says what a reader can do, and nothing about checks that are off', async () => {
      const closing = createServer((socket) => socket.destroy());
      await new Promise<void>((resolve) => closing.listen(0, '127.0.0.1', resolve));
      try {
        await editor.fill({ port: (closing.address() as AddressInfo).port });
        await editor.dialog.locator('.redletter-test-start').click();
        await verdict('failed').waitFor();
        const said = (await verdict('failed').textContent()) ?? '';
        assert.match(said, /Versuchen Sie es erneut/);
        assert.doesNotMatch(said, /nächste Abruf/);
      } finally {
        closing.close();
      }
      await editor.fill({ port: world.dovecot.tlsPort });
    });

    it('shows the newest mails without fetching one', async () => {
      await editor.dialog.locator('.redletter-preview-start').click();
      await verdict('ok', 'preview').waitFor();
      const subjects = await editor.dialog.locator('.redletter-mails tbody td:first-child').allTextContents();
      assert.deepEqual(subjects, ['Young', 'Old']);
      await editor.dialog.locator('.redletter-preview-start').scrollIntoViewIfNeeded();
      await editor.screenshot(`pop3-in-preview-${version}`);
      await editor.dialog.locator('.redletter-send').first().click();
      await verdict('failed', 'preview').waitFor();
      assert.match((await verdict('failed', 'preview').textContent()) ?? '', /noch nicht deployt/);
      // The browser logs the runtime's refusal to the console.
      editor.problems.length = 0;
    });

    it('deployed, it is as the form said', async () => {
      await editor.done();

      const inject = await editor.addNode('inject', { x: 60, y: 300 });
      const mails = await editor.addNode('debug', { x: 420, y: 60 });
      const checks = await editor.addNode('debug', { x: 420, y: 240 });
      await editor.wire(inject, node);
      await editor.wire(node, mails, 0);
      await editor.wire(node, checks, 1);
      await editor.deploy();
      const { first, inputs, outputs, wires, interval } = await saved();
      assert.deepEqual(
        { first, inputs, outputs, wires, interval: Number(interval) },
        { first: '2026-10-01', inputs: 1, outputs: 2, wires: [[mails], [checks]], interval: 300 },
      );
      await editor.waitForStatus(node, /^1 neu, 1 ignoriert$/);
      // Flows have it in the words of the contract all the same.
      const comms = await world.nodeRed.comms();
      assert.equal((await comms.waitForStatus(node, /new/)).text, '1 new, 1 ignored');
      comms.close();
      const published = JSON.stringify(await world.nodeRed.getFlows());
      assert.ok(!published.includes(PASSWORD));
    });

    it('opened again and saved: everything is as it was, wires and password too', async () => {
      const before = await saved();
      await editor.openDialog(node);
      assert.equal(await editor.field('password').inputValue(), '__PWRD__');
      assert.equal(await editor.dialog.locator('#redletter-first').inputValue(), 'date');
      assert.equal(await editor.dialog.locator('#redletter-first-date').inputValue(), '2026-10-01');
      assert.equal(await editor.dialog.locator('#redletter-input').isChecked(), true);
      await editor.fill({ interval: 1 });
      await editor.done();
      await editor.deploy();
      const { interval, ...rest } = await saved();
      const { interval: _, ...old } = before;
      assert.equal(Number(interval), 1);
      assert.deepEqual(rest, old);
      await world.dovecot.deliver(ALICE, mail('Third', {}, 'Third day.'));
      await editor.page
        .locator('.red-ui-debug-msg', { hasText: 'Third day.' })
        .waitFor({ state: 'attached' });
      const flow = (await world.nodeRed.getFlows()).find(({ type }) => type === 'inject');
      assert.deepEqual(flow?.wires, [[node]]);
    });

    it('sends one mail of the preview through the deployed flow, with the stored password', async () => {
      await editor.openDialog(node);
      await editor.screenshot(`pop3-in-folded-${version}`);
      const stated = await editor.dialog.locator('.redletter-stated').allTextContents();
      assert.equal(stated.length, 6);
      assert.match(
        stated.join(' | '),
        /2026-10-01.*bis 25 MB.*gesendet.*ein Eingang, zwei Ausg.*localhost:\d+, TLS.*30 s, 300 s/,
      );
      await editor.dialog.locator('.redletter-preview-start').click();
      await verdict('ok', 'preview').waitFor();
      const debugged = editor.page.locator('.red-ui-debug-msg', { hasText: 'Third day.' });
      const before = await debugged.count();
      await editor.dialog.locator('.redletter-send').first().click();
      await verdict('ok', 'preview').filter({ hasText: 'Third' }).waitFor();
      await debugged.nth(before).waitFor({ state: 'attached' });
      await editor.cancel();
    });

    it('the address selects the provider, its server and the sign-in method, and shows the requirements', async () => {
      await editor.openDialog(node);
      const hint = editor.dialog.locator('.redletter-hint');
      await editor.fill({ host: '', user: 'someone@web.de' });
      assert.equal(await editor.field('service').inputValue(), 'webde');
      assert.equal(Number(await editor.field('port').inputValue()), 995);
      assert.match((await hint.textContent()) ?? '', /web\.de.*App-Passwort/);
      assert.match((await hint.locator('a').getAttribute('href')) ?? '', /^https:\/\/hilfe\.web\.de/);
      assert.equal(await editor.field('host').isVisible(), false);
      const connection = editor.dialog.locator('.redletter-connection .redletter-stated');
      assert.equal(await connection.textContent(), 'pop3.web.de:995, TLS');
      await editor.screenshot(`pop3-in-hint-${version}`);
      await editor.fill({ user: 'someone@icloud.com' });
      assert.match((await hint.textContent()) ?? '', /kein POP3/);
      await editor.fill({ user: 'someone@gmail.com' });
      assert.equal(await editor.field('auth').inputValue(), 'oauth2');
      await editor.fill({ auth: 'password' });
      assert.equal(await editor.field('service').inputValue(), 'google');
      assert.match((await hint.textContent()) ?? '', /Google.*OAuth 2\.0.*App-Passwort/);
      const gmail = 'https://myaccount.google.com/apppasswords';
      assert.equal(await hint.locator('a').getAttribute('href'), gmail);
      assert.equal(await connection.textContent(), 'pop.gmail.com:995, TLS');
      await editor.dialog.locator('.redletter-first > summary').click();
      await editor.dialog.locator('#redletter-recent').check();
      assert.equal(await editor.field('user').inputValue(), 'recent:someone@gmail.com');
      await editor.screenshot(`pop3-in-recent-${version}`);
      await editor.dialog.locator('#redletter-recent').uncheck();
      assert.equal(await editor.field('user').inputValue(), 'someone@gmail.com');
      await editor.cancel();
    });

    it('an address put right takes back what the wrong one chose', async () => {
      await editor.openDialog(node);
      await editor.fill({ host: '', user: 'someone@web.de' });
      await editor.fill({ user: 'someone@webde.example' });
      assert.equal(await editor.field('service').inputValue(), 'custom');
      assert.equal(await editor.field('host').isVisible(), true);
      await editor.fill({ service: 'google', user: 'someone@workspace.example' });
      assert.equal(await editor.field('service').inputValue(), 'google', 'chosen by hand');
      await editor.cancel();
    });

    it('asks Mozilla’s database for a domain that says nothing, on a click that says so', async () => {
      await editor.openDialog(node);
      await editor.fill({ host: '', user: 'someone@nowhere.invalid' });
      const ask = editor.dialog.locator('.redletter-find-database');
      assert.equal(await ask.isVisible(), false);
      await editor.dialog.locator('.redletter-find').click();
      await ask.waitFor();
      assert.match((await ask.textContent()) ?? '', /nowhere\.invalid.*Mozilla.*\(localhost:\d+\)/);
      assert.deepEqual(lookedUp, []);
      const guess = editor.dialog.locator('.redletter-find-guess');
      assert.equal(
        await guess.textContent(),
        'pop.nowhere.invalid, mail.nowhere.invalid und pop3.nowhere.invalid probieren',
      );
      await guess.click();
      await editor.dialog
        .locator('.redletter-find-said[data-state="failed"]', {
          hasText: /antwortet kein POP3-Server mit TLS|DNS/,
        })
        .waitFor();
      await ask.click();
      await editor.dialog.locator('.redletter-find-said[data-state="ok"]').waitFor();
      assert.deepEqual(lookedUp, ['/nowhere.invalid']);
      assert.equal(await editor.field('host').inputValue(), 'pop.mail-host.example');
      for (const button of [ask, guess]) assert.equal(await button.isVisible(), false);
      await editor.cancel();
    });

    it('the address goes along into a new account, and says before it is there whose server it will be', async () => {
      const fresh = await editor.addNode('pop3 in', { x: 240, y: 380 });
      await editor.openDialog(fresh);
      const marked = () =>
        editor.dialog.locator('.input-error:visible').evaluateAll((fields) => fields.map(({ id }) => id));
      assert.deepEqual(await marked(), ['node-input-account'], 'of its server nothing can be said yet');
      assert.equal(await editor.field('user').getAttribute('placeholder'), 'sie@example.com');
      await editor.dialog.locator('.redletter-test-start').click();
      await verdict('failed').filter({ hasText: 'Konto' }).waitFor();
      await editor.fill({ user: 'someone@outlook.com' });
      const connection = editor.dialog.locator('.redletter-connection .redletter-stated');
      assert.equal(await connection.textContent(), 'outlook.office365.com:995, TLS');
      assert.equal(await editor.field('host').isVisible(), false);
      await editor.screenshot(`pop3-in-before-account-${version}`);

      await editor.addConfig('account');
      assert.equal(await editor.field('user').inputValue(), 'someone@outlook.com');
      assert.equal(await editor.field('provider').inputValue(), 'microsoft');
      await editor.fill({ grant: 'device_code' });
      assert.deepEqual(await marked(), []);
      await editor.fill({ user: 'someone@gmail.com' });
      assert.equal(await editor.field('provider').inputValue(), 'google');
      assert.deepEqual(await marked(), []);
      await editor.screenshot(`account-from-address-${version}`);
      await editor.fill({ provider: 'custom', user: 'someone@outlook.com' });
      assert.equal(await editor.field('provider').inputValue(), 'custom', 'chosen by hand');
      await editor.cancel();
      await editor.cancel();
      await editor.page.keyboard.press('Delete');
      // The browser logs the runtime's refusal to the console.
      editor.problems.length = 0;
    });

    it('says what a password needs: not with OAuth, not for an environment variable, not for a stored one', async () => {
      const marked = () =>
        editor.dialog.locator('.input-error:visible').evaluateAll((fields) => fields.map(({ id }) => id));
      /** What the editor has against the node on the canvas. */
      const wrong = () => editor.page.evaluate(`RED.nodes.node('${node}').validationErrors`);
      await editor.openDialog(node);
      assert.deepEqual(await marked(), []);
      await editor.fill({ user: '' });
      assert.deepEqual(await marked(), ['node-input-user']);
      await editor.fill({ user: '$' + '{MAIL_USER}', password: '' });
      assert.deepEqual(await marked(), ['node-input-password']);
      await editor.fill({ password: '$' + '{MAIL_PASSWORD}' });
      assert.deepEqual(await marked(), []);
      await editor.fill({ user: '', auth: 'oauth2' });
      assert.ok(!(await marked()).includes('node-input-user'));
      await editor.fill({ user: ALICE, auth: 'password', password: '' });
      await editor.done();
      assert.deepEqual(await wrong(), ['Passwort: Geben Sie das Passwort des Postfachs ein']);
      await editor.openDialog(node);
      await editor.fill({ user: '', password: PASSWORD, interval: 'often' });
      assert.deepEqual(await marked(), ['node-input-user', 'node-input-interval']);
      await editor.done();
      assert.equal(((await wrong()) as string[]).length, 2);
      await editor.openDialog(node);
      await editor.fill({ user: ALICE, interval: 1 });
      await editor.done();
      assert.deepEqual(await wrong(), []);
    });

    it('says in German what is wrong', async () => {
      await editor.openDialog(node);
      await editor.fill({ port: 1 });
      await editor.done();
      await editor.deploy();
      const status = await editor.waitForStatus(node, /abgelehnt|verweigert|Verbindung/);
      assert.doesNotMatch(status, /refused/);
      await editor.screenshot(`pop3-in-status-de-${version}`);
    });

    it('without the input and the second output their wires go, and only those', async () => {
      await editor.openDialog(node);
      await unfold();
      await editor.dialog.locator('#redletter-input').uncheck();
      await editor.fill({ summary: false });
      await editor.done();
      await editor.deploy();
      const { inputs, outputs, wires } = await saved();
      assert.deepEqual({ inputs, outputs }, { inputs: 0, outputs: 1 });
      assert.equal((wires as string[][]).length, 1);
      assert.equal((wires as string[][])[0]?.length, 1);
      const inject = (await world.nodeRed.getFlows()).find(({ type }) => type === 'inject');
      assert.deepEqual(inject?.wires, [[]]);
      assert.deepEqual(editor.problems, []);
    });
  });
}
