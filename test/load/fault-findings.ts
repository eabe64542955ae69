/** The guarantees under faults. */
export const faultGuarantees = {
  answers: 'under faults, every response was a success or said that a service did not answer',
  isolation: 'under faults, no response had data of another user',
  counts: 'under faults, every counter was between its acknowledged and its attempted increments',
  audit: 'under faults, every acknowledged call was in the audit log once',
  tasks: 'under faults, every acknowledged task was completed once',
  tokens: 'under faults, every acknowledged refresh token was valid until its revocation',
  log: 'under faults, no function logged an unexpected error',
};
export type FaultGuarantee = keyof typeof faultGuarantees;

/** The differences between the guarantees and the observations. */
export class Findings {
  readonly all: { guarantee: FaultGuarantee; message: string }[] = [];
  readonly #report: (line: string) => void;

  constructor(report: (line: string) => void) {
    this.#report = report;
  }

  /** @param describe returns the difference, and runs only if there is one */
  expect(guarantee: FaultGuarantee, holds: boolean, describe: () => string): void {
    if (holds) return;
    const message = describe();
    this.all.push({ guarantee, message });
    if (this.all.length <= 20) this.#report(`VIOLATION  ${guarantee}: ${message}`);
  }
}
