/** Comma-separated values as RFC 4180 has them. */

type Cell = string | number | undefined;

/**
 * What spreadsheets would take for a formula (OWASP, CSV injection): clients choose their names, and whoever opens the file
 * is the owner. Numbers are ours, and stay as they are.
 */
const FORMULA = /^[=+\-@\t\r]/;

export const csvLine = (cells: readonly Cell[]): string => `${cells.map(csvCell).join(',')}\r\n`;

function csvCell(cell: Cell): string {
  if (cell === undefined) return '';
  if (typeof cell === 'number') return String(cell);
  const text = FORMULA.test(cell) ? `'${cell}` : cell;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
