import type { RefreshState } from '../../access/grant.ts';

/**
 * Refresh-token rotation that forgives what honest clients do and detects a second holder.
 *
 * A grant's refresh tokens are numbered generations. Honest clients present one twice when an answer is lost, when
 * tabs race, or when sibling processes share a token file; a thief presents one that its owner has moved on from.
 * Only the newest generation, its predecessor (whose holder may never have seen the answer), and generations
 * superseded within the window are honoured. Everything else is reuse (OAuth 2.1 §4.3.1), and ends the grant.
 *
 * An answer that is repeated late moves the window of its predecessor. Else whoever presents the predecessor a moment
 * after the window would outdate the head that another process of the same owner has just been given. The window stops
 * moving when the owner goes on, so a second holder is found out as before.
 *
 * Two simpler rules do not work: a window measured from the last rotation honours any old token that arrives shortly
 * after it, and "head − 1" in place of the predecessor loses the grant when two answers in a row are lost.
 */
export type RefreshDecision =
  /** Write the new state on condition that the head is still the same, and give out the new head. */
  | { kind: 'rotate'; state: RefreshState }
  /** Give out the head again. The state is the same one, and then nothing is written, unless the window has moved. */
  | { kind: 'repeat'; state: RefreshState }
  /** Somebody holds a token that was superseded: end the grant. */
  | { kind: 'reuse' }
  /** A generation that was never given out. */
  | { kind: 'unknown' };

/** @param now epoch seconds */
export function decideRefresh(
  state: RefreshState,
  generation: number,
  now: number,
  windowSeconds: number,
): RefreshDecision {
  const { head, predecessor } = state;
  if (generation > head) return { kind: 'unknown' };
  if (generation === head) {
    return { kind: 'rotate', state: { head: head + 1, predecessor: head, superseded: supersede(head) } };
  }
  const supersededAt = state.superseded[generation];
  if (supersededAt !== undefined && now - supersededAt <= windowSeconds) {
    const late = generation === predecessor && now - supersededAt > windowSeconds / 2;
    return { kind: 'repeat', state: late ? { ...state, superseded: supersede(generation) } : state };
  }
  if (generation === predecessor) {
    return { kind: 'rotate', state: { head: head + 1, predecessor, superseded: supersede(predecessor) } };
  }
  return { kind: 'reuse' };

  /** The lately superseded generations, with this one, and without those that the window has left behind. */
  function supersede(one: number): Record<string, number> {
    const all: Record<string, number> = { ...state.superseded, [one]: now };
    const recent = Object.entries(all).filter(([, at]) => now - at <= windowSeconds);
    return Object.fromEntries(recent.toSorted(([, a], [, b]) => b - a).slice(0, 8));
  }
}
