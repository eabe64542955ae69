import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigurationError } from '../../lib/settings/configuration-error.ts';
import { startEmulator } from '../../local/emulator.ts';
import type { RetrySeconds } from '../../local/lambda/event-queue.ts';
import { startTypeCheck } from '../../local/type-check/type-check.ts';
import type { DevOptions } from '../commands/parsed-options.ts';
import { createProbe } from '../doctor/http-probe.ts';
import { checkProvider, gatherProviderFacts } from '../doctor/provider-checks.ts';
import { otherRuntime } from '../node-version.ts';
import { announceInMemory, localDataFolder } from '../target/local-emulator.ts';
import { consoleReport, readyDescription, welcome } from './emulator-console.ts';

/** Runs the local emulator until a signal ends it. */
export async function runEmulator(options: DevOptions): Promise<void> {
  const { stack, fresh, json = false, context, inMemory = false, cold: freshPerRequest, accountConcurrency } = options;
  const report = consoleReport(json);
  const retrySeconds = retrySecondsOf(process.env.HOLDFAST_RETRY_SECONDS);
  const port = options.port === undefined ? portOf('PORT', process.env.PORT) : portOf('--port', options.port);
  const folder = inMemory ? temporaryFolder() : localDataFolder();
  const notice = otherRuntime(process.versions.node);
  if (notice !== undefined) report.notice([notice]);
  const settings = { port, folder, inMemory, stack, fresh, context, freshPerRequest, accountConcurrency, retrySeconds };
  const starting = startEmulator({ ...settings, report });
  let isStopping = false;
  let stopTypeCheck = () => {};
  const stop = async () => {
    isStopping = true;
    stopTypeCheck();
    const emulator = await starting.catch(() => undefined);
    await emulator?.close();
    process.exit(0);
  };
  process.once('SIGINT', stop).once('SIGTERM', stop);
  if (process.env.npm_lifecycle_event) onOrphaned(stop);
  const emulator = await starting.catch((error) => {
    // Ctrl+C ends the CDK app too, and its failure is then expected.
    if (isStopping) process.exit(0);
    throw error;
  });
  if (inMemory) process.once('exit', announceInMemory(folder));
  report.started();
  if (json) process.stdout.write(`${JSON.stringify(readyDescription(emulator))}\n`);
  else process.stdout.write(`${welcome(emulator, inMemory ? undefined : folder)}\nready ${emulator.outputs.McpUrl}\n`);
  if (options.typeCheck && !isStopping) stopTypeCheck = startTypeCheck({ project: process.cwd(), folder, report });
  if (emulator.identityProvider === undefined) report.notice(await providerProblems(emulator.origin));
}

/** For the cloud assembly and the lock of an emulator that keeps its data in memory. Deleted at the end of the process. */
function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const PROVIDER_PATIENCE_MILLISECONDS = 10_000;

/** Problems of a sign-in at an external identity provider, before anyone tries it: a line for each. */
export async function providerProblems(origin: string): Promise<string[]> {
  const facts = await gatherProviderFacts(origin, createProbe(PROVIDER_PATIENCE_MILLISECONDS));
  return [...checkProvider(facts)]
    .filter(({ verdict }) => verdict === 'fail' || verdict === 'warn')
    .map(({ found, mend }) => `Identity provider: ${found}. ${mend}`);
}

/** The port above is used too, if it is free: by the identity provider. */
const LARGEST_PORT = 65_534;

/** @throws ConfigurationError for any other value than a port */
function portOf(name: string, value = '8787'): number {
  const port = Number(value);
  if (value.trim() !== '' && Number.isInteger(port) && port >= 0 && port <= LARGEST_PORT) return port;
  throw new ConfigurationError(
    `${name} is ${JSON.stringify(value)}, not a port; set it to a number up to ${LARGEST_PORT} (0: any free port)`,
  );
}

/** @throws ConfigurationError for any other value than two numbers */
function retrySecondsOf(value: string | undefined): RetrySeconds | undefined {
  if (value === undefined) return undefined;
  const [second = '', third = '', ...others] = value.split(',');
  if (others.length === 0 && isSeconds(second) && isSeconds(third)) return [Number(second), Number(third)];
  throw new ConfigurationError(
    `HOLDFAST_RETRY_SECONDS is ${JSON.stringify(value)}, not two numbers of seconds; set it to a value such as 60,120`,
  );
}

const isSeconds = (text: string) => /^\d+(\.\d+)?$/.test(text.trim());

const POLL_MILLISECONDS = 250;

/** npm forwards no signal when it is killed, so its script detects the end of its parents. */
function onOrphaned(react: () => void): void {
  const shell = process.ppid;
  const npm = parentOf(shell);
  const timer = setInterval(() => {
    if (process.ppid === shell && parentOf(shell) === npm) return;
    clearInterval(timer);
    react();
  }, POLL_MILLISECONDS);
  timer.unref();
}

/** The parent of a process by `/proc`, where it exists: npm runs a script in a shell, which can outlive npm. */
function parentOf(pid: number): string | undefined {
  try {
    return /^PPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  } catch {
    return undefined;
  }
}
