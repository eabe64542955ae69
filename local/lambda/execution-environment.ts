import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { FromWorker, RemoteError, ToWorker, WorkerData } from './function-worker.ts';

/** What Lambda allows a module to take until it has loaded. */
const INITIALIZATION_SECONDS = 10;

/** The function failed: its code threw, its module did not load, it ran out of time, or its process ended. */
export class FunctionError extends Error {
  /** As Lambda reports it: the name of the class that was thrown, or `Sandbox.Timedout`, `Runtime.ExitError` … */
  readonly errorType: string;

  /** @param trace the stack inside the function, which is the one that helps; without it there is none */
  constructor(errorType: string, message: string, trace: string[] = []) {
    super(message);
    this.name = 'FunctionError';
    this.errorType = errorType;
    this.stack = trace.length > 0 ? trace.join('\n') : `${errorType}: ${message}`;
  }
}

/** A function as the template describes it. */
export type FunctionDescription = {
  name: string;
  timeoutSeconds: number;
  concurrency: number;
  worker: WorkerData;
  environment: Record<string, string>;
};

type Owner = { log(requestId: string | undefined, line: string): void; free(): void; ended(): void };

const workerFile = fileURLToPath(new URL('./function-worker.ts', import.meta.url));

/** One worker thread, and the request that it is answering. */
export class ExecutionEnvironment {
  /** Rejected with a FunctionError when the function's module cannot be loaded. */
  readonly ready: Promise<void>;
  /** How many requests it has answered. */
  answered = 0;
  readonly #description: FunctionDescription;
  readonly #owner: Owner;
  readonly #worker: Worker;
  #settleReady: { resolve(): void; reject(error: FunctionError): void };
  #invocation: Invocation | undefined;

  constructor(description: FunctionDescription, owner: Owner) {
    this.#description = description;
    this.#owner = owner;
    this.#worker = new Worker(workerFile, {
      workerData: description.worker,
      env: description.environment,
      argv: [],
      execArgv: [],
    });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.ready = promise;
    this.#settleReady = { resolve, reject };
    // Whoever waits for it sees the rejection; nobody does when the environment ends before its first request.
    promise.catch(() => undefined);

    const limit = INITIALIZATION_SECONDS + description.timeoutSeconds;
    const timer = setTimeout(() => this.#timeOut(limit), limit * 1000);
    promise.finally(() => clearTimeout(timer)).catch(() => undefined);

    this.#worker.on('message', (message: FromWorker) => this.#receive(message));
    this.#worker.on('error', (error) => this.#fail(thrown(error)));
    this.#worker.on('exit', (code) => {
      this.#fail(new FunctionError('Runtime.ExitError', `Runtime exited with exit status ${code}`));
    });
  }

  async *invoke(payload: string, requestId: string): AsyncGenerator<Uint8Array, void> {
    const invocation = new Invocation(requestId, () => this.#post({ type: 'taken' }));
    this.#invocation = invocation;
    await this.ready;
    const milliseconds = this.#description.timeoutSeconds * 1000;
    invocation.timer = setTimeout(() => this.#timeOut(this.#description.timeoutSeconds), milliseconds);
    this.#post({ type: 'invoke', requestId, event: payload, deadline: Date.now() + milliseconds });
    yield* invocation.chunks();
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }

  /** Ends it in the middle of what it is doing, as a crash of the process would. */
  async kill(): Promise<void> {
    this.#fail(new FunctionError('Runtime.ExitError', 'Runtime exited with error: signal: killed'));
    await this.end();
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
        void this.end();
        break;
      case 'log':
        this.#owner.log(this.#invocation?.requestId, message.line);
        break;
      case 'chunk':
        this.#invocation?.push(message.bytes);
        break;
      case 'end':
        this.#invocation?.end();
        break;
      case 'done':
        this.#complete(message.error && fromRemote(message.error));
        break;
    }
  }

  #complete(error: FunctionError | undefined): void {
    const invocation = this.#invocation;
    if (invocation === undefined) return;
    clearTimeout(invocation.timer);
    if (error !== undefined) this.#owner.log(invocation.requestId, error.stack ?? error.message);
    this.#invocation = undefined;
    this.answered++;
    // Before the reader hears of the end: the request it makes next finds this environment free.
    this.#owner.free();
    invocation.end(error);
  }

  #timeOut(seconds: number): void {
    this.#fail(new FunctionError('Sandbox.Timedout', `Task timed out after ${seconds.toFixed(2)} seconds`));
    void this.end();
  }

  /** The environment is of no more use: what it was doing has failed. */
  #fail(error: FunctionError): void {
    const invocation = this.#invocation;
    this.#invocation = undefined;
    this.#settleReady.reject(error);
    this.#owner.ended();
    if (invocation === undefined) return;
    clearTimeout(invocation.timer);
    this.#owner.log(invocation.requestId, error.stack ?? error.message);
    invocation.end(error);
  }
}

/** What a function has written of one answer and nobody has read yet. */
class Invocation {
  readonly requestId: string;
  timer: NodeJS.Timeout | undefined;
  readonly #taken: () => void;
  readonly #unread: Uint8Array[] = [];
  #ended = false;
  #failure: FunctionError | undefined;
  #abandoned = false;
  #wake: () => void = () => undefined;

  /** @param taken tells the function that its last chunk has been read */
  constructor(requestId: string, taken: () => void) {
    this.requestId = requestId;
    this.#taken = taken;
  }

  push(chunk: Uint8Array): void {
    if (this.#abandoned) this.#taken();
    else this.#unread.push(chunk);
    this.#wake();
  }

  end(failure?: FunctionError): void {
    this.#ended = true;
    this.#failure ??= failure;
    this.#wake();
  }

  async *chunks(): AsyncGenerator<Uint8Array, void> {
    try {
      for (;;) {
        const chunk = this.#unread.shift();
        if (chunk !== undefined) {
          yield chunk;
          this.#taken();
        } else if (this.#failure !== undefined) {
          throw this.#failure;
        } else if (this.#ended) {
          return;
        } else {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        }
      }
    } finally {
      this.#abandoned = true;
      if (!this.#ended) this.#taken();
    }
  }
}

function fromRemote({ errorType, errorMessage, trace }: RemoteError): FunctionError {
  return new FunctionError(errorType, errorMessage, trace);
}

/** What a worker thread did not catch; usually an Error, which arrives as a copy. */
function thrown(error: unknown): FunctionError {
  if (!(error instanceof Error)) return new FunctionError('Runtime.UserCodeError', String(error));
  return new FunctionError(error.name, error.message, error.stack?.split('\n'));
}
