/** One row of the table: a measurement of Holdfast and its reference. */
export type Figure = {
  what: string;
  unit: 'ms' | 'µs' | 'KB' | 's' | '$' | 'a call' | '';
  ours: number;
  /** The implementation to compare with. */
  reference?: { name: string; value: number };
  /** The current budget for the ratio to the reference, or for the measurement itself. */
  budget?: { atMost: number; of: 'ratio' | 'ours' };
  /** The target. */
  target?: string;
  note?: string;
};

export const ratioOf = ({ ours, reference }: Figure): number | undefined =>
  reference && reference.value !== 0 ? ours / reference.value : undefined;

/** @returns `undefined` for a figure without a budget */
export function isMet(figure: Figure): boolean | undefined {
  const { budget, ours } = figure;
  if (!budget) return undefined;
  const value = budget.of === 'ours' ? ours : ratioOf(figure);
  return value !== undefined && value <= budget.atMost;
}
