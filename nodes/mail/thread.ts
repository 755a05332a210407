// The second thread: it starts with the first work for it, does one thing after the other, and ends when there was
// nothing to do for a while.
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Reply, Work } from './second-thread';

interface Job {
  id: number;
  work: Work;
  transfer: ArrayBuffer[];
  resolve(result: unknown): void;
  reject(error: Error): void;
}

export class Thread {
  readonly #idle: number;
  readonly #patience: number;
  #worker: Worker | undefined;
  #running: Job | undefined;
  readonly #waiting: Job[] = [];
  #lastId = 0;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param idle milliseconds without work after which the thread ends
   * @param patience milliseconds one piece of work may take before the thread is ended with it
   */
  constructor(idle = 10_000, patience = 20_000) {
    this.#idle = idle;
    this.#patience = patience;
  }

  /** True while it is there. */
  get runs(): boolean {
    return this.#worker !== undefined;
  }

  /**
   * @param transfer goes over to the thread without a copy, and is empty here from then on
   * @throws Error when the work fails, takes too long or needs too much memory; whatever else waits goes on
   */
  run(work: Work, transfer: ArrayBuffer[] = []): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ id: ++this.#lastId, work, transfer, resolve, reject });
      this.#next();
    });
  }

  #next(): void {
    if (this.#running) return;
    clearTimeout(this.#timer);
    const job = this.#waiting.shift();
    if (!job) {
      // Nothing to do: neither thread nor timer keeps the process alive.
      this.#worker?.unref();
      this.#timer = setTimeout(() => this.#stop(), this.#idle).unref();
      return;
    }
    this.#running = job;
    this.#worker ??= this.#start();
    this.#worker.ref();
    this.#timer = setTimeout(() => {
      this.#stop();
      this.#settle((one) => one.reject(new Error(`took longer than ${this.#patience / 1000} s`)));
    }, this.#patience);
    this.#worker.postMessage({ id: job.id, work: job.work }, job.transfer);
  }

  #settle(how: (job: Job) => void): void {
    const job = this.#running;
    this.#running = undefined;
    if (job) how(job);
    this.#next();
  }

  #start(): Worker {
    const file = require.resolve('./second-thread');
    const worker = new Worker(file, {
      // Run from source, as the tests do, the thread needs the loader the main thread has.
      execArgv: extname(file) === '.ts' ? ['--require', 'tsx/cjs'] : [],
      // Messages live until they are sent over: a smaller young generation copies them into the old one first.
      resourceLimits: { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 16 },
    });
    worker.on('message', ({ id, result, error }: Reply) => {
      if (this.#worker !== worker || id !== this.#running?.id) return;
      this.#settle((job) => {
        if (error === undefined) job.resolve(result);
        else job.reject(new Error(error));
      });
    });
    worker.on('error', (error) =>
      this.#lost(worker, error instanceof Error ? error : new Error(String(error))),
    );
    worker.on('exit', (code) => this.#lost(worker, new Error(`the thread ended with code ${code}`)));
    return worker;
  }

  #lost(worker: Worker, error: Error): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    if (this.#running) this.#settle((job) => job.reject(error));
  }

  #stop(): void {
    const worker = this.#worker;
    this.#worker = undefined;
    void worker?.terminate();
  }
}

/** The one of this process. */
export const secondThread = new Thread();
