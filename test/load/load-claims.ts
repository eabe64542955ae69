/** What is to be shown. */
export const claims = {
  answers: 'every request got its right answer, except those whose process was killed',
  own: 'every answer carried its own user, client, session and data, and nothing of another',
  updates: 'no versioned write was lost',
  sessions: 'every session outlived the processes, the same as before',
  once: 'every call that was acknowledged was recorded exactly once',
  memory: 'the memory of the processes did not grow with the requests',
};
export type Claim = keyof typeof claims;

/** Something did not hold. */
export class Broken extends Error {
  readonly claim: Claim;

  constructor(claim: Claim, message: string) {
    super(message);
    this.claim = claim;
  }
}

/** @param what what was found instead, made only when it is needed */
export function hold(claim: Claim, holds: boolean, what: () => string): asserts holds {
  if (!holds) throw new Broken(claim, what());
}
