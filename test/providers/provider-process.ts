import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Installed providers stay here. Outside the project, because a new clone would install them again. */
const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'holdfast-providers');

/**
 * Installs a program unless an earlier run did.
 *
 * @param recipe what it is made of: another recipe is another installation
 * @returns its folder
 */
export async function installOnce(
  name: string,
  recipe: string,
  install: (folder: string) => Promise<void>,
): Promise<string> {
  const folder = join(cache, `${name}-${createHash('sha256').update(recipe).digest('hex').slice(0, 12)}`);
  const complete = join(folder, 'complete');
  if (existsSync(complete)) return folder;
  console.log(`Installing ${name} into ${folder} …`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  await install(folder);
  writeFileSync(complete, recipe);
  return folder;
}

export type CommandOptions = { cwd?: string; env?: Record<string, string> };

const execute = promisify(execFile);

/** Runs a command to its end. @returns its standard output @throws Error with its output */
export async function runCommand(
  command: string,
  argv: readonly string[],
  { cwd, env }: CommandOptions = {},
): Promise<string> {
  try {
    const options = { cwd, env: { ...process.env, ...env }, maxBuffer: 2 ** 26 };
    return (await execute(command, argv, options)).stdout;
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`${command} ${argv.join(' ')} failed:\n${`${stdout}${stderr}`.slice(-3000)}`, { cause: error });
  }
}

const START_MILLISECONDS = 180_000;
const POLL_MILLISECONDS = 100;

/** A provider that runs in a process. */
export class ProviderProcess {
  #log = '';
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.#log += text;
      });
    }
  }

  /** @param ready a URL that answers with 200 as soon as the provider is ready */
  static async start(
    command: string,
    argv: readonly string[],
    { cwd, env, ready }: CommandOptions & { ready: string },
  ): Promise<ProviderProcess> {
    const child = spawn(command, argv, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    const started = new ProviderProcess(child);
    try {
      await Promise.race([started.#answers(ready), started.#fails(command)]);
    } catch (error) {
      child.kill();
      throw error;
    }
    return started;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill();
    await ended;
  }

  async #answers(ready: string): Promise<void> {
    const deadline = performance.now() + START_MILLISECONDS;
    while (performance.now() < deadline) {
      const response = await fetch(ready).catch(() => undefined);
      await response?.arrayBuffer();
      if (response?.ok) return;
      if (this.#child.exitCode !== null) return;
      await new Promise((again) => setTimeout(again, POLL_MILLISECONDS));
    }
    throw new Error(`${ready} does not answer:\n${this.#log.slice(-3000)}`);
  }

  async #fails(command: string): Promise<never> {
    const [reason] = await Promise.race([once(this.#child, 'exit'), once(this.#child, 'error')]);
    throw new Error(`${command} ended (${reason}):\n${this.#log.slice(-3000)}`);
  }
}
