import fc from 'fast-check';
import type { RefreshState } from '../../../lambda/core/access/grant.ts';
import { decideRefresh } from '../../../lambda/core/oauth/tokens/refresh-decision.ts';

const WINDOW = 120;

/** A grant as the token endpoint keeps it. */
class Family {
  state: RefreshState = { head: 1, predecessor: 0, superseded: {} };
  revoked = false;

  /** @returns the generation given out, or nothing when refused */
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

/** One refresh of one of the owner's processes: it takes the token from the file they share, and puts the next one there. */
type Refresh = { pause: number; onItsWay: number; onItsWayBack: number; lost: boolean; skew: number };

/** From file to file in less than a quarter of the window, by clocks of servers that differ by some seconds. */
const honest: fc.Arbitrary<Refresh> = fc.record({
  pause: fc.oneof(fc.integer({ min: 0, max: 10 }), fc.integer({ min: 0, max: 4 * WINDOW }), fc.constant(30 * 86_400)),
  onItsWay: fc.integer({ min: 0, max: 13 }),
  onItsWayBack: fc.integer({ min: 0, max: 13 }),
  lost: fc.boolean(),
  skew: fc.integer({ min: -2, max: 2 }),
});

/** Lets the refreshes run as they overlap. @returns the newest generation that the file has seen */
function play(family: Family, refreshes: Refresh[]): number {
  const file = { generation: 1 };
  const steps: { at: number; take: () => void }[] = [];
  let now = 0;
  for (const { pause, onItsWay, onItsWayBack, lost, skew } of refreshes) {
    now += pause;
    const [read, presented] = [now, now + onItsWay];
    let held = 0;
    let given: number | undefined;
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
          given = family.present(held, presented + skew);
          expect({ given, revoked: family.revoked }).toEqual({ given: family.state.head, revoked: false });
          expect([head, head + 1]).toContain(given);
        },
      },
      {
        at: presented + onItsWayBack,
        take() {
          if (!lost) file.generation = Math.max(file.generation, given!);
        },
      },
    );
  }
  for (const { take } of steps.toSorted((a, b) => a.at - b.at)) take();
  return file.generation;
}

test('an owner with several processes keeps the grant, however they overlap and whatever gets lost', () => {
  fc.assert(
    fc.property(fc.array(honest, { maxLength: 120 }), (refreshes) => {
      play(new Family(), refreshes);
    }),
    { numRuns: 500 },
  );
});

test('only one generation at a time is the head, and what is given out is nothing else', () => {
  const presented = fc.tuple(fc.nat({ max: 12 }), fc.integer({ min: 0, max: 3 * WINDOW }));
  fc.assert(
    fc.property(fc.array(presented, { maxLength: 60 }), (presentations) => {
      const family = new Family();
      let now = 0;
      for (const [generation, pause] of presentations) {
        now += pause;
        const { head } = family.state;
        const given = family.present(generation, now);
        expect([head, head + 1]).toContain(family.state.head);
        if (given !== undefined) expect([given, family.revoked]).toEqual([family.state.head, false]);
        if (generation > head) expect([given, family.state.head]).toEqual([undefined, head]);
      }
    }),
    { numRuns: 500 },
  );
});

test('a thief who takes part at any time, at any pace, is found out once both go on', () => {
  const turn = fc.record({ thief: fc.boolean(), pause: fc.integer({ min: 0, max: 3 * WINDOW }), lost: fc.boolean() });
  fc.assert(
    fc.property(fc.array(honest, { maxLength: 30 }), fc.array(turn, { maxLength: 40 }), (before, turns) => {
      const family = new Family();
      const held = { owner: play(family, before), thief: 0 };
      held.thief = held.owner;
      let now = 40 * 86_400 * (before.length + 1);
      // In the end both go on at the pace of access tokens, and hear what they are answered.
      const both = [true, false, true, false, true, false].map((thief) => ({ thief, pause: 3600, lost: false }));
      for (const { thief, pause, lost } of [...turns, ...both]) {
        now += pause;
        const who = thief ? 'thief' : 'owner';
        const given = family.present(held[who], now);
        if (given !== undefined && !lost) held[who] = given;
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
      const given = delays.toSorted((a, b) => a - b).map((delay) => family.present(1, delay));
      expect(new Set(given)).toEqual(new Set([2]));
    }),
  );
});

test('an answer that was repeated at the end of the window is not outdated by whoever asks a moment after it', () => {
  const family = new Family();
  const [lost, late, laterStill] = [family.present(1, 0), family.present(1, WINDOW - 1), family.present(1, WINDOW + 1)];
  expect([lost, late, laterStill]).toEqual([2, 2, 2]);
  expect(family.present(2, 3600)).toBe(3);
});

test('who repeats a token again and again is found out all the same, once its owner has gone on', () => {
  const family = new Family();
  let now = 0;
  family.present(1, now);
  for (; now < 10 * WINDOW; now += 50) expect(family.present(1, now)).toBe(2);
  expect(family.present(2, now)).toBe(3);
  for (const pause of [50, 100, 150]) family.present(1, now + pause);
  expect(family.revoked).toBe(true);
});

test('a superseded token outside the window ends the grant, also seconds after a fresh rotation', () => {
  const family = new Family();
  family.present(1, 0);
  family.present(2, 1000);
  family.present(3, 2000);
  expect(family.present(2, 2001)).toBeUndefined();
  expect(family.revoked).toBe(true);
});

test('the head that a lost answer carried is dead once its predecessor was presented again', () => {
  const family = new Family();
  expect(family.present(1, 0)).toBe(2);
  expect(family.present(1, 3600)).toBe(3);
  expect(family.present(2, 7200)).toBeUndefined();
  expect(family.revoked).toBe(true);
});

test('a generation that was never given out is refused and changes nothing', () => {
  const family = new Family();
  expect(family.present(2, 0)).toBeUndefined();
  expect(family).toMatchObject({ revoked: false, state: { head: 1 } });
});
