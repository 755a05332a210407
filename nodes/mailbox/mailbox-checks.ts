import { monotonicNow } from '../base/clock';
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
import type { MailboxParts } from './mailbox-parts';
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
  readonly #stop: Stop;
  readonly #onRoom: () => void;
  readonly #clockWatch: ClockWatch;
  /** See {@link CheckContext.unchanged}. */
  readonly #unchanged = {};
  /** See {@link CheckContext.doubted}. */
  readonly #doubted = new Set<string>();
  /** See {@link CheckContext.unidentifiable}. */
  readonly #unidentifiable = new Set<string>();
  /** Known from the first check on. */
  ledger: Ledger | undefined;
  /** The mails that the flow has, or that wait for it. */
  acknowledged: AckDelivery | undefined;
  /** In place of the setting `first`, until a first check has used it. */
  first: string | undefined;
  /** Mails delivered in the present check. */
  delivered = 0;

  /** @param onRoom something can be delivered that could not before */
  constructor(parts: MailboxParts, stop: Stop, onRoom: () => void) {
    this.#parts = parts;
    this.#stop = stop;
    this.#onRoom = onRoom;
    this.#clockWatch = new ClockWatch(parts.clock);
  }

  async openLedger(): Promise<Ledger> {
    this.ledger ??= await this.#stop.during((signal) => this.#parts.ledger(signal));
    return this.ledger;
  }

  /** Opens what is remembered, and what waits in the spool. */
  async prepare(): Promise<{ common: DeliveryParts; acknowledged: AckDelivery }> {
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
    if (this.acknowledged?.ledger !== ledger) this.acknowledged = await this.#openSpool(common);
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
    const redelivered = await acknowledged.redeliver();
    const result = await parts.inTurn(
      (turn) =>
        checkMailbox({
          ...this.#listeners(),
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
          delivery: parts.ack === undefined ? new SendDelivery(common, signal) : acknowledged,
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

  #listeners(): Pick<CheckContext, 'onProgress' | 'onQuarantined' | 'onStillQuarantined' | 'onIncomplete'> {
    const { settings, onState, onQuarantined, onStillQuarantined, onIncomplete } = this.#parts;
    const { node, host, user } = settings;
    return {
      onProgress: (done, total) => onState({ is: 'progress', done, total }),
      onQuarantined,
      onStillQuarantined,
      onIncomplete: (mail, cause) => {
        const facts = { uid: uidOf(mail), host };
        const error = new MailboxError('PROTOCOL', 'mail-incomplete', { facts, cause });
        onIncomplete?.(error, pop3Fields({ node, host, user }, mail, { bytes: mail.bytes ?? 0, earlier: 0 }));
      },
    };
  }

  async #openSpool(common: DeliveryParts): Promise<AckDelivery> {
    const parts = this.#parts;
    const { maxAttempts } = parts.settings;
    const spool = await parts.spool();
    if (this.#stop.isStopped) throw stopped();
    this.acknowledged?.stop();
    return new AckDelivery({
      ...common,
      ...(parts.ack === undefined && {
        deliver: (mail: DeliveredMail, assertOwner: AssertOwner) => this.#deliverLeftOver(mail, assertOwner),
      }),
      settings: parts.ack ?? { ackTimeout: LEFT_OVER_TIMEOUT, maxAttempts, maxInFlight: 1 },
      spool,
      clock: parts.clock,
      onRoom: this.#onRoom,
      onQuarantined: parts.onQuarantined,
      onStillQuarantined: parts.onStillQuarantined,
      onError: (error) => parts.onError(asMailboxError(error)),
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
