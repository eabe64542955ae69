import { availableParallelism } from 'node:os';
import type { Comparison } from './benchmark-part.ts';
import type { Missing } from './candidates.ts';
import { type Figure, isMet, ratioOf, spreadOf } from './figure.ts';
import { aligned, figureRows, figuresTable, markdownTable, shown } from './text-columns.ts';

/** The results of one run. */
export type Results = {
  figures: Figure[];
  comparisons: Comparison[];
  missing: Missing[];
  rounds: number;
  /** The average number of busy processors in the minute before the run: other load that its times may show. */
  loadBefore: number;
  /** The duration of each part, in seconds. */
  seconds: Record<string, number>;
};

const machineOf = ({ rounds, loadBefore, seconds }: Results): string => {
  const sum = Object.values(seconds).reduce((all, each) => all + each, 0);
  const parts = Object.entries(seconds).map(([part, each]) => `${part} ${each.toFixed(0)}`);
  return [
    `Node ${process.version}, ${process.platform} ${process.arch}, ${availableParallelism()} processors`,
    `${loadBefore.toFixed(1)} of them busy before the run; ${rounds} rounds; ${sum.toFixed(0)} seconds (${parts.join(', ')}).`,
  ].join(', ');
};

const cellsOf = ({ columns, rows }: Comparison): string[][] => [
  ['', ...columns],
  ...rows.map(({ name, values }) => [name, ...values.map((value) => (value === undefined ? '' : shown(value)))]),
];

const missedOf = (figures: readonly Figure[]): string => {
  const missed = figures.filter((figure) => isMet(figure) === false);
  return missed.length === 0
    ? 'All measured budgets are met.'
    : `Missed budgets: ${missed.map(({ what }) => what).join('; ')}.`;
};

/** The generated part of `docs/performance.md`. */
export const asMarkdown = (results: Results): string =>
  [
    machineOf(results),
    markdownTable(figureRows(results.figures)),
    ...results.missing.map(({ name, reason }) => `Not measured: ${name} (${reason}).`),
    missedOf(results.figures),
    ...results.comparisons.flatMap((each) => [`### ${each.title}`, markdownTable(cellsOf(each))]),
  ]
    .join('\n\n')
    .concat('\n');

export function asText(results: Results): string {
  const tables = results.comparisons.map((each) => `${each.title}\n${aligned(cellsOf(each))}`);
  const absent = results.missing.map(({ name, reason }) => `  ${name}: ${reason}`);
  return [
    ...tables,
    figuresTable(results.figures),
    ...(absent.length > 0 ? [`Not measured\n${absent.join('\n')}`] : []),
    missedOf(results.figures),
    `${machineOf(results)}\n`,
  ].join('\n\n');
}

export function asJson({ figures, ...results }: Results): string {
  const judged = figures.map((figure) => ({
    ...figure,
    ratio: ratioOf(figure),
    spread: spreadOf(figure),
    met: isMet(figure),
  }));
  return `${JSON.stringify({ node: process.version, ...results, figures: judged })}\n`;
}

const BEGIN = '<!-- begin: npm run bench -- --save -->';
const END = '<!-- end -->';

/** @throws Error for a page without the two comments that enclose the results */
export function withResults(page: string, results: string): string {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`The page needs the comments ${BEGIN} and ${END} around its results`);
  return `${page.slice(0, begin + BEGIN.length)}\n\n${results}\n${page.slice(end)}`;
}
