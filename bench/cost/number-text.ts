import { dollarsOf, type Line, type Use } from './bill.ts';
import { priceOf } from './prices.ts';

/** Formats numbers and amounts of money. */

const LARGE = 1_000_000;

/** Formats `1 M`, `100,000`, `0.35` with significant digits only. */
export function quantityText(quantity: number): string {
  const size = Math.abs(quantity);
  if (size >= LARGE) return `${Number((quantity / LARGE).toFixed(2)).toLocaleString('en')} M`;
  if (size >= 100) return Math.round(quantity).toLocaleString('en');
  return String(Number(quantity.toPrecision(2)));
}

export const money = (dollars: number): string => {
  const text = dollars.toFixed(2);
  return text === '-0.00' ? '0.00' : text;
};

/** `1 M requests × $3.50/M` */
export function useText({ price, quantity }: Use): string {
  const { dollars, per, unit } = priceOf(price);
  const amount = Number(dollars.toFixed(2)) === dollars ? dollars.toFixed(2) : String(dollars);
  const each = per === 1 ? '' : per === LARGE ? '/M' : `/${per.toLocaleString('en')}`;
  return `${quantityText(quantity)} ${unit} × $${amount}${each}`;
}

export const computation = ({ uses }: Line): string => uses.map(useText).join(' + ');

/** A table for a terminal. */
export function textTable(lines: readonly Line[], sumName: string, sum: number): string {
  const rows = lines.map((line) => [line.what, money(dollarsOf(line)), computation(line)]);
  const all = [...rows, [sumName, money(sum), '']];
  const widths = [0, 1].map((column) => Math.max(...all.map((row) => row[column]!.length)));
  return all
    .map(([what, dollars, how]) => `  ${what!.padEnd(widths[0]!)}  ${dollars!.padStart(widths[1]!)}  ${how}`.trimEnd())
    .join('\n');
}

/** A table for the README, with one price for each kind of event. */
export function markdownTable(lines: readonly Line[], sumName: string, sum: number): string {
  const rows = [
    ['', 'computation', '$'],
    ['---', '---', '---'],
    ...lines.map((line) => [line.what, brief(line), money(dollarsOf(line))]),
    [`**${sumName}**`, '', `**${money(sum)}**`],
  ];
  return rows.map((row) => `| ${row.join(' | ')} |`).join('\n');
}

function brief(line: Line): string {
  const { each } = line;
  if (!each) return computation(line);
  const million = (dollarsOf(line) * LARGE) / each.count;
  return `${quantityText(each.count)} ${each.unit} × $${money(million)}/M`;
}
