import { Worker } from 'node:worker_threads';
import type { Clock, Timer } from '../../lambda/core/support/clock.ts';
import { moduleFile } from '../../lib/package-files.ts';
import type { FunctionDefinition } from './function-definition.ts';
import { EnvironmentEnded, FunctionError } from './function-error.ts';
import { InvocationResponse } from './invocation-response.ts';
import type { FromWorker, RemoteError, ToWorker } from './worker-messages.ts';

/** Lambda's limit for the loading of a module. */
const INITIALIZATION_SECONDS = 10;

/** The pool that an execution environment belongs to. */
type Pool = {
  log(requestId: string | undefined, line: string): void;
  /** The invocation leaves work that its response does not wait for. */
  unfinished(work: string[], tool: string | undefined): void;
  /** The environment is idle: it can take the next invocation. */
  idle(): void;
  /** The environment takes no invocation any more. */
  ended(): void;
  /** Its thread has stopped. @param isReset whether a failure stopped it, after which Lambda starts the process again */
  stopped(isReset: boolean): void;
};

const workerFile = moduleFile('local/lambda/function-worker');

/** Halves the time in which an environment starts. A thread has the cache of its process by this variable only. */
const compileCache = ({ NODE_COMPILE_CACHE } = process.env) => NODE_COMPILE_CACHE && { NODE_COMPILE_CACHE };

/** A worker thread, and the invocation that it is processing. */
export class ExecutionEnvironment {
  /** Rejected with a FunctionError if the function's module cannot be loaded. */
  readonly ready: Promise<void>;
  /** The number of completed invocations. */
  completed = 0;
  readonly #definition: FunctionDefinition;
  readonly #pool: Pool;
  readonly #clock: Clock;
  readonly #worker: Worker;
  readonly #settleReady: { resolve(): void; reject(error: FunctionError): void };
  #response: InvocationResponse | undefined;
  #timeout: Timer | undefined;
  #isEnded = false;
  #hasStopped = false;

  constructor(definition: FunctionDefinition, pool: Pool, clock: Clock) {
    this.#definition = definition;
    this.#pool = pool;
    this.#clock = clock;
    this.#worker = new Worker(workerFile, {
      workerData: definition.worker,
      env: { ...compileCache(), ...definition.environment },
      argv: [],
      execArgv: [],
    });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.ready = promise;
    this.#settleReady = { resolve, reject };
    // Handled here too, because an environment that ends before its first invocation has no other handler.
    promise.catch(() => undefined);

    const limit = INITIALIZATION_SECONDS + definition.timeoutSeconds;
    const timeout = clock.after(limit * 1000, () => this.#timeOut(limit));
    promise.finally(() => timeout.cancel()).catch(() => undefined);

    this.#worker.on('message', (message: FromWorker) => this.#receive(message));
    this.#worker.on('error', (error) => {
      this.#stop();
      this.#fail(uncaught(error));
    });
    this.#worker.on('exit', (code) => {
      this.#stop();
      this.#fail(new EnvironmentEnded('Runtime.ExitError', `Runtime exited with exit status ${code}`));
    });
  }

  /** Whether the environment processes an invocation, which may last longer than its response. */
  get isBusy(): boolean {
    return this.#response !== undefined;
  }

  /** Begins an invocation. The environment is ready, and not busy. @returns the response */
  invoke(payload: string, requestId: string): AsyncGenerator<Uint8Array, void> {
    const response = new InvocationResponse(requestId, () => this.#post({ type: 'taken' }));
    this.#response = response;
    const { timeoutSeconds } = this.#definition;
    const milliseconds = timeoutSeconds * 1000;
    this.#timeout = this.#clock.after(milliseconds, () => this.#timeOut(timeoutSeconds));
    // The worker compares the deadline with the clock of the machine.
    this.#post({ type: 'invoke', requestId, event: payload, deadline: Date.now() + milliseconds });
    return response.chunks();
  }

  async end(): Promise<void> {
    this.#isEnded = true;
    await this.#worker.terminate();
  }

  /** Ends the environment during its invocation, as a crash of the process does. */
  async kill(): Promise<void> {
    this.#fail(new EnvironmentEnded('Runtime.ExitError', 'Runtime exited with error: signal: killed'));
    await this.#worker.terminate();
  }

  #stop(): void {
    if (this.#hasStopped) return;
    this.#hasStopped = true;
    this.#pool.stopped(!this.#isEnded);
  }

  #post(message: ToWorker): void {
    this.#worker.postMessage(message);
  }

  #receive(message: FromWorker): void {
    switch (message.type) {
      case 'ready':
        this.#settleReady.resolve();
        break;
      case 'initialization-failed':
        this.#fail(fromRemote(message.error));
        void this.#worker.terminate();
        break;
      case 'log':
        this.#pool.log(this.#response?.requestId, message.line);
        break;
      case 'unfinished':
        this.#pool.unfinished(message.work, message.tool);
        break;
      case 'chunk':
        this.#response?.push(message.bytes);
        break;
      case 'end':
        this.#response?.end();
        break;
      case 'done':
        this.#complete(message.error && fromRemote(message.error));
        break;
    }
  }

  #complete(error: FunctionError | undefined): void {
    const response = this.#finish(error);
    if (response === undefined) return;
    this.completed++;
    // Before the response ends: its reader's next request must find this environment idle.
    this.#pool.idle();
    response.end(error);
  }

  #timeOut(seconds: number): void {
    this.#fail(new EnvironmentEnded('Sandbox.Timedout', `Task timed out after ${seconds.toFixed(2)} seconds`));
    void this.#worker.terminate();
  }

  /** Fails the current invocation, and ends the use of this environment. */
  #fail(error: FunctionError): void {
    this.#settleReady.reject(error);
    this.#pool.ended();
    this.#finish(error)?.end(error);
  }

  /** @returns the response of the invocation that finishes; undefined if the environment is idle */
  #finish(error: FunctionError | undefined): InvocationResponse | undefined {
    const response = this.#response;
    this.#response = undefined;
    if (response === undefined) return undefined;
    this.#timeout?.cancel();
    if (error !== undefined) this.#pool.log(response.requestId, error.stack ?? error.message);
    return response;
  }
}

function fromRemote({ errorType, errorMessage, trace }: RemoteError): FunctionError {
  return new FunctionError(errorType, errorMessage, trace);
}

/** A value that a worker thread did not catch, usually a copy of an Error. */
function uncaught(error: unknown): EnvironmentEnded {
  if (!(error instanceof Error)) return new EnvironmentEnded('Runtime.UserCodeError', String(error));
  return new EnvironmentEnded(error.name, error.message, error.stack?.split('\n'));
}
