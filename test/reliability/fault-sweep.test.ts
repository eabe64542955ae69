import fc from 'fast-check';
import { type Case, FaultSweep, flows, isLostWrite, nameOf } from './fault-sweep.ts';

/**
 * Effects once, though an answer goes missing: the client repeats what was not acknowledged, and each acknowledged request
 * has had its effect once. `npm run test:sweep` runs every fault.
 */

jest.setTimeout(300_000);

/** Faults other than lost responses to writes; others by `SWEEP_SEED`. A hanging request takes three seconds. */
const SAMPLE = 30;
const HANGING = 2;

const seed = Number(process.env.SWEEP_SEED ?? 1);

let sweep: FaultSweep;
const cases: Case[] = [];

beforeAll(async () => {
  sweep = await FaultSweep.start();
  for (const flow of flows) cases.push(...(await sweep.cases(flow)));
});
afterAll(() => sweep?.stop());

async function expectKept(chosen: Case[]): Promise<void> {
  const violations: string[] = [];
  for (const each of chosen) {
    const violation = await sweep.run(each);
    if (violation !== undefined) violations.push(`${each.flow.name}, ${nameOf(each)}, ${each.kind}: ${violation}`);
  }
  expect(violations).toEqual([]);
}

test.each(flows.map(({ name }) => name))('%s: a lost response doubles and loses no effect', async (name) => {
  await expectKept(cases.filter((each) => each.flow.name === name && isLostWrite(each)));
});

test(`a sample of all other faults doubles and loses no effect (SWEEP_SEED=${seed})`, async () => {
  const sample = (others: Case[], length: number) =>
    fc.sample(fc.shuffledSubarray(others, { minLength: length, maxLength: length }), { seed, numRuns: 1 })[0]!;
  const others = cases.filter((each) => !isLostWrite(each));
  const hanging = others.filter(({ kind }) => kind === 'hang');
  await expectKept([
    ...sample(
      others.filter(({ kind }) => kind !== 'hang'),
      SAMPLE,
    ),
    ...sample(hanging, HANGING),
  ]);
});
