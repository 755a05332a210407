import assert from 'node:assert/strict';
import type { Browser } from 'playwright-core';
import { chromiumMissing, openEditor, startBrowser } from '../../servers/browser';
import { dovecotMissing } from '../../servers/dovecot';
import { needs } from '../../servers/needs';
import { nodeRed5Missing } from '../../servers/node-red';
import { account, flows, pop3In, startWorld, type World } from '../world';

/** The third is a window of 1280 pixels at 200 %. */
const SIZES = [
  { width: 1280, height: 800 },
  { width: 768, height: 1024 },
  { width: 640, height: 400 },
  { width: 360, height: 740 },
];
const LANGUAGES = ['en-US', 'de', 'es-ES', 'fr', 'ja', 'ko', 'pt-BR', 'ru', 'zh-CN', 'zh-TW'];
/** These are measured at every size and in both majors, the others at the narrowest and in one. */
const MEASURED_EVERYWHERE = ['en-US', 'de', 'ru'];
/** A phone shows a dialog or a sidebar, never both: the editor's own dialogs have no room beside one either. */
const SIDEBARS_FROM = 700;

/** The choices that are read before they are made. */
const CHOICES = ['auth', 'after', 'content', 'attachments', 'oversize', 'handled'].map(
  (name) => `node-input-${name}`,
);

/** What of a form lies beyond the right edge of its dialog, or is cut within. Runs in the page. */
function beyond(choices: string[]): string[] {
  const forms = [...document.querySelectorAll('.redletter-form')];
  const form = forms.at(-1);
  const tray = form?.closest('.red-ui-tray');
  if (!form || !tray) return ['there is no form'];
  const edge = Math.min(tray.getBoundingClientRect().right, window.innerWidth) + 1;
  const seen = [...form.querySelectorAll('input, select, textarea, button, a, label, summary, .form-tips')]
    .filter((element) => element.getClientRects().length > 0)
    .map((element) => ({ element, name: element.id || element.className }));
  const far = seen
    .map(({ element, name }) => ({ name, by: Math.round(element.getBoundingClientRect().right - edge) }))
    .filter(({ by }) => by > 0)
    .map(({ name, by }) => `${name} ${by}`);
  const cut = seen.flatMap(({ element, name }) => {
    // A provider's name may be as long as it likes; a choice of ours is read whole.
    if (!(element instanceof HTMLSelectElement) || !choices.includes(element.id)) return [];
    const whole = element.cloneNode(true) as HTMLElement;
    whole.style.cssText = 'width: max-content !important; position: absolute; visibility: hidden';
    element.after(whole);
    const longer = whole.offsetWidth - element.offsetWidth;
    whole.remove();
    return longer > 0 ? [`${name}: a choice is ${longer} longer`] : [];
  });
  const { width } = tray.getBoundingClientRect();
  return [...far, ...cut, ...(width < 300 ? [`the dialog is only ${width} wide`] : [])];
}

/** Waits until the editor has slid the dialog in, which takes it longer on a busy machine. Runs in the page. */
async function atRest(): Promise<void> {
  const tray = [...document.querySelectorAll('.redletter-form')].at(-1)?.closest<HTMLElement>('.red-ui-tray');
  let last = '';
  for (let still = 0; tray && still < 3; ) {
    await new Promise(requestAnimationFrame);
    const now = JSON.stringify(tray.getBoundingClientRect());
    const sliding = tray.style.right !== '0px' || tray.getAnimations().length > 0;
    still = !sliding && now === last ? still + 1 : 0;
    last = now;
  }
}

/** As much of the editor's own script as is asked here. */
declare const RED: {
  actions: { list(): { id: string }[]; invoke(id: string, shown: boolean): void };
};

/** Node-RED 4 has one sidebar, Node-RED 5 one on either side. Runs in the page. */
function showSidebars(shown: boolean): void {
  const sides = ['core:toggle-left-sidebar', 'core:toggle-right-sidebar'];
  const both = sides.filter((id) => RED.actions.list().some((one) => one.id === id));
  for (const id of both.length > 0 ? both : ['core:toggle-sidebar']) RED.actions.invoke(id, shown);
  window.dispatchEvent(new Event('resize'));
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

    for (const language of version === 5 ? MEASURED_EVERYWHERE : LANGUAGES) {
      const sizes = MEASURED_EVERYWHERE.includes(language) ? SIZES : SIZES.slice(-1);
      it(`nothing is cut off in ${language}`, async () => {
        const editor = await openEditor(browser, world.nodeRed, {
          chosenLanguage: language,
          dark: version === 5,
        });
        const cut: string[] = [];
        const look = async (what: string): Promise<void> => {
          for (const size of sizes) {
            await editor.page.setViewportSize(size);
            await editor.page.evaluate(showSidebars, size.width >= SIDEBARS_FROM);
            await editor.page.evaluate(
              "document.querySelectorAll('.redletter-form details').forEach((d) => { d.open = true })",
            );
            await editor.page.evaluate(atRest);
            const found = (await editor.page.evaluate(beyond, [...CHOICES, 'redletter-first'])).map(
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
