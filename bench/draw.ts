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
  unit: string;
  points: [number, number][];
}

/** Small curves side by side, two in a row, from nought on, with the straight line to the last point in grey. */
export function curves(title: string, all: Curve[]): string {
  const [w, h] = [290, 150];
  const inside: string[] = [];
  for (const [index, { title, unit, points }] of all.entries()) {
    const [left, top] = [60 + (index % 2) * 370, 40 + Math.floor(index / 2) * 220];
    const most = points.at(-1) as [number, number];
    const highest = Math.max(...points.map(([, y]) => y));
    const at = ([x, y]: [number, number]) =>
      `${(left + (x / most[0]) * w).toFixed(1)},${(top + h - (y / highest) * h).toFixed(1)}`;
    inside.push(
      words(left, top - 14, title, 'font-weight="bold"'),
      `<path d="M${left},${top} v${h} h${w}" fill="none" stroke="${INK}"/>`,
      `<path d="M${at([0, 0])} L${at(most)}" stroke="${OTHERS}" stroke-dasharray="4 4"/>`,
      `<polyline points="${points.map(at).join(' ')}" fill="none" stroke="${OURS}" stroke-width="2"/>`,
      ...points.map((point) => `<circle cx="${at(point).replace(',', '" cy="')}" r="3" fill="${OURS}"/>`),
      words(left - 6, top + 10, `${highest.toPrecision(3)} ${unit}`, 'text-anchor="end"').replace(
        '12"',
        '10"',
      ),
      words(left + w, top + h + 16, most[0].toLocaleString('en-US'), 'text-anchor="end"'),
    );
  }
  return picture(40 + Math.ceil(all.length / 2) * 220, title, inside);
}
