// What a server says is shown to a person: cut, and without what could hide, turn around or forge text.
import assert from 'node:assert/strict';
import { testConnection } from '../../nodes/connection-test';
import { asMailboxError } from '../../nodes/mailbox';
import { Pop3Client } from '../../nodes/pop3';
import { type ScriptedPop3, startScripted } from '../../servers/scripted-pop3';

/** Escape sequence, direction mark, C1 control, character without width, separator of lines. */
const HOSTILE = '\u001b[2J\u202egnp.exe\u0085\u200b\u2028x<script>alert(1)</script>';
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be shown
const UNSHOWABLE = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/u;
const LONG = 'word '.repeat(800);
/** Characters of one text of a server that are shown, and the sign that it was cut. */
const MOST = 513;

describe('the words of a server', () => {
  let server: ScriptedPop3 | undefined;
  afterEach(() => server?.close());

  /** Every text in a report. */
  function textsOf(value: unknown): string[] {
    if (typeof value === 'string') return [value];
    if (typeof value !== 'object' || value === null) return [];
    return Object.values(value).flatMap(textsOf);
  }

  function shown(value: unknown): void {
    const texts = textsOf(value);
    assert.ok(
      texts.some((text) => text.includes('<script>')),
      'the words are there, and shown as text',
    );
    for (const text of texts) {
      assert.ok(!UNSHOWABLE.test(text), JSON.stringify(text));
      assert.ok(text.length <= MOST + 'S:   '.length, `${text.length} characters: ${text.slice(0, 60)}`);
    }
  }

  it('are cut and clean in every step and line of a connection test', async () => {
    for (const where of ['greeting', 'capabilities', 'refusal'] as const) {
      const said = `${HOSTILE} ${LONG}`;
      server = await startScripted({
        greeting: `+OK ${where === 'greeting' ? said : 'ready'}`,
        capabilities: [
          'UIDL',
          'USER',
          ...(where === 'capabilities' ? [`X-${said}`, `SASL PLAIN ${said}`] : []),
        ],
        commands: where === 'refusal' ? { PASS: () => `-ERR ${said}\r\n` } : {},
      });
      const report = await testConnection({
        host: '127.0.0.1',
        port: server.port,
        security: 'none',
        login: { user: 'alice', password: 'correct horse', mechanism: 'USER' },
        signal: new AbortController().signal,
      });
      assert.equal(
        report.outcome,
        where === 'refusal' ? 'failed' : 'ok',
        JSON.stringify(report).slice(0, 400),
      );
      shown(report);
      await server.close();
    }
  });

  it('are cut and clean in the error that the node and the Mail tab show', async () => {
    server = await startScripted({ commands: { PASS: () => `-ERR ${HOSTILE} ${LONG}\r\n` } });
    const client = await Pop3Client.connect({ host: '127.0.0.1', port: server.port, security: 'none' });
    const error = await client
      .authenticate({ user: 'alice', password: 'correct horse' }, 'USER')
      .catch((reason: unknown) => asMailboxError(reason));
    client.destroy();
    shown((error as { facts: unknown }).facts);
  });
});
