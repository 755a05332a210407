import { randomUUID } from 'node:crypto';
import type { RetrievedMail } from '../../pop3';
import type { ListedMail } from '../listing';
import { type Delivered, type Delivery, type DeliveryParts, outcomeOf } from './delivery';
import { Intents } from './intents';
import { pop3Fields } from './pop3-fields';
import { fromNetwork, type NumberedMail, type Receipt, type ReceivedMail } from './received-mail';

/**
 * `send`: a mail is processed when it has been sent. Intents are durable before the delivery, a window at a time; done
 * is written mail by mail after it. So a crash of the process repeats at most one mail.
 */
export class SendDelivery implements Delivery {
  readonly #parts: DeliveryParts;
  readonly #signal: AbortSignal;
  readonly #check = randomUUID();
  #intents: Intents | undefined;
  readonly #records: Promise<unknown>[] = [];
  #lastRecord: Promise<void> = Promise.resolve();

  constructor(parts: DeliveryParts, signal: AbortSignal) {
    this.#parts = parts;
    this.#signal = signal;
  }

  async awaitRoom(): Promise<{ room: number; redelivered: number }> {
    return { room: Number.POSITIVE_INFINITY, redelivered: 0 };
  }

  holds(): boolean {
    return false;
  }

  held(): [] {
    return [];
  }

  async recordListing(): Promise<void> {
    // Whatever is listed comes from the server.
  }

  async expect(mails: ListedMail[]): Promise<void> {
    // What was left out of the mails before comes at its own place among these.
    await this.#intents?.withdrawRest();
    this.#intents = new Intents(this.#parts.ledger, mails);
  }

  receive(source: AsyncIterable<RetrievedMail>, receipt: Receipt): AsyncIterable<NumberedMail> {
    return fromNetwork(source, receipt);
  }

  async deliver(mail: ListedMail, received: ReceivedMail): Promise<Delivered> {
    const { ledger, reading, origin, deliver, assertOwner } = this.#parts;
    let discard = (): Promise<void> => Promise.resolve();
    let delivered = false;
    try {
      const read = await received.read(reading, this.#signal);
      discard = read.discard;
      const { whole, bytes } = received;
      const earlier = (await this.#intents?.before(mail)) ?? 0;
      // At most one mail may be delivered and not recorded: that is what a crash can repeat.
      await this.#lastRecord;
      this.#signal.throwIfAborted();
      const pop3 = pop3Fields(origin, mail, {
        delivery: randomUUID(),
        bytes: whole ? bytes : (mail.bytes ?? bytes),
        check: this.#check,
        earlier,
      });
      delivered = true;
      this.#intents?.markDelivered(mail);
      await deliver(Object.assign(read.message, { pop3 }), assertOwner);
      const { state, identity } = outcomeOf(mail, received, reading);
      this.#record(ledger.markDone(mail.key, state, identity));
      // Before the next mail is read, which takes the thread for a while: a record in a database goes only at the end of
      // what is running now, and it is waited for before that mail is delivered.
      await new Promise<void>((resolve) => process.nextTick(resolve));
      return { bytes, redelivered: pop3.redelivered };
    } finally {
      if (!delivered) {
        await discard();
        // At once: the first mail that is recorded and not done is the one on which the process has ended.
        await this.#intents?.withdraw(mail);
      }
    }
  }

  async finish(): Promise<void> {
    this.#records.push(this.#intents?.withdrawRest() ?? Promise.resolve());
    // Every record is tried; a disk that refuses is one error for the check, and the lines stay queued.
    const refused = (await Promise.allSettled(this.#records)).find(({ status }) => status === 'rejected');
    if (refused?.status === 'rejected') throw refused.reason;
  }

  #record(written: Promise<void>): void {
    this.#lastRecord = written;
    // The next mail hears of a refusal; until then it must not count as unhandled, which would end Node-RED.
    written.catch(() => undefined);
    this.#records.push(written);
  }
}
