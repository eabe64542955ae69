import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';

/** The function that `function-process.cjs` loads, and the requests that it sends. */
export type Specification = {
  /** Absolute path of the bundle. */
  file: string;
  /** Name of its export. */
  handler: string;
  requests: Requests[];
};

/** One event, sent repeatedly. Every event carries the session id of an earlier response. */
export type Requests = {
  /** JSON. */
  event: string;
  /** The number of sequential requests in each segment. Each segment has its own figures. */
  segments: number[];
  /** The first response of each segment must contain this text. */
  expect: string;
};

/** One run in a fresh process. Times are wall-clock times; `cpu` is the user and system time of the process. */
export type Run = {
  /** The duration of the load of the function. */
  loadMs: number;
  /** From the load to the last response. */
  totalMs: number;
  cpuMs: number;
  rssMb: number;
  /** By request and segment: the median and the CPU time of one request, in microseconds. */
  answers: { p50Us: number; cpuUs: number }[][];
};

const script = join(import.meta.dirname, 'function-process.cjs');

/**
 * @param environment the complete environment of the function
 * @throws Error with the output of the process if it fails
 */
export async function runFresh(specification: Specification, environment: Record<string, string>): Promise<Run> {
  return JSON.parse(await runProcess([process.execPath, script], specification, environment)) as Run;
}

/**
 * Counts instructions by callgrind of valgrind: of the load of the function, and of each segment of requests. They repeat to
 * some hundredths, whatever else the machine does. Under callgrind Node.js compiles some built-in modules, which it otherwise
 * takes from its code cache. Time limits of the function are longer, so that it repeats no request that callgrind slows down.
 *
 * @param flags of Node.js. `--single-threaded` counts no work of other threads, and invalidates that cache.
 * @throws Error if valgrind or the symbols of Node.js are missing, or if the process fails
 */
export async function countInstructions(
  specification: Specification,
  environment: Record<string, string>,
  flags: string[] = [],
): Promise<{ load: number; segments: number[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-callgrind-'));
  const counts = join(folder, 'counts');
  // `mark` of function-process.cjs calls this function.
  const options = [`--callgrind-out-file=${counts}`, '--dump-before=node::Umask*'];
  const command = ['valgrind', '--tool=callgrind', ...options, process.execPath, ...flags, script];
  const countOf = (part: number) => Number(/^totals: (\d+)$/m.exec(readFileSync(`${counts}.${part}`, 'utf8'))![1]);
  try {
    await runProcess(command, { ...specification, timerFactor: 100, isCounted: true }, environment);
    // The first part is the start of the process.
    const parts = readdirSync(folder).filter((name) => name.startsWith('counts.')).length - 1;
    if (parts < 1) throw new Error(`callgrind finds no symbols in ${process.execPath}: use a build of nodejs.org`);
    const [load, ...segments] = Array.from({ length: parts }, (_, part) => countOf(part + 2));
    return { load: load!, segments };
  } catch (error) {
    const isAbsent = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw isAbsent ? new Error('the PATH has no valgrind', { cause: error }) : error;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function runProcess(
  [program, ...parameters]: string[],
  specification: Specification & { timerFactor?: number; isCounted?: true },
  environment: Record<string, string>,
): Promise<string> {
  const child = spawn(program!, parameters, {
    env: { PATH: process.env.PATH, ...environment, BENCH: JSON.stringify(specification) },
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<void>((resolve, reject) => child.once('error', reject).once('close', resolve));
  const [errors, result] = await Promise.all([text(child.stderr!), text(child.stdio[3] as Readable), ended]);
  if (child.exitCode !== 0)
    throw new Error(`${specification.file}: ${errors.trim().split('\n').slice(0, 6).join('\n')}`);
  return result;
}
