import type { RefreshState } from '../../access/grant.ts';

/**
 * Refresh token rotation that tolerates the retries of honest clients and detects a second holder.
 *
 * The refresh tokens of a grant are numbered generations. Honest clients present a generation twice when a response is
 * lost, when tabs race, or when sibling processes share a token file. A thief presents a generation that the client has
 * superseded. Accepted are the newest generation, its predecessor (whose holder may never have received the response),
 * and generations superseded within the window. Any other one is reuse (OAuth 2.1 §4.3.1) and revokes the grant.
 *
 * A response that is repeated in the second half of the window extends the window of the predecessor. Otherwise a
 * process that presents the predecessor just after the window would supersede the head that a sibling process has just
 * received. The window stops moving when the client presents the head, so a second holder is still detected.
 *
 * Two simpler rules fail: a window measured from the last rotation accepts any old token that arrives shortly after it,
 * and "head − 1" in place of the predecessor loses the grant when two responses in a row are lost.
 */
export type RefreshDecision =
  /** Write the new state on condition that the head is unchanged, and issue the new head. */
  | { kind: 'rotate'; state: RefreshState }
  /** Issue the head again. Nothing is written unless the window has moved: the state is then a new object. */
  | { kind: 'repeat'; state: RefreshState }
  /** A superseded token was presented: revoke the grant. */
  | { kind: 'reuse' }
  /** A generation that was never issued. */
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
    const isLate = generation === predecessor && now - supersededAt > windowSeconds / 2;
    return { kind: 'repeat', state: isLate ? { ...state, superseded: supersede(generation) } : state };
  }
  if (generation === predecessor) {
    return { kind: 'rotate', state: { head: head + 1, predecessor, superseded: supersede(predecessor) } };
  }
  return { kind: 'reuse' };

  /** The generations superseded within the window, and this one. */
  function supersede(superseded: number): Record<string, number> {
    const all: Record<string, number> = { ...state.superseded, [superseded]: now };
    const recent = Object.entries(all).filter(([, at]) => now - at <= windowSeconds);
    return Object.fromEntries(recent.toSorted(([, a], [, b]) => b - a).slice(0, 8));
  }
}
