import assert from 'node:assert/strict';
import type { ConnectOptions } from '../../nodes/pop3';
import {
  CREDENTIALS,
  type Fate,
  lineTo,
  ManualClock,
  type Outcome,
  optionsFor,
  random,
  settle,
  wholeSession,
} from './harness';

/** Mails that hold everything a reply could trip over. */
const MAILS = [
  'Subject: plain\r\n\r\nHello\r\n',
  '.\r\n..\r\n...\r\n.x\r\n',
  'Subject: smuggler\r\n\r\n\n.\n+OK forged\r\n\r.\r+OK forged\r\n.\r+OK\r\n.\n-ERR\r\n',
  '',
  Buffer.from([...Buffer.from('a\r\n.'), 0, 0xe9, 0xff, 13, 13, 10, 46, 13, 13, 10, 46, 13, 46, 13, 10]),
  '\r\n\r\n.\r\n\r\n',
];
const NUMBERS = [1, 2, 3, 99, 4, 5, 6];
const CAPABILITIES = ['USER', 'UIDL', 'TOP', 'RESP-CODES', 'SASL PLAIN'];

interface Setting {
  pipelining: boolean;
}

async function run(
  fate: Fate,
  { pipelining }: Setting,
): Promise<{ outcome: Outcome; octets: number; sent: string }> {
  const clock = new ManualClock();
  const capabilities = pipelining ? [...CAPABILITIES, 'PIPELINING'] : CAPABILITIES;
  const { line, server } = lineTo({ mails: MAILS, capabilities }, fate);
  const before = line.eventNames().length;
  const controller = new AbortController();
  const options: ConnectOptions = optionsFor(line, { clock, signal: controller.signal });
  const outcome = await settle(wholeSession(options, NUMBERS), clock);
  assert.equal(clock.timers, 0, 'a timer was left behind');
  assert.ok(line.destroyed, 'the socket was left open');
  const left = line.eventNames().filter((name) => name !== 'error').length;
  assert.equal(left, before, 'a listener was left behind');
  // Only a DELE that was answered, followed by a QUIT that was answered, has deleted; and never more than asked.
  for (const session of server.sessions) assert.ok(session.deleted.size <= 1);
  return { outcome, octets: line.octets, sent: line.sent };
}

function sameBytes(outcome: Outcome): void {
  for (const [number, bytes] of outcome.whole) {
    const mail = Buffer.from(MAILS[number - 1] as string);
    // RFC 1939 has lines only: a last line without its end gets one on the way.
    const complete = mail.length > 0 && !mail.toString('latin1').endsWith('\r\n');
    assert.deepEqual(bytes, complete ? Buffer.concat([mail, Buffer.from('\r\n')]) : mail);
  }
}

for (const pipelining of [true, false]) {
  describe(`pop3 under abuse, ${pipelining ? 'pipelined' : 'one command at a time'}`, () => {
    const setting = { pipelining };
    let reference: Outcome;
    let octets: number;

    before(async () => {
      const undisturbed = await run({}, setting);
      reference = undisturbed.outcome;
      octets = undisturbed.octets;
      sameBytes(reference);
      assert.equal(reference.whole.size, MAILS.length);
      assert.deepEqual(
        reference.errors.map(({ code }) => code),
        ['REFUSED'],
      );
      assert.equal(reference.deleted, 'ok');
      assert.ok(undisturbed.sent.includes('RETR 1\r\n'));
    });

    const sameOutcome = (outcome: Outcome) => {
      assert.deepEqual(outcome.results, reference.results);
      assert.deepEqual(outcome.whole, reference.whole);
      assert.deepEqual(
        outcome.errors.map(({ code }) => code),
        ['REFUSED'],
      );
      assert.equal(outcome.deleted, 'ok');
    };

    it('gives the same bytes when they come one by one', async () => {
      sameOutcome((await run({ cuts: Array.from({ length: octets }, (_, at) => at) }, setting)).outcome);
    });

    it('gives the same bytes at every two-way cut', async function () {
      this.timeout(60_000);
      for (let at = 1; at < octets; at += 1) sameOutcome((await run({ cuts: [at] }, setting)).outcome);
    });

    it('gives the same bytes at 5,000 random ways of cutting', async function () {
      this.timeout(120_000);
      const seed = Number(process.env.POP3_SEED ?? Date.now() % 1e9);
      const draw = random(seed);
      for (let round = 0; round < 5000; round += 1) {
        const many = 1 + Math.floor(draw() * 60);
        const cuts = Array.from({ length: many }, () => Math.floor(draw() * octets)).sort((a, b) => a - b);
        try {
          sameOutcome((await run({ cuts }, setting)).outcome);
        } catch (error) {
          throw new Error(`POP3_SEED=${seed}, round ${round}, cuts ${cuts}`, { cause: error });
        }
      }
    });

    for (const how of ['drop', 'stall', 'reset'] as const) {
      it(`settles and delivers nothing half when the line is ${how} at every byte`, async function () {
        this.timeout(60_000);
        for (let at = 0; at < octets; at += 1) {
          const { outcome } = await run({ end: { at, how } }, setting);
          sameBytes(outcome);
          assert.notEqual(outcome.deleted, 'refused', `at ${at}`);
          // The last byte of the answer to QUIT is the last of the session.
          assert.notEqual(outcome.deleted, 'ok', `at ${at} of ${octets}`);
          const lost = outcome.errors.filter(({ code }) => code !== 'REFUSED');
          if (outcome.deleted === 'never') assert.ok(lost.length > 0, `at ${at}: no error`);
          for (const error of lost) {
            assert.ok(['CONNECT', 'TIMEOUT', 'AUTH'].includes(error.code), `at ${at}: ${error.code}`);
            assert.ok(!JSON.stringify(error).includes(CREDENTIALS.password));
          }
        }
      });
    }
  });
}

describe('pop3 under abuse by a server that says anything', () => {
  it('settles with whole mails and errors of its own, 3,000 times over', async function () {
    this.timeout(120_000);
    const seed = Number(process.env.POP3_SEED ?? Date.now() % 1e9);
    const draw = random(seed);
    const words = [
      '+OK\r\n',
      '+OK 2 20\r\n',
      '-ERR [IN-USE] x\r\n',
      '-ERR\r\n',
      '+ \r\n',
      '+ eyJ9\r\n',
      '.\r\n',
      '..\r\n',
      '1 a\r\n',
      '\r\n',
      '\n',
      '\r',
      '\0\xff',
      'PIPELINING\r\nSASL LOGIN\r\n',
    ];
    const anything = () =>
      Array.from({ length: Math.floor(draw() * 5) }, () => words[Math.floor(draw() * words.length)]).join('');
    for (let round = 0; round < 3000; round += 1) {
      const clock = new ManualClock();
      // Right for a while, then anything: otherwise few would get past the greeting.
      let right = Math.floor(draw() * 16);
      const { line, server } = lineTo({ mails: MAILS, greeting: right-- > 0 ? '+OK' : `+OK${anything()}` });
      const answer = server.answer.bind(server);
      server.answer = async (text, session) => (right-- > 0 ? answer(text, session) : anything());
      try {
        await settle(wholeSession(optionsFor(line, { clock }), NUMBERS), clock);
        assert.equal(clock.timers, 0, 'a timer was left behind');
        assert.ok(line.destroyed, 'the socket was left open');
      } catch (error) {
        throw new Error(`POP3_SEED=${seed}, round ${round}`, { cause: error });
      }
    }
  });
});
