import type { Node, NodeAPI, NodeDef, NodeMessage } from 'node-red';
import { Stop } from '../base/stop';
import {
  type AssertOwner,
  type CheckSummary,
  type DeliveredMail,
  type MailboxError,
  type MailboxParts,
  PAUSED,
  sendOne,
} from '../mailbox';
import { type LedgerLoan, mailboxId, type RunningMailbox, type Runtime } from '../runtime';
import type { Deploys } from './deploys';
import { baseFolder } from './folders';
import { onceStarted, type translateBy } from './lifecycle';
import { type MailServer, type Pop3InProperties, serverOf } from './mail-server';
import { nodeError, statusOf } from './messages';
import { sendMail } from './send-mail';
import { sessionLog } from './session-log';
import { largestOf, type MailProperties, settingsOf } from './settings';

export type Pop3InDef = NodeDef & Pop3InProperties & MailProperties & { inputs: number; outputs: number };
export interface Pop3InCredentials {
  user?: string;
  password?: string;
}
export type Pop3InNode = Node<Pop3InCredentials>;

/** What a node runs in. */
export interface Surroundings {
  RED: NodeAPI;
  runtime: Runtime;
  deploys: Deploys;
  translate: ReturnType<typeof translateBy>;
}

/** Runs the mailbox of a `pop3 in` from here on to the node's `close`. */
export function runPop3In(
  node: Pop3InNode,
  def: Pop3InDef,
  { RED, runtime, deploys, translate }: Surroundings,
): void {
  const server = serverOf(RED, def, node.credentials ?? {}, largestOf(def));
  const loan = runtime.ledgers.attend(node.id, mailboxId(server));
  const closing = new Stop();
  const deliver = deliverBy(deploys, node, def, closing);
  const seen = runtime.health.attend({
    id: node.id,
    // Within a subflow a node has an id of its own; this is the one in the editor.
    node: (node as { _alias?: string })._alias ?? node.id,
    name: node.name ?? '',
    host: server.host,
    user: server.user,
    ...(def.auth !== 'password' && def.account && { account: def.account }),
  });
  const parts: MailboxParts = seen.hearing({
    ...settingsOf(def, { ...server, node: node.id }, baseFolder(RED)),
    ...borrowed(loan),
    ...listenersOf(node, def, translate),
    open: openBy(server, sessionLog(RED, node), (ms) => parts.onState({ is: 'silent', ms })),
    inTurn: (run, signal) => runtime.turns.take(mailboxId(server), run, signal),
    deliver,
    clock: runtime.clock,
    random: Math.random,
  });
  const mailbox = loan.run(parts);
  seen.begin(mailbox);
  runtime.mailboxes.set(node.id, mailbox);
  Object.defineProperties(node, {
    server: { value: server },
    sendOne: {
      value: async (key: string, signal: AbortSignal) => {
        const origin = { node: node.id, user: server.user, host: server.host };
        const { maxSize } = parts.settings;
        await sendOne(await server.open(signal), key, { ...parts, origin, deliver, maxSize }, signal);
      },
    },
  });
  answerInput(node, def, mailbox, translate);
  const unlisten = server.onSignIn(() => mailbox.retry());
  // Not before every node stands: a mail may be deleted only when all who want it have had it.
  const dontStart = onceStarted(RED, () => mailbox.start());
  node.on('close', (done: () => void) => {
    closing.stop();
    dontStart();
    unlisten();
    seen.end();
    if (runtime.mailboxes.get(node.id) === mailbox) runtime.mailboxes.delete(node.id);
    mailbox
      .stop()
      .finally(() => loan.giveBack())
      .catch((error) => node.warn(error.message))
      .finally(done);
  });
}

const borrowed = (loan: LedgerLoan) => ({
  ledger: (signal: AbortSignal) => loan.open(signal),
  spool: () => loan.spool(),
  mayDelete: (mail: string) => loan.mayDelete(mail),
  assertOwner: loan.assertOwner,
});

function openBy(
  server: MailServer,
  onLine: ReturnType<typeof sessionLog>,
  onSilence: (ms: number) => void,
): MailboxParts['open'] {
  return (signal) => server.open(signal, { ...(onLine && { onLine }), onSilence });
}

function deliverBy(
  deploys: Deploys,
  node: Pop3InNode,
  def: Pop3InDef,
  closing: Stop,
): MailboxParts['deliver'] {
  // What waits for its acknowledgement is delivered again anyway.
  return (mail: DeliveredMail, assertOwner: AssertOwner) =>
    def.handled === 'ack'
      ? sendMail(node, mail, def.summary, assertOwner)
      : deploys.between(closing, () => sendMail(node, mail, def.summary, assertOwner));
}

function listenersOf(
  node: Pop3InNode,
  def: Pop3InDef,
  translate: Surroundings['translate'],
): Pick<MailboxParts, 'onState' | 'onError' | 'onQuarantined' | 'onIncomplete' | 'onSummary'> {
  return {
    onState: (state) => node.status(statusOf(state)),
    onError: (error) => node.error(nodeError(error, translate), {}),
    onQuarantined: (error, pop3, raw) =>
      node.error(nodeError(error, translate), { pop3, raw } as NodeMessage),
    onIncomplete: (error, pop3) => node.error(nodeError(error, translate), { pop3 } as NodeMessage),
    onSummary: (summary) => {
      if (def.summary) node.send([null, { payload: summary }]);
    },
  };
}

/** A message asks for a check, pauses the mailbox or resumes it. */
function answerInput(
  node: Pop3InNode,
  def: Pop3InDef,
  mailbox: RunningMailbox,
  translate: Surroundings['translate'],
): void {
  node.on('input', (msg: NodeMessage & { pause?: unknown }, send, done) => {
    const failed = (error: MailboxError): void => {
      // Neither a deploy in the middle nor a paused mailbox is a failure.
      if (error.reason === 'stopped' || error.reason === PAUSED) done();
      else done(nodeError(error, translate) as never);
    };
    if (typeof msg.pause === 'boolean') {
      (msg.pause ? mailbox.pause() : mailbox.resume()).then(() => done(), failed);
      return;
    }
    mailbox.check().then((summary: CheckSummary) => {
      if (def.summary) send([null, Object.assign(msg, { payload: summary })]);
      done();
    }, failed);
  });
}
