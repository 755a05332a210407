/** The sign-in that the dialog has under way. There is one at most, and news about any other one changes nothing here. */
import type { SignInRequest, SignInResponse } from '../../admin/protocol';
import type { AccountApi } from '../api';
import { SignInWindow } from './window';

export class Attempt {
  readonly #api: AccountApi;
  #id: string | undefined;
  /** It is being started, and has no ID yet. */
  #isStarting = false;
  #window: SignInWindow | undefined;

  constructor(api: AccountApi) {
    this.#api = api;
  }

  get id(): string | undefined {
    return this.#id;
  }

  get isStarting(): boolean {
    return this.#isStarting;
  }

  get isIdle(): boolean {
    return this.#id === undefined && !this.#isStarting;
  }

  /** To be called in the click itself, or the browser opens no window. */
  openWindow(): SignInWindow {
    this.#window?.close();
    return new SignInWindow();
  }

  /** The window belongs to the sign-in that was started. */
  keep(window: SignInWindow): void {
    this.#window = window;
  }

  /** @throws RequestError where it could not be started */
  async start(request: SignInRequest): Promise<SignInResponse> {
    this.#isStarting = true;
    try {
      const started = await this.#api.signIn(request);
      if ('id' in started) this.#id = started.id;
      return started;
    } finally {
      this.#isStarting = false;
    }
  }

  cancel(): void {
    if (this.#id !== undefined) this.#api.cancel({ signIn: this.#id }).catch(() => undefined);
  }

  /** Nothing is under way any more. */
  end(): void {
    this.#id = undefined;
    this.forgetWindow();
    this.#window = undefined;
  }

  /** The window may still be finished, but its end is not waited for. */
  forgetWindow(): void {
    this.#window?.forget();
  }
}
