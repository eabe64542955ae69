import type { Built, Missing } from './candidates.ts';
import type { Figure } from './figure.ts';
import type { Desk } from './local-services.ts';

/** What every part of the benchmark is given. */
export type Bench = {
  /** The folder of the synthesized stack, which is what is measured. */
  assembly: string;
  desk: Desk;
  /** How many fresh processes each cold figure is the median of. */
  rounds: number;
  short: boolean;
  /** What is to be measured beside ours. */
  built: Built[];
  environmentOf(candidate: Built): Record<string, string>;
  progress(text: string): void;
};

/** Candidates beside each other, in columns of their own. */
export type Comparison = { title: string; columns: string[]; rows: { name: string; values: (number | undefined)[] }[] };

export type Outcome = { figures: Figure[]; comparisons?: Comparison[]; missing?: Missing[] };
