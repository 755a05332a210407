import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Comms } from '../servers/comms';
import { dovecotMissing } from '../servers/dovecot';
import { needs } from '../servers/needs';
import { type FlowNode, startNodeRed } from '../servers/node-red';
import { freePorts } from '../servers/ports';
import { folderWithProbe, handedOver, markedRepeats, seeded } from './probe';
import { ALICE, flows, mail, PASSWORD, pop3In, startWorld, type World } from './world';

const ACK: FlowNode = { id: 'ack', type: 'pop3 ack', z: 'tab', outcome: 'done', wires: [[]] };
const SEED = Number(process.env.FAULTS_SEED ?? Math.floor(Math.random() * 2 ** 31));

describe(`faults in the middle (FAULTS_SEED=${SEED})`, function () {
  this.timeout(120_000);
  let world: World;
  let userDir: string;
  const random = seeded(SEED);
  before(needs(dovecotMissing));
  beforeEach(async () => {
    userDir = await folderWithProbe();
    world = await startWorld({ version: 4, userDir });
  });
  afterEach(() => world?.close());

  const nodes = (more: Partial<FlowNode> = {}): FlowNode[] => [
    pop3In(world, {
      auth: 'password',
      account: '',
      credentials: { user: ALICE, password: PASSWORD },
      wires: [['probe']],
      ...more,
    }),
    { id: 'probe', type: 'probe', z: 'tab', wires: [['ack']] },
  ];
  const deliver = async (count: number, first = 0): Promise<void> => {
    for (let number = first; number < first + count; number += 1)
      await world.dovecot.deliver(ALICE, mail(`Mail ${number}`));
  };
  const topics = async (): Promise<number> =>
    new Set((await handedOver(userDir)).map(({ topic }) => topic)).size;
  /** Settles when so many different mails have been delivered; every status is a reason to look. */
  const reached = async (comms: Comms, count: number): Promise<void> => {
    while ((await topics()) < count) {
      await comms.waitForStatus('mail', /./, comms.statuses('mail').length, 60_000);
    }
  };

  it('deploys while mail is fetched: none is lost, none comes twice, and one at most is marked by each', async () => {
    await deliver(400);
    await world.nodeRed.deploy(flows(world, ...nodes()));
    for (let deploys = 1; deploys <= 4; deploys += 1) {
      await once(AbortSignal.timeout(Math.floor(random() * 120)), 'abort');
      await world.nodeRed.deploy(flows(world, ...nodes()), random() < 0.5 ? 'full' : 'reload');
    }
    await reached(await world.nodeRed.comms(), 400);
    const all = await handedOver(userDir);
    assert.equal(all.length, 400);
    assert.equal(markedRepeats(all), 0);
    // What was on its way into the flow when the flow was closed has not arrived, but might have.
    assert.ok(all.filter(({ redelivered }) => redelivered).length <= 4);
  });

  it('a network that drops the line at random bytes: every mail comes once', async () => {
    await deliver(120);
    const sockets = new Set<Socket>();
    let drops = 12;
    const cutting: Server = createServer((socket) => {
      const onward = connect(world.dovecot.tlsPort, '127.0.0.1');
      for (const one of [socket, onward]) {
        sockets.add(one);
        one.on('error', () => undefined).on('close', () => sockets.delete(one));
      }
      let left = drops > 0 ? Math.floor(random() * 90_000) : Number.POSITIVE_INFINITY;
      drops -= 1;
      onward.on('data', (chunk) => {
        left -= chunk.length;
        if (left >= 0) socket.write(chunk);
        else {
          socket.destroy();
          onward.destroy();
        }
      });
      onward.on('close', () => socket.destroy());
      socket.on('data', (chunk) => onward.write(chunk)).on('close', () => onward.destroy());
    });
    await new Promise<void>((resolve) => cutting.listen(0, '127.0.0.1', resolve));
    try {
      const port = (cutting.address() as AddressInfo).port;
      const input = { inputs: 1, host: '127.0.0.1', port };
      const go: FlowNode = {
        id: 'go',
        type: 'inject',
        z: 'tab',
        props: [{ p: 'payload' }],
        payload: '',
        payloadType: 'date',
        wires: [['mail']],
      };
      await world.nodeRed.deploy(flows(world, ...nodes(input), go));
      const comms = await world.nodeRed.comms();
      // A check that is asked for does not wait for the pause after a dropped line.
      while ((await topics()) < 120) {
        const before = comms.statuses('mail').length;
        await world.nodeRed.inject('go');
        await comms.waitForStatus(
          'mail',
          ({ fill }) => fill === 'red' || fill === 'green' || fill === 'grey',
          before,
        );
      }
      const all = await handedOver(userDir);
      assert.equal(markedRepeats(all), 0);
      assert.equal(all.length, 120);
    } finally {
      cutting.close();
      for (const socket of sockets) socket.destroy();
    }
  });

  it('a second Node-RED on the same user directory delivers nothing, and says why', async () => {
    await world.nodeRed.deploy(flows(world, ...nodes()));
    const comms = await world.nodeRed.comms();
    await comms.waitForStatus('mail', /idle|0 new/);
    const second = await startNodeRed({ version: 4, userDir });
    try {
      const status = await (await second.comms()).waitForStatus(
        'mail',
        ({ fill }) => fill === 'red',
        0,
        40_000,
      );
      assert.equal(status.text, 'folder in use');
      await deliver(3);
      await reached(comms, 3);
      assert.equal((await handedOver(userDir)).length, 3);
    } finally {
      await second.stop('SIGKILL');
    }
  });

  it('a clock that jumps by days, forth and back: every mail comes once, and the checks go on', async () => {
    const clock = join(userDir, 'clock');
    const preload = join(userDir, 'clock.cjs');
    await writeFile(clock, '0');
    // The system's time is not the test's to set; the process gets another one, which a file moves.
    await writeFile(
      preload,
      `const { readFileSync } = require('node:fs');
       const now = Date.now;
       let ahead = 0;
       setInterval(() => { ahead = Number(readFileSync(${JSON.stringify(clock)}, 'utf8')) || 0; }, 10).unref();
       Date.now = () => now() + ahead;`,
    );
    await world.nodeRed.stop();
    world.nodeRed = await startNodeRed({
      version: 4,
      userDir,
      env: { NODE_OPTIONS: `--require ${preload}` },
    });
    await world.nodeRed.deploy(flows(world, ...nodes({ handled: 'ack', maxInFlight: 100 }), ACK));
    const comms = await world.nodeRed.comms();
    let count = 0;
    for (const days of [0, 400, -400, 3, -0.5, 0]) {
      await writeFile(clock, String(days * 86_400_000));
      for (let more = 0; more < 20; more += 1) {
        await world.dovecot.deliver(ALICE, mail(`Mail ${count}`));
        count += 1;
      }
      await reached(comms, count);
      await comms.waitForStatus('mail', /^idle$/, comms.statuses('mail').length, 30_000);
    }
    const all = await handedOver(userDir);
    assert.equal(all.length, count, 'none came again');
    assert.ok(all.every(({ redelivered }) => !redelivered));
    assert.deepEqual(world.sink.received('errors'), []);
    assert.equal((await world.dovecot.mails(ALICE)).length, count);
  });

  it('a ledger that cannot be read: nothing is delivered or deleted, and it resumes after the repair', async () => {
    await deliver(3);
    await world.nodeRed.deploy(flows(world, ...nodes({ after: 'delete' })));
    await reached(await world.nodeRed.comms(), 3);
    await world.nodeRed.stop();
    const folder = join(userDir, 'redletter');
    const name = (await readdir(folder)).find((one) => one.endsWith('.ledger')) ?? assert.fail('no ledger');
    const file = join(folder, name);
    const good = await readFile(file, 'utf8');
    const [header = '', first = '', ...rest] = good.split('\n');
    await writeFile(file, [header, first.slice(0, 10), ...rest].join('\n'));
    await deliver(5);
    world.nodeRed = await startNodeRed({ version: 4, userDir });
    const comms = await world.nodeRed.comms();
    const status = await comms.waitForStatus('mail', ({ fill }) => fill === 'red', 0, 40_000);
    assert.equal(status.text, 'cannot store');
    const { error } = await world.sink.next('errors');
    assert.equal((error as { code: string }).code, 'STORE');
    assert.match((error as { message: string }).message, new RegExp(`${name}.*2`));
    assert.equal((await handedOver(userDir)).length, 3);
    assert.equal((await world.dovecot.mails(ALICE)).length, 5, 'nothing is deleted either');
    assert.equal(
      await readFile(file, 'utf8'),
      [header, first.slice(0, 10), ...rest].join('\n'),
      'left as it is',
    );
    await writeFile(file, good);
    while ((await handedOver(userDir)).length < 8)
      await comms.waitForStatus('mail', /./, comms.statuses('mail').length, 60_000);
    assert.equal(markedRepeats((await handedOver(userDir)).slice(3)), 0);
  });

  it('asleep so long that another took the folder: nothing twice, and it takes it back when it is free', async () => {
    await deliver(3);
    await world.nodeRed.deploy(flows(world, ...nodes()));
    const comms = await world.nodeRed.comms();
    await reached(comms, 3);
    await comms.waitForStatus('mail', /^idle$/, comms.statuses('mail').length);
    process.kill(world.nodeRed.pid, 'SIGSTOP');
    const second = await startNodeRed({ version: 4, userDir });
    try {
      const ofSecond = await second.comms();
      await ofSecond.waitForStatus('mail', /^idle$/, 0, 40_000);
      await deliver(2);
      while ((await handedOver(userDir)).length < 5)
        await ofSecond.waitForStatus('mail', /./, ofSecond.statuses('mail').length, 40_000);
      process.kill(world.nodeRed.pid, 'SIGCONT');
      const lost = await comms.waitForStatus('mail', ({ fill }) => fill === 'red', 0, 60_000);
      assert.equal(lost.text, 'folder in use');
    } finally {
      process.kill(world.nodeRed.pid, 'SIGCONT');
      await second.stop();
    }
    await deliver(1);
    while ((await handedOver(userDir)).length < 6)
      await comms.waitForStatus('mail', /./, comms.statuses('mail').length, 60_000);
    await comms.waitForStatus('mail', /^idle$/, comms.statuses('mail').length);
    assert.equal((await handedOver(userDir)).length, 6, 'what the other had is known here');
  });

  it('a spool that is emptied while mail waits there: it is downloaded again, marked', async () => {
    await deliver(2);
    const silent: FlowNode = { id: 'probe', type: 'probe', z: 'tab', wires: [[]] };
    const [node] = nodes({ handled: 'ack', ackTimeout: 1 });
    await world.nodeRed.deploy(flows(world, node as FlowNode, silent));
    const comms = await world.nodeRed.comms();
    await reached(comms, 2);
    const folder = join(userDir, 'redletter');
    const spool = (await readdir(folder)).find((one) => one.endsWith('.spool')) ?? assert.fail('no spool');
    await rm(join(folder, spool), { recursive: true });
    while ((await handedOver(userDir)).length < 4)
      await comms.waitForStatus('mail', /./, comms.statuses('mail').length, 60_000);
    assert.equal(markedRepeats(await handedOver(userDir)), 2);
    assert.deepEqual(world.sink.received('errors'), []);
  });

  it('a failed check answers its HTTP request through Catch', async () => {
    const [port = 0] = await freePorts(1);
    const input = { interval: 0, inputs: 1, outputs: 2, summary: true, wires: [[], ['answer']] };
    const asking = (more: Partial<FlowNode>): FlowNode[] => [
      ...flows(world, ...nodes({ ...input, ...more })).filter(({ id }) => id !== 'catch'),
      { id: 'ask', type: 'http in', z: 'tab', url: '/check', method: 'get', wires: [['mail']] },
      { id: 'answer', type: 'http response', z: 'tab', wires: [] },
      { id: 'catch', type: 'catch', z: 'tab', scope: ['mail'], wires: [['words']] },
      {
        id: 'words',
        type: 'function',
        z: 'tab',
        func: `return { ...msg, statusCode: 502, payload: { code: msg.error.code } };`,
        wires: [['answer']],
      },
    ];
    const ask = (): Promise<Response> =>
      fetch(new URL('/check', world.nodeRed.url), { signal: AbortSignal.timeout(20_000) });
    await deliver(2);
    await world.nodeRed.deploy(asking({}));
    const good = await ask();
    assert.equal(good.status, 200);
    const { found, delivered } = (await good.json()) as { found: number; delivered: number };
    assert.deepEqual([found, delivered], [2, 2]);
    await world.nodeRed.deploy(asking({ port }));
    const bad = await ask();
    assert.deepEqual([bad.status, await bad.json()], [502, { code: 'CONNECT' }]);
  });

  it('a disk that fills up while the flow has mail, and Node-RED is stopped then: in time, and all of it comes', async function () {
    const folder = join(userDir, 'redletter');
    await mkdir(folder, { recursive: true });
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', folder]).status === 0;
    if (!mounted) this.skip();
    const fill = (): unknown =>
      spawnSync('dd', ['if=/dev/zero', `of=${join(folder, 'ballast')}`, 'bs=1k', 'count=400']);
    try {
      const patient = { handled: 'ack', after: 'delete', maxInFlight: 100, maxAttempts: 1 };
      const [reader = assert.fail(), probe = assert.fail()] = nodes(patient);
      await deliver(3);
      // Nothing is acknowledged yet.
      await world.nodeRed.deploy(flows(world, reader, { ...probe, wires: [[]] }));
      const comms = await world.nodeRed.comms();
      await reached(comms, 3);
      fill();
      await deliver(3, 3);
      const full = await comms.waitForStatus('mail', ({ fill }) => fill === 'red', 0, 40_000);
      assert.equal(full.text, 'disk full');
      const begun = Date.now();
      await world.nodeRed.stop();
      assert.ok(Date.now() - begun < 10_000, `${Date.now() - begun} ms`);
      await rm(join(folder, 'ballast'));
      world.nodeRed = await startNodeRed({ version: 4, userDir });
      const again = await world.nodeRed.comms();
      while ((await handedOver(userDir)).length < 9)
        await again.waitForStatus('mail', /./, again.statuses('mail').length, 60_000);
      await world.nodeRed.deploy(flows(world, reader, probe, ACK));
      while ((await world.dovecot.mails(ALICE)).length > 0)
        await again.waitForStatus('mail', /./, again.statuses('mail').length, 60_000);
      // Three after the stop, and all six after the deploy.
      assert.equal(markedRepeats(await handedOver(userDir)), 9);
      assert.equal(await topics(), 6);
      const codes = world.sink.received('errors').map(({ error }) => (error as { code: string }).code);
      assert.ok(!codes.includes('POISON'), codes.join(' '));
    } finally {
      await world.nodeRed.stop('SIGKILL');
      spawnSync('umount', [folder]);
    }
  });

  it('a full disk: nothing is delivered that cannot be recorded, and it resumes when there is space', async function () {
    const folder = join(userDir, 'redletter');
    await mkdir(folder, { recursive: true });
    // A disk of its own that can be filled without harm; only root can have one.
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder]).status === 0;
    if (!mounted) this.skip();
    try {
      await world.nodeRed.deploy(flows(world, ...nodes()));
      const comms = await world.nodeRed.comms();
      await comms.waitForStatus('mail', /idle|0 new/);
      const ballast = join(folder, 'ballast');
      spawnSync('dd', ['if=/dev/zero', `of=${ballast}`, 'bs=1k', 'count=100']);
      // Enough of them not to fit into what is left of the ledger's last block.
      await deliver(200);
      const full = await comms.waitForStatus('mail', ({ fill }) => fill === 'red', 0, 40_000);
      assert.equal(full.text, 'disk full');
      const error = (await world.sink.next('errors')).error as { code: string };
      assert.equal(error.code, 'STORE');
      assert.ok((await handedOver(userDir)).length < 200);
      await rm(ballast);
      await reached(comms, 200);
      assert.ok(markedRepeats(await handedOver(userDir)) <= 1);
    } finally {
      await world.nodeRed.stop('SIGKILL');
      spawnSync('umount', [folder]);
    }
  });
});
