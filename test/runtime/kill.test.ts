import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { endChild, startChild } from '../../servers/child';
import { type Dovecot, dovecotMissing, startDovecot } from '../../servers/dovecot';
import { needs } from '../../servers/needs';
import { type ChildOrders, digestOf, type ProbeLine } from './probe';

/** Kills for each kind of mailbox. */
const KILLS = Number(process.env.REDLETTER_KILLS ?? 10);
const SEED = Number(process.env.REDLETTER_SEED ?? Date.now() % 1_000_000);
const MAX_IN_FLIGHT = 10;
/** Mails that wait at the server at any time while kills are left. */
const BACKLOG = 100;

const password = 'correct horse';
const kinds = [
  ['send', 'keep'],
  ['send', 'delete'],
  ['ack', 'keep'],
  ['ack', 'delete'],
] as const;
const userOf = (kind: readonly string[]): string => `${kind.join('-')}@example.test`;

describe(`a process that is killed ${KILLS} times while it fetches`, function () {
  this.timeout(60_000 + KILLS * 6_000);
  let dovecot: Dovecot;
  let folder: string;
  let program: string;

  before(async function () {
    needs(dovecotMissing).call(this);
    folder = await mkdtemp(join(tmpdir(), 'redletter-kill-'));
    dovecot = await startDovecot({
      users: Object.fromEntries(
        [...kinds.map(userOf), 'deadly-send@example.test', 'deadly-ack@example.test'].map((user) => [
          user,
          password,
        ]),
      ),
    });
    // In one file it starts five times as fast, and has to be where its dependencies are found.
    const cache = join(__dirname, '../../node_modules/.cache');
    await mkdir(cache, { recursive: true });
    program = join(cache, `redletter-kill-${process.pid}.cjs`);
    await build({
      entryPoints: [join(__dirname, 'kill-child.ts')],
      outfile: program,
      bundle: true,
      platform: 'node',
      format: 'cjs',
      external: ['mailparser', 'simple-oauth2', 'socks'],
      logLevel: 'error',
    });
    console.log(`    seed ${SEED} (REDLETTER_SEED, REDLETTER_KILLS)`);
  });
  after(async () => {
    await dovecot?.stop();
    if (program) await rm(program, { force: true });
    if (folder) await rm(folder, { recursive: true, force: true });
  });

  for (const [index, kind] of kinds.entries()) {
    const [handled, after] = kind;
    it(`${handled}, ${after}: no mail is lost, and every repeat is marked`, async () => {
      const random = generator(SEED + index);
      const user = userOf(kind);
      const own = join(folder, user);
      const probe = join(folder, `${user}.probe`);
      const orders = { folder: own, probe, port: dovecot.port, user, password, handled, after };
      const sent = new Map<string, string>();
      const send = async (): Promise<void> => {
        const topic = `mail-${sent.size}`;
        const text = `${topic} ${'.lorem ipsum '.repeat(1 + Math.floor(random() * 400))}\n`;
        sent.set(topic, digestOf(text));
        await dovecot.deliver(user, mailOf(topic, text));
      };
      const delivered = async (): Promise<ProbeLine[]> => {
        const text = await readFile(probe, 'utf8').catch(() => '');
        // A line torn by a kill is a mail that was not received whole: it has to be downloaded again.
        return text
          .split('\n')
          .flatMap((line) => (line.endsWith('}') ? (JSON.parse(line) as ProbeLine) : []));
      };

      let kills = 0;
      for (let life = 0; kills < KILLS; life += 1) {
        const distinct = new Set((await delivered()).map(({ topic }) => topic)).size;
        while (sent.size - distinct < BACKLOG) await send();
        const said = await liveAndDie(program, { ...orders, life, maxInFlight: MAX_IN_FLIGHT }, random);
        assert.doesNotMatch(said, /set aside/, 'a kill is no fault of a mail');
        kills += 1;
        await nothingIsLost(await delivered());
      }
      const last = start(program, { ...orders, life: kills, maxInFlight: MAX_IN_FLIGHT });
      try {
        await until(async () => {
          const topics = new Set((await delivered()).map(({ topic }) => topic));
          const left = after === 'delete' ? (await mailsOf(dovecot, user)).length : 0;
          return topics.size === sent.size && left === 0 && (await spooledIn(own)) === 0;
        }, last.said);
      } finally {
        await endChild(last.child, 'SIGTERM');
      }
      assert.equal(last.child.exitCode, 0, last.said());

      const lines = await delivered();
      /** In which process each mail was last delivered. */
      const seen = new Map<string, number>();
      /** By the process whose end made them necessary: a mail that was in flight at two such ends is redelivered after others. */
      const repeats = new Map<number, number>();
      let unmarked = 0;
      let markedFirst = 0;
      for (const { life, topic, digest, redelivered } of lines) {
        assert.equal(digest, sent.get(topic), `${topic} is whole`);
        const before = seen.get(topic);
        seen.set(topic, life);
        if (before === undefined) {
          if (redelivered) markedFirst += 1;
          continue;
        }
        assert.notEqual(before, life, `${topic} was repeated without a kill`);
        repeats.set(before, (repeats.get(before) ?? 0) + 1);
        if (!redelivered) unmarked += 1;
      }
      const total = [...repeats.values()].reduce((sum, count) => sum + count, 0);
      const most = Math.max(0, ...repeats.values());
      console.log(
        `      ${sent.size} mails, ${kills} kills: ${sent.size - seen.size} lost, ${total} repeated ` +
          `(${most} at most by one kill), ${unmarked} of them unmarked, ${markedFirst} marked at first`,
      );
      assert.equal(seen.size, sent.size, 'lost');
      assert.equal(unmarked, 0, 'unmarked');
      assert.ok(most <= (handled === 'send' ? 1 : MAX_IN_FLIGHT), `${most} repeated by one kill`);

      /** Whatever the server does not have any more was delivered. */
      async function nothingIsLost(lines: ProbeLine[]): Promise<void> {
        const kept = new Set(
          (await mailsOf(dovecot, user)).map((mail) => /^Subject: (.*)\r$/m.exec(`${mail}`)?.[1]),
        );
        const handedOver = new Set(lines.map(({ topic }) => topic));
        for (const topic of sent.keys()) {
          assert.ok(kept.has(topic) || handedOver.has(topic), `${topic} was deleted and never delivered`);
        }
      }
    });
  }

  for (const handled of ['send', 'ack'] as const) {
    it(`${handled}: a mail that ends the process is quarantined after its attempts, and no other`, async () => {
      const user = `deadly-${handled}@example.test`;
      const own = join(folder, user);
      const probe = join(folder, `${user}.probe`);
      const deadly = 'mail-13';
      const orders = { folder: own, probe, port: dovecot.port, user, password, handled, deadly };
      for (let at = 0; at < 40; at += 1)
        await dovecot.deliver(user, mailOf(`mail-${at}`, `This is mail ${at}.\n`));
      const began = Date.now();
      let said = '';
      let deaths = 0;
      for (let ended = true; ended; ) {
        const more = { after: 'delete' as const, clockFrom: began + deaths * 86_400_000, life: deaths };
        const last = start(program, { ...orders, ...more, maxInFlight: MAX_IN_FLIGHT });
        const exit = once(last.child, 'exit').then(() => true);
        const all = until(async () => (await left()) === 1 && last.said().includes('set aside'), last.said);
        try {
          ended = await Promise.race([exit, all.then(() => false)]);
        } finally {
          await endChild(last.child, 'SIGTERM');
        }
        if (ended) deaths += 1;
        said += last.said();
        assert.ok(deaths < 12, said);
      }
      const lines = (await readFile(probe, 'utf8'))
        .split('\n')
        .flatMap((line) => (line ? [JSON.parse(line) as ProbeLine] : []));
      const topics = new Set(lines.map(({ topic }) => topic));
      console.log(
        `      ${deaths} deaths, ${topics.size} of 40 mails handed over, ${lines.length} hand-overs`,
      );
      assert.equal(topics.size, 40, 'the rest flows on');
      assert.equal(said.match(/set aside/g)?.length, 1, said);
      // What was with the flow together with others is counted only when it was alone, which a slow machine puts off.
      assert.ok(handled === 'send' ? deaths === 5 : deaths >= 5, `${deaths} deaths`);
      const [kept] = await mailsOf(dovecot, user);
      assert.match(String(kept), new RegExp(`^Subject: ${deadly}\r$`, 'm'), 'it stays on the server');
      assert.equal(await spooledIn(own), 0);

      async function left(): Promise<number> {
        return (await mailsOf(dovecot, user)).length;
      }
    });
  }
});

async function spooledIn(folder: string): Promise<number> {
  const spool = (await readdir(join(folder, 'redletter'))).find((name) => name.endsWith('.spool'));
  return spool === undefined ? 0 : (await readdir(join(folder, 'redletter', spool))).length;
}

/** Lets the process work for a random while, and kills it in the midst of it. */
async function liveAndDie(program: string, orders: ChildOrders, random: () => number): Promise<string> {
  const { child, heard, said } = start(program, orders);
  const exit = once(child, 'exit');
  // Some die young, most after so many mails, and a little later.
  if (random() < 0.25) await Promise.race([pause(50 + random() * 500), exit]);
  else {
    await heard(1 + Math.floor(random() * 30));
    await pause(random() * 6);
  }
  assert.equal(child.exitCode, null, `ended by itself: ${said()}`);
  await endChild(child, 'SIGKILL');
  return said();
}

function start(program: string, orders: ChildOrders) {
  const child = startChild(process.execPath, [program, JSON.stringify(orders)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let count = 0;
  let errors = '';
  let waiting: { count: number; resolve: () => void } | undefined;
  const look = (): void => {
    if (waiting !== undefined && count >= waiting.count) waiting.resolve();
  };
  child.stdout?.on('data', (bytes: Buffer) => {
    count += bytes.length;
    look();
  });
  child.stderr?.on('data', (bytes: Buffer) => {
    errors += bytes;
  });
  child.once('exit', () => waiting?.resolve());
  return {
    child,
    said: () => errors,
    /** Resolves when so many mails have been delivered, or the process has ended. */
    heard: (wanted: number) =>
      new Promise<void>((resolve) => {
        waiting = { count: wanted, resolve };
        look();
      }),
  };
}

/** What the server has: Dovecot may be deleting at this very moment. */
async function mailsOf(dovecot: Dovecot, user: string): Promise<Buffer[]> {
  for (;;) {
    try {
      return await dovecot.mails(user);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function until(holds: () => Promise<boolean>, said: () => string): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!(await holds())) {
    assert.ok(Date.now() < deadline, `not done within a minute: ${said()}`);
    await pause(50);
  }
}

/** Mulberry32: numbers from 0 up to 1 that a seed repeats. */
function generator(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const mailOf = (subject: string, text: string): string =>
  `From: bob@example.test\r\nSubject: ${subject}\r\nMessage-ID: <${subject}@example.test>\r\n\r\n${text.replace(/\n/g, '\r\n')}`;
