import { median, quartiles } from './median.ts';

/** The ways to measure the same work, the one that repeats best first. */
const measures = ['instructions', 'CPU time', 'time'] as const;

/** One row of the table: a measurement of Holdfast and its reference. */
export type Figure = {
  what: string;
  /** The way of measurement, where the same work is measured in several ways. */
  measure?: (typeof measures)[number];
  unit: 'ms' | 'µs' | 'KB' | 'MB' | 's' | '$' | 'M' | '';
  ours: number;
  /** The implementation to compare with. */
  reference?: {
    name: string;
    value: number;
    /** The ratio in each round, in which both were measured one after the other: other load affects both alike. */
    ratios?: readonly number[];
  };
  /** The current budget for the ratio to the reference, or for the measurement itself. */
  budget?: { atMost: number; of: 'ratio' | 'ours' };
  note?: string;
};

/**
 * The figures in the order of the table: the measures of the same work follow one another. The measure that repeats best has
 * the budget: instructions where callgrind is present, and CPU time elsewhere. The others have ratio and range.
 */
export const inTableOrder = (figures: readonly Figure[]): Figure[] =>
  [...Map.groupBy(figures, ({ what }) => what).values()].flatMap((group) => {
    const ordered = group.toSorted((a, b) => rankOf(a) - rankOf(b));
    return ordered.map((figure) => (rankOf(figure) === rankOf(ordered[0]!) ? figure : withoutBudget(figure)));
  });

const rankOf = ({ measure }: Figure): number => (measure === undefined ? 0 : measures.indexOf(measure));

const withoutBudget = ({ budget: _, ...figure }: Figure): Figure => figure;

export const ratioOf = ({ ours, reference }: Figure): number | undefined =>
  reference?.ratios
    ? median(reference.ratios)
    : reference && reference.value !== 0
      ? ours / reference.value
      : undefined;

/** The range of the middle half of the rounds; of instructions, which have few rounds, that of all. One round has no range. */
export function spreadOf({ measure, reference }: Figure): [lower: number, upper: number] | undefined {
  const { ratios = [] } = reference ?? {};
  if (ratios.length < 2) return undefined;
  return measure === 'instructions' ? [Math.min(...ratios), Math.max(...ratios)] : quartiles(ratios);
}

/** @returns `undefined` for a figure without a budget */
export function isMet(figure: Figure): boolean | undefined {
  const { budget, ours } = figure;
  if (!budget) return undefined;
  const value = budget.of === 'ours' ? ours : ratioOf(figure);
  return value !== undefined && value <= budget.atMost;
}
