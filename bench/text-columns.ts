import { type Figure, isMet, ratioOf, spreadOf } from './figure.ts';

/** Aligns columns: the first to the left, the others to the right. */
export function aligned(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => [...(row[column] ?? '')].length)));
  return rows
    .map((row) => row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))))
    .map((row) => row.join('  ').trimEnd())
    .join('\n');
}

/** @param rows the first one has the heads of the columns */
export function markdownTable([head = [], ...rows]: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map((_, column) => (column === 0 ? '---' : '--:'))), ...rows.map(line)].join('\n');
}

/** Formats a number with two to three significant digits. */
export const shown = (value: number): string =>
  value === 0 ? '0' : value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);

/** The head and a row for each figure. */
export const figureRows = (figures: readonly Figure[]): string[][] => [
  ['', 'Holdfast', 'compared with', 'ratio', 'range', 'budget', ''],
  ...figures.map((figure) => {
    const { what, measure, unit, ours, reference, budget } = figure;
    const [ratio, spread, met] = [ratioOf(figure), spreadOf(figure), isMet(figure)];
    return [
      measure === undefined ? what : `${what}, ${measure}`,
      `${shown(ours)} ${unit}`.trimEnd(),
      reference ? `${shown(reference.value)} ${unit} (${reference.name})` : '',
      ratio === undefined ? '' : ratio.toFixed(2),
      spread === undefined ? '' : spread.map((each) => each.toFixed(2)).join('–'),
      budget ? (budget.of === 'ratio' ? `≤ ${budget.atMost} ×` : `≤ ${shown(budget.atMost)} ${unit}`.trimEnd()) : '',
      met === undefined ? '' : met ? 'met' : 'MISSED',
    ];
  }),
];

export function figuresTable(figures: readonly Figure[]): string {
  const notes = figures.flatMap(({ what, note }) => (note ? [`  ${what}: ${note}`] : []));
  return [aligned(figureRows(figures)), ...(notes.length > 0 ? ['', ...notes] : [])].join('\n');
}
