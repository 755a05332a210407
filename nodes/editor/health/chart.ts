/** Mails by hour as bars, drawn with what every browser has. */
import { language } from '../i18n';

const SVG = 'http://www.w3.org/2000/svg';
const HOUR_MS = 60 * 60 * 1000;
const STEP = 10;
const HEIGHT = 32;

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
 * @param title what it is, for those who do not see it; the hours themselves are told to them too
 */
export function hourChart(hours: number[], now: number, title: string): SVGElement {
  const width = hours.length * STEP;
  const most = Math.max(1, ...hours);
  const time = new Intl.DateTimeFormat(language(), { hour: 'numeric', minute: '2-digit' });
  const last = Math.floor(now / HOUR_MS) * HOUR_MS;
  const chart = drawn('svg', {
    class: 'redletter-chart',
    role: 'img',
    viewBox: `0 0 ${width} ${HEIGHT + 1}`,
    preserveAspectRatio: 'none',
    'aria-label': title,
  });
  const told: string[] = [];
  for (const [index, count] of hours.entries()) {
    if (count === 0) continue;
    const begins = last - (hours.length - 1 - index) * HOUR_MS;
    const words = `${time.format(begins)}–${time.format(begins + HOUR_MS)}: ${count}`;
    told.push(words);
    const height = Math.max(2, Math.round((count / most) * HEIGHT));
    chart.append(
      drawn('rect', { x: index * STEP + 1, y: HEIGHT - height, width: STEP - 2, height }),
      // The whole column tells its number, however low the bar.
      drawn('rect', { class: 'redletter-hour', x: index * STEP, y: 0, width: STEP, height: HEIGHT }, words),
    );
  }
  chart.append(drawn('line', { x1: 0, x2: width, y1: HEIGHT + 0.5, y2: HEIGHT + 0.5 }));
  chart.prepend(textOf('desc', told.join(', ')));
  return chart;
}
