import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench, Outcome } from './benchmark-part.ts';
import { ProjectCopy } from './harness/project-copy.ts';
import { initialize, OAuthClient, postMcp } from './harness/raw-oauth-client.ts';
import { median } from './median.ts';

const root = join(import.meta.dirname, '..');

/** The command line as the scripts of package.json run it. */
const cli = ['--import', './bin/compile-cache.js', 'bin/cli.ts'];

/** The commands of a developer, in seconds. */

export async function synth({ short, progress }: Bench): Promise<Outcome> {
  const output = mkdtempSync(join(tmpdir(), 'holdfast-bench-synth-'));
  const run = (...context: string[]) =>
    untilExit('cdk', ['synth', '--strict', '--quiet', '--output', output, ...context]);
  try {
    progress('cdk synth, a changed template');
    const changed = await run('-c', `runbookUrl=https://${randomUUID()}.example`, '-c', 'stage=prod');
    await run();
    const unchanged: Awaited<ReturnType<typeof run>>[] = [];
    for (let round = 0; round < (short ? 1 : 3); round++) {
      progress(`cdk synth, round ${round + 1}`);
      unchanged.push(await run());
    }
    return {
      figures: [
        { what: 'cdk synth', unit: 's', ours: median(unchanged.map(({ seconds }) => seconds)) },
        {
          what: 'cdk synth (CPU)',
          unit: 's',
          ours: median(unchanged.map(({ cpuSeconds }) => cpuSeconds)),
          budget: { atMost: 3, of: 'ours' },
        },
        {
          what: 'cdk synth of a changed template (CPU)',
          unit: 's',
          ours: changed.cpuSeconds,
          note: 'with the validation of the template',
        },
      ],
    };
  } finally {
    rmSync(output, { recursive: true, force: true });
  }
}

/** The CPU time is that of all processes of the start. */
export async function start({ short, progress }: Bench): Promise<Outcome> {
  const seconds: number[] = [];
  const cpuSeconds: number[] = [];
  for (let round = 0; round < (short ? 1 : 3); round++) {
    progress(`npm start until ready, round ${round + 1}`);
    const startedAt = performance.now();
    const emulator = await StartedEmulator.run();
    seconds.push((performance.now() - startedAt) / 1000);
    cpuSeconds.push(cpuSecondsOfAll(emulator.pid));
    await emulator.end();
  }
  return {
    figures: [
      { what: 'npm start until ready', unit: 's', ours: median(seconds) },
      {
        what: 'npm start until ready (CPU)',
        unit: 's',
        ours: median(cpuSeconds),
        budget: { atMost: 3, of: 'ours' },
      },
    ],
  };
}

const CALLERS = 50;
/** The emulator ends the environments that have been idle for five seconds. */
const IDLE_MILLISECONDS = 8_000;

/** Fifty clients that begin at the same time, of one user. Each initializes a session and lists the tools three times. */
export async function callers({ progress }: Bench): Promise<Outcome> {
  progress(`${CALLERS} parallel callers of npm start`);
  const emulator = await StartedEmulator.run();
  try {
    const client = await OAuthClient.register(emulator.origin);
    const { access_token: token } = await client.tokensFor('ada');
    let failures = 0;
    const request = async (body: object, headers?: Record<string, string>) => {
      const response = await postMcp(emulator.origin, token, body, headers);
      await response.arrayBuffer();
      if (response.status !== 200) failures++;
      return response.headers.get('mcp-session-id') ?? '';
    };
    const list = { jsonrpc: '2.0', id: 1, method: 'tools/list' };
    const call = async () => {
      const session = { 'mcp-session-id': await request(initialize), 'mcp-protocol-version': '2025-11-25' };
      for (let each = 0; each < 3; each++) await request(list, session);
    };
    const startedAt = performance.now();
    await Promise.all(Array.from({ length: CALLERS }, call));
    const seconds = (performance.now() - startedAt) / 1000;
    await sleep(IDLE_MILLISECONDS);
    return {
      figures: [
        { what: `${CALLERS} parallel callers of npm start`, unit: 's', ours: seconds },
        { what: 'their failed requests', unit: '', ours: failures, budget: { atMost: 0, of: 'ours' } },
        {
          what: 'memory of the emulator after them',
          unit: 'MB',
          ours: megabytesOf(emulator.pid),
          budget: { atMost: 600, of: 'ours' },
          note: 'resident memory of its one process; functions are threads',
        },
      ],
    };
  } finally {
    await emulator.end();
  }
}

/** The CPU time of a saved change of the owner's server, from the save until the new code answers, children included. */
export async function reload({ short, progress }: Bench): Promise<Outcome> {
  const project = new ProjectCopy();
  const options = [...cli, 'dev', '--in-memory', '--no-type-check', '--port', '0'];
  const child = run(process.execPath, options, {}, project.root);
  const ended = new Promise((resolve) => child.once('close', resolve));
  child.stderr.resume();
  const lines = createInterface(child.stdout);
  const until = (text: string) =>
    new Promise<void>((resolve, reject) => {
      lines.on('line', (line) => line.startsWith(text) && resolve());
      void ended.then(() => reject(new Error(`npm start ended before it printed ${text}`)));
    });
  try {
    await until('ready ');
    const file = join(project.root, 'lambda/server.ts');
    const source = readFileSync(file, 'utf8');
    const seconds: number[] = [];
    for (let round = 0; round < (short ? 3 : 9); round++) {
      progress(`a saved change, round ${round + 1}`);
      const before = cpuSecondsOfAll(child.pid!);
      const live = until('Sources changed: the change is live');
      writeFileSync(file, `${source}\nexport const round = ${round};\n`);
      await live;
      seconds.push(cpuSecondsOfAll(child.pid!) - before);
    }
    return {
      figures: [
        {
          what: 'a saved change of the server until it is live (CPU)',
          unit: 's',
          ours: median(seconds),
          budget: { atMost: 1, of: 'ours' },
        },
      ],
    };
  } finally {
    child.kill('SIGTERM');
    await ended;
    project.remove();
  }
}

/** The CPU time of a process and of its descendants, whether they run or have ended. */
const cpuSecondsOfAll = (pid: number): number =>
  cpuSecondsOf(pid) + descendantsOf(pid).reduce((sum, each) => sum + cpuSecondsOf(each), 0);

/** The CPU time of a process and of its ended children. @returns 0 after its end */
const cpuSecondsOf = (pid: number): number => secondsIn(statusOf(pid)?.slice(11, 15));

/** The CPU time of its ended children alone. */
const cpuSecondsOfChildren = (pid: number): number => secondsIn(statusOf(pid)?.slice(13, 15));

/** Linux counts in ticks of 10 ms. */
const secondsIn = (ticks: string[] = []): number => ticks.reduce((sum, each) => sum + Number(each), 0) / 100;

function descendantsOf(pid: number): number[] {
  const all = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const parents = new Map(all.map((each) => [Number(each), Number(statusOf(Number(each))?.[1])]));
  const isDescendant = (each: number | undefined): boolean =>
    each !== undefined && (parents.get(each) === pid || isDescendant(parents.get(each)));
  return [...parents.keys()].filter(isDescendant);
}

/** The fields of `/proc/<pid>/stat` after the name; undefined for a process that has ended. */
const statusOf = (pid: number): string[] | undefined =>
  processFile(pid, 'stat')
    ?.replace(/^.*\) /s, '')
    .split(' ');

/** @returns undefined for a process that has ended: it may end between two reads */
function processFile(pid: number, name: 'stat' | 'comm'): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return undefined;
  }
}

export async function tests({ progress }: Bench): Promise<Outcome> {
  progress('the test suite');
  return {
    figures: [{ what: 'the test suite (jest)', unit: 's', ours: (await untilExit('jest', ['--silent'])).seconds }],
  };
}

function run(command: string, args: string[], environment: Record<string, string> = {}, cwd = root) {
  const PATH = [dirname(process.execPath), join(root, 'node_modules/.bin'), process.env.PATH].join(delimiter);
  return spawn(command, args, {
    cwd,
    env: { ...process.env, PATH, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/**
 * Runs a command, with the CPU time of all its processes. No process waits for the service that esbuild starts for its builds, so
 * its CPU time is read until it ends.
 */
async function untilExit(command: string, args: string[]): Promise<{ seconds: number; cpuSeconds: number }> {
  const startedAt = performance.now();
  const before = cpuSecondsOfChildren(process.pid);
  const child = run(command, args);
  const services = new Map<number, number>();
  const reading = setInterval(() => {
    for (const pid of descendantsOf(child.pid!).filter(isService)) services.set(pid, cpuSecondsOf(pid));
  }, SERVICE_READ_MILLISECONDS);
  child.stdout.resume();
  let errors = '';
  child.stderr.on('data', (text) => {
    errors = `${errors}${text}`.slice(-2000);
  });
  const ended = new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
  const status = await ended.finally(() => clearInterval(reading));
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed:\n${errors}`);
  const ofServices = [...services.values()].reduce((sum, each) => sum + each, 0);
  const cpuSeconds = cpuSecondsOfChildren(process.pid) - before + ofServices;
  return { seconds: (performance.now() - startedAt) / 1000, cpuSeconds };
}

const SERVICE_READ_MILLISECONDS = 50;

/** Whether a process is esbuild's service. */
const isService = (pid: number): boolean => processFile(pid, 'comm')?.startsWith('esbuild') === true;

/** A process of `npm start`, in a new data folder. */
class StartedEmulator {
  readonly pid: number;
  readonly origin: string;
  readonly end: () => Promise<void>;

  private constructor(pid: number, origin: string, end: () => Promise<void>) {
    this.pid = pid;
    this.origin = origin;
    this.end = end;
  }

  /** Starts it, and waits until it is ready. */
  static async run(): Promise<StartedEmulator> {
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-bench-start-'));
    const child = run(process.execPath, [...cli, 'dev', '--json', '--no-type-check'], {
      PORT: '0',
      HOLDFAST_DATA: folder,
    });
    child.stderr.resume();
    const ended = new Promise((resolve) => child.once('close', resolve));
    const end = async () => {
      child.kill('SIGTERM');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    };
    for await (const line of createInterface(child.stdout)) {
      const { ready, mcpUrl } = JSON.parse(line);
      if (ready) return new StartedEmulator(child.pid!, new URL(mcpUrl).origin, end);
    }
    await end();
    throw new Error('npm start ended before it was ready');
  }
}

/** The resident memory of a process. */
function megabytesOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)![1]) / 1024;
}
