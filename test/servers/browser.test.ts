import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { chromiumMissing, type Editor, openEditor, startBrowser } from '../../servers/browser';
import { needs } from '../../servers/needs';
import { asInstalled, type NodeRed, nodeRed5Missing, startNodeRed } from '../../servers/node-red';

for (const version of [4, 5] as const) {
  describe(`test/servers/browser, the editor of version ${version}`, function () {
    this.timeout(60_000);
    let nodeRed: NodeRed;
    let browser: Browser;
    let editor: Editor;
    before(async function () {
      needs(chromiumMissing, ...(version === 5 ? [nodeRed5Missing] : [])).call(this);
      const userDir = await mkdtemp(join(tmpdir(), 'redletter-test-'));
      await mkdir(join(userDir, 'node_modules'));
      const users = { admin: { password: 'may write', permissions: '*' } };
      [nodeRed, browser] = await Promise.all([
        startNodeRed({ version, userDir, users, settings: asInstalled }),
        startBrowser(),
      ]);
      const user = { username: 'admin', password: 'may write' };
      editor = await openEditor(browser, nodeRed, { user, dark: version === 5, host: 'localhost' });
    });
    after(async () => {
      await browser?.close();
      await nodeRed?.remove();
    });

    it('adds nodes, fills their dialogs, makes a configuration node, wires, deploys and sees a message', async () => {
      const inject = await editor.addNode('inject', { x: 200, y: 100 });
      const request = await editor.addNode('http request', { x: 420, y: 100 });
      const status = await editor.addNode('status', { x: 200, y: 200 });
      const debug = await editor.addNode('debug', { x: 420, y: 200 });
      await editor.wire(inject, request);
      await editor.wire(status, debug);

      await editor.openDialog(request);
      await editor.fill({ name: 'nobody there', method: 'POST', url: 'https://127.0.0.1:1/', usetls: true });
      await editor.addConfig('tls');
      await editor.fill({ name: 'of the test', servername: 'localhost', verifyservercert: false });
      await editor.done();
      await editor.done();
      const [tls = ''] = await editor.nodes('tls-config');
      await editor.openDialog(debug);
      await editor.fill({ name: 'not kept' });
      await editor.cancel();
      assert.equal(await editor.status(request), '');
      await editor.deploy();

      await nodeRed.logIn('admin', 'may write');
      const flows = await nodeRed.getFlows();
      const node = flows.find(({ id }) => id === request);
      assert.deepEqual(
        [node?.name, node?.method, node?.tls, node?.wires],
        ['nobody there', 'POST', tls, [[]]],
      );
      assert.equal(flows.find(({ id }) => id === tls)?.verifyservercert, false);
      assert.equal(flows.find(({ id }) => id === debug)?.name, 'debug 1');
      assert.deepEqual(flows.find(({ id }) => id === inject)?.wires, [[request]]);

      await nodeRed.inject(inject);
      assert.match(await editor.waitForStatus(request, /ECONNREFUSED/), /ECONNREFUSED/);
      const path = await editor.screenshot(`browser-test-${version}`);
      assert.ok(existsSync(path));
      assert.deepEqual(
        await editor.page.evaluate(() => document.documentElement.classList.contains('nr-theme-dark')),
        version === 5,
      );
      assert.deepEqual(editor.problems, []);
    });
  });
}
