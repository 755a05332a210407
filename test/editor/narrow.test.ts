import assert from 'node:assert/strict';
import type { Browser } from 'playwright-core';
import { chromiumMissing, openEditor, startBrowser } from '../../servers/browser';
import { dovecotMissing } from '../../servers/dovecot';
import { needs } from '../../servers/needs';
import { nodeRed5Missing } from '../../servers/node-red';
import { account, flows, pop3In, startWorld, type World } from '../world';

/** The last is a window of 1280 pixels at 200 %. */
const SIZES = [
  { width: 1280, height: 800 },
  { width: 768, height: 1024 },
  { width: 640, height: 400 },
  { width: 520, height: 740 },
];

/** What of a form lies beyond the right edge of its dialog. Runs in the page. */
function beyond(): string[] {
  const forms = [...document.querySelectorAll('.redletter-form')];
  const form = forms.at(-1);
  const tray = form?.closest('.red-ui-tray');
  if (!form || !tray) return ['there is no form'];
  const edge = Math.min(tray.getBoundingClientRect().right, window.innerWidth) + 1;
  return [...form.querySelectorAll('input, select, textarea, button, a, label, summary, .form-tips')]
    .filter((element) => element.getClientRects().length > 0)
    .filter((element) => element.getBoundingClientRect().right > edge)
    .map(
      (element) =>
        `${element.id || element.className} ${Math.round(element.getBoundingClientRect().right - edge)}`,
    );
}

for (const version of [4, 5] as const) {
  describe(`the forms in a narrow window, Node-RED ${version}`, function () {
    this.timeout(120_000);
    let world: World;
    let browser: Browser;
    before(async function () {
      needs(chromiumMissing, dovecotMissing, ...(version === 5 ? [nodeRed5Missing] : [])).call(this);
      [world, browser] = await Promise.all([startWorld({ version }), startBrowser()]);
      await world.nodeRed.deploy(
        flows(world, account(world), pop3In(world, { interval: 0, x: 200, y: 100 }), {
          id: 'pw',
          type: 'pop3 in',
          z: 'tab',
          auth: 'password',
          service: 'custom',
          interval: 0,
          inputs: 1,
          after: 'expire',
          handled: 'ack',
          attachments: 'file',
          first: '2026-01-01',
          x: 200,
          y: 200,
          wires: [[]],
        }),
      );
    });
    after(async () => {
      await browser?.close();
      await world?.close();
    });

    for (const language of ['en-US', 'de', 'ru']) {
      it(`nothing is cut off in ${language}`, async () => {
        const editor = await openEditor(browser, world.nodeRed, { language, dark: version === 5 });
        const cut: string[] = [];
        const look = async (what: string): Promise<void> => {
          for (const size of SIZES) {
            await editor.page.setViewportSize(size);
            // Beside the sidebar there is no room at all on a phone, for the editor's own dialogs neither.
            await editor.page.evaluate(`RED.menu.setSelected('menu-item-sidebar', ${size.width > 700})`);
            await editor.page.evaluate('window.dispatchEvent(new Event("resize"))');
            await editor.page.evaluate(
              "document.querySelectorAll('.redletter-form details').forEach((d) => { d.open = true })",
            );
            await editor.page.evaluate('new Promise((resolve) => setTimeout(resolve, 60))');
            const found = (await editor.page.evaluate(beyond)).map(
              (one) => `${what} at ${size.width}: ${one}`,
            );
            cut.push(...found);
            if (language === 'de') await editor.screenshot(`narrow-${what}-${size.width}-${version}`);
          }
          await editor.page.setViewportSize({ width: 1280, height: 800 });
        };
        try {
          for (const id of ['mail', 'pw']) {
            await editor.page.evaluate(`RED.editor.edit(RED.nodes.node('${id}'))`);
            await editor.dialog.locator('.redletter-form').waitFor({ state: 'visible' });
            await look(id);
            await editor.cancel();
          }
          await editor.page.evaluate("RED.editor.editConfig('', 'oauth2-account', 'account', '')");
          await editor.dialog.locator('.redletter-form').waitFor({ state: 'visible' });
          await look('account');
        } finally {
          await editor.close();
        }
        assert.deepEqual(cut, []);
      });
    }
  });
}
