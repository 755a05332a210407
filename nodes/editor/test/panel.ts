/** The connection test inside a dialog: the steps appear one by one, and the one that fails says why. */
import type { MailboxDraft, Report } from '../../admin/protocol';
import { type MailboxApi, RequestError } from '../api';
import { copyText, scrollIntoView } from '../form/form';
import { language, sentenceOf, word } from '../i18n';
import type { Setup } from './advice';
import { Explanation, type OtherWay } from './explanation';
import { rememberTranscript } from './last-transcript';
import { StepList } from './step-list';

export interface TestPanelParts {
  /** The ID of the mailbox's node. */
  node: string;
  /** Where the steps appear. */
  panel: JQuery;
  start: JQuery;
  cancel: JQuery;
  api: MailboxApi;
  /** What the dialog shows, saved or not. */
  draft(): MailboxDraft;
  setup(): Setup;
  /** The field of a property, where this dialog has one. */
  field(property: string): JQuery | undefined;
  /** Takes another port and encryption into the form. */
  use(way: OtherWay): void;
}

export class TestPanel {
  readonly #parts: TestPanelParts;
  readonly #verdict = $('<p class="redletter-verdict" role="status" aria-live="polite">');
  readonly #steps = new StepList();
  readonly #explanation: Explanation;
  readonly #transcript = $('<div>');
  readonly #unsubscribe: () => void;
  #test: string | undefined;
  #asking = false;
  /** There was news while a report was on its way. */
  #askAgain = false;
  #closed = false;

  constructor(parts: TestPanelParts) {
    this.#parts = parts;
    this.#explanation = new Explanation(parts.field, (way) => {
      parts.use(way);
      this.#begin();
    });
    parts.cancel.hide();
    parts.start.on('click', () => this.#begin());
    parts.cancel.on('click', () => this.#stop());
    this.#unsubscribe = parts.api.onTestNews(({ test }) => {
      if (test === this.#test) this.#ask();
    });
  }

  /** The dialog closes. */
  close(): void {
    this.#closed = true;
    this.#stop();
    this.#unsubscribe();
  }

  #conclude(text: string, state: string): void {
    this.#verdict.text(text).attr('data-state', state);
  }

  /** One button takes the other's place, and the focus with it. */
  #swap(from: JQuery, to: JQuery): void {
    const { panel, cancel } = this.#parts;
    // What is in the panel goes with the next test.
    const focused = from.is(':focus') || (to === cancel && panel.find(':focus').length > 0);
    from.hide();
    to.show();
    if (focused) to.trigger('focus');
  }

  async #begin(): Promise<void> {
    const { panel, start, cancel, api } = this.#parts;
    panel.siblings('.redletter-panel').hide();
    this.#swap(start, cancel);
    this.#steps.clear();
    this.#explanation.clear();
    this.#transcript.empty();
    panel
      .empty()
      .append(this.#verdict, this.#explanation.element, this.#steps.element, this.#transcript)
      .show();
    scrollIntoView(panel);
    this.#conclude(word('test.starting'), 'running');
    try {
      const started = await api.test(this.#parts.draft());
      this.#test = started.test;
      if (this.#closed) this.#stop();
      else this.#ask();
    } catch (error) {
      this.#refuse(error);
    }
  }

  #stop(): void {
    if (this.#test !== undefined) this.#parts.api.cancelTest({ test: this.#test }).catch(() => undefined);
  }

  #end(): void {
    this.#test = undefined;
    this.#swap(this.#parts.cancel, this.#parts.start);
  }

  /** Asks for the report; one question at a time. */
  async #ask(): Promise<void> {
    const test = this.#test;
    if (test === undefined || this.#closed) return;
    if (this.#asking) {
      this.#askAgain = true;
      return;
    }
    this.#asking = true;
    try {
      const { report } = await this.#parts.api.testReport({ test });
      if (test === this.#test && !this.#closed) {
        if (report === null) this.#conclude(word('test.queued'), 'running');
        else this.#show(report);
      }
    } catch (error) {
      if (test === this.#test) this.#refuse(error);
    }
    this.#asking = false;
    if (!this.#askAgain) return;
    this.#askAgain = false;
    await this.#ask();
  }

  /** The test could not be started, or is gone. */
  #refuse(error: unknown): void {
    if (this.#closed) return;
    this.#end();
    const view = (error instanceof RequestError && error.view) || {};
    this.#conclude(sentenceOf(view) ?? word('test.unreachable'), 'failed');
    this.#explanation.clear();
    this.#explanation.show({ view, step: '' }, this.#parts.setup());
  }

  #show(report: Report): void {
    this.#steps.show(report.steps);
    if (report.outcome !== 'running') {
      this.#finish(report);
      return;
    }
    const running = report.steps.find(({ state }) => state === 'running');
    if (running === undefined) return;
    const step = word(`test.step.${running.step}`);
    this.#conclude(word(running.failure ? 'test.searching' : 'test.running', { step }), 'running');
  }

  #finish(report: Report): void {
    this.#end();
    this.#explanation.clear();
    const failed = report.steps.find(({ state }) => state === 'failed');
    if (report.outcome === 'cancelled') this.#conclude(word('test.cancelled'), 'cancelled');
    else if (report.outcome === 'ok') {
      const warned = report.steps.some(({ state }) => state === 'warning');
      this.#conclude(word(warned ? 'test.warning' : 'test.ok'), warned ? 'warning' : 'ok');
    } else if (failed?.failure !== undefined) this.#explain(report, failed.step, failed.failure);
    if (report.ms !== undefined && report.outcome !== 'cancelled') this.#showTime(report.ms);
    scrollIntoView(this.#parts.panel);
    if (report.transcript.length === 0) return;
    rememberTranscript(this.#parts.node, report.transcript);
    this.#transcript.append(transcriptOf(report.transcript));
  }

  #explain(report: Report, step: string, failure: NonNullable<Report['steps'][number]['failure']>): void {
    const why = sentenceOf(failure) ?? failure.reason;
    this.#conclude(word('test.failed', { step: word(`test.step.${step}`), why }), 'failed');
    const token = report.steps.find((one) => one.step === 'token');
    const { scope, audience } = (token?.step === 'token' && token.facts) || {};
    const { instead } = failure;
    this.#explanation.show(
      {
        view: failure,
        step,
        ...(scope && { scope }),
        ...(audience && { audience }),
        ...(instead && { instead }),
      },
      this.#parts.setup(),
    );
  }

  #showTime(ms: number): void {
    const seconds = Math.max(ms / 1000, 0.1).toLocaleString(language(), { maximumFractionDigits: 1 });
    this.#verdict.append(' ', $('<span class="redletter-ms">').text(word('test.total', { seconds })));
  }
}

function transcriptOf(lines: string[]): JQuery {
  const text = lines.join('\n');
  const copy = $(
    '<button type="button" class="red-ui-button red-ui-button-small redletter-transcript-copy">',
  ).text(word('test.copy'));
  copy.on('click', () => copyText(text, copy));
  return $('<details class="redletter-transcript">').append(
    $('<summary>').text(word('test.transcript')),
    $('<pre tabindex="0">').text(text),
    $('<div class="redletter-do">').append(copy, $('<span>').text(word('test.masked'))),
  );
}
