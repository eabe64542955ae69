import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { Specification } from '../../bench/function-process.ts';

/** Modules that a process has loaded until its last response (`loaded-modules.cjs`). */
export type Loaded = { loaded: string[]; required: string[]; conversions: number };

/**
 * Runs a deployed function in a fresh process, as the benchmark does.
 *
 * @param environment the complete environment of the function
 */
export async function runFresh(specification: Specification, environment: Record<string, string>): Promise<Loaded> {
  const root = join(__dirname, '../..');
  const child = spawn(
    process.execPath,
    ['--require', join(root, 'test/support/loaded-modules.cjs'), join(root, 'bench/function-process.cjs')],
    {
      env: { ...environment, BENCH: JSON.stringify(specification) },
      stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'],
    },
  );
  const ended = new Promise<void>((resolve, reject) => child.once('error', reject).once('close', resolve));
  const [errors, , loaded] = await Promise.all([
    text(child.stderr!),
    text(child.stdio[3] as Readable),
    text(child.stdio[4] as Readable),
    ended,
  ]);
  if (child.exitCode !== 0) throw new Error(errors);
  return JSON.parse(loaded);
}
