/** The cost of a view by the number of sessions. */
export type Curve = { name: string; points: { sessions: number; requests: number; kilobytes: number }[] };

const WIDTH = 820;
const PLOT = { left: 52, top: 58, width: 330, height: 200, gap: 420 };
const ROW_HEIGHT = 20;
const strokes = ['', '7 3', '2 3', '10 3 2 3', '4 4', '12 4'];
const ticks = [0, 1, 2, 3, 4, 5];
const powers = [1_000, 10_000, 100_000, 1_000_000];

/** Draws curves as SVG: requests on the left, kilobytes read on the right. Both axes are logarithmic. */
export function pictureOf(title: string, curves: Curve[]): string {
  const height = PLOT.top + PLOT.height + 52 + curves.length * ROW_HEIGHT;
  const described = curves.map(({ name, points }) => {
    const [first, last] = [points[0]!, points.at(-1)!];
    return `${name}: ${rounded(first.requests)} requests and ${rounded(first.kilobytes)} KB at ${thousands(first.sessions)} sessions, ${rounded(last.requests)} and ${rounded(last.kilobytes)} KB at ${thousands(last.sessions)}.`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-labelledby="title description">
<title id="title">${escaped(title)}</title>
<desc id="description">${escaped(described.join(' '))}</desc>
<style>
  text { font: 12px system-ui, sans-serif; fill: #24292f }
  .title { font-size: 15px; font-weight: 600 } .quiet { fill: #59636e } .page { fill: #ffffff }
  .grid { stroke: #d8dee4 } .curve { fill: none; stroke-width: 2 }
  .c0 { stroke: #0550ae } .c1 { stroke: #bc4c00 } .c2 { stroke: #116329 } .c3 { stroke: #8250df } .c4 { stroke: #a40e26 } .c5 { stroke: #57606a }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .quiet { fill: #9198a1 } .page { fill: #0d1117 } .grid { stroke: #30363d }
    .c0 { stroke: #79c0ff } .c1 { stroke: #ffa657 } .c2 { stroke: #7ee787 } .c3 { stroke: #d2a8ff } .c4 { stroke: #ff7b72 } .c5 { stroke: #adbac7 }
  }
</style>
<rect class="page" width="${WIDTH}" height="${height}" rx="8"/>
<text class="title" x="16" y="26">${escaped(title)}</text>
${plot(0, 'requests to the table', curves, ({ requests }) => requests)}
${plot(1, 'KB read', curves, ({ kilobytes }) => kilobytes)}
${curves.map((curve, index) => legend(curve, index)).join('\n')}
</svg>
`;
}

function plot(column: number, label: string, curves: Curve[], valueAt: (point: Curve['points'][number]) => number) {
  const left = PLOT.left + column * PLOT.gap;
  const bottom = PLOT.top + PLOT.height;
  const x = (sessions: number) => left + ((Math.log10(sessions) - 3) / 3) * PLOT.width;
  // Values below one are drawn at one.
  const y = (value: number) => bottom - (Math.log10(Math.max(1, value)) / ticks.at(-1)!) * PLOT.height;
  const rows = ticks.map(
    (power) =>
      `<path class="grid" d="M${left} ${y(10 ** power)}h${PLOT.width}"/><text class="quiet" x="${left - 6}" y="${y(10 ** power) + 4}" text-anchor="end">${short(10 ** power)}</text>`,
  );
  const marks = powers.map(
    (sessions) =>
      `<text class="quiet" x="${x(sessions)}" y="${bottom + 16}" text-anchor="middle">${short(sessions)}</text>`,
  );
  const lines = curves.map(({ points }, index) => {
    const path = points.map((point) => `${x(point.sessions).toFixed(1)} ${y(valueAt(point)).toFixed(1)}`).join('L');
    return `<path class="curve c${index}" stroke-dasharray="${strokes[index]}" d="M${path}"/>`;
  });
  return [
    `<text class="quiet" x="${left}" y="${PLOT.top - 10}">${label}, by stored sessions</text>`,
    ...rows,
    ...marks,
    ...lines,
  ].join('\n');
}

function legend({ name, points }: Curve, index: number): string {
  const y = PLOT.top + PLOT.height + 48 + index * ROW_HEIGHT;
  const last = points.at(-1)!;
  return `<path class="curve c${index}" stroke-dasharray="${strokes[index]}" d="M${PLOT.left} ${y - 4}h36"/><text x="${PLOT.left + 46}" y="${y}">${escaped(name)}</text><text class="quiet" x="${PLOT.left + PLOT.gap}" y="${y}">${rounded(last.requests)} requests, ${rounded(last.kilobytes)} KB at ${thousands(last.sessions)} sessions</text>`;
}

const rounded = (value: number) => (value < 10 ? value.toFixed(1).replace('.0', '') : thousands(Math.round(value)));
const thousands = (value: number) => value.toLocaleString('en');
const short = (value: number) =>
  value >= 1e6 ? `${value / 1e6} M` : value >= 1e3 ? `${value / 1e3} k` : String(value);
const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
