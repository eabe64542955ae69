import fc from 'fast-check';
import type { RefreshState } from '../../lambda/core/grant.ts';
import { decideRefresh } from '../../lambda/core/oauth/refresh.ts';

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
    if (decision.kind === 'rotate') this.state = decision.state;
    return this.state.head;
  }
}

const pauses = fc.integer({ min: 0, max: 4 * WINDOW });

test('an owner whose answers get lost, however often, keeps the grant', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(pauses, fc.boolean()), { maxLength: 300 }), (refreshes) => {
      const family = new Family();
      let held = 1;
      let now = 0;
      for (const [pause, lost] of refreshes) {
        now += pause;
        const given = family.present(held, now);
        expect(given).toBe(family.state.head);
        if (!lost) held = given!;
      }
    }),
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

test('two holders who go on refreshing apart are found out', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 20 }),
      fc.array(fc.boolean(), { minLength: 1, maxLength: 30 }),
      (before, turns) => {
        const family = new Family();
        let [owner, now] = [1, 0];
        for (; now < before * 2 * WINDOW; now += 2 * WINDOW) owner = family.present(owner, now)!;
        let thief = owner;
        for (const ownersTurn of [...turns, true, false, true, false]) {
          now += 2 * WINDOW;
          const given = family.present(ownersTurn ? owner : thief, now);
          if (given === undefined) break;
          if (ownersTurn) owner = given;
          else thief = given;
        }
        expect(family.revoked).toBe(true);
      },
    ),
  );
});

test('a generation that was never given out is refused and changes nothing', () => {
  const family = new Family();
  expect(family.present(2, 0)).toBeUndefined();
  expect(family).toMatchObject({ revoked: false, state: { head: 1 } });
});
