import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';

const root = join(import.meta.dirname, '..', '..');

export type CliResult = { code: number | null; out: string; errors: string };

/** The environment of a command beyond its own variables. Node.js strips the types of a file in the compile cache once. */
export const inherited = ({ PATH, HOME, NODE_COMPILE_CACHE } = process.env) => ({ PATH, HOME, NODE_COMPILE_CACHE });

/** Starts the command line as a process without a terminal. @param cwd the project */
export function startCli(
  args: string[],
  environment: Record<string, string | undefined>,
  cwd = root,
): ChildProcessByStdio<null, Readable, Readable> {
  return spawn(process.execPath, [join(root, 'bin/cli.ts'), ...args], {
    cwd,
    env: { ...inherited(), ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

export async function runCli(
  args: string[],
  environment: Record<string, string | undefined>,
  cwd = root,
): Promise<CliResult> {
  const child = startCli(args, environment, cwd);
  const [out, errors] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { code: child.exitCode, out, errors };
}
