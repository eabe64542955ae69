import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Bench, Outcome } from './benchmark-part.ts';
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

export async function tests({ progress }: Bench): Promise<Outcome> {
  progress('the test suite');
  return { figures: [{ what: 'the test suite (jest)', unit: 's', ours: await untilExit('jest', ['--silent']) }] };
}

function run(command: string, args: string[], environment: Record<string, string> = {}) {
  const PATH = [dirname(process.execPath), join(root, 'node_modules/.bin'), process.env.PATH].join(delimiter);
  return spawn(command, args, {
    cwd: root,
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
  const child = run(process.execPath, ['bin/cli.ts', 'dev', '--json'], { PORT: '0', HOLDFAST_DATA: folder });
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
