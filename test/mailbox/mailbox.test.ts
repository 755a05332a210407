import assert from 'node:assert/strict';
import type { EventEmitter } from 'node:events';
import { open as openFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  MAILBOX_ERROR_CODES,
  Mailbox,
  MailboxError,
  type MailboxErrorCode,
  type MailboxParts,
  type MailboxReason,
} from '../../nodes/mailbox';
import type { CheckSummary } from '../../nodes/mailbox/check-context';
import type { DeliveredMail } from '../../nodes/mailbox/delivery/pop3-fields';
import type { MailboxState } from '../../nodes/mailbox/mailbox-parts';
import { fileLog } from '../../nodes/mailbox/store/file/log';
import { FileSpool } from '../../nodes/mailbox/store/file/spool';
import { Ledger } from '../../nodes/mailbox/store/ledger';
import { Pop3Error } from '../../nodes/pop3';
import {
  Box,
  cleanUp,
  HOUR,
  lettered,
  MINUTE,
  mailOf,
  newFolder,
  openLedger,
  settings,
  TestClock,
} from '../../servers/mailbox-checker';
import { stuffed } from '../../servers/scripted-pop3';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A mailbox with everything that was heard of it. */
class Heard {
  readonly clock = new TestClock();
  readonly states: string[] = [];
  readonly errors: MailboxError[] = [];
  readonly summaries: CheckSummary[] = [];
  readonly delivered: DeliveredMail[] = [];
  /** Runs in place of opening a session, where it is set. */
  failure: unknown;
  opened = 0;
  onState: (state: MailboxState) => void = () => undefined;
  onDelivered: () => void = () => undefined;
  mailbox: Mailbox;
  #waiting: (() => void)[] = [];

  constructor(box: Box, ledger: MailboxParts['ledger'], changes: Partial<MailboxParts> = {}, interval = 300) {
    this.mailbox = new Mailbox({
      settings: { ...settings, interval },
      reading: { content: 'parsed', attachments: 'buffer' },
      ledger,
      spool: async () => FileSpool.open(join(await newFolder(), 'a.spool')),
      open: (signal) => {
        this.opened += 1;
        if (this.failure !== undefined) throw this.failure;
        return box.open(signal);
      },
      inTurn: (run) => run(),
      mayDelete: () => true,
      deliver: async (mail) => {
        this.delivered.push(mail);
        this.onDelivered();
      },
      onState: (state) => {
        this.states.push(nameOf(state));
        this.onState(state);
        if (state.is === 'checking' || state.is === 'progress') return;
        for (const resolve of this.#waiting.splice(0)) resolve();
      },
      onError: (error) => this.errors.push(error),
      onQuarantined: () => undefined,
      onSummary: (summary) => this.summaries.push(summary),
      clock: this.clock,
      random: () => 0.5,
      ...changes,
    });
  }

  /** Resolves when the check that is under way, or about to be, has been told of. */
  async outcome(begin: () => void): Promise<string> {
    const told = new Promise<void>((resolve) => this.#waiting.push(resolve));
    begin();
    await told;
    await turn();
    return this.states.at(-1) ?? '';
  }

  /** Lets the time pass until the next check, and waits for its outcome. */
  next(): Promise<string> {
    const [wait] = this.clock.waits;
    assert.ok(wait !== undefined, 'no check is arranged');
    return this.outcome(() => this.clock.advance(wait));
  }
}

function nameOf(state: MailboxState): string {
  switch (state.is) {
    case 'progress':
      return `${state.done} / ${state.total}`;
    case 'new':
      return `${state.count} new${state.left === undefined ? '' : `, ${state.left} left`}`;
    case 'waiting':
      return `waiting ${state.ms / 1000} s`;
    case 'failed':
      return `failed ${state.error.code}`;
    default:
      return state.is;
  }
}

describe('a mailbox', () => {
  let box: Box;
  let heard: Heard;

  async function make(
    changes: Partial<MailboxParts> = {},
    interval?: number,
    letters = '',
    service?: string,
  ): Promise<Heard> {
    box = await Box.start(lettered(letters));
    const file = join(await newFolder(), 'a.ledger');
    const ledger = openLedger(file, () => heard.clock.now());
    const all =
      service === undefined ? changes : { ...changes, settings: { ...settings, service, interval: 300 } };
    heard = new Heard(box, () => ledger, all, interval);
    return heard;
  }
  const start = (): Promise<string> => heard.outcome(() => heard.mailbox.start());
  const fail = (code: MailboxErrorCode, reason = code.toLowerCase(), retryAfterMs?: number): void => {
    heard.failure = new MailboxError(
      code,
      reason as MailboxReason,
      retryAfterMs === undefined ? {} : { retryAfterMs },
    );
  };

  afterEach(async () => {
    await heard.mailbox.stop();
    assert.deepEqual(heard.clock.waits, [], 'a stopped mailbox leaves no timer');
    await box.close();
  });
  after(cleanUp);

  it('tells how it goes, in the words of the contract', async () => {
    await make({}, 300, 'abc');
    await start();
    box.holds(lettered('abcde'));
    await heard.next();
    await heard.next();
    assert.deepEqual(heard.states, [
      ...['checking', '0 new, 3 left'],
      ...['checking', '0 / 2', '1 / 2', '2 / 2', '2 new'],
      ...['checking', 'idle'],
    ]);
    assert.deepEqual(
      heard.summaries.map(({ found, delivered }) => [found, delivered]),
      [
        [3, 0],
        [5, 2],
        [5, 0],
      ],
    );
    assert.deepEqual(heard.errors, []);
  });

  for (const [first, maxPerCheck, letters, state] of [
    ['all', 0, 'abc', '3 new'],
    ['all', 2, 'abc', '2 new'],
    ['new', 0, '', '0 new'],
  ] as const) {
    it(`counts as ignored what is: ${letters.length} mails, first ${first}, at most ${maxPerCheck}`, async () => {
      await make({ settings: { ...settings, interval: 300, first, maxPerCheck } }, 300, letters);
      assert.equal(await start(), state);
    });
  }

  it('holds no file open while it waits, whether a check went well or not', async () => {
    let open = 0;
    const file = join(await newFolder(), 'a.ledger');
    const ledger = await Ledger.open(
      fileLog(file, async (path, flags, mode) => {
        const handle = await openFile(path, flags, mode);
        open += 1;
        (handle as unknown as EventEmitter).once('close', () => {
          open -= 1;
        });
        return handle;
      }),
    );
    try {
      await make({ ledger: async () => ledger }, 300, 'a');
      fail('CONNECT');
      await start();
      assert.equal(open, 0);
      heard.failure = undefined;
      await heard.next();
      box.holds(lettered('abc'));
      assert.equal(await heard.next(), '2 new');
      assert.equal(open, 0);
    } finally {
      await ledger.close();
    }
  });

  it('re-arms after every outcome', async () => {
    await make();
    assert.equal(await start(), '0 new');
    assert.deepEqual(heard.clock.waits, [300_000]);
    assert.equal(await heard.next(), 'idle');
    for (const code of MAILBOX_ERROR_CODES.filter((code) => code !== 'SIGN_IN_AGAIN')) {
      fail(code);
      await heard.next();
      assert.equal(heard.clock.waits.length, 1, code);
    }
    for (const odd of [new Error('a bug'), undefined, 'a string', new Pop3Error('REFUSED', 'no')]) {
      heard.failure = odd ?? null;
      assert.match(await heard.next(), /^failed PROTOCOL/);
      assert.equal(heard.clock.waits.length, 1);
    }
    heard.failure = undefined;
    assert.equal(await heard.next(), 'idle');
    assert.deepEqual(heard.clock.waits, [300_000]);
  });

  it('re-arms when the ledger cannot be had, and goes on when it can', async () => {
    const ledger = openLedger(join(await newFolder(), 'b.ledger'), () => heard.clock.now());
    let broken = true;
    await make({
      ledger: async () => {
        if (broken) throw new MailboxError('STORE', 'disk-full');
        return ledger;
      },
    });
    assert.equal(await start(), 'failed STORE');
    assert.equal(heard.opened, 0, 'no session without a ledger');
    broken = false;
    assert.equal(await heard.next(), '0 new');
  });

  it('a refused login is tried again after 15 minutes, doubling to six hours', async () => {
    for (const code of ['AUTH', 'SYS_PERM'] as const) {
      await make();
      fail(code);
      await start();
      for (const minutes of [15, 30, 60, 120, 240, 360, 360]) {
        assert.deepEqual(heard.clock.waits, [minutes * MINUTE]);
        await heard.next();
      }
      assert.equal(heard.errors.length, 1, 'and told of once');
      if (code === 'AUTH') {
        await heard.mailbox.stop();
        await box.close();
      }
    }
  });

  it('a refused login waits 15 minutes at first, whatever failed before', async () => {
    await make();
    await start();
    fail('CONNECT');
    for (let count = 0; count < 4; count += 1) await heard.next();
    fail('AUTH');
    await heard.next();
    assert.deepEqual(heard.clock.waits, [15 * MINUTE]);
  });

  it('waits for a person where only a sign-in helps, and goes on the moment it has come', async () => {
    await make();
    fail('SIGN_IN_AGAIN');
    assert.equal(await start(), 'failed SIGN_IN_AGAIN');
    assert.deepEqual(heard.clock.waits, []);
    heard.clock.advance(1000 * HOUR);
    assert.equal(heard.opened, 1);
    heard.failure = undefined;
    assert.equal(await heard.outcome(() => heard.mailbox.retry()), '0 new');
    assert.deepEqual(heard.clock.waits, [300_000]);
    heard.mailbox.retry();
    await turn();
    assert.equal(heard.opened, 2, 'a sign-in is no reason to check where nothing is wrong');
  });

  it('waits as long as the server says, without a word', async () => {
    await make();
    await start();
    fail('LOGIN_DELAY', 'login-delay', 15 * MINUTE);
    assert.equal(await heard.next(), 'waiting 900 s');
    assert.deepEqual(heard.clock.waits, [15 * MINUTE]);
    fail('IN_USE');
    await heard.next();
    assert.ok((heard.clock.waits[0] ?? 0) >= 30_000);
  });

  describe('over a line that drops', () => {
    it('ends a first check of 3,000 mails, shows how far it is, and waits for seconds only', async () => {
      let asked = 0;
      const mails = Array.from({ length: 3000 }, (_, at) => ({ uid: `m${at}`, mail: mailOf(`m${at}`) }));
      box = await Box.start(mails, {
        commands: {
          RETR: (argument, session) => {
            asked += 1;
            if (asked % 300 !== 0) return box.server.usual('RETR', argument, session);
            session.socket.end('+OK\r\nSubject: half of it\r\n');
            return undefined;
          },
        },
      });
      // Each mail is looked up by its number, not in a list made for each command.
      const whole = box.server.mails.map((mail) => Buffer.concat([Buffer.from('+OK\r\n'), stuffed(mail)]));
      const usual = box.server.usual.bind(box.server);
      box.server.usual = (word, argument, session) =>
        word === 'RETR' ? whole[Number(argument) - 1] : usual(word, argument, session);
      const file = join(await newFolder(), 'a.ledger');
      const ledger = openLedger(file, () => heard.clock.now());
      const changes = { settings: { ...settings, interval: 300, first: 'all' } };
      heard = new Heard(box, () => ledger, { ...changes, reading: { content: 'raw', attachments: 'none' } });
      await start();
      let waited = 0;
      for (let checks = 0; heard.delivered.length < 3000; checks += 1) {
        assert.ok(checks < 15, `${heard.delivered.length} after ${checks} checks`);
        waited += heard.clock.waits[0] ?? 0;
        await heard.next();
      }
      assert.ok(waited < 2 * MINUTE, `${waited} ms`);
      assert.equal(new Set(heard.delivered.map(({ pop3 }) => pop3.uid)).size, 3000);
      assert.ok(
        heard.states.includes('200 / 3000') && heard.states.some((state) => /^\d+ \/ 2\d{3}$/.test(state)),
      );
    }).timeout(60_000);

    it('in the login of ten mailboxes: each has its mail within a minute', async () => {
      for (let mailbox = 0; mailbox < 10; mailbox += 1) {
        let logins = 0;
        box = await Box.start(lettered('a'), {
          commands: {
            PASS: (argument, session) => {
              logins += 1;
              // Twice in a row, and another time for each mailbox.
              if ((logins + mailbox) % 3 === 0) return box.server.usual('PASS', argument, session);
              session.socket.end();
              return undefined;
            },
          },
        });
        const file = join(await newFolder(), 'a.ledger');
        const ledger = openLedger(file, () => heard.clock.now());
        heard = new Heard(box, () => ledger, { settings: { ...settings, interval: 300, first: 'all' } });
        await start();
        let waited = 0;
        while (heard.delivered.length === 0) {
          waited += heard.clock.waits[0] ?? 0;
          assert.ok(waited < MINUTE, `mailbox ${mailbox}: ${waited} ms`);
          await heard.next();
        }
        await heard.mailbox.stop();
        if (mailbox < 9) await box.close();
      }
    });
  });

  it('says nothing of one blip after a good check, and one word of the second', async () => {
    await make();
    await start();
    for (let round = 0; round < 2; round += 1) {
      fail('CONNECT', 'hung-up');
      assert.match(await heard.next(), /^waiting/);
      assert.equal(heard.errors.length, round, 'the first is silent');
      assert.equal(await heard.next(), 'failed CONNECT');
      assert.equal(heard.errors.length, round + 1, 'the second is told');
      await heard.next();
      await heard.next();
      assert.equal(heard.errors.length, round + 1, 'and the others not');
      heard.failure = undefined;
      assert.equal(await heard.next(), 'idle');
    }
  });

  it('tells of a failure at the very first check', async () => {
    await make();
    fail('CONNECT');
    assert.equal(await start(), 'failed CONNECT');
    assert.equal(heard.errors.length, 1);
    assert.deepEqual(heard.errors[0]?.facts, { host: '127.0.0.1', port: 110, user: 'alice' });
  });

  it('tells of each change of state, once', async () => {
    await make();
    await start();
    const outcomes: [MailboxErrorCode, string][] = [
      ['AUTH', 'wrong-password'],
      ['AUTH', 'wrong-password'],
      ['AUTH', 'app-password-needed'],
      ['STORE', 'disk-full'],
      ['STORE', 'disk-full'],
      ['AUTH', 'wrong-password'],
    ];
    for (const [code, reason] of outcomes) {
      fail(code, reason);
      await heard.next();
    }
    assert.deepEqual(
      heard.errors.map(({ reason }) => reason),
      ['wrong-password', 'app-password-needed', 'disk-full', 'wrong-password'],
    );
  });

  describe('with mail that waits for its acknowledgement', () => {
    let folder: string;
    let ledger: Promise<Ledger> | undefined;
    const ack = { ackTimeout: 600, maxAttempts: 5, maxInFlight: 10 };
    /** The same node after a deploy that has changed it. */
    async function deployed(changes: Partial<MailboxParts>, interval = 300): Promise<Heard> {
      await heard.mailbox.stop();
      await (await ledger)?.close();
      ledger = undefined;
      const { clock } = heard;
      heard = new Heard(
        box,
        () => {
          ledger ??= openLedger(join(folder, 'a.ledger'), clock.now);
          return ledger;
        },
        {
          spool: () => FileSpool.open(join(folder, 'a.spool')),
          settings: { ...settings, interval, first: 'all' },
          ...changes,
        },
        interval,
      );
      return heard;
    }
    const uids = (): string =>
      heard.delivered.map(({ pop3 }) => pop3.uid + (pop3.redelivered ? '*' : '')).join(' ');
    const spooled = (): Promise<string[]> => readdir(join(folder, 'a.spool'));

    beforeEach(async () => {
      await make({}, 300, 'ab');
      folder = await newFolder();
      await deployed({ ack });
      await start();
      assert.equal(uids(), 'a b');
      // Gmail lists no mail that was fetched.
      box.holds([]);
    });

    it('delivers it, marked, when acknowledgement is switched off: the server may not list it any more', async () => {
      await deployed({});
      assert.equal(await start(), '2 new');
      assert.equal(uids(), 'a* b*');
      assert.deepEqual([await spooled(), heard.mailbox.unacknowledged], [[], 0]);
      assert.equal(await heard.next(), 'idle');
      await deployed({ ack });
      assert.equal(await start(), 'idle');
      assert.equal(uids(), '');
    });

    it('takes the word of a flow that acknowledges it after all', async () => {
      const [a, b] = heard.delivered.map(({ pop3 }) => pop3.delivery);
      let words: Promise<unknown> | undefined;
      await deployed({
        deliver: async (mail) => {
          heard.delivered.push(mail);
          words ??= Promise.all([a, b].map((one) => heard.mailbox.acknowledge(one ?? '', 'done')));
          await words;
        },
      });
      await start();
      assert.equal(uids(), 'a*');
      assert.deepEqual(await words, ['accepted', 'accepted']);
      assert.deepEqual(await spooled(), []);
    });

    it('redelivers it after a restart without asking the server, where it checks on request only', async () => {
      await deployed({ ack }, 0);
      const both = new Promise<void>((resolve) => {
        heard.onDelivered = () => heard.delivered.length === 2 && resolve();
      });
      heard.mailbox.start();
      await both;
      assert.equal(uids(), 'a* b*');
      assert.equal(heard.opened, 0);
      for (const { pop3 } of heard.delivered)
        assert.equal(await heard.mailbox.acknowledge(pop3.delivery, 'done'), 'accepted');
      assert.deepEqual(await spooled(), []);
    });
  });

  describe('that is asked', () => {
    it('checks at once, and answers the one who asked', async () => {
      await make({}, 0, 'ab');
      assert.equal(await start(), 'idle');
      assert.deepEqual(heard.clock.waits, []);
      assert.equal(heard.opened, 0);
      const { found } = await heard.mailbox.check();
      assert.equal(found, 2);
      assert.deepEqual(heard.summaries, [], 'nobody else needs to know');
      assert.deepEqual(heard.clock.waits, [], 'and no other comes by itself');
    });

    it('does not wait for the interval, nor for the end of a failure', async () => {
      await make();
      fail('AUTH');
      await start();
      heard.failure = undefined;
      await heard.mailbox.check();
      assert.deepEqual(heard.clock.waits, [300_000], 'one timer, not two');
    });

    it('reports a failure to the caller that requested the check, and to no other', async () => {
      await make();
      await start();
      fail('AUTH', 'wrong-password');
      await assert.rejects(heard.mailbox.check(), { code: 'AUTH' });
      await heard.next();
      assert.deepEqual(heard.errors, []);
      assert.equal(heard.states.at(-1), 'failed AUTH');
    });

    it('during a check, checks again after it', async () => {
      await make({}, 300, 'a');
      const asked: Promise<CheckSummary>[] = [];
      heard.onState = ({ is }) => {
        if (is !== 'checking' || asked.length > 0) return;
        asked.push(heard.mailbox.check(), heard.mailbox.check());
        box.holds(lettered('ab'));
      };
      heard.mailbox.start();
      await turn();
      const summaries = await Promise.all(asked);
      assert.equal(heard.opened, 2, 'one check answers both');
      assert.equal(summaries[0], summaries[1]);
      assert.equal(heard.summaries.length, 1, 'the first came by itself');
      assert.deepEqual(heard.clock.waits, [300_000]);
    });

    it('the moment it has told of a check, checks again', async () => {
      await make();
      let asked: Promise<CheckSummary> | undefined;
      heard.onState = ({ is }) => {
        if (is === 'new') asked ??= heard.mailbox.check();
      };
      await start();
      await asked;
      assert.equal(heard.opened, 2);
      await turn();
      assert.deepEqual(heard.clock.waits, [300_000]);
    });

    it('after it was stopped, says so', async () => {
      await make();
      await heard.mailbox.stop();
      await assert.rejects(heard.mailbox.check(), { reason: 'stopped' });
      heard.mailbox.wake();
      heard.mailbox.retry();
      await turn();
      assert.equal(heard.opened, 0);
    });
  });

  it('survives a listener that throws, and still answers', async () => {
    await make({
      onSummary: () => {
        throw new Error('of the flow');
      },
      onError: () => {
        throw new Error('of the flow');
      },
    });
    heard.onState = ({ is }) => {
      if (is !== 'checking') throw new Error('of the status');
    };
    heard.mailbox.start();
    await new Promise<void>((resolve) => {
      heard.clock.onSet = resolve;
    });
    await turn();
    await heard.mailbox.check();
    fail('AUTH');
    await assert.rejects(heard.mailbox.check(), { code: 'AUTH' });
    assert.deepEqual(heard.clock.waits, [15 * MINUTE]);
  });

  it('reports the time of the next check and the quarantined mails, and retries one of them at once', async () => {
    box = await Box.start(lettered('ab'));
    const clock = new TestClock();
    const ledger = await openLedger(join(await newFolder(), 'a.ledger'), clock.now);
    heard = new Heard(box, async () => ledger);
    assert.equal(heard.mailbox.nextCheckAt, undefined);
    assert.equal(await heard.mailbox.tryAgain('b'), false, 'before the first check nothing is known');
    await start();
    assert.equal(heard.mailbox.nextCheckAt, heard.clock.now() + (heard.clock.waits[0] ?? 0));
    await ledger.markDone('ub', 'quarantined');
    assert.deepEqual(heard.mailbox.quarantined, ['b']);
    assert.equal(await heard.mailbox.tryAgain('c'), false);
    await heard.outcome(() => {
      heard.mailbox.tryAgain('b');
    });
    assert.deepEqual(heard.mailbox.quarantined, []);
    assert.deepEqual(
      heard.delivered.map(({ pop3 }) => `${pop3.uid} ${pop3.redelivered}`),
      ['b true'],
    );
    await heard.mailbox.stop();
    assert.equal(heard.mailbox.nextCheckAt, undefined);
  });

  it('checks Gmail again until a check finds no new mail', async () => {
    await make({}, 300, 'ab', 'google');
    await start();
    for (const letters of ['cd', 'ef']) {
      box.holds(lettered(letters));
      assert.equal(await heard.next(), '2 new');
      assert.deepEqual(heard.clock.waits, [1000]);
    }
    box.holds([]);
    assert.equal(await heard.next(), 'idle');
    assert.deepEqual(heard.clock.waits, [300_000]);
  });

  describe('stopped', () => {
    /** Stops when the mailbox has got there; it has to end within a second, with an answer to the caller. */
    async function stopsAt(there: Promise<unknown>): Promise<void> {
      const asked = assert.rejects(heard.mailbox.check(), { reason: 'stopped' });
      await there;
      const stopped = heard.mailbox.stop();
      const late = new Promise((_, reject) => setTimeout(reject, 1000, new Error('too late')).unref());
      await Promise.race([stopped, late]);
      await asked;
      assert.equal(heard.states.filter((state) => state.startsWith('failed')).length, 0);
      assert.deepEqual(heard.errors, []);
    }
    const event = (): [Promise<void>, () => void] => {
      let happen: () => void = () => undefined;
      const happened = new Promise<void>((resolve) => {
        happen = resolve;
      });
      return [happened, happen];
    };
    const untilAborted = (signal: AbortSignal): Promise<never> =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason));
      });

    it('while it waits for the ledger', async () => {
      const [there, arrive] = event();
      await make({
        ledger: (signal) => {
          arrive();
          return untilAborted(signal);
        },
      });
      await stopsAt(there);
    });

    it('while it waits for its turn', async () => {
      const [there, arrive] = event();
      await make({
        inTurn: (_, signal) => {
          arrive();
          return untilAborted(signal);
        },
      });
      await stopsAt(there);
    });

    it('while it waits for a token', async () => {
      const [there, arrive] = event();
      await make({
        open: (signal) => {
          arrive();
          return untilAborted(signal);
        },
      });
      await stopsAt(there);
    });

    for (const word of ['CAPA', 'AUTH', 'STAT', 'UIDL', 'RETR', 'RSET']) {
      it(`while the server is silent after ${word}`, async () => {
        await make({}, 300, 'abc');
        const { clock } = heard;
        const ledger = await openLedger(join(await newFolder(), 'c.ledger'), clock.now);
        await ledger.recordBaseline([]);
        const [there, arrive] = event();
        box.server.options.commands = {
          [word]: () => {
            arrive();
            return undefined;
          },
        };
        heard = new Heard(box, async () => ledger);
        await stopsAt(there);
        assert.deepEqual(
          ['ua', 'ub', 'uc'].map((key) => ledger.openDelivery(key)),
          [undefined, undefined, undefined],
          'no intent stays',
        );
      });
    }

    it('in the middle of a delivery: it is recorded first', async () => {
      const [there, arrive] = event();
      const [released, release] = event();
      await make({}, 300, 'abc');
      const ledger = await openLedger(join(await newFolder(), 'd.ledger'), heard.clock.now);
      await ledger.recordBaseline([]);
      heard = new Heard(box, async () => ledger, {
        deliver: async () => {
          arrive();
          await released;
        },
      });
      const asked = assert.rejects(heard.mailbox.check(), { reason: 'stopped' });
      await there;
      const stopped = heard.mailbox.stop();
      release();
      await stopped;
      await asked;
      assert.equal(ledger.state('ua'), 'processed');
      assert.deepEqual(
        ['ub', 'uc'].map((key) => ledger.openDelivery(key)),
        [undefined, undefined],
      );
    });

    it('by others, with a mail in delivery: it is redelivered at once, without a failed attempt', async () => {
      let times = 0;
      await make({
        settings: { ...settings, interval: 300, first: 'all', after: 'delete', maxAttempts: 1 },
        deliver: async (mail) => {
          heard.delivered.push(mail);
          times += 1;
          if (times === 2) throw new MailboxError('CONNECT', 'stopped');
        },
        onQuarantined: () => assert.fail('no attempt'),
      });
      box.holds(lettered('abc'));
      const asked = heard.mailbox.check();
      const summary = await asked;
      assert.equal(
        heard.delivered.map(({ pop3 }) => pop3.uid + (pop3.redelivered ? '*' : '')).join(' '),
        'a b b* c',
      );
      assert.deepEqual([summary.failed, summary.redelivered, heard.errors.length], [0, 1, 0]);
      const [first, second] = box.server.sessions;
      // What was fetched and left by QUIT is shown no more by some (Gmail).
      assert.ok(!first?.received.includes('QUIT'));
      assert.ok(second?.received.includes('QUIT'));
      assert.ok(!heard.states.some((state) => state.startsWith('failed')));
      assert.deepEqual(box.uids, []);
    });

    it('while it only waits for the next check', async () => {
      await make();
      await start();
      await heard.mailbox.stop();
      assert.deepEqual(heard.clock.waits, []);
    });
  });
});
