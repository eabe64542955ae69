import { hold } from '../../load/load-claims.ts';

/** In place of an answer: the process that was to give it ended before. */
export const lost = Symbol('lost');

/** How many processes have been killed, and what that has cost. */
export class Deaths {
  /** At most so many: a process that is about to have finished may be gone when it is to be killed. */
  ordered = 0;
  answersLost = 0;

  /** @throws Broken when there has been no death that it could be due to */
  lose(): typeof lost {
    this.answersLost++;
    const { ordered, answersLost } = this;
    hold('answers', answersLost <= ordered, () => `${answersLost} answers were lost to ${ordered} deaths`);
    return lost;
  }
}
