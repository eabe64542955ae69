import { randomInt } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock, Timer } from '../../lambda/core/support/clock.ts';
import { quote } from '../../lambda/core/support/untrusted-text.ts';
import { ExecutionEnvironment } from './execution-environment.ts';
import type { FunctionDefinition } from './function-definition.ts';
import { EnvironmentEnded, type FunctionError, FunctionThrottled } from './function-error.ts';

export type EnvironmentPoolOptions = {
  clock: Clock;
  log(functionName: string, requestId: string | undefined, line: string): void;
  /** A line about work that outlives the response of the function. */
  warn(line: string): void;
  /** A new execution environment for every request, so that no module state survives by accident. */
  freshPerRequest: boolean;
  /** @throws FunctionThrottled if the account has no execution left for a function without reserved concurrency */
  assertAccountConcurrency(): void;
  /** How long an environment beyond the first may be idle before it ends. */
  idleSeconds: number;
};

type Waiting = {
  payload: string;
  requestId: string;
  begin(response: AsyncGenerator<Uint8Array, void>): void;
  fail(error: FunctionError): void;
};

/** With four, the emulator has 900 MB in place of 700 during fifty parallel callers, and they do not take less time. */
const SIMULTANEOUS_STARTS = 2;

/**
 * The execution environments of one version of one function.
 *
 * An invocation without an idle environment waits for the first that is ready: a new one, or one whose invocation ends
 * earlier. Lambda starts an environment for each of them; a laptop has the memory and the processor of one computer.
 */
export class EnvironmentPool {
  readonly #definition: FunctionDefinition;
  readonly #options: EnvironmentPoolOptions;
  readonly #all = new Set<ExecutionEnvironment>();
  /** A stack: the most recently used environment is used first, so that the others can expire. */
  readonly #idle: ExecutionEnvironment[] = [];
  /** The invocations without an environment, in the order of their arrival. */
  readonly #waiting: Waiting[] = [];
  #starts = 0;
  /** The environments of the provisioned concurrency, which are not ended when they are idle. */
  readonly #provisioned = new WeakSet<ExecutionEnvironment>();
  /** The temporary folders of environments whose process has ended by itself or by a timeout. */
  readonly #reset: string[] = [];
  readonly #expiries = new Set<Timer>();
  readonly #warnings = new Set<string>();
  #retired = false;

  constructor(definition: FunctionDefinition, options: EnvironmentPoolOptions) {
    this.#definition = definition;
    this.#options = options;
  }

  /** The invocations in progress, with those that wait. */
  get executions(): number {
    return this.#waiting.length + [...this.#all].filter(({ isBusy }) => isBusy).length;
  }

  get reservedConcurrency(): number | undefined {
    return this.#definition.reservedConcurrency;
  }

  async *invoke(payload: string, requestId: string): AsyncGenerator<Uint8Array, void> {
    const { name, reservedConcurrency } = this.#definition;
    if (reservedConcurrency === undefined) this.#options.assertAccountConcurrency();
    else if (this.executions >= reservedConcurrency) {
      throw new FunctionThrottled(
        'ReservedFunctionConcurrentInvocationLimitExceeded',
        `Rate Exceeded: ${name} has ${this.executions} executions in progress`,
      );
    }
    const environment = this.#idle.pop();
    yield* environment?.invoke(payload, requestId) ?? (await this.#wait(payload, requestId));
  }

  /** Ends busy environments. @returns their number, at most `count` */
  async kill(count: number): Promise<number> {
    const busy = [...this.#all].filter((environment) => !this.#idle.includes(environment));
    const chosen = Array.from({ length: Math.min(count, busy.length) }, () => busy.splice(randomInt(busy.length), 1));
    await Promise.all(chosen.flat().map((environment) => environment.kill()));
    return chosen.length;
  }

  /** Loads the function's module, in each environment of its provisioned concurrency. @throws FunctionError */
  async warm(): Promise<void> {
    const { provisionedConcurrency, reservedConcurrency = Infinity } = this.#definition;
    const provisioned = this.#options.freshPerRequest ? 0 : Math.min(provisionedConcurrency, reservedConcurrency);
    const environments =
      provisioned === 0
        ? [this.#start()]
        : Array.from({ length: provisioned }, () => this.#start('provisioned-concurrency'));
    await Promise.all(environments.map(({ ready }) => ready));
    if (this.#retired) for (const environment of environments) void environment.end();
    else this.#idle.push(...environments);
    if (provisioned > 0) for (const environment of environments) this.#provisioned.add(environment);
  }

  /** Ends the idle environments. */
  recycle(): void {
    for (const environment of this.#idle.splice(0)) void environment.end();
  }

  /** Ends idle environments now and busy ones after their invocation. */
  retire(): void {
    this.#retired = true;
    for (const folder of this.#reset.splice(0)) removeFolder(folder);
    for (const expiry of this.#expiries) expiry.cancel();
    this.recycle();
  }

  /** Ends all environments, busy ones included. */
  async close(): Promise<void> {
    this.retire();
    const ended = new EnvironmentEnded('Runtime.ExitError', `${this.#definition.name} is deleted`);
    for (const waiting of this.#waiting.splice(0)) waiting.fail(ended);
    await Promise.all([...this.#all].map((environment) => environment.end()));
  }

  /** @throws FunctionError if the environment that is started for the invocation does not load the function's module */
  #wait(payload: string, requestId: string): Promise<AsyncGenerator<Uint8Array, void>> {
    const { promise, resolve, reject } = Promise.withResolvers<AsyncGenerator<Uint8Array, void>>();
    this.#waiting.push({ payload, requestId, begin: resolve, fail: reject });
    this.#startForWaiting();
    return promise;
  }

  #startForWaiting(): void {
    while (this.#starts < Math.min(this.#waiting.length, SIMULTANEOUS_STARTS)) {
      this.#starts++;
      const environment = this.#start();
      environment.ready
        .then(
          () => this.#offer(environment),
          (error: FunctionError) => this.#failWaiting(error),
        )
        .finally(() => {
          this.#starts--;
          this.#startForWaiting();
        });
    }
  }

  #failWaiting(error: FunctionError): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) return;
    this.#options.log(this.#definition.name, waiting.requestId, error.stack ?? error.message);
    waiting.fail(error);
  }

  #start(initializationType = 'on-demand'): ExecutionEnvironment {
    const { name } = this.#definition;
    const { clock, log } = this.#options;
    // Lambda starts the process again in the same environment, whose folder has the same files.
    const folder = this.#reset.pop() ?? mkdtempSync(join(tmpdir(), 'holdfast-function-'));
    const variables = {
      ...this.#definition.environment,
      AWS_LAMBDA_INITIALIZATION_TYPE: initializationType,
      TMPDIR: folder,
    };
    const environment = new ExecutionEnvironment(
      { ...this.#definition, environment: variables },
      {
        log: (requestId, line) => log(name, requestId, line),
        unfinished: (work, tool) => this.#warn(work, tool),
        idle: () => this.#release(environment),
        ended: () => this.#remove(environment),
        stopped: (isReset) => {
          if (isReset && !this.#retired) this.#reset.push(folder);
          else removeFolder(folder);
        },
      },
      clock,
    );
    this.#all.add(environment);
    return environment;
  }

  /** Once for the same work of a tool. */
  #warn(work: string[], tool: string | undefined): void {
    const { name } = this.#definition;
    const subject = tool === undefined ? name : `Tool ${quote(tool)} of ${name}`;
    const line = `${subject} leaves ${work.join(', ')} after its response, and Lambda freezes it then: await it before the response`;
    if (this.#warnings.has(line)) return;
    this.#warnings.add(line);
    this.#options.warn(line);
  }

  #release(environment: ExecutionEnvironment): void {
    if (this.#options.freshPerRequest) {
      void environment.end();
      this.#startForWaiting();
    } else this.#offer(environment);
  }

  /** Gives an environment that is ready to the next invocation. */
  #offer(environment: ExecutionEnvironment): void {
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) waiting.begin(environment.invoke(waiting.payload, waiting.requestId));
    else if (this.#retired) void environment.end();
    else this.#keepIdle(environment);
  }

  #keepIdle(environment: ExecutionEnvironment): void {
    this.#idle.push(environment);
    if (this.#provisioned.has(environment)) return;
    const { completed } = environment;
    const expiry = this.#options.clock.after(this.#options.idleSeconds * 1000, () => {
      this.#expiries.delete(expiry);
      const unused = this.#idle.includes(environment) && environment.completed === completed;
      if (!unused || this.#idle.length <= 1) return;
      this.#remove(environment);
      void environment.end();
    });
    this.#expiries.add(expiry);
  }

  #remove(environment: ExecutionEnvironment): void {
    this.#all.delete(environment);
    const position = this.#idle.indexOf(environment);
    if (position >= 0) this.#idle.splice(position, 1);
  }
}

const removeFolder = (folder: string) => rmSync(folder, { recursive: true, force: true });
