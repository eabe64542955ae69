import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';

/** What `function-process.cjs` is to load and to send. */
export type Specification = {
  /** Absolute path of the bundle. */
  file: string;
  /** Name of its export. */
  handler: string;
  requests: Requests[];
};

/** The same event several times. Every event names the session that an earlier answer began. */
export type Requests = {
  /** JSON. */
  event: string;
  /** How many to send, one after the other; each segment has a figure of its own. */
  segments: number[];
  /** What the first answer of each segment must contain. */
  expect: string;
};

/** One run in a fresh process. Times are wall clock, and `cpu` is user and system of the process. */
export type Run = {
  /** The import alone. */
  loadMs: number;
  /** From the import to the last answer. */
  totalMs: number;
  cpuMs: number;
  rssMb: number;
  /** By request and segment: the median and the CPU of one request, in microseconds. */
  answers: { p50Us: number; cpuUs: number }[][];
};

/**
 * @param environment all of the environment that the function has
 * @throws Error with what the process printed, if it failed
 */
export async function runFresh(specification: Specification, environment: Record<string, string>): Promise<Run> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'function-process.cjs')], {
    env: { ...environment, BENCH: JSON.stringify(specification) },
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<void>((resolve, reject) => child.once('error', reject).once('close', resolve));
  const [problems, result] = await Promise.all([text(child.stderr!), text(child.stdio[3] as Readable), ended]);
  if (child.exitCode !== 0)
    throw new Error(`${specification.file}: ${problems.trim().split('\n').slice(0, 6).join('\n')}`);
  return JSON.parse(result);
}
