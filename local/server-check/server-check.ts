import { dirname, join, relative } from 'node:path';
import { Worker } from 'node:worker_threads';
import { systemClock } from '../../lambda/adapters/system-clock.ts';
import type { Clock } from '../../lambda/core/support/clock.ts';
import type { BuildRecord } from '../../lib/bundle/build-record.ts';
import { hasSdkV1Bridge } from '../../lib/bundle/server-bundle.ts';
import { moduleFile } from '../../lib/package-files.ts';
import type { FunctionDefinition } from '../lambda/function-definition.ts';

/** A mistake in an owner's server, as a sentence with its place. */
export type Finding = {
  text: string;
  /** The server cannot answer requests. */
  isFatal: boolean;
};

/** `scopes` are their names; `server` is relative to the project, as places in stacks are. */
export type CheckData = { bundle: string; server: string; scopes: string[]; hasSdkV1Bridge: boolean };

const worker = moduleFile('local/server-check/server-check-worker');

/** Lambda's limit for the loading of a module, and as long for the rest. */
const LIMIT_SECONDS = 20;

/**
 * Tries an owner's server before it is deployed: loads the bundle with the environment of its function, calls
 * `createServer`, and lists the tools. No user has the state that the server sees.
 */
export async function checkServer(
  { worker: { taskRoot, handler }, environment }: FunctionDefinition,
  { build: { server, values }, modules }: Pick<BuildRecord, 'build' | 'modules'>,
  clock: Clock = systemClock,
): Promise<Finding[]> {
  const workerData: CheckData = {
    bundle: join(taskRoot, dirname(handler), 'index.cjs'),
    server: relative(process.cwd(), server),
    scopes: Object.keys(values.scopes.scopes),
    hasSdkV1Bridge: hasSdkV1Bridge(modules),
  };
  const { NODE_COMPILE_CACHE } = process.env;
  const thread = new Worker(worker, {
    workerData,
    env: { ...(NODE_COMPILE_CACHE && { NODE_COMPILE_CACHE }), ...environment },
    argv: [],
    execArgv: [],
    // The output is that of the function too, which is loaded next.
    stdout: true,
    stderr: true,
  });
  const { promise, resolve, reject } = Promise.withResolvers<Finding[]>();
  thread.once('message', resolve).once('error', reject);
  thread.once('exit', (code) => {
    resolve([{ text: `${workerData.server} ends its process with status ${code} when it is loaded`, isFatal: true }]);
  });
  const timeout = clock.after(LIMIT_SECONDS * 1000, () => {
    resolve([{ text: `${workerData.server} has not listed its tools within ${LIMIT_SECONDS} seconds`, isFatal: true }]);
  });
  try {
    return await promise;
  } finally {
    timeout.cancel();
    await thread.terminate();
  }
}
