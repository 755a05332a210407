import type { Clock } from '../mailbox';
import type { TokenState } from '../oauth2';

/** A person may need so long to come by, ms. */
const NOTICE_MS = 24 * 60 * 60 * 1000;

/**
 * Says once, a day before, that a sign-in ends which nothing can renew: no refresh token was given, or the one there is
 * expires on a fixed day. Where less is left it says so at once.
 */
export class SignInEnd {
  readonly #clock: Clock;
  readonly #warn: (renewable: boolean) => void;
  #timer: unknown;
  #told: number | undefined;

  constructor(clock: Clock, warn: (renewable: boolean) => void) {
    this.#clock = clock;
    this.#warn = warn;
  }

  /** To be called at every change of the account's state. */
  readonly hear = ({ kind, endsAt, renewable }: TokenState): void => {
    this.#clock.clearTimeout(this.#timer);
    if (kind !== 'signed-in' || endsAt === undefined) return;
    // Counted from another renewal, the same end comes out a little different.
    if (this.#told !== undefined && endsAt - this.#told < NOTICE_MS / 2) return;
    const left = endsAt - NOTICE_MS - this.#clock.now();
    if (left > 0) {
      // A timer cannot wait longer than some weeks, so what has become due is asked again.
      this.#timer = this.#clock.setTimeout(
        () => this.hear({ kind, endsAt, ...(renewable && { renewable }) }),
        left,
      );
      return;
    }
    this.#told = endsAt;
    this.#warn(renewable === true);
  };

  stop(): void {
    this.#clock.clearTimeout(this.#timer);
  }
}
