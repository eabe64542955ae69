/**
 * Runs the conformance suites of the protocol in both eras as a client does: through the gateway and the authorizer, with
 * the token of a signed-in user, and with a new execution environment for every request. Each suite runs twice: on the fast
 * path with streamed responses, and on the SDK's path with a gateway that buffers them. The suites that a revision requires
 * run once more with a server of SDK v1.
 *
 * `npm run test:conformance`. `-- --only 2026-07-28` runs the suites whose names contain the string. `-- --scenario ping`
 * runs one scenario; `-- --path fast` or `sdk` runs all of them on that path; `-- --verbose` prints the output of the suites
 * and the functions. The server of SDK v1 alone has expected failures (`sdk-v1-expected-failures.ts`).
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
import { installPrograms } from '../support/installed-programs.ts';
import { startFront } from './conformance-front.ts';
import { sdkV1ExpectedFailures } from './sdk-v1-expected-failures.ts';

const program = '@modelcontextprotocol/conformance/dist/index.js';
const stable = join(installPrograms(['@modelcontextprotocol/conformance@0.1.16'], '--ignore-scripts'), '..', program);
const next = join(import.meta.dirname, '../../node_modules', program);

/** The number of concurrent suites, except those with a timeout of 500 ms. */
const CONCURRENT_SUITES = 2;

/** The timeout of a suite, longer than four unanswered elicitations of a minute each. */
const SUITE_TIMEOUT_SECONDS = 300;

type Suite = {
  name: string;
  program: string;
  /** The options that select all scenarios. */
  all: string[];
  /** The options for a single scenario. */
  single: string[];
  /** Runs without concurrent suites: `server-stateless` disconnects after 500 ms. */
  alone: boolean;
};

const suites: Suite[] = [
  required('2025-11-25'),
  required('2026-07-28'),
  {
    name: '0.2.0-alpha.12 all of 2025-06-18',
    program: next,
    all: ['--suite', 'all', '--spec-version', '2025-06-18'],
    single: ['--spec-version', '2025-06-18', '--force'],
    alone: false,
  },
  { name: '0.1.16 all', program: stable, all: ['--suite', 'all'], single: [], alone: false },
];

/** The requirements of a revision, and the scenarios that the suite itself does not count. Here all of them count. */
function required(revision: string): Suite {
  return {
    name: `0.2.0-alpha.12 required of ${revision}`,
    program: next,
    all: ['--requirements', revision],
    // Extensions do not belong to a revision: without --force they are skipped.
    single: ['--spec-version', revision, '--force'],
    alone: revision === '2026-07-28',
  };
}

type Check = {
  id: string;
  status: 'SUCCESS' | 'FAILURE' | 'WARNING' | 'SKIPPED' | 'INFO';
  errorMessage?: string;
};

/** The outcome of a suite in one mode. */
type Outcome = {
  name: string;
  seconds: number;
  scenarios: number;
  checks: (Check & { scenario: string })[];
  /** Failures besides those of checks. */
  errors: string[];
};

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    scenario: { type: 'string' },
    path: { type: 'string' },
    verbose: { type: 'boolean' },
  },
});
if (values.path !== undefined && values.path !== 'fast' && values.path !== 'sdk') {
  throw new Error(`--path is ${JSON.stringify(values.path)}: choose fast or sdk`);
}

const cleanups: (() => unknown)[] = [];
let failed = true;
try {
  failed = await runSuites();
} finally {
  for (const cleanup of cleanups.reverse()) await cleanup();
}
process.exit(failed ? 1 : 0);

/** @returns whether anything has failed */
async function runSuites(): Promise<boolean> {
  const modes = [
    { mode: 'streamed', buffering: false, path: 'fast', server: 'conformance-server', of: suites, expected: {} },
    { mode: 'buffered', buffering: true, path: 'sdk', server: 'conformance-server', of: suites, expected: {} },
    {
      mode: 'SDK v1',
      buffering: false,
      path: 'sdk',
      server: 'sdk-v1-conformance-server',
      of: suites.slice(0, 2),
      expected: sdkV1ExpectedFailures,
    },
  ].map((mode) => ({ ...mode, path: values.path ?? mode.path }));
  const runs = modes
    .flatMap(({ mode, of, ...rest }) =>
      of.map((suite) => ({ suite, ...rest, name: `${suite.name}, ${mode}, ${rest.path}` })),
    )
    .filter(({ name }) => name.includes(values.only));
  if (runs.length === 0) throw new Error(`--only is ${JSON.stringify(values.only)}: no suite has it in its name`);
  const servers = new Map<string, { emulator: EmulatorProcess; accessToken: string }>();
  for (const { server, path } of runs) {
    const deployment = `${server} ${path}`;
    if (!servers.has(deployment)) servers.set(deployment, await startEmulator(server, path));
  }

  const outcomes: Outcome[] = [];
  const work = async (waiting: typeof runs) => {
    for (let part = waiting.shift(); part; part = waiting.shift()) {
      const { suite, buffering, name, server, path, expected } = part;
      const { emulator, accessToken } = servers.get(`${server} ${path}`)!;
      const front = await startFront({ origin: emulator.origin, accessToken, buffering });
      const outcome = await run(suite, name, front.mcpUrl);
      await front.close();
      outcomes.push(withExpected(outcome, expected));
      console.log(`${name}: ${outcome.seconds.toFixed(0)} s`);
    }
  };
  await work(runs.filter(({ suite }) => suite.alone));
  const others = runs.filter(({ suite }) => !suite.alone);
  await Promise.all(Array.from({ length: CONCURRENT_SUITES }, () => work(others)));
  if (values.verbose) for (const { emulator } of servers.values()) console.error(emulator.log);
  return report(outcomes.sort((a, b) => a.name.localeCompare(b.name)));
}

/**
 * The outcome without the failures of scenarios that are expected to fail.
 *
 * @param expected reasons by scenario. One that ran and passed is an error: its reason no longer holds
 */
function withExpected(outcome: Outcome, expected: Record<string, string>): Outcome {
  const failed = new Set(outcome.checks.filter(({ status }) => status === 'FAILURE').map(({ scenario }) => scenario));
  const ran = new Set(outcome.checks.map(({ scenario }) => scenario));
  const passed = Object.keys(expected).filter((scenario) => ran.has(scenario) && !failed.has(scenario));
  return {
    ...outcome,
    checks: outcome.checks.filter(({ scenario, status }) => status !== 'FAILURE' || !(scenario in expected)),
    errors: [...outcome.errors, ...passed.map((scenario) => `${scenario} is expected to fail, and passed`)],
  };
}

/** The stack with a server of the suites in place of the owner's. */
async function startEmulator(
  server: string,
  path: string,
): Promise<{ emulator: EmulatorProcess; accessToken: string }> {
  const project = new ProjectCopy();
  cleanups.push(() => project.remove());
  project.add('test/conformance');
  project.useServer(`test/conformance/${server}.ts`);
  const assembly = mkdtempSync(join(tmpdir(), 'holdfast-assembly-'));
  cleanups.push(() => rmSync(assembly, { recursive: true, force: true }));
  await synthesize(project.root, assembly, { fastPath: path === 'fast' });
  const emulator = await EmulatorProcess.run({ assembly, freshPerRequest: true });
  cleanups.push(() => emulator.stop());
  const client = await OAuthClient.register(emulator.origin);
  return { emulator, accessToken: (await client.tokensFor('ada')).access_token };
}

async function run({ program, all, single }: Suite, name: string, mcpUrl: string): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-conformance-'));
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
  const started = performance.now();
  const parameters = values.scenario === undefined ? all : ['--scenario', values.scenario, ...single];
  const child = spawn(process.execPath, [program, 'server', '--url', mcpUrl, ...parameters, '-o', folder], {
    timeout: SUITE_TIMEOUT_SECONDS * 1000,
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
  const explained = outcome.errors.length > 0 || outcome.checks.some(({ status }) => status === 'FAILURE');
  if (ended !== undefined && !explained) outcome.errors.push(`It ended with ${ended}:\n${printed.slice(-2000)}`);
  return outcome;
}

/** Reads the results of a suite: a folder for each scenario, `server-<scenario>-<time>`, with `checks.json` in it. */
function found(folder: string): Pick<Outcome, 'scenarios' | 'checks' | 'errors'> {
  const checks: Outcome['checks'] = [];
  const errors: string[] = [];
  const scenarios = readdirSync(folder);
  for (const name of scenarios) {
    const scenario = name.replace(/^server-/, '').replace(/-\d{4}-\d\d-\d\dT.*$/, '');
    try {
      const all = JSON.parse(readFileSync(join(folder, name, 'checks.json'), 'utf8')) as Check[];
      checks.push(...all.map((check) => ({ ...check, scenario })));
    } catch (error) {
      errors.push(`${scenario} has left no checks: ${(error as Error).message}`);
    }
  }
  if (scenarios.length === 0) errors.push('No scenario ran');
  return { scenarios: scenarios.length, checks, errors };
}

/** @returns whether anything has failed */
function report(outcomes: Outcome[]): boolean {
  console.table(
    outcomes.map(({ name, scenarios, checks, errors, seconds }) => {
      const number = (wanted: Check['status']) => checks.filter(({ status }) => status === wanted).length;
      return {
        suite: name,
        scenarios,
        passed: number('SUCCESS'),
        failed: number('FAILURE') + errors.length,
        warnings: number('WARNING'),
        skipped: number('SKIPPED'),
        seconds: Math.round(seconds),
      };
    }),
  );
  for (const { name, checks, errors } of outcomes) {
    for (const { scenario, id, status, errorMessage = '' } of checks) {
      if (status !== 'FAILURE' && status !== 'WARNING') continue;
      console.log(`${status === 'FAILURE' ? 'FAILED ' : 'warning'} ${name}: ${scenario}, ${id}: ${errorMessage}`);
    }
    for (const line of errors) console.log(`FAILED  ${name}: ${line}`);
  }
  return outcomes.some(({ checks, errors }) => errors.length > 0 || checks.some(({ status }) => status === 'FAILURE'));
}
