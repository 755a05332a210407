/**
 * One replica as a process, to be killed and stopped. Its only argument is {@link ReplicaOrders} as JSON. Writes each
 * mail it is given into its file before anything else happens.
 */
import { appendFileSync } from 'node:fs';
import { asOwner, systemClock } from '../../../nodes/mailbox';
import { Fleet } from '../../../nodes/runtime/fleet/fleet';
import { attend } from '../../../servers/attended-mailbox';
import { type ReplicaOrders, SECRET } from './drill';
import type { DeliveredLine } from './findings';
import { takeAway } from './without';

const orders = JSON.parse(process.argv[2] ?? '') as ReplicaOrders;
const { name, database, port, users, interval, file, pace, without } = orders;

takeAway(without);

const fleet = new Fleet({
  settings: { database, name, role: 'runtime', schema: 'redletter' },
  secret: SECRET,
  version: '1',
  clock: systemClock,
  pace,
});

// Every second one acknowledges.
for (const [index, user] of users.entries()) {
  const ack = index % 2 === 1;
  const { mailbox } = attend(fleet, {
    name,
    user,
    port,
    interval,
    ack,
    deliver: async (mail, assertOwner) => {
      const { uid, redelivered, attempt, delivery } = mail.pop3;
      await asOwner(assertOwner, 'deliver', () => {
        const line: DeliveredLine = { name, user, uid, redelivered, attempt, at: Date.now() };
        appendFileSync(file, `${JSON.stringify(line)}\n`);
      });
      await new Promise((resolve) => setImmediate(resolve));
      if (ack) setTimeout(() => mailbox.acknowledge(delivery, 'done').catch(() => undefined), 20);
    },
    onCheck: ({ error, endedAt }) => {
      if (error === undefined) return;
      const { code, reason, facts } = error;
      appendFileSync(`${file}.errors`, `${JSON.stringify({ endedAt, name, user, code, reason, facts })}\n`);
    },
  });
}
process.stdout.write('ready\n');
process.on('SIGTERM', () => {
  fleet.close().finally(() => process.exit(0));
});
