/**
 * A process that fetches mail, to be killed. Its only argument is a {@link ChildOrders} as JSON. Writes each mail it is
 * written to the probe's file before anything else happens, then one byte to its output.
 */
import { appendFileSync, writeSync } from 'node:fs';
import { type Clock, Mailbox, openSession } from '../../nodes/mailbox';
import { mailboxId, Runtime } from '../../nodes/runtime';
import { type ChildOrders, digestOf, type ProbeLine } from './probe';

const orders = JSON.parse(process.argv[2] ?? '') as ChildOrders;
const { life, folder, probe, port, user, password, handled, after, maxInFlight, deadly, clockFrom } = orders;

const began = Date.now();
/** Fifty times as fast: the folder of a killed process is taken over in a fifth of a second. */
const clock: Clock = {
  // Set by hand it runs fast as well, so that no wait after a failure is long.
  now: () => (clockFrom === undefined ? Date.now() : clockFrom + (Date.now() - began) * 200),
  setTimeout: (run, ms) => setTimeout(run, ms / 50),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
};
const runtime = new Runtime({ folder, settings: { get: () => undefined, set: () => undefined }, clock });
const id = mailboxId({ host: '127.0.0.1', port, user });
const loan = runtime.ledgers.attend('node', id);

const mailbox: Mailbox = new Mailbox({
  settings: {
    node: 'node',
    host: '127.0.0.1',
    port,
    user,
    service: 'custom',
    interval: 1,
    first: 'all',
    after,
    keepDays: 0,
    maxAttempts: 5,
    maxSize: 0,
    oversize: 'headers',
    // A few at a time, so that deleting and the ends of sessions are hit as well.
    maxPerCheck: 15,
    content: 'parsed',
  },
  ...(handled === 'ack' && { ack: { ackTimeout: 600, maxAttempts: 5, maxInFlight } }),
  reading: { content: 'parsed', attachments: 'buffer' },
  ledger: loan.open,
  spool: loan.spool,
  open: (signal) =>
    openSession({ host: '127.0.0.1', port, security: 'none' }, { user, password, mechanism: 'auto' }, signal),
  inTurn: (run, signal) => runtime.turns.take(id, run, signal),
  mayDelete: loan.mayDelete,
  deliver: async ({ topic, payload, pop3 }) => {
    const line: ProbeLine = {
      life,
      topic: topic ?? '',
      digest: digestOf(payload ?? ''),
      redelivered: pop3.redelivered,
      attempt: pop3.attempt,
    };
    // A kill may tear this line as well: the next one begins on a line of its own.
    appendFileSync(probe, `\n${JSON.stringify(line)}\n`);
    writeSync(1, '.');
    if (topic === deadly) process.kill(process.pid, 'SIGKILL');
    await new Promise((resolve) => setImmediate(resolve));
    if (handled === 'ack') setTimeout(acknowledge, Math.random() * 8, pop3.delivery);
  },
  onState: () => undefined,
  onError: (error) =>
    writeSync(2, `life ${life}: ${error.code} ${error.reason} ${JSON.stringify(error.facts)}\n`),
  onQuarantined: (error) => writeSync(2, `life ${life}: set aside ${JSON.stringify(error.facts)}\n`),
  onSummary: () => undefined,
  clock,
  random: Math.random,
});

function acknowledge(delivery: string): void {
  mailbox.acknowledge(delivery, 'done').catch((error) => writeSync(2, `life ${life}: ${error}\n`));
}

process.on('SIGTERM', () => {
  mailbox
    .stop()
    .then(loan.giveBack)
    .then(() => process.exit(0));
});
mailbox.start();
