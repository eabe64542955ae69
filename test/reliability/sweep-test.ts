import { parseArgs } from 'node:util';
import { faultKinds } from '../../bench/harness/fault-injection.ts';
import { type Case, FaultSweep, flows, nameOf } from './fault-sweep.ts';
import type { Flow } from './flow.ts';

/** `npm run test:sweep`: every fault at every request of every flow. Takes some minutes. */

const { values } = parseArgs({
  options: {
    /** A regular expression for the names of flows. */
    flow: { type: 'string', default: '' },
    /** Faults, separated by commas. */
    faults: { type: 'string', default: faultKinds.join() },
    verbose: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const kinds = values.faults.split(',');
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

try {
  for (const flow of flows.filter(({ name }) => new RegExp(values.flow).test(name))) {
    const start = performance.now();
    const before = failures.length;
    const cases = (await casesOf(flow)).filter(({ kind }) => kinds.includes(kind));
    for (const each of cases) {
      const message = await sweep.run(each);
      if (message === undefined) continue;
      failures.push({ row: row(each), message });
      if (values.verbose) report(`  ${row(each).slice(1).join(', ')}: ${message}`);
    }
    count += cases.length;
    const seconds = ((performance.now() - start) / 1000).toFixed(0);
    report(`${flow.name}: ${cases.length} faults in ${seconds} s, ${failures.length - before} failures`);
  }
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
