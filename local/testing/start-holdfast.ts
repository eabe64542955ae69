import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { moduleFile } from '../../lib/package-files.ts';
import { registerClient, signIn } from './emulator-sign-in.ts';
import { type ConnectOptions, TestClients, type TestServer } from './test-client.ts';

export type StartOptions = {
  /**
   * The folder of the CDK app and its `cdk.json`.
   * @default the working directory
   */
  project?: string | undefined;
  /**
   * The deployment to run: a stack name, or `stack/construct`.
   * @default the only one of the app
   */
  stack?: string | undefined;
  /**
   * Settings by their context names, before those of `cdk.json`.
   * @default none
   */
  context?: Record<string, string> | undefined;
  /**
   * The file with values of secrets and variables.
   * @default `.env` in the project
   */
  environmentFile?: string | undefined;
  /**
   * Handles each request in a new process state, as after a cold start, so that a test finds state that a tool keeps in
   * memory.
   * @default false
   */
  cold?: boolean | undefined;
  /**
   * Receives the lines that `holdfast dev` prints: requests, the output of functions, warnings.
   * @default discards them
   */
  log?: ((line: string) => void) | undefined;
};

/** The options of `emulator-child.ts`. */
export type ChildOptions = {
  project: string;
  folder: string;
  inMemory: true;
  stack?: string | undefined;
  context?: Record<string, string> | undefined;
  environmentFile?: string | undefined;
  freshPerRequest: boolean;
};
export type ChildMessage = { origin: string } | { failure: string } | { log: string } | { hasUser: boolean };
export type UserMessage = { user: string; groups: string[] | undefined };

/**
 * Starts the local emulator with a CDK app, on free ports and with its data in memory. It takes some seconds, most of which
 * the synthesis of the app takes: share one between tests.
 *
 * The emulator is a child process, which ends with this process.
 *
 * @throws Error with the reason when the app does not synthesize or its server does not load
 */
export async function startHoldfast(options: StartOptions = {}): Promise<TestServer> {
  const { project = '.', stack, context, environmentFile, cold = false } = options;
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-testing-'));
  const child = new EmulatorChild(
    { project: resolve(project), folder, inMemory: true, stack, context, environmentFile, freshPerRequest: cold },
    options.log,
  );
  const clients = new TestClients();
  const close = async () => {
    await clients.close();
    await child.end();
    rmSync(folder, { recursive: true, force: true });
  };
  let origin: string;
  try {
    origin = await child.started;
  } catch (error) {
    await close();
    throw error;
  }
  let registration: Promise<string> | undefined;
  return {
    mcpUrl: `${origin}/mcp`,
    async connect({ user = 'ada', groups, scopes, ...rest }: ConnectOptions = {}) {
      await child.setUser({ user, groups });
      registration ??= registerClient(origin);
      const token = await signIn(origin, await registration, user, scopes);
      const authorized = (url: string | URL, init: RequestInit = {}) => {
        const headers = new Headers(init.headers);
        headers.set('authorization', `Bearer ${token}`);
        return fetch(url, { ...init, headers });
      };
      return clients.connect(`${origin}/mcp`, authorized, rest);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** The process of an emulator. */
class EmulatorChild {
  /** The origin of the emulator, when it runs. */
  readonly started: Promise<string>;
  readonly #process: ChildProcess;
  readonly #ended: Promise<unknown>;
  /** Receive the answers to messages, in their order. */
  readonly #waiting: ((hasUser: boolean) => void)[] = [];

  constructor(options: ChildOptions, log: (line: string) => void = () => undefined) {
    this.#process = fork(moduleFile('local/testing/emulator-child'), [JSON.stringify(options)], {
      cwd: options.project,
      execArgv: [],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.#ended = once(this.#process, 'exit');
    for (const output of [this.#process.stdout!, this.#process.stderr!]) {
      output.setEncoding('utf8').on('data', (text: string) => log(text.trimEnd()));
    }
    this.started = new Promise((resolve, reject) => {
      this.#process.once('error', reject);
      this.#process.once('exit', (code) => reject(new Error(`The emulator ended with ${code} before it was ready`)));
      this.#process.on('message', (message: ChildMessage) => {
        if ('origin' in message) resolve(message.origin);
        else if ('failure' in message) reject(new Error(message.failure));
        else if ('log' in message) log(message.log);
        else this.#waiting.shift()?.(message.hasUser);
      });
    });
  }

  /** @throws Error if users sign in at an external identity provider */
  async setUser(message: UserMessage): Promise<void> {
    const hasUser = await new Promise<boolean>((resolve) => {
      this.#waiting.push(resolve);
      this.#process.send(message);
    });
    if (!hasUser) {
      throw new Error('Users of this app sign in at an external identity provider; test it with the default user pool');
    }
  }

  async end(): Promise<void> {
    if (this.#process.connected) this.#process.disconnect();
    await this.#ended;
  }
}
