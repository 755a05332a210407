// Pictures, drawn with nothing but text: bars and curves as SVG.

const WIDTH = 760;
const FONT = 'font-family="sans-serif" font-size="12"';
const INK = '#333';
const OURS = '#b3261e';
const OTHERS = '#9aa0a6';

const escaped = (text: string): string => text.replace(/[&<>]/g, (char) => `&#${char.charCodeAt(0)};`);
const words = (x: number, y: number, text: string, more = ''): string =>
  `<text x="${x}" y="${y}" ${FONT} fill="${INK}" ${more}>${escaped(text)}</text>`;

function picture(height: number, title: string, inside: string[]): string {
  const head = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escaped(title)}">`;
  return `${[head, `<rect width="${WIDTH}" height="${height}" fill="#fff"/>`, ...inside, '</svg>'].join('\n')}\n`;
}

export interface Bars {
  title: string;
  bars: { name: string; seconds: number; ours: boolean }[];
}

/** A group of bars for each box; each group has a scale of its own, its longest bar as wide as the picture allows. */
export function bars(title: string, groups: Bars[]): string {
  const inside: string[] = [];
  let y = 20;
  for (const group of groups) {
    inside.push(words(10, y, group.title, 'font-weight="bold"'));
    y += 8;
    const longest = Math.max(...group.bars.map(({ seconds }) => seconds));
    for (const { name, seconds, ours } of group.bars) {
      const width = Math.max(1, (seconds / longest) * 460);
      inside.push(
        words(10, y + 13, name),
        `<rect x="210" y="${y + 2}" width="${width.toFixed(1)}" height="14" fill="${ours ? OURS : OTHERS}"/>`,
        words(216 + width, y + 13, `${seconds.toPrecision(3)} s`),
      );
      y += 20;
    }
    y += 26;
  }
  return picture(y, title, inside);
}

export interface Curve {
  title: string;
  /** What the numbers along the picture are. */
  along: string;
  /** Number and milliseconds of CPU, the smallest number first. */
  points: [number, number][];
}

/** Small curves, two in a row, from nought on; dashed what the cost of the largest would be at the others if it were linear. */
export function curves(title: string, all: Curve[]): string {
  const [w, h, rowHeight] = [280, 150, 240];
  const small = (x: number, y: number, text: string, more = '') =>
    words(x, y, text, more).replace('font-size="12"', 'font-size="10"');
  const inside: string[] = [];
  for (const [index, { title, along, points }] of all.entries()) {
    const [left, top] = [70 + (index % 2) * 375, 46 + Math.floor(index / 2) * rowHeight];
    const most = points.at(-1) as [number, number];
    const highest = roundUp(Math.max(...points.map(([, y]) => y)));
    const x = (value: number): number => Number((left + (value / most[0]) * w).toFixed(1));
    const y = (value: number): number => Number((top + h - (value / highest) * h).toFixed(1));
    const at = ([one, other]: [number, number]): string => `${x(one)},${y(other)}`;
    inside.push(words(left, top - 16, title, 'font-weight="bold"'));
    for (const value of [0, highest / 2, highest]) {
      inside.push(
        `<path d="M${left},${y(value)} h${w}" stroke="${OTHERS}" stroke-opacity="0.4"/>`,
        small(left - 6, y(value) + 3, value.toLocaleString('en-US'), 'text-anchor="end"'),
      );
    }
    for (const [place, [value]] of points.entries()) {
      inside.push(`<path d="M${x(value)},${top + h} v4" stroke="${INK}"/>`);
      const said = value.toLocaleString('en-US');
      const room = x(points[place + 1]?.[0] ?? Number.POSITIVE_INFINITY) - x(value);
      if (room > said.length * 7) inside.push(small(x(value), top + h + 16, said, 'text-anchor="middle"'));
    }
    inside.push(
      small(left - 6, top - 10, 'ms', 'text-anchor="end"'),
      small(left + w / 2, top + h + 32, along, 'text-anchor="middle"'),
      `<path d="M${left},${top} v${h} h${w}" fill="none" stroke="${INK}"/>`,
      `<path d="M${at([0, 0])} L${at(most)}" stroke="${OTHERS}" stroke-width="1.5" stroke-dasharray="5 4"/>`,
      `<polyline points="${points.map(at).join(' ')}" fill="none" stroke="${OURS}" stroke-width="2"/>`,
      ...points.map(([one, other]) => `<circle cx="${x(one)}" cy="${y(other)}" r="3.5" fill="${OURS}"/>`),
    );
  }
  const height = 46 + Math.ceil(all.length / 2) * rowHeight;
  inside.push(
    `<path d="M70,${height - 20} h30" stroke="${OURS}" stroke-width="2"/>`,
    words(108, height - 16, 'measured'),
    `<path d="M200,${height - 20} h30" stroke="${OTHERS}" stroke-width="1.5" stroke-dasharray="5 4"/>`,
    words(238, height - 16, 'linear'),
  );
  return picture(height, title, inside);
}

/** The next number with one digit that is even or five, so that half of it has few digits as well. */
function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 4, 5, 6, 8, 10].find((digit) => digit * power >= value) ?? 10) * power;
}
