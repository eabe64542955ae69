import { assertGuarantee } from './load-guarantees.ts';

/** In place of a response: the process ended before it answered. */
export const lost = Symbol('lost');

/** Counts the killed processes and the responses lost with them. */
export class KilledProcesses {
  /** An upper limit: a process may have finished before it is killed. */
  ordered = 0;
  responsesLost = 0;

  /** Records a lost response. @throws GuaranteeViolation when more responses are lost than processes were killed */
  lose(): typeof lost {
    this.responsesLost++;
    const { ordered, responsesLost } = this;
    assertGuarantee('answers', responsesLost <= ordered, () => `${responsesLost} responses lost to ${ordered} kills`);
    return lost;
  }
}
