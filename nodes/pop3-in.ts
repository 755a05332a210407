import type { Node, NodeAPI, NodeDef, NodeMessage } from 'node-red';
import { serveHealth } from './admin/health-routes';
import { serveTests } from './admin/test-routes';
import {
  type AssertOwner,
  type CheckSummary,
  type DeliveredMail,
  type MailboxError,
  type MailboxParts,
  PAUSED,
  sendOne,
} from './mailbox';
import { deploysOf } from './node-red/deploys';
import { baseFolder } from './node-red/folders';
import { onceStarted, runtimeOf, translateBy } from './node-red/lifecycle';
import { type Pop3InProperties, serverOf } from './node-red/mail-server';
import { nodeError, statusOf } from './node-red/messages';
import { sendMail } from './node-red/send-mail';
import { sessionLog } from './node-red/session-log';
import { largestOf, type MailProperties, settingsOf } from './node-red/settings';
import { mailboxId, type RunningMailbox } from './runtime';

type Pop3InDef = NodeDef & Pop3InProperties & MailProperties & { inputs: number; outputs: number };
interface Pop3InCredentials {
  user?: string;
  password?: string;
}
type Pop3InNode = Node<Pop3InCredentials>;

/** `pop3 in`: a mail arrives. */
export = function register(RED: NodeAPI): void {
  const runtime = runtimeOf(RED);
  const translate = translateBy(RED);
  const deploys = deploysOf(RED);
  serveHealth(RED, runtime);
  serveTests(RED, runtime);

  function Pop3In(this: Pop3InNode, def: Pop3InDef): void {
    RED.nodes.createNode(this, def);
    const server = serverOf(RED, def, this.credentials ?? {}, largestOf(def));
    const loan = runtime.ledgers.attend(this.id, mailboxId(server));
    const closing = new AbortController();
    // What waits for its acknowledgement is delivered again anyway.
    const deliver = (mail: DeliveredMail, assertOwner: AssertOwner): Promise<void> =>
      def.handled === 'ack'
        ? sendMail(this, mail, def.summary, assertOwner)
        : deploys.between(closing.signal, () => sendMail(this, mail, def.summary, assertOwner));
    const seen = runtime.health.attend({
      id: this.id,
      // Within a subflow a node has an id of its own; this is the one in the editor.
      node: (this as { _alias?: string })._alias ?? this.id,
      name: this.name ?? '',
      host: server.host,
      user: server.user,
      ...(def.auth !== 'password' && def.account && { account: def.account }),
    });
    const onLine = sessionLog(RED, this);
    const parts: MailboxParts = seen.hearing({
      ...settingsOf(def, { ...server, node: this.id }, baseFolder(RED)),
      ledger: loan.open,
      spool: loan.spool,
      open: (signal) =>
        server.open(signal, {
          ...(onLine && { onLine }),
          onSilence: (ms) => parts.onState({ is: 'silent', ms }),
        }),
      inTurn: (run, signal) => runtime.turns.take(mailboxId(server), run, signal),
      mayDelete: loan.mayDelete,
      assertOwner: loan.assertOwner,
      deliver,
      onState: (state) => this.status(statusOf(state)),
      onError: (error) => this.error(nodeError(error, translate), {}),
      onQuarantined: (error, pop3, raw) =>
        this.error(nodeError(error, translate), { pop3, raw } as NodeMessage),
      onIncomplete: (error, pop3) => this.error(nodeError(error, translate), { pop3 } as NodeMessage),
      onSummary: (summary) => {
        if (def.summary) this.send([null, { payload: summary }]);
      },
      clock: runtime.clock,
      random: Math.random,
    });
    const mailbox = loan.run(parts);
    seen.begin(mailbox);
    const acknowledged: Pick<RunningMailbox, 'acknowledge'> = {
      acknowledge: async (delivery, outcome) => {
        const answer = await mailbox.acknowledge(delivery, outcome);
        if (answer === 'accepted') seen.acknowledged(delivery, outcome);
        return answer;
      },
    };
    runtime.mailboxes.set(this.id, acknowledged);
    Object.defineProperties(this, {
      server: { value: server },
      sendOne: {
        value: async (key: string, signal: AbortSignal) => {
          const origin = { node: this.id, user: server.user, host: server.host };
          const { maxSize } = parts.settings;
          await sendOne(await server.open(signal), key, { ...parts, origin, deliver, maxSize }, signal);
        },
      },
    });

    this.on('input', (msg: NodeMessage & { pause?: unknown }, send, done) => {
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

    const unlisten = server.onSignIn(() => mailbox.retry());
    // Not before every node stands: a mail may be deleted only when all who want it have had it.
    const dontStart = onceStarted(RED, () => mailbox.start());

    this.on('close', (done: () => void) => {
      closing.abort();
      dontStart();
      unlisten();
      seen.end();
      if (runtime.mailboxes.get(this.id) === acknowledged) runtime.mailboxes.delete(this.id);
      mailbox
        .stop()
        .finally(loan.giveBack)
        .catch((error) => this.warn(error.message))
        .finally(done);
    });
  }

  RED.nodes.registerType<Pop3InNode, Pop3InDef, object, Pop3InCredentials>('pop3 in', Pop3In, {
    credentials: { user: { type: 'text' }, password: { type: 'password' } },
    // The dialog shows where a relative folder is.
    settings: { pop3InFileFolder: { value: baseFolder(RED), exportable: true } },
  });
};
