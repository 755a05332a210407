import type { TestOptions } from './options';
import { type Failure, type Report, type Step, type StepFacts, type StepName, stepsOf } from './report';

/** The report of a test that is running: one step at a time, each change told to who waits. */
export class Progress {
  readonly report: Report;
  readonly #options: TestOptions;
  readonly #started: number;
  #current: Step | undefined;
  #since = 0;

  constructor(options: TestOptions) {
    this.#options = options;
    this.report = {
      outcome: 'running',
      steps: stepsOf(options.security, 'token' in options.login),
      transcript: [],
    };
    this.#started = this.#time();
  }

  /** The step that is running. */
  get current(): Step | undefined {
    return this.#current;
  }

  begin(name: StepName): void {
    const step = this.report.steps.find(({ step }) => step === name);
    if (step === undefined) return;
    step.state = 'running';
    this.#current = step;
    this.#since = this.#time();
    this.#options.onStep?.(this.report, step);
  }

  /** Does nothing where another step is running. */
  done<N extends StepName>(name: N, facts: StepFacts[N], warning = false): void {
    const step = this.#current;
    if (step?.step !== name) return;
    step.facts = facts;
    step.state = warning ? 'warning' : 'ok';
    step.ms = Math.round(this.#time() - this.#since);
    this.#current = undefined;
    this.#options.onStep?.(this.report, step);
  }

  /** The step has failed, which is known before all that can be found out about it. */
  failing(step: Step, failure: Failure): void {
    step.failure = failure;
    step.ms = Math.round(this.#time() - this.#since);
    this.#options.onStep?.(this.report, step);
  }

  failed(step: Step): void {
    step.state = 'failed';
    this.#options.onStep?.(this.report, step);
  }

  end(outcome: Report['outcome']): Report {
    const { report } = this;
    report.outcome = outcome;
    for (const step of report.steps) {
      if (step.state === 'waiting' || step.state === 'running') step.state = 'skipped';
    }
    report.ms = Math.round(this.#time() - this.#started);
    const last = report.steps.at(-1);
    if (last) this.#options.onStep?.(report, last);
    return report;
  }

  #time(): number {
    return this.#options.clock?.now() ?? performance.now();
  }
}
