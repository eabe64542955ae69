/**
 * Holds both eras of the protocol against its own conformance suites, as a client meets them: through the gateway, behind
 * the authorizer, with a token that a user has signed in for, and in a new execution environment for every request. Each
 * suite runs twice, once streamed and once as through a gateway that buffers answers.
 *
 * `npm run test:conformance`. `-- --only 2026-07-28` runs a part: the suites whose line in the table contains the text.
 * `-- --scenario ping` runs that scenario alone; `-- --verbose` prints all that the suites and the functions say. There is
 * no list of expected failures.
 */

import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { EmulatorProcess } from '../../bench/harness/emulator-process.ts';
import { ProjectCopy } from '../../bench/harness/project-copy.ts';
import { OAuthClient } from '../../bench/harness/raw-oauth-client.ts';
import { synthesize } from '../../local/template/synthesis.ts';
import { startFront } from './conformance-front.ts';

const root = join(import.meta.dirname, '..', '..');
const stable = join(root, 'node_modules/conformance-0.1/dist/index.js');
const next = join(root, 'node_modules/@modelcontextprotocol/conformance/dist/index.js');

/** How many suites run at the same time, but for those that give a request half a second. */
const AT_ONCE = 2;

/** A suite that hangs is ended after this time, in seconds: longer than four questions that nobody answers, a minute each. */
const LONGEST_SUITE = 300;

type Suite = {
  name: string;
  program: string;
  /** What chooses the scenarios. */
  choice: string[];
  /** What goes with a single scenario instead. */
  single: string[];
  /** Whether it must have the machine to itself: `server-stateless` hangs up after 500 ms. */
  alone: boolean;
};

const suites: Suite[] = [
  required('2025-11-25'),
  required('2026-07-28'),
  {
    name: '0.2.0-alpha.12 all of 2025-06-18',
    program: next,
    choice: ['--suite', 'all', '--spec-version', '2025-06-18'],
    single: ['--spec-version', '2025-06-18', '--force'],
    alone: false,
  },
  { name: '0.1.16 all', program: stable, choice: ['--suite', 'all'], single: [], alone: false },
];

/** What a revision requires, and what the suite runs besides without counting it; here everything counts. */
function required(revision: string): Suite {
  return {
    name: `0.2.0-alpha.12 required of ${revision}`,
    program: next,
    choice: ['--requirements', revision],
    // Extensions belong to no revision: without force they would be left out.
    single: ['--spec-version', revision, '--force'],
    alone: revision === '2026-07-28',
  };
}

type Check = {
  id: string;
  status: 'SUCCESS' | 'FAILURE' | 'WARNING' | 'SKIPPED' | 'INFO';
  errorMessage?: string;
};

/** What a suite has found in one mode. */
type Outcome = {
  name: string;
  seconds: number;
  scenarios: number;
  checks: (Check & { scenario: string })[];
  /** What went wrong besides the checks. */
  trouble: string[];
};

const { values } = parseArgs({
  options: { only: { type: 'string', default: '' }, scenario: { type: 'string' }, verbose: { type: 'boolean' } },
});

const cleanups: (() => unknown)[] = [];
let failed = true;
try {
  failed = await prove();
} finally {
  for (const cleanup of cleanups.reverse()) await cleanup();
}
process.exit(failed ? 1 : 0);

/** @returns whether anything has failed */
async function prove(): Promise<boolean> {
  const cloud = await startEmulator();
  const client = await OAuthClient.register(cloud.origin);
  const accessToken = (await client.tokensFor('ada')).access_token;
  const modes = [
    { mode: 'streamed', buffering: false },
    { mode: 'buffered', buffering: true },
  ];
  const parts = modes
    .flatMap(({ mode, buffering }) => suites.map((suite) => ({ suite, buffering, name: `${suite.name}, ${mode}` })))
    .filter(({ name }) => name.includes(values.only));
  if (parts.length === 0) throw new Error(`There is no suite with ${JSON.stringify(values.only)} in its name`);

  const outcomes: Outcome[] = [];
  const work = async (waiting: typeof parts) => {
    for (let part = waiting.shift(); part; part = waiting.shift()) {
      const { suite, buffering, name } = part;
      const front = await startFront({ origin: cloud.origin, accessToken, buffering });
      const outcome = await run(suite, name, front.mcpUrl);
      await front.close();
      outcomes.push(outcome);
      console.log(`${name}: ${outcome.seconds.toFixed(0)} s`);
    }
  };
  await work(parts.filter(({ suite }) => suite.alone));
  const others = parts.filter(({ suite }) => !suite.alone);
  await Promise.all(Array.from({ length: AT_ONCE }, () => work(others)));
  if (values.verbose) console.error(cloud.log);
  return report(outcomes.sort((a, b) => a.name.localeCompare(b.name)));
}

/** The stack with the server of the suites in place of the owner's. */
async function startEmulator(): Promise<EmulatorProcess> {
  const project = new ProjectCopy();
  cleanups.push(() => project.remove());
  project.add('test/conformance');
  project.useServer('test/conformance/conformance-server.ts');
  const assembly = mkdtempSync(join(tmpdir(), 'holdfast-assembly-'));
  cleanups.push(() => rmSync(assembly, { recursive: true, force: true }));
  await synthesize(project.root, assembly);
  const emulator = await EmulatorProcess.run({ assembly, freshPerRequest: true });
  cleanups.push(() => emulator.stop());
  return emulator;
}

async function run({ program, choice, single }: Suite, name: string, mcpUrl: string): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-conformance-'));
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
  const started = performance.now();
  const parameters = values.scenario === undefined ? choice : ['--scenario', values.scenario, ...single];
  const child = spawn(process.execPath, [program, 'server', '--url', mcpUrl, ...parameters, '-o', folder], {
    timeout: LONGEST_SUITE * 1000,
  });
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
    });
  }
  const ended = await new Promise<string | undefined>((resolve, reject) => {
    child
      .once('error', reject)
      .once('close', (status, signal) => resolve(signal ?? (status ? `${status}` : undefined)));
  });
  if (values.verbose) console.error(printed);
  const outcome = { ...found(folder), name, seconds: (performance.now() - started) / 1000 };
  const explained = outcome.trouble.length > 0 || outcome.checks.some(({ status }) => status === 'FAILURE');
  if (ended !== undefined && !explained) outcome.trouble.push(`It ended with ${ended}:\n${printed.slice(-2000)}`);
  return outcome;
}

/** Reads what a suite has left: a folder for each scenario, `server-<scenario>-<time>`, with `checks.json` in it. */
function found(folder: string): Pick<Outcome, 'scenarios' | 'checks' | 'trouble'> {
  const checks: Outcome['checks'] = [];
  const trouble: string[] = [];
  const scenarios = readdirSync(folder);
  for (const name of scenarios) {
    const scenario = name.replace(/^server-/, '').replace(/-\d{4}-\d\d-\d\dT.*$/, '');
    try {
      const all = JSON.parse(readFileSync(join(folder, name, 'checks.json'), 'utf8')) as Check[];
      checks.push(...all.map((check) => ({ ...check, scenario })));
    } catch (error) {
      trouble.push(`${scenario} has left no checks: ${(error as Error).message}`);
    }
  }
  if (scenarios.length === 0) trouble.push('No scenario ran');
  return { scenarios: scenarios.length, checks, trouble };
}

/** @returns whether anything has failed */
function report(outcomes: Outcome[]): boolean {
  console.table(
    outcomes.map(({ name, scenarios, checks, trouble, seconds }) => {
      const number = (wanted: Check['status']) => checks.filter(({ status }) => status === wanted).length;
      return {
        suite: name,
        scenarios,
        passed: number('SUCCESS'),
        failed: number('FAILURE') + trouble.length,
        warnings: number('WARNING'),
        skipped: number('SKIPPED'),
        seconds: Math.round(seconds),
      };
    }),
  );
  for (const { name, checks, trouble } of outcomes) {
    for (const { scenario, id, status, errorMessage = '' } of checks) {
      if (status !== 'FAILURE' && status !== 'WARNING') continue;
      console.log(`${status === 'FAILURE' ? 'FAILED ' : 'warning'} ${name}: ${scenario}, ${id}: ${errorMessage}`);
    }
    for (const line of trouble) console.log(`FAILED  ${name}: ${line}`);
  }
  return outcomes.some(
    ({ checks, trouble }) => trouble.length > 0 || checks.some(({ status }) => status === 'FAILURE'),
  );
}
