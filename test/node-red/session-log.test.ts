// The protocol log: a real Node-RED at the log level trace writes the sessions of a node, and no secret in any form.
import assert from 'node:assert/strict';
import { type NodeRed, startNodeRed } from '../../servers/node-red';
import { type ScriptedPop3, startScripted } from '../../servers/scripted-pop3';

const USER = 'alice@example.test';
const PASSWORD = 'canary-password-9f3b27';

/** All ways in which a log could show a secret. */
function formsOf(secret: string): string[] {
  const forms = [secret, Buffer.from(secret).toString('hex')];
  // Base64 looks different by what stands before it; the characters at either end depend on the neighbors.
  for (let before = 0; before < 3; before += 1) {
    const text = Buffer.from(' '.repeat(before) + secret).toString('base64');
    forms.push(text.slice(before === 0 ? 0 : 4, -4));
  }
  return forms;
}

describe('the protocol log', function () {
  this.timeout(120_000);
  let server: ScriptedPop3 | undefined;
  let nodeRed: NodeRed | undefined;
  afterEach(async () => {
    await nodeRed?.remove();
    await server?.close();
    nodeRed = undefined;
    server = undefined;
  });

  /** Checks once, with a server that repeats what it was told; what Node-RED has logged. */
  async function logged(level: string, mechanism: string): Promise<string[]> {
    server = await startScripted({
      mails: ['Subject: hello\r\n\r\nhello\r\n'],
      capabilities: ['UIDL', 'TOP', 'USER', 'SASL PLAIN LOGIN'],
      commands: {
        PASS: (password, session) => {
          session.loggedIn = true;
          return `+OK welcome with ${password} and ${Buffer.from(password).toString('base64')}\r\n`;
        },
        STAT: () => `+OK 1 10 ${PASSWORD}\r\n`,
      },
    });
    nodeRed = await startNodeRed({
      version: 4,
      settings: { logging: { console: { level, metrics: false, audit: false } } },
    });
    const node = {
      id: 'mail',
      type: 'pop3 in',
      z: 'tab',
      service: 'custom',
      host: '127.0.0.1',
      port: server.port,
      security: 'none',
      auth: 'password',
      mechanism,
      interval: 3600,
      first: 'all',
      after: 'keep',
      handled: 'send',
      credentials: { user: USER, password: PASSWORD },
      wires: [['told']],
    };
    // Written after the mail, so that whatever the session logs has been logged.
    const told = {
      id: 'told',
      type: 'debug',
      z: 'tab',
      active: true,
      console: true,
      complete: 'topic',
      wires: [],
    };
    const since = nodeRed.logs.length;
    await nodeRed.deploy([{ id: 'tab', type: 'tab', label: 'Mail' }, node, told]);
    await nodeRed.waitForLog(/hello/, since, 60_000);
    return nodeRed.logs.slice();
  }

  it('at trace shows commands and replies, and the password in no form', async () => {
    for (const mechanism of ['USER', 'PLAIN']) {
      const lines = await logged('trace', mechanism);
      const log = lines.join('\n');
      for (const line of ['S: +OK ready', 'C: CAPA', 'C: STAT', 'C: UIDL', 'C: RETR 1']) {
        assert.ok(
          lines.some((one) => one.includes('[trace]') && one.includes(line)),
          `${line} in\n${log}`,
        );
      }
      assert.match(log, mechanism === 'USER' ? /C: PASS \*+/ : /C: \*+|C: \[/);
      for (const form of formsOf(PASSWORD)) assert.ok(!log.includes(form), `${form} in\n${log}`);
      assert.ok(server?.received.some((line) => formsOf(PASSWORD).some((form) => line.includes(form))));
      await nodeRed?.remove();
      await server?.close();
    }
  });

  it('at debug shows nothing of a session', async () => {
    const lines = await logged('debug', 'USER');
    assert.ok(!lines.some((line) => /\b[CS]: /.test(line)), lines.join('\n'));
  });
});
