import { type Figure, isMet, ratioOf } from './figure.ts';

/** Aligns columns: the first to the left, the others to the right. */
export function aligned(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => [...(row[column] ?? '')].length)));
  return rows
    .map((row) => row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))))
    .map((row) => row.join('  ').trimEnd())
    .join('\n');
}

/** Formats a number with two to three significant digits. */
export const shown = (value: number): string =>
  value === 0 ? '0' : value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);

export function figuresTable(figures: readonly Figure[]): string {
  const rows = figures.map((figure) => {
    const { what, unit, ours, reference, budget, target } = figure;
    const ratio = ratioOf(figure);
    const met = isMet(figure);
    const limit = budget && (budget.of === 'ratio' ? `<= ${budget.atMost} x` : `<= ${shown(budget.atMost)} ${unit}`);
    return [
      what,
      `${shown(ours)} ${unit}`,
      reference ? `${shown(reference.value)} ${unit} (${reference.name})` : '',
      ratio === undefined ? '' : ratio.toFixed(2),
      limit ?? '',
      target ?? '',
      met === undefined ? '' : met ? 'met' : 'MISSED',
    ];
  });
  const notes = figures.flatMap(({ what, note }) => (note ? [`  ${what}: ${note}`] : []));
  const head = ['', 'Holdfast', 'reference', 'ratio', 'budget', 'target', ''];
  return [aligned([head, ...rows]), ...(notes.length > 0 ? ['', ...notes] : [])].join('\n');
}
