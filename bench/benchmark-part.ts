import type { Built, Missing } from './candidates.ts';
import type { Figure } from './figure.ts';
import type { LocalServices } from './local-services.ts';

/** The input of every part of the benchmark. */
export type Bench = {
  /** The cloud assembly under measurement. */
  assembly: string;
  services: LocalServices;
  /** The number of fresh processes for each cold and warm figure, which is their median. */
  rounds: number;
  short: boolean;
  /** The implementations to compare with. */
  built: Built[];
  /** The folder of `assemblyWithTwentyTools`, which is synthesized once. */
  twentyTools(): Promise<string>;
  environmentOf(candidate: Built): Record<string, string>;
  progress(text: string): void;
};

/** A table of candidates. */
export type Comparison = { title: string; columns: string[]; rows: { name: string; values: (number | undefined)[] }[] };

export type Outcome = { figures: Figure[]; comparisons?: Comparison[]; missing?: Missing[] };
