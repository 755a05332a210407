/** The steps of a connection test, as they go. */
import type { Step } from '../../admin/protocol';
import { word } from '../i18n';
import { findingsOf } from './findings';

const ICONS: Record<Step['state'], string> = {
  waiting: 'fa-circle-o',
  running: 'fa-spinner fa-spin',
  ok: 'fa-check',
  warning: 'fa-exclamation-triangle',
  failed: 'fa-times',
  skipped: 'fa-minus',
};

export class StepList {
  readonly element = $('<ol class="redletter-steps">');
  readonly #rows = new Map<string, JQuery>();

  clear(): void {
    this.#rows.clear();
    this.element.empty();
  }

  show(steps: Step[]): void {
    for (const step of steps) {
      const row = this.#rowOf(step);
      if (row.attr('data-state') === step.state && step.state !== 'running') continue;
      row.attr('data-state', step.state);
      row.find('.fa').attr('class', `fa ${ICONS[step.state]}`);
      row.find('.redletter-found').text(findingsOf(step).join('; '));
      row.find('.redletter-ms').text(step.ms === undefined ? '' : `${step.ms} ms`);
      row.find('.redletter-unseen').text(word(`test.state.${step.state}`));
    }
  }

  #rowOf({ step }: Step): JQuery {
    const known = this.#rows.get(step);
    if (known !== undefined) return known;
    const row = $('<li>').attr('data-step', step);
    row.append(
      $('<i class="fa" aria-hidden="true">'),
      $('<span class="redletter-step">').text(word(`test.step.${step}`)),
      $('<span class="redletter-found">'),
      $('<span class="redletter-ms">'),
      $('<span class="redletter-unseen">'),
    );
    this.#rows.set(step, row);
    this.element.append(row);
    return row;
  }
}
