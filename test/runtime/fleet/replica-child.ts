/**
 * One replica as a process, to be killed and stopped. Its only argument is {@link ReplicaOrders} as JSON. Writes each
 * mail it is given into its file before anything else happens.
 */
import { appendFileSync } from 'node:fs';
import { systemClock } from '../../../nodes/mailbox';
import { Database } from '../../../nodes/runtime/fleet/database';
import { Fleet } from '../../../nodes/runtime/fleet/fleet';
import { Membership } from '../../../nodes/runtime/fleet/membership';
import { attend } from './attend';
import { type DeliveredLine, type ReplicaOrders, SECRET } from './drill';

const orders = JSON.parse(process.argv[2] ?? '') as ReplicaOrders;
const { name, database, port, users, file, pace, without, ack } = orders;

// What the drill has to go red without.
if (without === 'deadline' || without === 'both') {
  Membership.prototype.certain = function certain(this: Membership, id = this.id) {
    return this.id !== undefined && this.id === id;
  };
}
if (without === 'fence' || without === 'both') {
  for (const method of ['query', 'bulk'] as const) {
    const original = Database.prototype[method];
    Database.prototype[method] = function unfenced(prepared, values) {
      const text = prepared.text.replace(
        'replica = $2 and term = $3::bigint for share',
        '($2::uuid is not null or $3::bigint is null)',
      );
      return original.call(this, { name: prepared.name, text }, values) as never;
    };
  }
}

const fleet = new Fleet({
  settings: { database, name, role: 'runtime', schema: 'redletter' },
  secret: SECRET,
  version: '1',
  clock: systemClock,
  pace,
});

for (const user of users) {
  const { mailbox } = attend(fleet, {
    name,
    user,
    port,
    ack: ack ?? false,
    deliver: async (mail, assertOwner) => {
      await assertOwner('deliver');
      const { uid, redelivered, attempt, delivery } = mail.pop3;
      const line: DeliveredLine = { name, user, uid, redelivered, attempt, at: Date.now() };
      appendFileSync(file, `${JSON.stringify(line)}\n`);
      await new Promise((resolve) => setImmediate(resolve));
      if (ack) setTimeout(() => mailbox.acknowledge(delivery, 'done').catch(() => undefined), 20);
    },
    // Seen where REDLETTER_DRILL_LOUD is set.
    onError: ({ code, reason, facts }) => console.error(name, user, code, reason, JSON.stringify(facts)),
  });
}
process.stdout.write('ready\n');
process.on('SIGTERM', () => {
  fleet.close().finally(() => process.exit(0));
});
