// One mailbox that is fetched whole, with its ledger in files or in the database, as often as it is told to. Run by
// bench/fleet.ts.
import { setTimeout as pause } from 'node:timers/promises';
import { systemClock } from '../nodes/mailbox';
import { openLedgerRoom } from '../nodes/runtime/ledger-room';
import { attend } from '../servers/attended-mailbox';

export interface MailsOrder {
  /** Of the mail server. */
  port: number;
  user: string;
  password: string;
  mails: number;
  /** A new one, since a ledger delivers nothing twice. */
  userDir: string;
  /** The address of an empty database, in place of the files. */
  fleet?: string | undefined;
}

/** Wall s, and ms of CPU of this process. */
export interface MailsTook {
  took: number;
  cpu: number;
}

const SETTINGS = { get: () => undefined, set: () => Promise.resolve(), delete: () => Promise.resolve() };

async function run({ port, user, password, mails, userDir, fleet }: MailsOrder): Promise<MailsTook> {
  const room = openLedgerRoom({
    folder: userDir,
    clock: systemClock,
    settings: SETTINGS as never,
    credentialSecret: 'a secret of the whole fleet',
    fleet,
  });
  let delivered = 0;
  const { mailbox, loan } = attend(room.ledgers, {
    name: 'bench',
    user,
    password,
    port,
    interval: 0,
    after: 'keep',
    deliver: async (_mail, assertOwner) => {
      await assertOwner('deliver');
      delivered += 1;
    },
  });
  if (room.fleet !== undefined) while (room.fleet.connected?.leases.load().owned !== 1) await pause(100);
  const [began, before] = [performance.now(), process.cpuUsage()];
  await mailbox.check();
  const took = (performance.now() - began) / 1000;
  const { user: own, system } = process.cpuUsage(before);
  if (delivered !== mails) throw new Error(`${delivered} mails of ${mails}`);
  await mailbox.stop();
  await loan.giveBack();
  await room.fleet?.close();
  return { took, cpu: (own + system) / 1000 };
}

if (require.main === module)
  process.on('message', async (order: MailsOrder) => {
    process.send?.(await run(order));
  });
