import { parseArgs } from 'node:util';
import { type Fault, readCatalogue } from './fault-catalogue.ts';
import { ScratchTree, type Verdict } from './scratch-tree.ts';

/**
 * `npm run test:faults`: plants each fault of the catalogue in a copy of the repository and runs the tests that should notice
 * it. Takes half an hour on two cores and more. With `--sample` two minutes: some of the faults, the same in each run.
 */

const { values } = parseArgs({
  options: {
    sample: { type: 'boolean', default: false },
    /** Groups, catalogues and ids of faults, separated by commas. */
    only: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});

const LEAST_SHARE = 0.95;
const SAMPLE = 30;
const PARALLEL = 2;

type Result = Verdict & { fault: Fault; seconds: number };

const report = (line: string) => (values.json ? console.error : console.log)(line);

const only = values.only?.split(',');

const isSelected = ({ id, group }: Fault) =>
  only === undefined || [id, group, id.split(':')[0]!].some((name) => only.includes(name));

/** Of every group in proportion, because the catalogue is sorted by groups. */
function sampleOf(faults: Fault[]): Fault[] {
  const fast = faults.filter(({ tests }) => !tests.some((test) => slowTests.test(test)));
  const step = fast.length / SAMPLE;
  return Array.from({ length: Math.min(SAMPLE, fast.length) }, (_, index) => fast[Math.floor(index * step)]!);
}

/** Tests that take ten seconds and more. */
const slowTests = /^(e2e|security|ports)\/|^cli\/verify-command$|^lib\/(cdk-app|synth)$/;

const all = readCatalogue().filter(isSelected);
if (all.length === 0) throw new Error(`No fault has the id or the group ${values.only}: see test/faults`);
const faults = values.sample ? sampleOf(all) : all;

const trees = Array.from({ length: PARALLEL }, () => new ScratchTree());
const results: Result[] = [];
try {
  const failing = await failingTests();
  await inEveryTree(faults, (tree, fault) => judge(tree, fault, failing));
} finally {
  for (const tree of trees) tree.remove();
}

/** Test files that fail without a fault, and so can notice none. */
async function failingTests(): Promise<Set<string>> {
  const waiting = [...new Set(faults.flatMap((fault) => fault.tests))].filter((test) => test !== 'types');
  report(`${faults.length} faults, ${waiting.length} test files`);
  const failing = new Set<string>();
  await inEveryTree(waiting, async (tree, test) => {
    const failure = await tree.firstFailure([test]);
    if (failure === undefined) return;
    failing.add(test);
    report(`${test} fails without a fault: ${failure}`);
  });
  return failing;
}

/** Works on each item in one of the trees. */
async function inEveryTree<T>(items: T[], work: (tree: ScratchTree, item: T) => Promise<void>): Promise<void> {
  const waiting = [...items];
  const workers = trees.map(async (tree) => {
    try {
      for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(tree, item);
    } catch (error) {
      waiting.length = 0;
      throw error;
    }
  });
  // No tree is removed while another one is in use.
  for (const outcome of await Promise.allSettled(workers)) if (outcome.status === 'rejected') throw outcome.reason;
}

async function judge(tree: ScratchTree, fault: Fault, failing: Set<string>): Promise<void> {
  const start = performance.now();
  const verdict = await tree.judge({ ...fault, tests: fault.tests.filter((test) => !failing.has(test)) });
  const seconds = Math.round((performance.now() - start) / 1000);
  results.push({ ...verdict, fault, seconds });
  const outcome = verdict.noticed === undefined ? 'SURVIVED' : `noticed by ${verdict.noticed}`;
  report(`${results.length}/${faults.length} ${fault.id} (${seconds} s): ${outcome}`);
}

const survivors = results.filter(({ noticed }) => noticed === undefined);
const groups = [...new Set(faults.map(({ group }) => group))].map((group) => {
  const ofGroup = results.filter(({ fault }) => fault.group === group);
  const noticedBy = (by: Verdict['by']) =>
    ofGroup.filter((each) => each.noticed !== undefined && each.by === by).length;
  return { group, byTests: noticedBy('test'), byTypes: noticedBy('types'), faults: ofGroup.length };
});

const lineOf = ({ id, file, text, replacement }: Fault) => `${id} ${file}: ${text} ⇒ ${replacement}`;

if (values.json) {
  console.log(JSON.stringify({ groups, survivors: survivors.map(({ fault }) => fault), results }, null, 2));
} else {
  const total = { group: 'all', byTests: 0, byTypes: 0, faults: 0 };
  for (const each of groups) {
    total.byTests += each.byTests;
    total.byTypes += each.byTypes;
    total.faults += each.faults;
  }
  console.log('\n| faults | noticed by a test | by the compiler | planted |\n| --- | --- | --- | --- |');
  for (const each of [...groups, total]) {
    console.log(`| ${each.group} | ${each.byTests} | ${each.byTypes} | ${each.faults} |`);
  }
  if (survivors.length > 0) console.log('\nNoticed by no test:');
  for (const { fault } of survivors) console.log(lineOf(fault));
}
process.exit(results.length - survivors.length >= LEAST_SHARE * results.length ? 0 : 1);
