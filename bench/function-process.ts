import { spawn } from 'node:child_process';
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
  /** Multiplies the delays of timers, for a process that runs much slower than its clock. @default 1 */
  timerFactor?: number;
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
  const { result } = await runProcess([process.execPath, script], specification, environment);
  return JSON.parse(result) as Run;
}

/**
 * The instructions of the process, by callgrind of valgrind. They repeat to three hundredths, whatever else the machine does.
 * Under callgrind Node.js compiles some built-in modules, which it otherwise takes from its code cache. Time limits of the
 * function are longer, so that it repeats no request that callgrind slows down.
 *
 * @param flags of Node.js. `--single-threaded` counts no work of other threads, and invalidates that cache.
 * @throws Error if valgrind is missing or the process fails
 */
export async function countInstructions(
  specification: Specification,
  environment: Record<string, string>,
  flags: string[] = [],
): Promise<number> {
  const callgrind = ['valgrind', '--tool=callgrind', '--callgrind-out-file=/dev/null'];
  const command = [...callgrind, process.execPath, ...flags, script];
  const { errors } = await runProcess(command, { ...specification, timerFactor: 100 }, environment);
  return Number(/Collected : (\d+)/.exec(errors)![1]);
}

async function runProcess(
  [program, ...parameters]: string[],
  specification: Specification,
  environment: Record<string, string>,
): Promise<{ result: string; errors: string }> {
  const child = spawn(program!, parameters, {
    env: { PATH: process.env.PATH, ...environment, BENCH: JSON.stringify(specification) },
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<void>((resolve, reject) => child.once('error', reject).once('close', resolve));
  const [errors, result] = await Promise.all([text(child.stderr!), text(child.stdio[3] as Readable), ended]);
  if (child.exitCode !== 0)
    throw new Error(`${specification.file}: ${errors.trim().split('\n').slice(0, 6).join('\n')}`);
  return { result, errors };
}
