import assert from 'node:assert/strict';
import {
  type Report,
  type Step,
  type StepName,
  type TestOptions,
  testConnection,
} from '../../nodes/connection-test';
import { throughProxy } from '../../nodes/pop3';
import { certificateAuthority, loopbackCertificate } from '../../servers/certificates';
import { type Dovecot, dovecotMissing, startDovecot } from '../../servers/dovecot';
import { needs } from '../../servers/needs';
import { freePorts } from '../../servers/ports';
import { type ScriptedOptions, ScriptedPop3 } from '../../servers/scripted-pop3';
import { ALICE, mail, PASSWORD } from '../world';

const open: ScriptedPop3[] = [];

async function scripted(options: ScriptedOptions): Promise<ScriptedPop3> {
  const server = await new ScriptedPop3(options).listen();
  open.push(server);
  return server;
}

function walk(options: Partial<TestOptions> & { port: number }): Promise<Report> {
  return testConnection({
    host: '127.0.0.1',
    security: 'none',
    login: { user: ALICE, password: PASSWORD },
    signal: new AbortController().signal,
    ...options,
  });
}

const step = <N extends StepName>(report: Report, name: N): Extract<Step, { step: N }> =>
  (report.steps.find((one) => one.step === name) ?? assert.fail(`no step ${name}`)) as Extract<
    Step,
    { step: N }
  >;
const states = (report: Report): string[] => report.steps.map(({ step, state }) => `${step} ${state}`);

/** The step that failed, after those that went well, and nothing after it. */
function failed(report: Report, name: StepName, reason: string): Step {
  assert.equal(report.outcome, 'failed', JSON.stringify(report, null, 1));
  const at = report.steps.findIndex(({ state }) => state === 'failed');
  assert.equal(report.steps[at]?.step, name, states(report).join());
  for (const [index, { state }] of report.steps.entries()) {
    if (index < at) assert.ok(state === 'ok' || state === 'warning', states(report).join());
    if (index > at) assert.equal(state, 'skipped', states(report).join());
  }
  const found = report.steps[at] as Step;
  assert.equal(found.failure?.reason, reason, JSON.stringify(found));
  return found;
}

describe('the connection test', function () {
  this.timeout(30_000);
  afterEach(async () => {
    for (const server of open.splice(0)) await server.close();
  });

  describe('against a real Dovecot', () => {
    let dovecot: Dovecot;
    before(async function () {
      needs(dovecotMissing).call(this);
      dovecot = await startDovecot();
      await dovecot.deliver(ALICE, mail('One'));
      await dovecot.deliver(ALICE, mail('Two'));
    });
    after(() => dovecot?.stop());

    it('goes the whole way by TLS, and tells each step as it happens', async () => {
      const heard: string[] = [];
      const report = await walk({
        host: 'localhost',
        port: dovecot.tlsPort,
        security: 'tls',
        tls: { ca: dovecot.ca },
        onStep: (_, { step, state }) => heard.push(`${step} ${state}`),
      });
      assert.equal(report.outcome, 'ok', JSON.stringify(report));
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
        states(report),
        names.map((name) => `${name} ok`),
      );
      assert.deepEqual(
        heard.slice(0, -1),
        names.flatMap((name) => [`${name} running`, `${name} ok`]),
      );
      for (const { ms } of report.steps) assert.ok(ms !== undefined && ms >= 0);
      assert.ok(step(report, 'name').facts?.addresses.some((address) => /^(127\.|::1)/.test(address)));
      const certificate = step(report, 'certificate').facts;
      assert.ok(certificate?.names.includes('localhost'));
      assert.equal(certificate?.issuer, 'Redletter tests');
      const left = certificate?.daysLeft ?? 0;
      assert.ok(left > 25 && left <= 30);
      assert.deepEqual(step(report, 'stat').facts?.messages, 2);
      assert.deepEqual(step(report, 'uidl').facts, { ids: 2 });
      assert.equal(step(report, 'login').facts?.mechanism, 'PLAIN');
    });

    it('deletes, fetches and marks nothing', async () => {
      const report = await walk({ port: dovecot.port });
      assert.equal(report.outcome, 'ok');
      const said = report.transcript.filter((line) => line.startsWith('C:')).map((line) => line.slice(3, 7));
      assert.deepEqual(said, ['CAPA', 'AUTH', '***', 'CAPA', 'STAT', 'UIDL', 'QUIT']);
      assert.equal((await dovecot.mails(ALICE)).length, 2);
    });

    it('by STARTTLS, with the certificate after the greeting', async () => {
      const report = await walk({
        host: 'localhost',
        port: dovecot.port,
        security: 'starttls',
        tls: { ca: dovecot.ca },
      });
      assert.equal(report.outcome, 'ok', JSON.stringify(report));
      assert.deepEqual(report.steps.map(({ step }) => step).slice(2, 5), [
        'greeting',
        'certificate',
        'capabilities',
      ]);
      assert.equal(step(report, 'certificate').state, 'ok');
    });

    // A look that took the socket away from below the TLS has ended the whole Node-RED.
    it('by STARTTLS, with a certificate that is not trusted: reports the certificate and ends the session', async () => {
      const report = await walk({ host: 'localhost', port: dovecot.port, security: 'starttls', tls: {} });
      const found = failed(report, 'certificate', 'untrusted-issuer');
      assert.equal(found.step === 'certificate' && found.facts?.issuer, 'Redletter tests');
    });

    it('a wrong password, which is in no word of the report', async () => {
      const report = await walk({ port: dovecot.port, login: { user: ALICE, password: 'canary-wrong' } });
      const { failure } = failed(report, 'login', 'wrong-password');
      assert.equal(failure?.code, 'AUTH');
      assert.equal(failure?.facts.user, ALICE);
      assert.match(String(failure?.facts.response), /Authentication failed/);
      const all = JSON.stringify(report);
      for (const secret of ['canary-wrong', Buffer.from(`\0${ALICE}\0canary-wrong`).toString('base64')]) {
        assert.ok(!all.includes(secret), all);
      }
    });

    it('TLS at the port without: says where it would do', async () => {
      const heard: string[] = [];
      const report = await walk({
        port: dovecot.port,
        security: 'tls',
        tls: { ca: dovecot.ca },
        onStep: ({ outcome }, { state }) => heard.push(`${state} ${outcome}`),
      });
      // While the reason is looked for, it is not over.
      assert.deepEqual(heard.slice(-3), ['running running', 'failed running', 'skipped failed']);
      const { failure } = failed(report, 'certificate', 'server-speaks-plain');
      assert.deepEqual(failure?.instead, { port: dovecot.port, security: 'starttls' });
    });

    it('no TLS at the port with it: asks by TLS instead of waiting forever', async () => {
      const report = await walk({ port: dovecot.tlsPort });
      const { failure, ms } = failed(report, 'greeting', 'server-speaks-tls');
      assert.deepEqual(failure?.instead, { port: dovecot.tlsPort, security: 'tls' });
      assert.ok((ms ?? 0) < 10_000);
      assert.deepEqual(report.transcript, []);
    });

    it('a certificate that is not trusted: reports it, and sends nothing', async () => {
      const report = await walk({ host: 'localhost', port: dovecot.tlsPort, security: 'tls' });
      const found = failed(report, 'certificate', 'untrusted-issuer');
      assert.equal(found.step === 'certificate' && found.facts?.issuer, 'Redletter tests');
      assert.match(String(found.failure?.facts.names), /localhost/);
      assert.deepEqual(report.transcript, []);
    });

    it('a certificate that the TLS settings take unseen is worth a warning', async () => {
      const report = await walk({
        port: dovecot.tlsPort,
        security: 'tls',
        tls: { rejectUnauthorized: false },
      });
      assert.equal(report.outcome, 'ok');
      assert.equal(step(report, 'certificate').state, 'warning');
    });

    it('is over at once when it is cancelled, at any step', async () => {
      for (const name of ['name', 'connection', 'greeting', 'login', 'uidl'] as const) {
        const cancel = new AbortController();
        const report = await walk({
          host: 'localhost',
          port: dovecot.port,
          signal: cancel.signal,
          onStep: (_, { step }) => {
            if (step === name) cancel.abort();
          },
        });
        assert.equal(report.outcome, 'cancelled', name);
        assert.ok(report.steps.every(({ state }) => state !== 'running' && state !== 'failed'));
      }
    });
  });

  describe('certificates', () => {
    const authority = certificateAuthority();
    const cases: [string, { names?: string[]; expired?: boolean }, string][] = [
      ['expired', { expired: true }, 'certificate-expired'],
      ['of another name', { names: ['pop.example.org', 'mail.example.org'] }, 'wrong-name'],
    ];
    for (const [what, issue, reason] of cases) {
      it(`${what}: refused, and shown`, async () => {
        const server = await scripted({ tls: 'implicit', ...authority.issue(issue) });
        const report = await walk({
          host: 'localhost',
          port: server.port,
          security: 'tls',
          tls: { ca: authority.ca },
        });
        const found = failed(report, 'certificate', reason);
        assert.ok(found.step === 'certificate' && found.facts);
        if (issue.expired) assert.ok((found.facts.daysLeft ?? 0) < 0);
        else assert.equal(found.failure?.facts.names, 'pop.example.org, mail.example.org');
        assert.deepEqual(server.received, []);
      });
    }

    it('with few days left: goes on, with a warning', async () => {
      const server = await scripted({ tls: 'implicit', ...loopbackCertificate() });
      const report = await walk({
        port: server.port,
        security: 'tls',
        tls: { ca: loopbackCertificate().ca },
        now: () => Date.now() + 20 * 24 * 60 * 60 * 1000,
      });
      assert.equal(report.outcome, 'ok');
      const { state, facts } = step(report, 'certificate');
      assert.equal(state, 'warning');
      assert.equal(facts?.daysLeft, 9);
    });
  });

  describe('what is wrong before the login', () => {
    it('a proxy that does not connect is named, with no login in it, and not the server', async () => {
      const [port = 1] = await freePorts(1);
      const open = throughProxy({ url: `http://me:canary@127.0.0.1:${port}`, noProxy: 'localhost' });
      const report = await walk({ host: 'pop.example.com', port: 995, security: 'tls', open });
      const found = failed(report, 'connection', 'proxy');
      assert.equal(found.failure?.facts.proxy, `127.0.0.1:${port}`);
      assert.equal(step(report, 'name').facts?.proxy, `127.0.0.1:${port}`);
      assert.ok(!JSON.stringify(report).includes('canary'));
      // An exempt host is looked up here.
      const exempt = await walk({ host: 'localhost', port, open });
      assert.equal(step(exempt, 'name').facts?.proxy, undefined);
      failed(exempt, 'connection', 'refused');
    });

    it('a host name that does not resolve', async () => {
      const dns = async (): Promise<string[]> => {
        throw Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND' });
      };
      const report = await walk({ host: 'pop.example.invalid', port: 995, security: 'tls', dns });
      const { failure } = failed(report, 'name', 'name-not-found');
      assert.equal(failure?.code, 'CONNECT');
    });

    it('a port without a listener', async () => {
      const [port = 0] = await freePorts(1);
      failed(await walk({ port }), 'connection', 'refused');
    });

    it("servers for other things: IMAP's and SMTP's greetings", async () => {
      const imap = await scripted({ greeting: '* OK [CAPABILITY IMAP4rev1] ready.' });
      failed(await walk({ port: imap.port }), 'greeting', 'speaks-imap');
      const smtp = await scripted({ greeting: '220 mx.example.org ESMTP' });
      failed(await walk({ port: smtp.port }), 'greeting', 'speaks-smtp');
    });

    it('a server without CAPA goes on by USER and PASS', async () => {
      const server = await scripted({ capabilities: null });
      const report = await walk({ port: server.port });
      assert.equal(report.outcome, 'ok');
      assert.deepEqual(step(report, 'capabilities').facts, { mechanisms: [] });
      assert.ok(report.transcript.includes('C: PASS ***'));
    });

    it('a server without unique IDs: passes with a warning', async () => {
      const server = await scripted({
        capabilities: ['USER'],
        commands: { UIDL: () => '-ERR unknown command\r\n' },
      });
      const report = await walk({ port: server.port });
      assert.equal(report.outcome, 'ok');
      assert.equal(step(report, 'uidl').state, 'warning');
    });

    it('no STARTTLS where it is wanted', async () => {
      const server = await scripted({});
      failed(await walk({ port: server.port, security: 'starttls' }), 'certificate', 'starttls-not-offered');
      assert.ok(!server.received.some((line) => /PASS|AUTH|USER/.test(line)));
    });
  });

  describe("providers' own words", () => {
    const login = (answer: string): ScriptedOptions => ({
      capabilities: ['USER'],
      commands: { PASS: () => `${answer}\r\n` },
    });
    const words: [string, string, string][] = [
      [
        '-ERR [AUTH] Application-specific password required: https://support.google.com/accounts/answer/185833',
        'login',
        'app-password-needed',
      ],
      [
        '-ERR [AUTH] Web login required: https://support.google.com/mail/answer/78754',
        'login',
        'web-login-needed',
      ],
      ['-ERR [AUTH] Username and password not accepted.', 'login', 'wrong-password'],
      ['-ERR Authentication failure: unknown user name or bad password.', 'login', 'vague-refusal'],
      ['-ERR [AUTH] Your account has been locked, contact support.', 'login', 'account-locked'],
      ['-ERR [IN-USE] Mailbox is locked by another session.', 'login', 'in-use'],
      ['-ERR [LOGIN-DELAY] minimum time between mail checks is 300 s', 'login', 'login-delay'],
      ['-ERR [SYS/TEMP] Temporary system problem. Please try again later.', 'login', 'sys-temp'],
    ];
    for (const [answer, name, reason] of words) {
      it(answer, async () => {
        const server = await scripted(login(answer));
        failed(await walk({ port: server.port }), name as StepName, reason);
      });
    }

    it('Gmail with POP switched off: the login is accepted, the mailbox is not opened', async () => {
      const server = await scripted({
        commands: { STAT: () => '-ERR [SYS/PERM] Your account is not enabled for POP access.\r\n' },
      });
      failed(await walk({ port: server.port }), 'stat', 'pop-disabled');
    });

    it('Exchange, authenticated but not connected', async () => {
      const server = await scripted({
        commands: { STAT: () => '-ERR User is authenticated but not connected.\r\n' },
      });
      failed(await walk({ port: server.port }), 'stat', 'not-connected');
    });
  });

  describe('with a token', () => {
    const CAPABILITIES = ['SASL PLAIN XOAUTH2', 'UIDL', 'TOP'];

    it('shows its scope and what is left of it, and never itself', async () => {
      const server = await scripted({ capabilities: CAPABILITIES });
      const report = await walk({
        port: server.port,
        now: () => 1_000_000,
        login: {
          user: ALICE,
          token: async () => ({
            accessToken: 'canary-token',
            audience: 'https://graph.microsoft.com',
            expiresAt: 1_000_000 + 3_599_000,
            scope: 'mail.pop',
          }),
        },
      });
      assert.equal(report.outcome, 'ok', JSON.stringify(report));
      assert.deepEqual(step(report, 'token').facts, {
        scope: 'mail.pop',
        audience: 'https://graph.microsoft.com',
        left: 3599,
      });
      assert.equal(step(report, 'login').facts?.mechanism, 'XOAUTH2');
      const encoded = Buffer.from(`user=${ALICE}\x01auth=Bearer canary-token\x01\x01`).toString('base64');
      for (const secret of ['canary-token', encoded]) assert.ok(!JSON.stringify(report).includes(secret));
    });

    it('a refused one is renewed once, as in a check', async () => {
      const server = await scripted({
        capabilities: CAPABILITIES,
        allow: (_, token) => token === 'fresh',
      });
      const asked: (string | undefined)[] = [];
      const token = async ({ rejected }: { rejected?: string }): Promise<{ accessToken: string }> => {
        asked.push(rejected);
        return { accessToken: rejected === undefined ? 'stale' : 'fresh' };
      };
      const report = await walk({ port: server.port, login: { user: ALICE, token } });
      assert.equal(report.outcome, 'ok', JSON.stringify(report));
      assert.equal(step(report, 'login').facts?.renewed, true);
      assert.deepEqual(asked, [undefined, 'stale']);
    });

    it('a permanent refusal: points at the mailbox, not at the password', async () => {
      const server = await scripted({ capabilities: CAPABILITIES, allow: () => false });
      const token = async (): Promise<{ accessToken: string }> => ({ accessToken: 'only' });
      failed(await walk({ port: server.port, login: { user: ALICE, token } }), 'login', 'mailbox-refused');
    });

    it('none to be had: the reason is the one the sign-in gives', async () => {
      const server = await scripted({ capabilities: CAPABILITIES });
      const token = async (): Promise<never> => {
        throw Object.assign(new Error('x'), {
          code: 'SIGN_IN_AGAIN',
          reason: 'account/not-signed-in',
          facts: { provider: 'custom' },
        });
      };
      const report = await walk({ port: server.port, login: { user: ALICE, token } });
      const { failure } = failed(report, 'token', 'account/not-signed-in');
      assert.equal(failure?.code, 'SIGN_IN_AGAIN');
      assert.equal(failure?.facts.provider, 'custom');
      assert.ok(!server.received.some((line) => line.startsWith('AUTH')));
    });
  });
});
