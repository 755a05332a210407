/** What to do about a test that failed: advice, the field to change, a port that would do, a page to open. */
import type { ErrorResponse } from '../../admin/protocol';
import { word } from '../i18n';
import { adviceOn, type Setup } from './advice';

export interface OtherWay {
  port: number;
  security: 'tls' | 'starttls';
}

export interface Explained {
  view: ErrorResponse;
  /** The step that failed; empty where the test could not be started. */
  step: string;
  /** The scope of the access token, where it is known. */
  scope?: string;
  /** The resource that the access token names, where it is a JWT. */
  audience?: string;
  /** A POP3 server answers there. */
  instead?: OtherWay;
}

export class Explanation {
  readonly #field: (property: string) => JQuery | undefined;
  readonly #use: ((way: OtherWay) => void) | undefined;
  readonly element = $('<div class="redletter-after">');

  /**
   * @param field the field of a property, where this dialog has one
   * @param use takes another port and encryption into the form, and tests again
   */
  constructor(field: (property: string) => JQuery | undefined, use?: (way: OtherWay) => void) {
    this.#field = field;
    this.#use = use;
  }

  clear(): void {
    this.element.empty();
  }

  show({ view: { reason = '', facts = {} }, step, scope, audience, instead }: Explained, setup: Setup): void {
    const told = { ...(scope && { scope }), ...(audience && { audience }) };
    const advice = adviceOn({ step, reason, facts, ...told }, setup);
    if (advice.lines.length > 0) {
      const lines = $('<ul class="redletter-advice">').appendTo(this.element);
      for (const { key, facts } of advice.lines) {
        $('<li>')
          .text(word(`advice.${key}`, facts))
          .appendTo(lines);
      }
    }
    const actions = $('<div class="redletter-do">').appendTo(this.element);
    if (instead !== undefined && this.#use !== undefined) actions.append(this.#useButton(instead, this.#use));
    if (advice.field !== undefined) actions.append(this.#fieldButton(advice.field) ?? '');
    if (advice.link !== undefined) {
      $('<a target="_blank" rel="noopener noreferrer">')
        .attr('href', advice.link.href)
        .text(word('test.link', { where: word(`link.${advice.link.key}`) }))
        .appendTo(actions);
    }
  }

  #useButton(way: OtherWay, use: (way: OtherWay) => void): JQuery {
    const security = way.security === 'tls' ? 'TLS' : 'STARTTLS';
    return $('<button type="button" class="red-ui-button red-ui-button-small primary redletter-use">')
      .text(word('test.use', { port: way.port, security }))
      .on('click', () => use(way));
  }

  #fieldButton(property: string): JQuery | undefined {
    const target = this.#field(property);
    if (target === undefined || target.length === 0) return undefined;
    const label = $(`label[for="${target.attr('id')}"]`)
      .text()
      .trim();
    const name = label || target.attr('aria-label') || target.attr('title') || property;
    return $('<button type="button" class="red-ui-button red-ui-button-small">')
      .text(word('test.goTo', { field: name }))
      .on('click', () => {
        target.parents('details').prop('open', true);
        target[0]?.scrollIntoView({ block: 'center' });
        target.trigger('focus');
      });
  }
}
