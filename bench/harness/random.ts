import { share } from '../growth/mixed-numbers.ts';

/** Choices that are equal for equal seeds. */
export class Random {
  readonly #seed: number;
  #drawn = 0;

  constructor(seed: number) {
    this.#seed = seed;
  }

  /** From 0 to below 1. */
  next(): number {
    return share(this.#drawn++, this.#seed);
  }

  /** An integer between both, inclusive. */
  from(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1));
  }

  oneOf<T>(choices: readonly T[]): T {
    return choices[this.from(0, choices.length - 1)]!;
  }

  /** @param weights the shares of the choices, which add up to any number */
  weighted<T extends string>(weights: Record<T, number>): T {
    const entries = Object.entries(weights) as [T, number][];
    let rest = this.next() * entries.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [choice, weight] of entries) {
      rest -= weight;
      if (rest < 0) return choice;
    }
    return entries.at(-1)![0];
  }
}
