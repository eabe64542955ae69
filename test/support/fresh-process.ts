import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { Specification } from '../../bench/function-process.ts';

/** What a process has come to when it has answered (`loaded.cjs`). */
export type Loaded = { loaded: string[]; required: string[]; conversions: number };

/**
 * Runs a function as it is deployed, in a process of its own, as the benchmark does.
 *
 * @param environment all of the environment that the function has
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
  const [problems, , loaded] = await Promise.all([
    text(child.stderr!),
    text(child.stdio[3] as Readable),
    text(child.stdio[4] as Readable),
    ended,
  ]);
  if (child.exitCode !== 0) throw new Error(problems);
  return JSON.parse(loaded);
}
