// A backlog with `handled: ack`, and interval 0: how many sessions it takes until every mail was acknowledged.
import { startDovecot } from '../servers/dovecot';
import { type FlowNode, startNodeRed } from '../servers/node-red';
import { textMail } from './boxes';
import { say } from './fetching';
import { pop3In, userDirectory } from './in-node-red';
import type { Cost } from './measure';

const PASSWORD = 'correct-horse';

export interface Backlog {
  mails: number;
  /** What the flow takes for each mail, ms. */
  each: number;
  /** From the trigger to the last mail, s. */
  seconds: number;
  sessions: number;
  /** Sessions in which nothing was downloaded. */
  idle: number;
}

/** A flow that takes `each` ms for a mail and acknowledges it. */
export async function measureBacklog(mails: number, each: number): Promise<Backlog> {
  const user = 'backlog@example.test';
  const dovecot = await startDovecot({ users: { [user]: PASSWORD } });
  try {
    say(`${mails} mails, ${each} ms each, acknowledged: writing the mails`);
    for (let index = 1; index <= mails; index += 1) await dovecot.deliver(user, textMail(index));
    const nodeRed = await startNodeRed({
      version: 4,
      userDir: await userDirectory(),
      settings: { nodesExcludes: [] },
    });
    try {
      await nodeRed.deploy(flow(dovecot.port, user, mails, each));
      await nodeRed.inject('go');
      const line = await nodeRed.waitForLog(/^BENCH /, 0, 240_000);
      const { wall } = JSON.parse(line.slice('BENCH '.length)) as Cost;
      const log = await dovecot.log();
      const sessions = log.match(/: Login: /g) ?? [];
      const idle = log.match(/retr=0\/0/g) ?? [];
      const seconds = Math.round(wall / 100) / 10;
      return { mails, each, seconds, sessions: sessions.length, idle: idle.length };
    } finally {
      await nodeRed.remove();
    }
  } finally {
    await dovecot.stop();
  }
}

function flow(port: number, user: string, mails: number, each: number): FlowNode[] {
  const mail = pop3In(
    { port, user, password: PASSWORD },
    { handled: 'ack', after: 'keep', wires: [['step']] },
  );
  // One after the other, as a flow does that calls a service.
  const func = `
    const queue = context.get('queue') ?? Promise.resolve();
    context.set('queue', queue.then(() => new Promise((resolve) => setTimeout(() => {
      node.send(msg);
      resolve();
    }, ${each}))));`;
  const step = { id: 'step', type: 'function', z: 'tab', func: each > 0 ? func : 'return msg;' };
  return [
    { id: 'tab', type: 'tab', label: 'Bench' },
    { id: 'go', type: 'inject', z: 'tab', props: [], repeat: '', once: false, wires: [['begin']] },
    { id: 'begin', type: 'bench probe', z: 'tab', begins: true, wires: [['mail']] },
    mail,
    { ...step, wires: [['ack']] },
    { id: 'ack', type: 'pop3 ack', z: 'tab', outcome: 'done', wires: [['end']] },
    { id: 'end', type: 'bench probe', z: 'tab', expected: mails, wires: [] },
  ];
}
