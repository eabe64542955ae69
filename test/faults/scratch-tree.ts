import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ProjectCopy, projectRoot } from '../../bench/harness/project-copy.ts';
import { type Fault, planted, testPath } from './fault-catalogue.ts';

/** `noticed` names the first test that fails, or the compiler. */
export type Verdict = { noticed: string | undefined; by: 'test' | 'types' };

/** Read by tests, beside the sources. */
const otherFiles = [
  'test',
  'bench',
  'build',
  'create',
  'docs',
  'examples',
  'jest.config.js',
  'README.md',
  'CHANGELOG.md',
];

/** Of a test file: a fault can make it wait without end. */
const LONGEST_SECONDS = 300;

const LONGEST_OUTPUT = 4000;

/** A copy of the repository outside the checkout, in which one fault at a time is planted. */
export class ScratchTree {
  readonly #copy = new ProjectCopy();

  constructor() {
    for (const path of otherFiles) this.#copy.add(path);
  }

  /** Plants the fault, runs its tests until one fails, and removes the fault. */
  async judge(fault: Fault): Promise<Verdict> {
    const path = join(this.#copy.root, fault.file);
    const source = readFileSync(path, 'utf8');
    writeFileSync(path, planted(fault, source));
    try {
      const files = fault.tests.filter((test) => test !== 'types');
      if (files.length < fault.tests.length && !(await this.compiles()))
        return { noticed: 'the compiler', by: 'types' };
      return { noticed: files.length === 0 ? undefined : await this.firstFailure(files), by: 'test' };
    } finally {
      writeFileSync(path, source);
    }
  }

  /** The name of the first test that fails; `undefined` if all pass. */
  async firstFailure(tests: string[]): Promise<string | undefined> {
    for (const test of tests) {
      const failure = await this.#failureOf(testPath(test));
      if (failure !== undefined) return failure;
    }
    return undefined;
  }

  /** With `-u`, jest rewrites a snapshot that differs, so that no snapshot notices a fault. */
  async #failureOf(file: string): Promise<string | undefined> {
    const report = join(this.#copy.root, 'jest-report.json');
    rmSync(report, { force: true });
    const jest = join(projectRoot, 'node_modules', 'jest', 'bin', 'jest.js');
    const options = ['-u', '--ci=false', '-w=1', '--json', `--outputFile=${report}`];
    const { code, output } = await this.#run(jest, [...options, '--runTestsByPath', file]);
    if (code === 0) return undefined;
    if (code === 'timeout') return `no result of ${file} in ${LONGEST_SECONDS} s`;
    if (!existsSync(report)) throw new Error(`jest ended with ${code} and no report:\n${output}`);
    const { testResults } = JSON.parse(readFileSync(report, 'utf8')) as JestReport;
    const [failed] = testResults;
    const test = failed?.assertionResults.find(({ status }) => status === 'failed');
    return test?.fullName ?? `${file} cannot be loaded: ${failed?.message.split('\n').find(Boolean)}`;
  }

  async compiles(): Promise<boolean> {
    const compiler = join(projectRoot, 'node_modules', 'typescript', 'bin', 'tsc');
    for (const project of ['.', 'lambda', 'test']) {
      if ((await this.#run(compiler, ['-p', project])).code !== 0) return false;
    }
    return true;
  }

  remove(): void {
    this.#copy.remove();
  }

  async #run(script: string, options: string[]): Promise<Ended> {
    const child = spawn(process.execPath, [script, ...options], {
      cwd: this.#copy.root,
      env: { ...process.env, STORE_CONTRACTS: 'deployed' },
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: LONGEST_SECONDS * 1000,
      killSignal: 'SIGKILL',
    });
    let output = '';
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      output = (output + chunk).slice(-LONGEST_OUTPUT);
    });
    const [code, signal] = await once(child, 'exit');
    return { code: signal === 'SIGKILL' ? 'timeout' : (code ?? 1), output };
  }
}

type Ended = { code: number | 'timeout'; output: string };

type JestReport = {
  testResults: {
    status: string;
    message: string;
    assertionResults: { status: string; fullName: string }[];
  }[];
};
