// Where a conversion runs: short ones here, long ones in a second thread that starts with the first of them
// and ends when there was nothing to do for a while.
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { LONGEST } from './charset';
import { type Conversion, runConversion } from './conversion';
import type { ConversionReply, ConversionRequest } from './conversion-worker';

/** Characters up to which a conversion stays in this thread: some ten milliseconds of HTML. */
const SHORT = 32 * 1024;

export interface Converted {
  output: string;
  /** Only the first part of the input was converted. */
  shortened: boolean;
}

interface Job {
  request: ConversionRequest;
  resolve(output: string): void;
  reject(error: Error): void;
}

/** Where conversions run when they are too long for the main thread. */
export class Converter {
  private worker: Worker | undefined;
  private running: Job | undefined;
  private readonly waiting: Job[] = [];
  private lastId = 0;
  private timer: NodeJS.Timeout | undefined;

  /**
   * @param idle milliseconds without work after which the thread ends
   * @param patience milliseconds one conversion may take before its thread is ended with it
   */
  constructor(
    private readonly idle = 10_000,
    private readonly patience = 20_000,
  ) {}

  /**
   * Converts a text, or the first LONGEST characters of it.
   *
   * @throws Error when it cannot be converted, takes too long or needs too much memory
   */
  async convert(conversion: Conversion, input: string): Promise<Converted> {
    const head = input.length > LONGEST ? cut(conversion, input) : input;
    const output =
      head.length > SHORT ? await this.elsewhere(conversion, head) : await runConversion(conversion, head);
    return { output, shortened: head.length < input.length };
  }

  /** True while the second thread is there. */
  get threaded(): boolean {
    return this.worker !== undefined;
  }

  private elsewhere(conversion: Conversion, input: string): Promise<string> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ request: { id: ++this.lastId, conversion, input }, resolve, reject });
      this.next();
    });
  }

  private next(): void {
    if (this.running) return;
    clearTimeout(this.timer);
    const job = this.waiting.shift();
    if (!job) {
      // Nothing to do: neither thread nor timer keeps the process alive.
      this.worker?.unref();
      this.timer = setTimeout(() => this.stop(), this.idle).unref();
      return;
    }
    this.running = job;
    this.worker ??= this.start();
    this.worker.ref();
    this.timer = setTimeout(() => {
      this.stop();
      this.settle((one) => one.reject(new Error(`took longer than ${this.patience / 1000} s`)));
    }, this.patience);
    this.worker.postMessage(job.request);
  }

  private settle(how: (job: Job) => void): void {
    const job = this.running;
    this.running = undefined;
    if (job) how(job);
    this.next();
  }

  private start(): Worker {
    const file = require.resolve('./conversion-worker');
    const worker = new Worker(file, {
      // Run from source, as the tests do, the thread needs the loader the main thread has.
      execArgv: extname(file) === '.ts' ? ['--require', 'tsx/cjs'] : [],
      // The second keeps the thread small: its garbage is short-lived and there is time to collect it.
      resourceLimits: { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 4 },
    });
    worker.on('message', (reply: ConversionReply) => {
      if (this.worker !== worker || reply.id !== this.running?.request.id) return;
      this.settle((job) => {
        if (reply.error === undefined) job.resolve(reply.output ?? '');
        else job.reject(new Error(reply.error));
      });
    });
    worker.on('error', (error) =>
      this.lost(worker, error instanceof Error ? error : new Error(String(error))),
    );
    worker.on('exit', (code) => this.lost(worker, new Error(`the thread ended with code ${code}`)));
    return worker;
  }

  private lost(worker: Worker, error: Error): void {
    if (this.worker !== worker) return;
    this.worker = undefined;
    if (this.running) this.settle((job) => job.reject(error));
  }

  private stop(): void {
    const { worker } = this;
    this.worker = undefined;
    void worker?.terminate();
  }
}

/** Cuts before the tag, or behind the line, that would be torn apart; between surrogates never. */
function cut(conversion: Conversion, input: string): string {
  const at =
    conversion === 'html-to-text' ? input.lastIndexOf('<', LONGEST) : input.lastIndexOf('\n', LONGEST);
  if (at > LONGEST / 2) return input.slice(0, at);
  const torn = (input.charCodeAt(LONGEST - 1) & 0xfc00) === 0xd800;
  return input.slice(0, torn ? LONGEST - 1 : LONGEST);
}

/** The one of this process. */
export const converter = new Converter();
