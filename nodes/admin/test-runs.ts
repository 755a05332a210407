import { randomUUID } from 'node:crypto';
import type { Report, Step } from '../connection-test';
import type { TestNews } from './protocol';

/** A report is kept for so long after its end, ms. */
const KEPT_MS = 10 * 60 * 1000;

interface Run {
  owner: string;
  report: Report | undefined;
  cancel: AbortController;
}

/**
 * Connection tests under way, each for the one who started it. Every user who can open the editor receives only
 * which step goes how; the report itself is asked for.
 */
export class TestRuns {
  readonly #publish: (node: string, news: TestNews) => void;
  readonly #runs = new Map<string, Run>();

  /** @param publish says that something has changed */
  constructor(publish: (node: string, news: TestNews) => void) {
    this.#publish = publish;
  }

  /** Starts one, and cancels the one that the same owner has under way for the same node. */
  start(
    node: string,
    admin: string,
    test: (onStep: (report: Report, step: Step) => void, signal: AbortSignal) => Promise<Report>,
  ): string {
    const owner = ownerOf(node, admin);
    for (const run of this.#runs.values()) if (run.owner === owner) run.cancel.abort();
    const id = randomUUID();
    const run: Run = { owner, report: undefined, cancel: new AbortController() };
    this.#runs.set(id, run);
    const over = (): void => {
      setTimeout(() => this.#runs.delete(id), KEPT_MS).unref();
      this.#publish(node, { test: id, step: '', state: run.report?.outcome ?? 'cancelled' });
    };
    const heard = (report: Report, { step, state }: Step): void => {
      run.report = report;
      this.#publish(node, { test: id, step, state });
    };
    test(heard, run.cancel.signal)
      .then((report) => {
        run.report = report;
      })
      // Only waiting for one's turn can be given up before there is a report.
      .catch(() => {
        run.report = { outcome: 'cancelled', steps: [], transcript: [] };
      })
      .finally(over);
    return id;
  }

  /** Null: it waits for its turn. Undefined: there is none, or it belongs to another user. */
  report(node: string, admin: string, id: unknown): Report | null | undefined {
    const run = typeof id === 'string' ? this.#runs.get(id) : undefined;
    if (run?.owner !== ownerOf(node, admin)) return undefined;
    return run.report ?? null;
  }

  cancel(node: string, admin: string, id: unknown): void {
    const run = typeof id === 'string' ? this.#runs.get(id) : undefined;
    if (run?.owner === ownerOf(node, admin)) run.cancel.abort();
  }
}

const ownerOf = (node: string, admin: string): string => `${node}\n${admin}`;
