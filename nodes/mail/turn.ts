import { TURN_MS } from './limits';

/** The work on one mail, a turn of the event loop at a time: in between other flows run. */
export class Turn {
  #began = performance.now();

  /** It has taken long enough. */
  get isOver(): boolean {
    return performance.now() - this.#began > TURN_MS;
  }

  /** Lets other flows run, however long it has taken. */
  async next(): Promise<void> {
    await new Promise(setImmediate);
    this.#began = performance.now();
  }

  /** Lets other flows run where it has taken long enough. */
  async pause(): Promise<void> {
    if (this.isOver) await this.next();
  }

  /** Does work that may be paused wherever it yields. */
  async run<T>(work: Generator<void, T>): Promise<T> {
    for (let step = work.next(); ; step = work.next()) {
      if (step.done) return step.value;
      if (this.isOver) await this.next();
    }
  }
}
