import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { AxeResults, RunOptions } from 'axe-core';
import type { Browser } from 'playwright-core';
import {
  chromiumMissing,
  type Editor,
  openEditor,
  signIn as signInPage,
  startBrowser,
} from '../../servers/browser';
import { dovecotMissing } from '../../servers/dovecot';
import { needs } from '../../servers/needs';
import { nodeRed5Missing } from '../../servers/node-red';
import { ALICE, account, flows, mail, PASSWORD, pop3In, signIn, startWorld, type World } from '../world';

const FORM = '.red-ui-tray:last-of-type .redletter-form';

/** In the page. */
declare const axe: { run(context: string[][] | object, options: RunOptions): Promise<AxeResults> };

const source = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

for (const [version, themes] of [
  [4, ['light']],
  [5, ['light', 'dark']],
] as const) {
  describe(`accessibility, Node-RED ${version}`, function () {
    this.timeout(60_000);
    let world: World;
    let browser: Browser;
    before(async function () {
      needs(chromiumMissing, dovecotMissing, ...(version === 5 ? [nodeRed5Missing] : [])).call(this);
      [world, browser] = await Promise.all([
        startWorld({ version }, { accessTokenTtl: 3600 }),
        startBrowser(),
      ]);
      const password = { auth: 'password', account: '', credentials: { user: ALICE, password: PASSWORD } };
      await world.dovecot.deliver(ALICE, mail('Order 17'));
      const nodes = [
        account(world, { name: 'Alice' }),
        account(world, {
          id: 'other',
          name: 'Nobody',
          credentials: { user: 'b@example.test', clientId: 'b' },
        }),
        account(world, { id: 'asks', name: 'Asks' }),
        account(world, { id: 'coded', name: 'Coded', grant: 'device_code' }),
        pop3In(world, { id: 'mail-asks', name: 'Asks', account: 'asks', interval: 0, y: 200 }),
        pop3In(world, { id: 'mail-coded', name: 'Coded', account: 'coded', interval: 0, y: 250 }),
        pop3In(world, { id: 'inbox', name: 'Inbox', interval: 300 }),
        pop3In(world, {
          id: 'orders',
          name: 'Orders',
          ...password,
          interval: 300,
          handled: 'ack',
          maxAttempts: 1,
          wires: [['ack']],
        }),
        pop3In(world, { id: 'broken', name: 'Broken', ...password, port: 1, interval: 300 }),
        {
          id: 'token',
          type: 'oauth2 token',
          z: 'tab',
          name: '',
          account: 'account',
          property: 'token',
          wires: [[]],
        },
        { id: 'ack', type: 'pop3 ack', z: 'tab', name: '', outcome: 'failed', wires: [[]] },
      ];
      await world.nodeRed.deploy(flows(world, ...nodes));
      await signIn(world, nodes[0]);
      await world.sink.next('messages');
    });
    after(async () => {
      await browser?.close();
      await world?.close();
    });

    for (const theme of themes) {
      describe(theme, () => {
        let editor: Editor;
        before(async () => {
          editor = await openEditor(browser, world.nodeRed, { dark: theme === 'dark' });
          await editor.page.evaluate(source);
          // The editor's body has no height of its own, by which axe takes what is in it for hidden.
          await editor.page.addStyleTag({ content: 'body { height: 100vh }' });
        });
        after(() => editor?.close());
        afterEach(async () => {
          while (await editor.dialog.count()) await editor.cancel();
        });

        /** What axe has to say against our own elements there. */
        const complaints = async (ours: string, control: string): Promise<string[]> => {
          const found = await editor.page.evaluate(async (selector) => {
            const result = await axe.run(
              { include: [[selector]] },
              { rules: { region: { enabled: false } } },
            );
            const looked = result.passes.flatMap(({ id, nodes }) => (nodes.length > 0 ? [id] : []));
            const violations = result.violations.flatMap(({ id, help, nodes }) =>
              nodes.map(({ html, any }) => `${id}: ${help}: ${html} ${any[0]?.message ?? ''}`),
            );
            return { looked, violations };
          }, ours);
          // Where nothing was looked at, there is nothing to complain about either.
          assert.ok(found.looked.includes('color-contrast'), found.looked.join());
          assert.ok(found.looked.includes(control), found.looked.join());
          return found.violations;
        };
        const unfold = async (): Promise<void> => {
          await editor.dialog.locator('details').evaluateAll((all) => {
            for (const one of all) (one as HTMLDetailsElement).open = true;
          });
        };

        it('the form of pop3 in', async () => {
          for (const id of ['inbox', 'orders']) {
            await editor.openDialog(id);
            await unfold();
            const found = await complaints(FORM, 'select-name');
            await editor.cancel();
            assert.deepEqual(found, [], id);
          }
        });

        it('a test that went well, one that failed, a preview, and what a provider wants', async () => {
          const tried = async (button: string, state: string): Promise<void> => {
            await editor.dialog.locator(`.redletter-${button}-start`).click();
            const panel = `.redletter-${button}-panel`;
            await editor.dialog.locator(`${panel} .redletter-verdict[data-state="${state}"]`).waitFor();
            await unfold();
            await editor.screenshot(`accessibility-${button}-${state}-${version}-${theme}`);
            assert.deepEqual(await complaints(`.red-ui-tray:last-of-type ${panel}`, 'button-name'), []);
          };
          await editor.openDialog('orders');
          await tried('test', 'ok');
          await tried('preview', 'ok');
          await editor.fill({ host: '', user: 'someone@gmail.com', auth: 'password' });
          await editor.dialog.locator('.redletter-hint a').waitFor();
          const found = await complaints(FORM, 'select-name');
          await editor.cancel();
          assert.deepEqual(found, [], 'Gmail');
          await editor.openDialog('broken');
          await tried('test', 'failed');
          await editor.cancel();
        });

        it('the form of an account', async () => {
          await editor.openDialog('inbox');
          await editor.editConfig('account');
          await unfold();
          await editor.dialog.getByRole('meter').waitFor();
          const found = await complaints(FORM, 'select-name');
          await editor.cancel();
          await editor.cancel();
          assert.deepEqual(found, []);
        });

        it('a sign-in that waits, one that was closed, another person, a device code, and what is asked', async () => {
          const part = (name: string) => editor.dialog.locator(`.redletter-${name}`);
          const state = (kind: string) => editor.dialog.locator(`.redletter-state[data-state="${kind}"]`);
          const looked = async (what: string, at = FORM): Promise<void> => {
            await editor.page.bringToFront();
            // A button in focus or under the pointer has core's own color, of 4.33 to 1 in the dark theme of Node-RED 5.
            await editor.page.evaluate('document.activeElement?.blur()');
            await editor.page.mouse.move(0, 0);
            await editor.screenshot(`accessibility-${what}-${version}-${theme}`);
            const found = await complaints(at, 'button-name');
            // The buttons of a notice are core's own, in its colors.
            const ours = found.filter((line) => at === FORM || !/^color-contrast.*<button>/.test(line));
            assert.deepEqual(ours, [], what);
          };
          await editor.openDialog('mail-asks');
          await editor.editConfig('account');
          const window = await editor.popup(() => part('sign-in').click());
          await window.waitForSelector('input[name="login"]');
          await state('wait').waitFor();
          await looked('waiting');
          await window.close();
          await state('warning').waitFor();
          await looked('closed');
          await signInPage(await editor.popup(() => part('try-again').click()), 'bob@example.test');
          await part('other-again').waitFor();
          await looked('other-person');
          await editor.cancel();
          await editor.cancel();

          await editor.openDialog('mail-coded');
          await editor.editConfig('account');
          await part('sign-in').click();
          await part('device').waitFor();
          await looked('device-code');
          await editor.cancel();
          await editor.cancel();

          await editor.openDialog('orders');
          await unfold();
          await part('begin-said')
            .filter({ hasText: /First check/ })
            .waitFor();
          await part('begin-again').click();
          const question = editor.page.locator('.red-ui-notification');
          await question.locator('button.primary').waitFor();
          await looked('question', '.red-ui-notification');
          await question.getByRole('button', { name: 'Cancel' }).click();
          await question.waitFor({ state: 'detached' });
          await editor.cancel();
        });

        it('the forms of pop3 ack and oauth2 token', async () => {
          for (const id of ['ack', 'token']) {
            await editor.openDialog(id);
            const found = await complaints(FORM, 'select-name');
            await editor.cancel();
            assert.deepEqual(found, [], id);
          }
        });

        it('the sidebar tab', async () => {
          await editor.page.evaluate("RED.sidebar.show('redletter-health')");
          const tab = editor.page.locator('.redletter-health');
          await tab.getByText('Check the port').waitFor();
          await tab.getByText('Quarantined: 1').click();
          await tab.getByRole('button', { name: 'Retry: Order 17' }).waitFor();
          await editor.screenshot(`accessibility-${version}-${theme}`);
          assert.deepEqual(await complaints('.redletter-health', 'button-name'), []);
        });
      });
    }
  });
}
