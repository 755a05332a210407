/** One line that says how the sign-in is, and below it what else there is to say and to press. */
import { scrollIntoView } from '../form/form';

export type LineKind = 'ok' | 'error' | 'warning' | 'wait' | 'plain';

const ICONS: Record<LineKind, string> = {
  ok: 'fa-check',
  error: 'fa-exclamation-triangle',
  warning: 'fa-exclamation-triangle',
  wait: 'fa-spinner fa-spin',
  plain: '',
};

export class StatusLine {
  readonly element = $('.redletter-state');

  say(text: string, kind: LineKind = 'plain'): void {
    this.element.empty().attr('data-state', kind).removeAttr('data-mailbox');
    if (ICONS[kind] !== '')
      this.element.append($('<i class="fa" aria-hidden="true">').addClass(ICONS[kind]), ' ');
    this.element.append($('<span class="redletter-said">').text(text));
  }

  /** Another text for what was said. */
  restate(text: string): void {
    this.element.children('.redletter-said').text(text);
  }

  /** Besides, on a line of its own. */
  warn(text: string): void {
    const icon = $('<i class="fa fa-exclamation-triangle" aria-hidden="true">');
    this.element.append($('<div class="redletter-warned">').append(icon, ' ', $('<span>').text(text)));
  }

  /** A line that is filled in later. */
  addLine(text: string): JQuery {
    return $('<div class="redletter-mailbox-look">').text(text).appendTo(this.element);
  }

  link(text: string, href: string): JQuery {
    return $('<a target="_blank" rel="noopener">').attr('href', href).text(text);
  }

  addLink(text: string, href: string): void {
    this.element.append(' ', this.link(text, href));
  }

  /** What can be done about it. */
  addButtons(buttons: { text: string; act: () => void; kind?: string }[]): void {
    const row = $('<div class="redletter-do">').appendTo(this.element);
    for (const { text, act, kind = '' } of buttons) {
      $('<button type="button" class="red-ui-button red-ui-button-small">')
        .addClass(kind)
        .text(text)
        .on('click', act)
        .appendTo(row);
    }
  }

  get kind(): string | undefined {
    return this.element.attr('data-state');
  }

  scrollIntoView(): void {
    scrollIntoView(this.element);
  }
}
