import assert from 'node:assert/strict';
import { testConnection } from '../../nodes/connection-test';
import { type ScriptedPop3, startScripted } from '../../servers/scripted-pop3';

describe('a connection test where the first login method is refused', () => {
  let server: ScriptedPop3 | undefined;
  afterEach(() => server?.close());

  const test = async (password: string) => {
    server = await startScripted({
      greeting: '+OK ready <1.2@mail.example>',
      capabilities: ['UIDL', 'USER'],
      // As GNU mailutils on Debian: APOP is offered without a secret for it.
      commands: { APOP: () => '-ERR [AUTH] Bad login\r\n' },
      allow: (_, secret) => secret === 'correct horse',
    });
    return testConnection({
      host: '127.0.0.1',
      port: server.port,
      security: 'none',
      login: { user: 'alice', password, mechanism: 'auto' },
      signal: new AbortController().signal,
    });
  };

  it('tells the method that was accepted, and that it was the second', async () => {
    const report = await test('correct horse');
    assert.equal(report.outcome, 'ok', JSON.stringify(report));
    const login = report.steps.find(({ step }) => step === 'login');
    assert.deepEqual(login?.facts, { user: 'alice', mechanism: 'USER', second: true });
    assert.equal(server?.sessions.length, 2);
    assert.ok(report.transcript.includes('--'), 'the transcript shows where the second session begins');
  });

  it('tells the first refusal where both are refused, after two sessions', async () => {
    const report = await test('wrong');
    assert.equal(report.outcome, 'failed');
    assert.equal(report.steps.find(({ state }) => state === 'failed')?.failure?.facts.command, 'APOP');
    assert.equal(server?.sessions.length, 2);
  });
});
