import type { CheckRecord } from '../mailbox';

/** What a mailbox has done since Node-RED was started, in numbers that only grow. */
export interface Totals {
  checks: number;
  delivered: number;
  redelivered: number;
  deleted: number;
  bytes: number;
  /** Failed checks, by their code. */
  errors: Record<string, number>;
}

export class Counts {
  readonly #totals: Totals = { checks: 0, delivered: 0, redelivered: 0, deleted: 0, bytes: 0, errors: {} };

  recordCheck({ summary, error }: CheckRecord): void {
    const totals = this.#totals;
    totals.checks += 1;
    if (summary !== undefined)
      for (const name of ['delivered', 'redelivered', 'deleted', 'bytes'] as const)
        totals[name] += summary[name];
    if (error !== undefined) totals.errors[error.code] = (totals.errors[error.code] ?? 0) + 1;
  }

  get totals(): Totals {
    return { ...this.#totals, errors: { ...this.#totals.errors } };
  }
}
