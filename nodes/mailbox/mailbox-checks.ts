import { monotonicNow } from '../base/clock';
import { SparseSet } from '../base/sparse';
import type { Stop } from '../base/stop';
import { type CheckResult, checkMailbox } from './check';
import type { CheckContext } from './check-context';
import { ClockWatch } from './clock-watch';
import { AckDelivery } from './delivery/ack';
import type { DeliveryParts } from './delivery/delivery';
import { type DeliveredMail, pop3Fields, uidOf } from './delivery/pop3-fields';
import { SendDelivery } from './delivery/send';
import { MailboxError, stopped } from './errors';
import { recordCrash } from './failures';
import { asMailboxError } from './from-pop3';
import type { Listeners, MailboxParts } from './mailbox-parts';
import { type AssertOwner, soleOwner } from './ownership';
import type { Ledger } from './store/ledger';

/** Seconds; `send` is done long before. */
const LEFT_OVER_TIMEOUT = 600;

/** How one check is run. */
interface Run {
  /** In place of the setting. */
  maxPerCheck?: number | undefined;
  /** @param at by a clock that is never set, ms */
  onLogin(at: number): void;
}

/** The checks of one mailbox, and what is kept between them: ledger, spool, mails in flight and doubts. */
export class MailboxChecks {
  readonly #parts: MailboxParts;
  readonly #listeners: Listeners;
  readonly #stop: Stop;
  readonly #onRoom: () => void;
  readonly #clockWatch: ClockWatch;
  /** See {@link CheckContext.unchanged}. */
  readonly #unchanged = {};
  /** See {@link CheckContext.doubted}. */
  readonly #doubted = new SparseSet<string>();
  /** See {@link CheckContext.unidentifiable}. */
  readonly #unidentifiable = new SparseSet<string>();
  /** Known from the first check on. */
  ledger: Ledger | undefined;
  /** The mails that the flow has, or that wait for it; none where mail needs no acknowledgement, and never did. */
  acknowledged: AckDelivery | undefined;
  /** The ledger whose spool has been opened. */
  #spoolOpened: Ledger | undefined;
  /** In place of the setting `first`, until a first check has used it. */
  first: string | undefined;
  /** Mails delivered in the present check. */
  delivered = 0;

  /** @param onRoom something can be delivered that could not before */
  constructor(
    parts: MailboxParts,
    listeners: Listeners,
    { stop, onRoom }: { stop: Stop; onRoom: () => void },
  ) {
    this.#parts = parts;
    this.#listeners = listeners;
    this.#stop = stop;
    this.#onRoom = onRoom;
    this.#clockWatch = new ClockWatch(parts.clock);
  }

  async openLedger(): Promise<Ledger> {
    this.ledger ??= await this.#stop.during((signal) => this.#parts.ledger(signal));
    return this.ledger;
  }

  /** Opens what is remembered, and what waits in the spool. */
  async prepare(): Promise<{ common: DeliveryParts; acknowledged: AckDelivery | undefined }> {
    const { ledger: open, ack, clock, settings, reading, deliver, assertOwner = soleOwner } = this.#parts;
    const ledger = await this.#stop.during(open);
    this.ledger = ledger;
    await recordCrash(ledger, ack === undefined ? 'one' : 'any', clock.now());
    const { node, user, host } = settings;
    const common: DeliveryParts = {
      ledger,
      reading,
      origin: { node, user, host },
      deliver: async (mail, assertOwner) => {
        await deliver(mail, assertOwner);
        this.delivered += 1;
      },
      assertOwner,
    };
    // Another runtime may have had the folder meanwhile: what stands there now counts.
    if (this.#spoolOpened !== ledger) {
      this.acknowledged = await this.#openSpool(common);
      this.#spoolOpened = ledger;
    }
    return { common, acknowledged: this.acknowledged };
  }

  /**
   * @returns `more`: so much came that more is likely to wait (Gmail lists in rounds)
   * @throws Pop3Error, MailboxError, or what `open` throws
   */
  run(run: Run): Promise<CheckResult & { more: boolean }> {
    return this.#stop.during((signal) => this.#run(run, signal));
  }

  async #run({ maxPerCheck, onLogin }: Run, signal: AbortSignal): Promise<CheckResult & { more: boolean }> {
    this.delivered = 0;
    const { common, acknowledged } = await this.prepare();
    if (common.ledger.isPaused) throw paused();
    const parts = this.#parts;
    const redelivered = (await acknowledged?.redeliver()) ?? 0;
    const result = await parts.inTurn(
      (turn) =>
        checkMailbox({
          ...this.#heard(),
          settings: {
            ...parts.settings,
            ...(this.first !== undefined && { first: this.first }),
            ...(maxPerCheck !== undefined && { maxPerCheck }),
          },
          ledger: common.ledger,
          open: async (signal) => {
            const session = await parts.open(signal);
            onLogin(monotonicNow(parts.clock));
            return session;
          },
          delivery: (parts.ack && acknowledged) ?? new SendDelivery(common, signal),
          mayDelete: parts.mayDelete,
          assertOwner: common.assertOwner,
          doubted: this.#doubted,
          unidentifiable: this.#unidentifiable,
          clockWatch: this.#clockWatch,
          unchanged: this.#unchanged,
          isWanted: () => turn?.isWanted() ?? false,
          now: parts.clock.now,
          monotonic: () => monotonicNow(parts.clock),
          signal,
        }),
      signal,
    );
    if (result.ignored !== undefined) this.first = undefined;
    const more = parts.settings.service === 'google' && result.summary.delivered > 0;
    result.summary.delivered += redelivered;
    result.summary.redelivered += redelivered;
    return { ...result, more };
  }

  #heard(): Pick<CheckContext, 'onProgress' | 'onQuarantined' | 'onStillQuarantined' | 'onIncomplete'> {
    const listeners = this.#listeners;
    const { node, host, user } = this.#parts.settings;
    return {
      onProgress: (done, total) => listeners.onState({ is: 'progress', done, total }),
      onQuarantined: (...heard) => listeners.onQuarantined(...heard),
      onStillQuarantined: (uid) => listeners.onStillQuarantined(uid),
      onIncomplete: (mail, cause) => {
        const facts = { uid: uidOf(mail), host };
        const error = new MailboxError('PROTOCOL', 'mail-incomplete', { facts, cause });
        const pop3 = pop3Fields({ node, host, user }, mail, { bytes: mail.bytes ?? 0, earlier: 0 });
        listeners.onIncomplete(error, pop3);
      },
    };
  }

  /** A node whose mail needs no acknowledgement has something in its spool only if that was different before. */
  async #openSpool(common: DeliveryParts): Promise<AckDelivery | undefined> {
    const parts = this.#parts;
    const { maxAttempts } = parts.settings;
    const spool = await parts.spool();
    if (this.#stop.isStopped) throw stopped();
    this.acknowledged?.stop();
    if (parts.ack === undefined && spool.size === 0) return undefined;
    const { onQuarantined, onStillQuarantined } = this.#heard();
    return new AckDelivery({
      ledger: common.ledger,
      reading: common.reading,
      origin: common.origin,
      deliver:
        parts.ack === undefined
          ? (mail: DeliveredMail, assertOwner: AssertOwner) => this.#deliverLeftOver(mail, assertOwner)
          : common.deliver,
      assertOwner: common.assertOwner,
      settings: parts.ack ?? { ackTimeout: LEFT_OVER_TIMEOUT, maxAttempts, maxInFlight: 1 },
      spool,
      clock: parts.clock,
      onRoom: this.#onRoom,
      onQuarantined,
      onStillQuarantined,
      onError: (error) => this.#listeners.onError(asMailboxError(error)),
    });
  }

  /** The node had to acknowledge before: what is in the spool may not be on the server any more (Gmail). */
  async #deliverLeftOver(mail: DeliveredMail, assertOwner: AssertOwner): Promise<void> {
    await this.#parts.deliver(mail, assertOwner);
    await this.acknowledged?.acknowledge(mail.pop3.delivery, 'done');
  }
}

/** The reason of a check that was asked for while the mailbox is paused. */
export const PAUSED = 'paused';

export function paused(): MailboxError {
  return new MailboxError('CONFIG', PAUSED, { retryable: false });
}
