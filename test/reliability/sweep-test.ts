import { parseArgs } from 'node:util';
import fc from 'fast-check';
import { faultKinds } from '../../bench/harness/fault-injection.ts';
import { type Case, FaultSweep, flows, isLostWrite, nameOf } from './fault-sweep.ts';
import type { Flow } from './flow.ts';

/**
 * `npm run test:sweep`: every fault at every request of every flow. Takes some minutes. With `--sample` a minute: every lost
 * response to a write, and a sample of the other faults.
 */

const { values } = parseArgs({
  options: {
    /** A regular expression for the names of flows. */
    flow: { type: 'string', default: '' },
    /** Faults, separated by commas. */
    faults: { type: 'string', default: faultKinds.join() },
    sample: { type: 'boolean', default: false },
    /** Of the sample. */
    seed: { type: 'string', default: '1' },
    verbose: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const kinds = values.faults.split(',');

/** Faults of a sample other than lost responses to writes. A hanging request takes three seconds. */
const SAMPLE = 30;
const HANGING = 2;

const report = (line: string) => (values.json ? console.error : console.log)(line);

const row = (each: Case) => [each.flow.name, nameOf(each), each.kind] as const;

const failures: { row: readonly string[]; message: string }[] = [];
let count = 0;
const sweep = await FaultSweep.start();

/** None for a flow that fails without a fault, which is a failure too. */
async function casesOf(flow: Flow): Promise<Case[]> {
  try {
    return await sweep.cases(flow);
  } catch (error) {
    failures.push({ row: [flow.name, 'all', 'none'], message: String((error as Error).message) });
    return [];
  }
}

/** Every lost response to a write, and some of the other faults. */
function sampleOf(cases: Case[]): Case[] {
  const some = (others: Case[], length: number) => {
    const subarrays = fc.shuffledSubarray(others, { minLength: length, maxLength: length });
    return fc.sample(subarrays, { seed: Number(values.seed), numRuns: 1 })[0]!;
  };
  const others = cases.filter((each) => !isLostWrite(each));
  const isHanging = ({ kind }: Case) => kind === 'hang';
  return [
    ...cases.filter(isLostWrite),
    ...some(
      others.filter((each) => !isHanging(each)),
      SAMPLE,
    ),
    ...some(others.filter(isHanging), HANGING),
  ];
}

/** Runs the cases, and reports their number and time. */
async function run(name: string, cases: Case[]): Promise<void> {
  const start = performance.now();
  const before = failures.length;
  for (const each of cases) {
    const message = await sweep.run(each);
    if (message === undefined) continue;
    failures.push({ row: row(each), message });
    if (values.verbose) report(`  ${row(each).join(', ')}: ${message}`);
  }
  count += cases.length;
  const seconds = ((performance.now() - start) / 1000).toFixed(0);
  report(`${name}: ${cases.length} faults in ${seconds} s, ${failures.length - before} failures`);
}

try {
  const all: Case[] = [];
  for (const flow of flows.filter(({ name }) => new RegExp(values.flow).test(name))) {
    const cases = (await casesOf(flow)).filter(({ kind }) => kinds.includes(kind));
    if (values.sample) all.push(...cases);
    else await run(flow.name, cases);
  }
  if (values.sample) await run('sample', sampleOf(all));
} finally {
  await sweep.stop();
}

if (values.json) {
  const rows = failures.map(({ row: [flow, request, fault], message }) => ({ flow, request, fault, message }));
  console.log(JSON.stringify({ faults: count, failures: rows }, null, 2));
} else {
  report(`\n${count} faults, ${failures.length} failures\n`);
  for (const { row: columns, message } of failures) report(`| ${[...columns, message].join(' | ')} |`);
}
process.exit(failures.length === 0 ? 0 : 1);
