import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Bench, Outcome } from './benchmark-part.ts';
import { ProjectCopy } from './harness/project-copy.ts';
import { median } from './median.ts';

const root = join(import.meta.dirname, '..');

/** The commands of a developer, in seconds. */

export async function synth({ short, progress }: Bench): Promise<Outcome> {
  const seconds: number[] = [];
  for (let round = 0; round < (short ? 1 : 3); round++) {
    progress(`cdk synth, round ${round + 1}`);
    const output = mkdtempSync(join(tmpdir(), 'holdfast-bench-synth-'));
    const args = ['synth', '--strict', '--quiet', '--output', output];
    seconds.push(await untilExit('cdk', args));
    rmSync(output, { recursive: true, force: true });
  }
  return { figures: [{ what: 'cdk synth', unit: 's', ours: median(seconds) }] };
}

export async function start({ short, progress }: Bench): Promise<Outcome> {
  const seconds: number[] = [];
  for (let round = 0; round < (short ? 1 : 3); round++) {
    progress(`npm start until ready, round ${round + 1}`);
    seconds.push(await untilReady());
  }
  return { figures: [{ what: 'npm start until ready', unit: 's', ours: median(seconds) }] };
}

/** The CPU time of a saved change of the owner's server, from the save until the new code answers, children included. */
export async function reload({ short, progress }: Bench): Promise<Outcome> {
  const project = new ProjectCopy();
  const options = ['bin/cli.ts', 'dev', '--in-memory', '--no-type-check', '--port', '0'];
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
      const before = cpuSecondsOf(child.pid!);
      const live = until('Sources changed: the change is live');
      writeFileSync(file, `${source}\nexport const round = ${round};\n`);
      await live;
      seconds.push(cpuSecondsOf(child.pid!) - before);
    }
    return {
      figures: [{ what: 'a saved change of the server until it is live (CPU)', unit: 's', ours: median(seconds) }],
    };
  } finally {
    child.kill('SIGTERM');
    await ended;
    project.remove();
  }
}

/** The CPU time of a process and of its ended children. Linux counts it in ticks of 10 ms. */
function cpuSecondsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / 100;
}

export async function tests({ progress }: Bench): Promise<Outcome> {
  progress('the test suite');
  return { figures: [{ what: 'the test suite (jest)', unit: 's', ours: await untilExit('jest', ['--silent']) }] };
}

function run(command: string, args: string[], environment: Record<string, string> = {}, cwd = root) {
  const PATH = [dirname(process.execPath), join(root, 'node_modules/.bin'), process.env.PATH].join(delimiter);
  return spawn(command, args, {
    cwd,
    env: { ...process.env, PATH, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function untilExit(command: string, args: string[]): Promise<number> {
  const startedAt = performance.now();
  const child = run(command, args);
  child.stdout.resume();
  let errors = '';
  child.stderr.on('data', (text) => {
    errors = `${errors}${text}`.slice(-2000);
  });
  const status = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed:\n${errors}`);
  return (performance.now() - startedAt) / 1000;
}

async function untilReady(): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-bench-start-'));
  const startedAt = performance.now();
  const child = run(process.execPath, ['bin/cli.ts', 'dev', '--json', '--no-type-check'], {
    PORT: '0',
    HOLDFAST_DATA: folder,
  });
  child.stderr.resume();
  const ended = new Promise((resolve) => child.once('close', resolve));
  try {
    for await (const line of createInterface(child.stdout)) {
      if (JSON.parse(line).ready) return (performance.now() - startedAt) / 1000;
    }
    throw new Error('npm start ended before it was ready');
  } finally {
    child.kill('SIGTERM');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  }
}
