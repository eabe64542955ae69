import fc from 'fast-check';
import type { RefreshState } from '../../../lambda/core/access/grant.ts';
import { decideRefresh } from '../../../lambda/core/oauth/tokens/refresh-decision.ts';

const WINDOW = 120;

/** The refresh-token family of a grant, as the token endpoint updates it. */
class Family {
  state: RefreshState = { head: 1, predecessor: 0, superseded: {} };
  revoked = false;

  /** @returns the issued generation, or undefined when the presented one is rejected */
  present(generation: number, now: number): number | undefined {
    if (this.revoked) return undefined;
    const decision = decideRefresh(this.state, generation, now, WINDOW);
    if (decision.kind === 'unknown') return undefined;
    if (decision.kind === 'reuse') {
      this.revoked = true;
      return undefined;
    }
    this.state = decision.state;
    return this.state.head;
  }
}

/** One refresh by one of the client's processes: it reads the token from a shared file and writes the next one there. */
type Refresh = { pause: number; requestDelay: number; responseDelay: number; lost: boolean; skew: number };

/** Each refresh takes less than a quarter of the window, and the clocks of the servers differ by some seconds. */
const honest: fc.Arbitrary<Refresh> = fc.record({
  pause: fc.oneof(fc.integer({ min: 0, max: 10 }), fc.integer({ min: 0, max: 4 * WINDOW }), fc.constant(30 * 86_400)),
  requestDelay: fc.integer({ min: 0, max: 13 }),
  responseDelay: fc.integer({ min: 0, max: 13 }),
  lost: fc.boolean(),
  skew: fc.integer({ min: -2, max: 2 }),
});

/** Runs the overlapping refreshes. @returns the newest generation in the file */
function play(family: Family, refreshes: Refresh[]): number {
  const file = { generation: 1 };
  const steps: { at: number; take: () => void }[] = [];
  let now = 0;
  for (const { pause, requestDelay, responseDelay, lost, skew } of refreshes) {
    now += pause;
    const [read, presented] = [now, now + requestDelay];
    let held = 0;
    let issued: number | undefined;
    steps.push(
      {
        at: read,
        take() {
          held = file.generation;
        },
      },
      {
        at: presented,
        take() {
          const head = family.state.head;
          issued = family.present(held, presented + skew);
          expect({ issued, revoked: family.revoked }).toEqual({ issued: family.state.head, revoked: false });
          expect([head, head + 1]).toContain(issued);
        },
      },
      {
        at: presented + responseDelay,
        take() {
          if (!lost) file.generation = Math.max(file.generation, issued!);
        },
      },
    );
  }
  for (const { take } of steps.toSorted((a, b) => a.at - b.at)) take();
  return file.generation;
}

test('a client with several processes keeps the grant, whatever overlaps or is lost', () => {
  fc.assert(
    fc.property(fc.array(honest, { maxLength: 120 }), (refreshes) => {
      play(new Family(), refreshes);
    }),
    { numRuns: 500 },
  );
});

test('a family has one head at a time, and issues no other generation', () => {
  const presented = fc.tuple(fc.nat({ max: 12 }), fc.integer({ min: 0, max: 3 * WINDOW }));
  fc.assert(
    fc.property(fc.array(presented, { maxLength: 60 }), (presentations) => {
      const family = new Family();
      let now = 0;
      for (const [generation, pause] of presentations) {
        now += pause;
        const { head } = family.state;
        const issued = family.present(generation, now);
        expect([head, head + 1]).toContain(family.state.head);
        if (issued !== undefined) expect([issued, family.revoked]).toEqual([family.state.head, false]);
        if (generation > head) expect([issued, family.state.head]).toEqual([undefined, head]);
      }
    }),
    { numRuns: 500 },
  );
});

test('a second holder is detected once both holders continue, at any time and rate', () => {
  const turn = fc.record({ thief: fc.boolean(), pause: fc.integer({ min: 0, max: 3 * WINDOW }), lost: fc.boolean() });
  fc.assert(
    fc.property(fc.array(honest, { maxLength: 30 }), fc.array(turn, { maxLength: 40 }), (before, turns) => {
      const family = new Family();
      const held = { owner: play(family, before), thief: 0 };
      held.thief = held.owner;
      let now = 40 * 86_400 * (before.length + 1);
      // In the end both continue at the rate of access tokens, and receive every response.
      const both = [true, false, true, false, true, false].map((thief) => ({ thief, pause: 3600, lost: false }));
      for (const { thief, pause, lost } of [...turns, ...both]) {
        now += pause;
        const who = thief ? 'thief' : 'owner';
        const issued = family.present(held[who], now);
        if (issued !== undefined && !lost) held[who] = issued;
      }
      expect(family.revoked).toBe(true);
    }),
    { numRuns: 500 },
  );
});

test('tabs that present the same token within the window all get the same successor', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: WINDOW }), { minLength: 1, maxLength: 25 }), (delays) => {
      const family = new Family();
      const issued = delays.toSorted((a, b) => a - b).map((delay) => family.present(1, delay));
      expect(new Set(issued)).toEqual(new Set([2]));
    }),
  );
});

test('a response repeated at the end of the window stays valid when the token is presented just after it', () => {
  const family = new Family();
  const [lost, late, laterStill] = [family.present(1, 0), family.present(1, WINDOW - 1), family.present(1, WINDOW + 1)];
  expect([lost, late, laterStill]).toEqual([2, 2, 2]);
  expect(family.present(2, 3600)).toBe(3);
});

test('a holder that repeats a token is detected once the client continues', () => {
  const family = new Family();
  let now = 0;
  family.present(1, now);
  for (; now < 10 * WINDOW; now += 50) expect(family.present(1, now)).toBe(2);
  expect(family.present(2, now)).toBe(3);
  for (const pause of [50, 100, 150]) family.present(1, now + pause);
  expect(family.revoked).toBe(true);
});

test('a superseded token outside the window is reuse, even seconds after a rotation', () => {
  const family = new Family();
  family.present(1, 0);
  family.present(2, 1000);
  family.present(3, 2000);
  expect(family.present(2, 2001)).toBeUndefined();
  expect(family.revoked).toBe(true);
});

test('the head of a lost response is reuse after its predecessor was presented again', () => {
  const family = new Family();
  expect(family.present(1, 0)).toBe(2);
  expect(family.present(1, 3600)).toBe(3);
  expect(family.present(2, 7200)).toBeUndefined();
  expect(family.revoked).toBe(true);
});

test('a generation that was never issued is rejected and changes nothing', () => {
  const family = new Family();
  expect(family.present(2, 0)).toBeUndefined();
  expect(family).toMatchObject({ revoked: false, state: { head: 1 } });
});
