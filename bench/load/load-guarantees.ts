/** The guarantees that the load test measures. */
export const guarantees = {
  answers: 'every request received its correct response, except those whose process was killed',
  isolation: 'every response had the user, client, session and data of its request, and no other',
  updates: 'no versioned write was lost',
  sessions: 'every session survived the killed processes unchanged',
  once: 'every acknowledged call was stored exactly once',
  memory: 'the memory of the processes did not grow with the requests',
};
export type Guarantee = keyof typeof guarantees;

/** A guarantee did not hold. */
export class GuaranteeViolation extends Error {
  readonly guarantee: Guarantee;

  constructor(guarantee: Guarantee, message: string) {
    super(message);
    this.guarantee = guarantee;
  }
}

/** @param describe returns what was found instead, and runs only on a violation */
export function assertGuarantee(guarantee: Guarantee, holds: boolean, describe: () => string): asserts holds {
  if (!holds) throw new GuaranteeViolation(guarantee, describe());
}
