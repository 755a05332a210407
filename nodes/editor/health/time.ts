/** Relative times, kept true for as long as they are on the page. */
import { language } from '../i18n';

const TICK_MS = 5_000;

const UNITS: [Intl.RelativeTimeFormatUnit, seconds: number][] = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
];

/** "3 minutes ago", "in 40 seconds", "now". `at` and `now` are ms since the epoch. */
export function relative(at: number, now: number = Date.now()): string {
  const format = new Intl.RelativeTimeFormat(language(), { numeric: 'auto' });
  const seconds = (at - now) / 1000;
  const [unit, long] = UNITS.find(([, length]) => Math.abs(seconds) >= length) ?? ['second', 1];
  if (unit !== 'second') return format.format(Math.round(seconds / long), unit);
  // Running seconds distract.
  return format.format(Math.abs(seconds) < 5 ? 0 : Math.round(seconds / 5) * 5, unit);
}

/** The whole of it, as a tooltip. */
const exact = (at: number): string =>
  new Intl.DateTimeFormat(language(), { dateStyle: 'medium', timeStyle: 'medium' }).format(at);

/** `say` makes the words of it; left out, they are the time alone. */
export function moment(at: number, say: (time: string) => string = (time) => time): JQuery {
  const element = $('<time>').attr({ datetime: new Date(at).toISOString(), title: exact(at) });
  return live(element, () => element.text(say(relative(at))));
}

const alive = new Map<JQuery, () => unknown>();
let timer: number | undefined;

/** Updates an element now, and again and again until it has gone from the page. */
export function live(element: JQuery, update: () => unknown): JQuery {
  update();
  alive.set(element, update);
  timer ??= window.setInterval(tick, TICK_MS);
  return element;
}

function tick(): void {
  for (const [element, update] of alive) {
    if (element[0]?.isConnected) update();
    else alive.delete(element);
  }
  if (alive.size > 0) return;
  window.clearInterval(timer);
  timer = undefined;
}
