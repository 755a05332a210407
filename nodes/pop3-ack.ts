import type { Node, NodeAPI, NodeDef, NodeMessage } from 'node-red';
import { ACK_OUTCOMES, type Acknowledgement, type AckOutcome } from './mailbox';
import { runtimeOf } from './node-red/lifecycle';

interface Pop3AckDef extends NodeDef {
  /** `done`, `failed`, `keep`, `delete`, or `msg`: what `msg.ack` says. */
  outcome: string;
}
type Acknowledged = NodeMessage & { pop3?: { node?: unknown; delivery?: unknown }; ack?: unknown };

const isOutcome = (said: unknown): said is AckOutcome => (ACK_OUTCOMES as readonly unknown[]).includes(said);

/** `pop3 ack`: the flow acknowledges a mail. */
export = function register(RED: NodeAPI): void {
  const runtime = runtimeOf(RED);

  function Pop3Ack(this: Node, def: Pop3AckDef): void {
    RED.nodes.createNode(this, def);

    const acknowledge = async ({ pop3, ack }: Acknowledged): Promise<Acknowledgement> => {
      const outcome = def.outcome === 'msg' ? ack : def.outcome;
      if (typeof pop3?.delivery !== 'string' || !isOutcome(outcome)) return 'unknown';
      return runtime.acknowledge(String(pop3.node), pop3.delivery, outcome);
    };

    this.on('input', (msg: Acknowledged, send, done) => {
      const finish = (): void => {
        send(msg);
        done();
      };
      if (msg.pop3 === undefined) {
        finish();
        return;
      }
      // Never an error: behind a Catch node it would come round again.
      acknowledge(msg).then(
        (result) => {
          if (result === 'accepted') this.status({});
          else
            this.status({
              fill: 'yellow',
              shape: 'ring',
              text: result === 'late' ? 'not acknowledged' : 'unknown delivery',
            });
          finish();
        },
        () => {
          this.status({ fill: 'red', shape: 'ring', text: 'cannot store' });
          finish();
        },
      );
    });
  }

  RED.nodes.registerType('pop3 ack', Pop3Ack);
};
