import assert from 'node:assert/strict';
import type { Browser } from 'playwright-core';
import type { HealthReport } from '../../nodes/admin/protocol';
import { chromiumMissing, type Editor, openEditor, startBrowser } from '../../servers/browser';
import { dovecotMissing } from '../../servers/dovecot';
import { needs } from '../../servers/needs';
import { type FlowNode, nodeRed5Missing } from '../../servers/node-red';
import { ALICE, flows, mail, PASSWORD, pop3In, startWorld, type World } from '../world';

for (const version of [4, 5] as const) {
  describe(`a mailbox in the hands of a person, Node-RED ${version}`, function () {
    this.timeout(90_000);
    let world: World;
    let browser: Browser;
    let editor: Editor;
    const node = (more: Partial<FlowNode> = {}): FlowNode =>
      pop3In(world, {
        auth: 'password',
        account: '',
        service: 'custom',
        credentials: { user: ALICE, password: PASSWORD },
        interval: 3600,
        inputs: 1,
        first: 'new',
        x: 300,
        y: 100,
        ...more,
      });

    before(async function () {
      needs(chromiumMissing, dovecotMissing, ...(version === 5 ? [nodeRed5Missing] : [])).call(this);
      [world, browser] = await Promise.all([startWorld({ version }), startBrowser()]);
      await world.dovecot.deliver(ALICE, mail('Old one'));
      await world.dovecot.deliver(ALICE, mail('Old two'));
      await world.nodeRed.deploy(flows(world, node()));
      editor = await openEditor(browser, world.nodeRed, { dark: version === 5 });
    });
    after(async () => {
      await browser?.close();
      await world?.close();
    });

    const mailbox = async (id = 'mail') => {
      const report = (await (await world.nodeRed.admin('redletter/health')).json()) as HealthReport;
      return report.mailboxes.find((one) => one.id === id) ?? assert.fail('no mailbox');
    };

    it('is found by what people search for', async () => {
      for (const term of ['mail', 'email', 'gmail', 'outlook', 'inbox', 'oauth', 'pop']) {
        await editor.page.fill('#red-ui-palette-search input', term);
        await editor.page
          .locator('.red-ui-palette-node[data-palette-type="pop3 in"]')
          .waitFor({ state: 'visible' });
      }
      await editor.screenshot(`palette-${version}`);
      await editor.page.fill('#red-ui-palette-search input', '');
    });

    it('checks at once by the button on the node', async () => {
      await editor.waitForStatus('mail', /0 new, 2 ignored/);
      await world.dovecot.deliver(ALICE, mail('Pressed'));
      await editor.page.locator('[id="mail"] .red-ui-flow-node-button-button').click();
      assert.equal((await world.sink.next('messages')).topic, 'Pressed');
      await editor.waitForStatus('mail', /^1 new$/);
      await editor.screenshot(`button-${version}`);
    });

    it('checks at once by the button in the dialog, which shows where files go', async () => {
      await world.dovecot.deliver(ALICE, mail('Pressed in the dialog'));
      await editor.openDialog('mail');
      await editor.dialog.locator('.redletter-check-now').click();
      assert.equal((await world.sink.next('messages')).topic, 'Pressed in the dialog');
      await editor.dialog.locator('.redletter-mail > summary').click();
      await editor.fill({ attachments: 'file', directory: 'invoices' });
      const path = editor.dialog.locator('.redletter-full-path', {
        hasText: `${world.nodeRed.userDir}/invoices`,
      });
      await path.waitFor({ state: 'visible' });
      await editor.cancel();
    });

    it('shows when the first check was, and begins again', async () => {
      await editor.openDialog('mail');
      await editor.dialog.locator('.redletter-first > summary').click();
      const said = editor.dialog.locator('.redletter-begin-said');
      await said.filter({ hasText: /First check .*; emails ignored: 2/ }).waitFor();
      await editor.dialog.locator('#redletter-first').selectOption('all');
      await editor.dialog.locator('.redletter-begin-hint').waitFor({ state: 'visible' });
      await editor.screenshot(`begin-${version}`);
      await editor.dialog.locator('.redletter-begin-again').click();
      await editor.page.locator('.red-ui-notification button.primary').click();
      // What was processed is not delivered again: the two that were ignored are.
      const [one, two] = [await world.sink.next('messages'), await world.sink.next('messages')];
      assert.deepEqual([one.topic, two.topic], ['Old one', 'Old two']);
      await editor.cancel();
    });

    it('pauses by a message, stays paused after a restart, and resumes', async () => {
      await world.nodeRed.deploy(
        flows(world, node(), {
          id: 'pause',
          type: 'inject',
          z: 'tab',
          props: [{ p: 'pause', v: 'true', vt: 'bool' }],
          wires: [['mail']],
          x: 100,
          y: 100,
        } as unknown as FlowNode),
      );
      await world.nodeRed.admin('inject/pause', { method: 'POST' });
      await editor.waitForStatus('mail', /^paused$/);
      world.nodeRed = await world.nodeRed.restart('SIGTERM');
      await editor.page.reload();
      await editor.ready();
      await editor.waitForStatus('mail', /^paused$/);
      assert.equal((await mailbox()).isPaused, true);
      await world.dovecot.deliver(ALICE, mail('While paused'));
      await editor.screenshot(`paused-${version}`);
      await editor.page.locator('[id="mail"] .red-ui-flow-node-button-button').click();
      assert.equal((await world.sink.next('messages')).topic, 'While paused');
      assert.equal((await mailbox()).isPaused, false);
    });

    it('warns where nothing can acknowledge, until a mail ack is reachable', async () => {
      await editor.openDialog('mail');
      await editor.dialog.locator('.redletter-handled > summary').click();
      await editor.fill({ handled: 'ack' });
      await editor.dialog.locator('.redletter-ack-missing').waitFor({ state: 'visible' });
      await editor.screenshot(`ack-missing-${version}`);
      await editor.dialog.locator('.redletter-ack-example').click();
      // Node-RED imports nothing while a dialog is open: this one is done first, and keeps what was chosen.
      const examples = editor.page.locator('#red-ui-clipboard-dialog');
      await examples
        .getByText(/redletter/)
        .first()
        .waitFor({ state: 'visible' });
      await editor.screenshot(`ack-example-${version}`);
      await editor.page.locator('#red-ui-clipboard-dialog-cancel').click();
      const invalid = () =>
        editor.page.evaluate("RED.nodes.node('mail').validationErrors?.join() ?? ''") as Promise<string>;
      assert.match(await invalid(), /mail ack/);
      const ack = await editor.addNode('pop3 ack', { x: 620, y: 300 });
      await editor.wire('mail', ack);
      await editor.page.waitForFunction("RED.nodes.node('mail').valid === true");
    });

    it('says its errors as sentences, in the debug sidebar', async () => {
      const lonely = flows(world, node({ credentials: { user: ALICE, password: 'wrong' }, interval: 3600 }));
      await world.nodeRed.deploy(lonely.filter(({ type }) => type !== 'catch'));
      await editor.page.waitForSelector('.red-ui-debug-msg-payload', { state: 'attached' });
      const said = (await editor.debugMessages()).join('\n');
      assert.match(said, /localhost rejected the user name and password/);
      assert.doesNotMatch(said, /Pop3InError|stack|\{/);
      // Whole, where the editor cuts any other string after 80 characters.
      assert.match(said, /^localhost rejected .* The server reported: “.*”$/);
      await editor.page.evaluate("RED.sidebar.show('debug')");
      await editor.screenshot(`debug-sentence-${version}`);
    });

    it('says the same beside the red status, with a button to the field', async () => {
      await editor.waitForStatus('mail', /^wrong password$/);
      await editor.page.locator('[id="mail"] .red-ui-flow-node-status-label').hover();
      const details = editor.page.locator('.redletter-status-details');
      await details.getByText(/localhost rejected the user name and password/).waitFor();
      await editor.screenshot(`status-details-${version}`);
      await details.getByRole('button', { name: 'Open node' }).click();
      await editor.page.waitForFunction("document.activeElement?.id === 'node-input-password'");
      await details.waitFor({ state: 'detached' });
      await editor.cancel();
    });
  });
}
