import assert from 'node:assert/strict';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Clock, ConnectOptions } from '../../nodes/pop3';
import { type Certificate, loopbackCertificate, opensslMissing } from '../../servers/certificates';
import { needs } from '../../servers/needs';
import { type ScriptedPop3, startScripted } from '../../servers/scripted-pop3';
import { CREDENTIALS, random, wholeSession } from './harness';

const MAILS = [
  'Subject: one\r\n\r\n.1\r\n',
  'Subject: two\r\n\r\n2\r\n',
  `Subject: three\r\n\r\n${'3'.repeat(20_000)}\r\n`,
];
const KINDS = ['drop', 'stall', 'reset'] as const;

/** A wire that ends, for what the server sends, at an offset. */
interface Wire {
  port: number;
  /** All the server sent on a line that was not cut. */
  seen: Buffer[];
  /** What will happen to the next lines; to those after them, nothing. */
  cuts: Array<{ at: number; how: (typeof KINDS)[number] }>;
  close(): Promise<void>;
}

async function wireTo(port: number): Promise<Wire> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((client) => {
    const cut = wire.cuts.shift();
    const upstream = connect(port, '127.0.0.1');
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => sockets.delete(socket));
    }
    let octets = 0;
    const end = () => {
      if (cut?.how === 'drop') client.end();
      else if (cut?.how === 'reset') client.resetAndDestroy();
    };
    if (cut?.at === 0) end();
    upstream.on('data', (chunk: Buffer) => {
      if (!cut) wire.seen.push(chunk);
      const rest = (cut?.at ?? Number.POSITIVE_INFINITY) - octets;
      octets += chunk.length;
      if (rest <= 0) return;
      client.write(chunk.subarray(0, rest), () => {
        if (rest <= chunk.length) end();
      });
    });
    client.on('data', (chunk: Buffer) => upstream.write(chunk));
    client.on('close', () => upstream.destroy());
    upstream.on('close', () => {
      if (cut?.how !== 'stall' || octets < cut.at) client.end();
    });
  });
  const wire: Wire = {
    port: 0,
    seen: [],
    cuts: [],
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  wire.port = (server.address() as { port: number }).port;
  return wire;
}

/** Where TLS records end (RFC 8446 section 5.1) in what a server sends; `skip` bytes before them are none. */
function records(bytes: Buffer, skip: number): number[] {
  const ends: number[] = [];
  for (let at = skip; at + 5 <= bytes.length; ) {
    at += 5 + bytes.readUInt16BE(at + 3);
    ends.push(at);
  }
  return ends;
}

/** The client's own sockets and timers, counted. */
class Counted {
  readonly sockets = new Set<Socket>();
  readonly timers = new Set<unknown>();

  readonly open = ({ port }: { port: number }) =>
    new Promise<Socket>((resolve, reject) => {
      const socket = connect(port, '127.0.0.1');
      this.sockets.add(socket);
      socket.on('close', () => this.sockets.delete(socket));
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(socket);
      });
    });

  readonly clock: Clock = {
    now: () => performance.now(),
    setTimeout: (callback, ms) => {
      const timer = setTimeout(() => {
        this.timers.delete(timer);
        callback();
      }, ms);
      this.timers.add(timer);
      return timer;
    },
    clearTimeout: (timer) => {
      this.timers.delete(timer);
      clearTimeout(timer as NodeJS.Timeout);
    },
  };
}

for (const tls of ['implicit', 'stls'] as const) {
  describe(`pop3 under abuse, TLS ${tls === 'implicit' ? 'from the first byte' : 'by STLS'}`, () => {
    let certificate: Certificate & { ca: string };
    let server: ScriptedPop3;
    let wire: Wire;
    let places: number[];
    const seed = Number(process.env.POP3_SEED ?? Date.now() % 1e9);

    const options = (): ConnectOptions => ({
      host: '127.0.0.1',
      port: wire.port,
      security: tls === 'implicit' ? 'tls' : 'starttls',
      tls: { ca: certificate.ca },
      timeouts: {
        connect: 400,
        greeting: 400,
        command: 400,
        reply: 400,
        idle: 400,
        quit: 400,
        quitAfterDeletions: 400,
      },
    });

    before(async function () {
      needs(opensslMissing).call(this);
      certificate = loopbackCertificate();
      server = await startScripted({
        tls,
        key: certificate.key,
        cert: certificate.cert,
        mails: MAILS,
        // Sessions run side by side: nothing is to vanish.
        commands: { QUIT: (_, session) => void session.socket.end('+OK\r\n') },
      });
      wire = await wireTo(server.port);
      const outcome = await wholeSession({ ...options(), timeouts: {} }, [1, 2, 3]);
      assert.equal(outcome.deleted, 'ok');
      assert.equal(outcome.whole.size, 3);
      const bytes = Buffer.concat(wire.seen);
      const begin = tls === 'implicit' ? 0 : bytes.indexOf('Begin TLS\r\n') + 'Begin TLS\r\n'.length;
      const draw = random(seed);
      places = [
        ...records(bytes, begin).flatMap((end) => [end - 1, end, end + 1]),
        ...Array.from({ length: 200 }, () => Math.floor(draw() * bytes.length)),
      ].filter((place) => place < bytes.length - 64);
      assert.ok(places.length > 220, String(places.length));
    });
    after(async () => {
      await wire?.close();
      await server?.close();
    });

    for (const how of KINDS) {
      it(`settles, delivers nothing half and leaks nothing when the line is ${how} at record ends and elsewhere`, async function () {
        this.timeout(60_000);
        const counted = new Counted();
        const queue = [...places];
        const one = async (at: number) => {
          wire.cuts.push({ at, how });
          const outcome = await wholeSession(
            { ...options(), open: counted.open, clock: counted.clock },
            [1, 2, 3],
          );
          for (const [number, bytes] of outcome.whole)
            assert.ok(bytes.toString() === MAILS[number - 1], `at ${at}`);
          assert.notEqual(outcome.deleted, 'ok', `POP3_SEED=${seed}, at ${at}`);
          assert.ok(
            outcome.errors.length > 0 || outcome.deleted === 'unknown',
            `POP3_SEED=${seed}, at ${at}`,
          );
          for (const error of outcome.errors) {
            assert.ok(['CONNECT', 'TIMEOUT', 'TLS', 'AUTH'].includes(error.code), `at ${at}: ${error.code}`);
            assert.ok(!JSON.stringify(error).includes(CREDENTIALS.password));
          }
        };
        const worker = async () => {
          for (let at = queue.pop(); at !== undefined; at = queue.pop()) await one(at);
        };
        await Promise.all(Array.from({ length: how === 'stall' ? 16 : 2 }, worker));
        assert.equal(counted.timers.size, 0, 'timers left behind');
        for (let turn = 0; turn < 100 && counted.sockets.size > 0; turn += 1) await new Promise(setImmediate);
        assert.equal(counted.sockets.size, 0, 'sockets left open');
      });
    }
  });
}
