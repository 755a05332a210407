import assert from 'node:assert/strict';
import type { Browser, Locator } from 'playwright-core';
import type { HealthReport, MailboxReport } from '../../nodes/admin/protocol';
import { chromiumMissing, type Editor, openEditor, startBrowser } from '../../servers/browser';
import { dovecotMissing } from '../../servers/dovecot';
import { needs } from '../../servers/needs';
import { type FlowNode, nodeRed5Missing } from '../../servers/node-red';
import { ScriptedPop3 } from '../../servers/scripted-pop3';
import { ALICE, account, flows, mail, PASSWORD, pop3In, signIn, startWorld, type World } from '../world';

const USERS = {
  admin: { password: 'admin-password', permissions: '*' },
  guest: { password: 'guest-password', permissions: 'read' },
};
const ADMIN = { username: 'admin', password: USERS.admin.password };

for (const version of [4, 5] as const) {
  describe(`the sidebar tab, Node-RED ${version}`, function () {
    this.timeout(60_000);
    let world: World;
    let browser: Browser;
    let editor: Editor;
    let token: string;

    before(async function () {
      needs(chromiumMissing, dovecotMissing, ...(version === 5 ? [nodeRed5Missing] : [])).call(this);
      [world, browser] = await Promise.all([
        startWorld({ version, users: USERS }, { accessTokenTtl: 3600 }),
        startBrowser(),
      ]);
      token = await world.nodeRed.logIn('admin', ADMIN.password);
      await world.nodeRed.deploy(flows(world));
      editor = await openEditor(browser, world.nodeRed, { user: ADMIN });
    });
    after(async () => {
      await browser?.close();
      await world?.close();
    });

    const tab = (): Locator => editor.page.locator('.redletter-health');
    const card = (name: string): Locator =>
      tab()
        .locator('.redletter-card')
        .filter({ has: editor.page.locator('h4', { hasText: name }) });
    const report = async (): Promise<HealthReport> =>
      (await (await world.nodeRed.admin('redletter/health')).json()) as HealthReport;
    const mailbox = async (id: string): Promise<MailboxReport> =>
      (await report()).mailboxes.find((one) => one.id === id) ?? assert.fail(`no mailbox ${id}`);
    const open = async (page = editor): Promise<void> => {
      // As the menu View does; it is the same in both versions.
      await page.page.evaluate("RED.sidebar.show('redletter-health')");
      await page.page.locator('.redletter-health').waitFor({ state: 'visible' });
    };
    const post = (route: string, headers: Record<string, string> = {}): Promise<Response> =>
      world.nodeRed.admin(`redletter/pop3-in/${route}`, {
        method: 'POST',
        body: '{}',
        headers: { 'content-type': 'application/json', ...headers },
      });

    const signedIn = (): FlowNode => account(world, { name: 'Alice at work' });
    const box = (id: string, more: Partial<FlowNode>): FlowNode =>
      pop3In(world, {
        id,
        auth: 'password',
        account: '',
        credentials: { user: ALICE, password: PASSWORD },
        interval: 300,
        wires: [[]],
        ...more,
      });
    const all = (): FlowNode[] => [
      signedIn(),
      account(world, {
        id: 'other',
        name: 'Nobody yet',
        credentials: { user: 'bob@example.test', clientId: 'b' },
      }),
      pop3In(world, { id: 'inbox', name: 'Inbox', interval: 300 }),
      box('orders', {
        name: 'Orders',
        handled: 'ack',
        maxAttempts: 1,
        maxInFlight: 20,
        wires: [['failing']],
      }),
      box('broken', { name: 'Broken', port: 1 }),
      { id: 'failing', type: 'pop3 ack', z: 'tab', name: '', outcome: 'failed', wires: [[]] },
    ];

    it('without a mailbox, says how to get one; drawn but not deployed, says that too', async () => {
      await open();
      await tab().getByText('Drag mail in (POP3)').waitFor();
      await editor.screenshot(`health-empty-${version}`);
      await editor.addNode('pop3 in', { x: 200, y: 120 });
      await editor.page.evaluate("RED.sidebar.show('info'); RED.sidebar.show('redletter-health')");
      await tab().getByText('appear here after Deploy').waitFor();
      await editor.close();
      assert.deepEqual(editor.problems, []);
    });

    it('shows every mailbox and account at a glance, and changes by itself', async () => {
      for (const subject of ['Order 17', 'Order 18']) await world.dovecot.deliver(ALICE, mail(subject));
      await world.nodeRed.deploy(flows(world, ...all()));
      await signIn(world, signedIn());
      editor = await openEditor(browser, world.nodeRed, { user: ADMIN });
      await open();
      const inbox = card('Inbox');
      await inbox.getByText('2 new').waitFor();
      await inbox.getByText('Emails in the last 24 hours: 2').waitFor();
      assert.match(await inbox.innerText(), /alice@example\.test · localhost/);
      assert.match(await inbox.innerText(), /checked .*(now|ago).*next in (4|5) minutes/s);
      assert.equal(
        await inbox.locator('svg[role="img"]').getAttribute('aria-label'),
        'Emails in the last 24 hours: 2',
      );
      assert.equal(await inbox.locator('svg rect:not(.redletter-hour)').count(), 1);
      await card('Broken').locator('.redletter-error', { hasText: 'Check the port' }).waitFor();
      await card('Broken').getByText('connection refused', { exact: true }).waitFor();
      const alice = card('Alice at work');
      assert.match(await alice.innerText(), /signed in/);
      assert.match(await alice.innerText(), /mail\.pop/);
      assert.match(await alice.innerText(), /expires in (1 hour|60 minutes|5\d minutes)/);
      const left = Number(await alice.getByRole('meter').getAttribute('aria-valuenow'));
      assert.ok(left >= 95 && left <= 100, `${left} % left`);
      assert.match(await card('Nobody yet').innerText(), /not signed in|unknown/);

      // Without a click: the tab receives an event.
      await world.dovecot.deliver(ALICE, mail('Order 19'));
      assert.equal((await post('inbox/check')).status, 202);
      await inbox.getByText('1 new').waitFor();
      await inbox.getByText('Emails in the last 24 hours: 3').waitFor();
    });

    it('puts first what needs a person, and says so on the tab', async () => {
      const names = await tab().locator('.redletter-card h4').allInnerTexts();
      assert.ok(names.indexOf('Broken') < names.indexOf('Inbox'), names.join());
      const badge = editor.page.locator('.redletter-badge').first();
      await badge.waitFor({ state: 'attached' });
      assert.ok(Number(await badge.textContent()) >= 1);
    });

    it('keeps the last checks and mails, sends one again, and pauses', async () => {
      const inbox = card('Inbox');
      await inbox.locator('.redletter-more-of-mailbox > summary').click();
      const row = inbox.locator('.redletter-last-mails li', { hasText: 'Order 17' });
      await row.filter({ hasText: 'bob@example.test' }).filter({ hasText: 'sent' }).waitFor();
      await inbox.locator('.redletter-last-checks li', { hasText: '2 delivered' }).waitFor();
      await editor.screenshot(`health-details-${version}`);
      await row.getByRole('button').click();
      const again = async (): Promise<boolean> => {
        const { topic, pop3 } = (await world.sink.next('messages')) as Record<string, unknown>;
        return topic === 'Order 17' && (pop3 as { redelivered: boolean }).redelivered;
      };
      while (!(await again()));
      await inbox.locator('.redletter-pause').click();
      await inbox.getByText('paused').waitFor();
      await inbox.locator('.redletter-pause').click();
      await inbox.getByText('idle').waitFor();
      await inbox.locator('.redletter-more-of-mailbox > summary').click();
    });

    it('checks now, by keyboard, without losing the place', async () => {
      await world.dovecot.deliver(ALICE, mail('Order 20'));
      const check = tab().getByRole('button', { name: 'Check Inbox now' });
      await check.focus();
      await editor.page.keyboard.press('Enter');
      await card('Inbox').getByText('Emails in the last 24 hours: 4').waitFor();
      assert.ok(await check.evaluate((element) => element === document.activeElement));
    });

    it('lists quarantined mail, and retries it', async () => {
      assert.equal((await post('orders/check')).status, 202);
      const orders = card('Orders');
      await orders.getByText('Quarantined: 4').waitFor();
      await orders.locator('.redletter-aside > summary').click();
      await editor.screenshot(`health-${version}`);
      await orders.getByText('Order 17').waitFor();
      const heard = world.sink.received('errors').length;
      await orders.getByRole('button', { name: 'Retry: Order 18' }).click();
      for (;;) {
        const { pop3, error } = (await world.sink.next('errors')) as Record<string, Record<string, unknown>>;
        if (world.sink.received('errors').length <= heard || pop3?.uid === undefined) continue;
        if (!pop3.redelivered) continue;
        // Redelivered, marked, failed again, and quarantined again.
        assert.equal(error?.code, 'POISON');
        break;
      }
      assert.equal((await mailbox('orders')).setAside.count, 4);
    });

    it('shows a node where it stands, and opens an account', async () => {
      await card('Inbox').getByRole('button', { name: 'Inbox', exact: true }).click();
      await editor.page
        .locator('[id="inbox"].red-ui-flow-node-highlighted, [id="inbox"] .red-ui-flow-node-highlighted')
        .first()
        .waitFor({ state: 'attached' });
      await card('Alice at work').getByRole('button', { name: 'Alice at work' }).click();
      const panel = editor.dialog.locator('.redletter-signed-in');
      await panel.getByText('mail.pop').waitFor();
      assert.match(await panel.innerText(), /Access token\s+expires in/);
      await editor.screenshot(`account-panel-${version}`, editor.dialog);
      await editor.cancel();
    });

    it('speaks German, and keeps to the colors of the editor in the dark', async () => {
      const german = await openEditor(browser, world.nodeRed, {
        user: ADMIN,
        language: 'de',
        dark: version === 5,
      });
      try {
        await open(german);
        const text = german.page.locator('.redletter-health');
        await text.getByText('E-Mails in den letzten 24 Stunden: 4').first().waitFor();
        await text.getByText(/In Quarantäne: 4/).waitFor();
        assert.doesNotMatch(await text.innerText(), /health\.|panel\.|ago|Set aside/);
        await german.screenshot(`health-de-${version}`);
      } finally {
        await german.close();
      }
      assert.deepEqual(german.problems, []);
      assert.deepEqual(editor.problems, []);
    });

    it('is for those who may read the flows; to press something takes more', async () => {
      const text = JSON.stringify(await report());
      assert.match(text, /alice@example\.test/);
      for (const secret of [PASSWORD, 'access_token', 'refresh']) assert.ok(!text.includes(secret), secret);
      const anonymous = await fetch(new URL('redletter/health', world.nodeRed.url));
      assert.equal(anonymous.status, 401);
      const admin = { authorization: `Bearer ${token}` };
      const guest = { authorization: `Bearer ${await world.nodeRed.logIn('guest', USERS.guest.password)}` };
      assert.equal((await world.nodeRed.admin('redletter/health', { headers: guest })).status, 200);
      for (const route of ['inbox/check', 'orders/set-aside/x/retry']) {
        assert.equal((await post(route, guest)).status, 401);
        assert.equal((await post(route, { ...admin, 'sec-fetch-site': 'cross-site' })).status, 403);
        assert.equal((await post(route, { ...admin, 'content-type': 'text/plain' })).status, 403);
      }
      assert.equal((await post('orders/set-aside/x/retry', admin)).status, 404);
      assert.equal((await post('nobody/check', admin)).status, 404);
    });

    it('tells open editors no more than that there is something new', async () => {
      await world.nodeRed.logIn('admin', ADMIN.password);
      const comms = await world.nodeRed.comms();
      await post('inbox/check');
      assert.deepEqual(await comms.waitFor('redletter/health'), {});
    });

    it('shows what strangers write as text: in the tab, the test, the preview and the status', async () => {
      const server = await hostileServer();
      const at = {
        host: '127.0.0.1',
        port: server.port,
        security: 'none',
        allowPlaintext: true,
        first: 'all',
      };
      try {
        const nodes = [
          box('evil', { ...at, name: 'Evil', handled: 'ack', maxAttempts: 1, wires: [['failing']] }),
          box('refused', { ...at, name: 'Refused', credentials: { user: ALICE, password: 'wrong' } }),
          { id: 'failing', type: 'pop3 ack', z: 'tab', name: '', outcome: 'failed', wires: [[]] },
        ];
        await world.nodeRed.deploy(flows(world, ...nodes).filter(({ type }) => type !== 'catch'));
        const page = await openEditor(browser, world.nodeRed, { user: ADMIN });
        await open(page);
        const shown: Record<string, string> = {};
        const cards = page.page.locator('.redletter-health .redletter-card');
        const quarantined = cards.filter({ hasText: 'Evil' });
        await quarantined.getByText('Quarantined: 1').waitFor();
        await quarantined.locator('.redletter-aside > summary').click();
        await quarantined.getByText('Subject').first().waitFor();
        shown.quarantine = await quarantined.innerText();
        shown.status = await page.waitForStatus('refused', /./);
        shown.card = (await cards.filter({ hasText: 'Refused' }).textContent()) ?? '';
        await page.openDialog('evil');
        for (const panel of ['preview', 'test']) {
          await page.dialog.locator(`.redletter-${panel}-start`).click();
          await page.dialog
            .locator(`.redletter-${panel}-panel .redletter-verdict[data-state="ok"]`)
            .waitFor({ state: 'attached' });
          shown[panel] = (await page.dialog.locator(`.redletter-${panel}-panel`).textContent()) ?? '';
        }
        await page.cancel();
        for (const [panel, text] of Object.entries(shown)) {
          assert.ok(!text.includes('\x1b') && !text.includes('\u202e'), panel);
          if (panel !== 'status') assert.ok(text.includes(MARKUP), `${panel}: ${text}`);
        }
        assert.equal(await page.page.locator('img[src="x"]').count(), 0);
        assert.equal(await page.page.evaluate('window.canary'), undefined);
        await page.close();
        assert.deepEqual(page.problems, []);
      } finally {
        await server.close();
      }
    });

    it('shows a sign-in that the provider revoked, and no token that is none any more', async () => {
      await world.nodeRed.deploy(
        flows(world, signedIn(), pop3In(world, { id: 'inbox', name: 'Inbox', interval: 300 })),
      );
      await card('Alice at work').getByText('signed in', { exact: true }).waitFor();
      await world.provider.revokeAll();
      await post('inbox/check');
      await card('Alice at work').getByText('sign in again', { exact: true }).waitFor();
      assert.doesNotMatch(await card('Alice at work').innerText(), /expires in/);
      await card('Inbox').getByRole('button', { name: 'Sign in again' }).waitFor();
      await editor.screenshot(`health-revoked-${version}`);
      // Beside the status of the node as well.
      await editor.page.locator('[id="inbox"] .red-ui-flow-node-status-label').hover();
      await editor.page
        .locator('.redletter-status-details')
        .getByRole('button', { name: 'Sign in again' })
        .click();
      await editor.dialog.locator('.redletter-sign-in').waitFor();
      await editor.cancel();
    });

    it('says why, in the editor of a user who may only read', async () => {
      const guest = await openEditor(browser, world.nodeRed, {
        user: { username: 'guest', password: USERS.guest.password },
      });
      try {
        await open(guest);
        await guest.page
          .locator('.redletter-health')
          .getByRole('button', { name: 'Check Inbox now' })
          .click();
        await guest.page
          .locator('.red-ui-notification', { hasText: 'your login has read permission only' })
          .waitFor();
        await guest.screenshot(`health-guest-${version}`);
      } finally {
        await guest.close();
      }
    });
  });
}

const MARKUP = `<img src=x onerror="window.canary=1">'&lt;$t(label.name) {{user}}`;

/** Says markup, controls, a mark that turns the reading direction, and what a catalog would fill in, wherever it can. */
function hostileServer(): Promise<ScriptedPop3> {
  const evil = `\x1b[2J\u202e${MARKUP}`;
  const encoded = (text: string): string => `=?utf-8?B?${Buffer.from(text).toString('base64')}?=`;
  const mail = [
    `From: ${encoded(`Sender ${evil}`)} <evil@example.org>`,
    `Subject: ${encoded(`Subject ${evil}`)}`,
    'Date: Mon, 23 Nov 2026 10:00:00 +0000',
    `Content-Type: application/pdf; name="${encoded(evil)}"`,
    'Content-Disposition: attachment',
    '\r\ncontent\r\n',
  ].join('\r\n');
  return new ScriptedPop3({
    greeting: `+OK ${evil}`,
    capabilities: ['USER', 'UIDL', 'TOP', `IMPLEMENTATION ${evil}`],
    mails: [mail],
    commands: {
      UIDL: (argument) => (argument ? `+OK 1 ${evil}\r\n` : `+OK\r\n1 ${evil}\r\n.\r\n`),
      PASS: (password, session) => {
        session.loggedIn = password === PASSWORD;
        return session.loggedIn ? '+OK\r\n' : `-ERR [AUTH] ${evil}\r\n`;
      },
    },
  }).listen();
}
