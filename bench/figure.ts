import { median, quartiles } from './median.ts';

/** One row of the table: a measurement of Holdfast and its reference. */
export type Figure = {
  what: string;
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

export const ratioOf = ({ ours, reference }: Figure): number | undefined =>
  reference?.ratios
    ? median(reference.ratios)
    : reference && reference.value !== 0
      ? ours / reference.value
      : undefined;

/** The range of half of the rounds. */
export const spreadOf = ({ reference }: Figure): [lower: number, upper: number] | undefined =>
  reference?.ratios && quartiles(reference.ratios);

/** @returns `undefined` for a figure without a budget */
export function isMet(figure: Figure): boolean | undefined {
  const { budget, ours } = figure;
  if (!budget) return undefined;
  const value = budget.of === 'ours' ? ours : ratioOf(figure);
  return value !== undefined && value <= budget.atMost;
}
