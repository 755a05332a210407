/** Mails by hour as bars, drawn with what every browser has. */
import { language } from '../i18n';

const SVG = 'http://www.w3.org/2000/svg';
const HOUR_MS = 60 * 60 * 1000;
const STEP = 10;
const HEIGHT = 42;
/** Room for the greatest number above the bars, and for the hours below them. */
const TOP = 10;
const AXIS = 11;

function drawn(name: string, attributes: Record<string, string | number>, title?: string): SVGElement {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  if (title !== undefined) element.append(textOf('title', title));
  return element;
}

function textOf(name: 'title' | 'desc', text: string): SVGElement {
  const element = document.createElementNS(SVG, name);
  element.textContent = text;
  return element;
}

/**
 * @param hours the oldest first
 * @param now ms since the epoch, within the last of them
 * @param title what it is, for screen readers, which are told the hours themselves too
 */
export function hourChart(hours: number[], now: number, title: string): SVGElement {
  const width = hours.length * STEP;
  const most = Math.max(1, ...hours);
  const time = new Intl.DateTimeFormat(language(), { hour: 'numeric', minute: '2-digit' });
  const last = Math.floor(now / HOUR_MS) * HOUR_MS;
  const begin = (index: number): number => last - (hours.length - 1 - index) * HOUR_MS;
  const chart = drawn('svg', {
    class: 'redletter-chart',
    role: 'img',
    viewBox: `0 0 ${width} ${HEIGHT + AXIS}`,
    'aria-label': title,
  });
  const told: string[] = [];
  for (const [index, count] of hours.entries()) {
    if (count === 0) continue;
    const words = `${time.format(begin(index))}–${time.format(begin(index) + HOUR_MS)}: ${count}`;
    told.push(words);
    const height = Math.max(2, Math.round((count / most) * (HEIGHT - TOP)));
    chart.append(
      drawn('rect', { x: index * STEP + 1, y: HEIGHT - height, width: STEP - 2, height }),
      // The whole column tells its number, however low the bar.
      drawn('rect', { class: 'redletter-hour', x: index * STEP, y: 0, width: STEP, height: HEIGHT }, words),
    );
  }
  chart.append(drawn('line', { x1: 0, x2: width, y1: HEIGHT + 0.5, y2: HEIGHT + 0.5 }));
  chart.append(label(0, TOP - 2, 'start', String(most)));
  for (const index of [0, hours.length / 2, hours.length - 1]) {
    const anchor = index === 0 ? 'start' : index === hours.length - 1 ? 'end' : 'middle';
    const x = index === hours.length - 1 ? width : index * STEP;
    chart.append(label(x, HEIGHT + AXIS - 1, anchor, time.format(begin(index))));
  }
  chart.prepend(textOf('desc', told.join(', ')));
  return chart;
}

/** Beside the axis; screen readers have the hours already. */
function label(x: number, y: number, anchor: string, text: string): SVGElement {
  const element = drawn('text', { x, y, 'text-anchor': anchor, 'aria-hidden': 'true' });
  element.textContent = text;
  return element;
}
