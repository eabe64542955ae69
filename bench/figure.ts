/** One line of the table: what was measured of ours, beside what it is compared to. */
export type Figure = {
  what: string;
  unit: 'ms' | 'µs' | 'KB' | 's' | '$' | 'a call' | '';
  ours: number;
  /** What ours is compared to, and its own figure. */
  reference?: { name: string; value: number };
  /** The budget of today, of the ratio to the reference or of the figure itself. */
  budget?: { atMost: number; of: 'ratio' | 'ours' };
  /** Where it is meant to end, as text. */
  end?: string;
  note?: string;
};

export const ratioOf = ({ ours, reference }: Figure): number | undefined =>
  reference && reference.value !== 0 ? ours / reference.value : undefined;

/** @returns nothing for a figure without a budget */
export function isMet(figure: Figure): boolean | undefined {
  const { budget, ours } = figure;
  if (!budget) return undefined;
  const value = budget.of === 'ours' ? ours : ratioOf(figure);
  return value !== undefined && value <= budget.atMost;
}
