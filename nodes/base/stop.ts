/**
 * Something that is stopped once and stays so. Its signal exists only while something uses it: a signal takes a kilobyte,
 * and ten thousand mailboxes wait most of the time.
 */
export class Stop {
  #stopped = false;
  #controller: AbortController | undefined;
  #users = 0;

  get isStopped(): boolean {
    return this.#stopped;
  }

  stop(): void {
    this.#stopped = true;
    this.#controller?.abort();
  }

  /** Runs something that ends early when this is stopped. The signal is of no use after that. */
  async during<T>(run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    this.#controller ??= new AbortController();
    if (this.#stopped) this.#controller.abort();
    this.#users += 1;
    try {
      return await run(this.#controller.signal);
    } finally {
      this.#users -= 1;
      if (this.#users === 0) this.#controller = undefined;
    }
  }
}
