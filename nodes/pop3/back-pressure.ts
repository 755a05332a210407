import type { Limits } from './options';

/** Pauses the socket while too much mail waits for its reader. */
export class BackPressure {
  readonly #limits: Limits;
  readonly #isAwaited: () => boolean;
  readonly #onChange: (paused: boolean) => void;
  #unread = 0;
  #paused = false;
  #lifted = false;

  /** `isAwaited`: a command waits for its reply, which comes behind the mail that is not read yet. */
  constructor(limits: Limits, isAwaited: () => boolean, onChange: (paused: boolean) => void) {
    this.#limits = limits;
    this.#isAwaited = isAwaited;
    this.#onChange = onChange;
  }

  get paused(): boolean {
    return this.#paused;
  }

  queued(octets: number): void {
    this.#unread += octets;
  }

  taken(octets: number): void {
    this.#unread -= octets;
    if (this.#paused && this.#unread <= this.#most() / 2) this.#set(false);
  }

  /** More has come in. */
  arrived(): void {
    if (!this.#paused && !this.#lifted && this.#unread > this.#most()) this.#set(true);
  }

  /** A command was added: more unread mail may come in until its reply is there. */
  commandAdded(): void {
    if (this.#paused && this.#unread <= this.#most()) this.#set(false);
  }

  /** Nothing more will be read. */
  lift(): void {
    this.#lifted = true;
    if (this.#paused) this.#set(false);
  }

  #most(): number {
    const { buffer, bufferBehind } = this.#limits;
    return this.#isAwaited() ? Math.max(buffer, bufferBehind) : buffer;
  }

  #set(paused: boolean): void {
    this.#paused = paused;
    this.#onChange(paused);
  }
}
