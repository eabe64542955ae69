import { openServerStep } from '#server-step';
import { type MemoryPipelineOptions, memoryPipeline } from '../../lambda/adapters/memory/memory-pipeline.ts';
import { type MemoryStores, memoryStores } from '../../lambda/adapters/memory/memory-stores.ts';
import { signedInCaller } from '../../lambda/adapters/memory/signed-in-caller.ts';
import type { Caller } from '../../lambda/core/access/caller.ts';
import type { Grant } from '../../lambda/core/access/grant.ts';
import { BUCKET_MILLISECONDS, bucketOf, type ToolCall } from '../../lambda/core/audit/tool-call.ts';
import * as http from '../../lambda/core/mcp/mcp-http.ts';
import { handleMcpRequest, type PipelineDependencies } from '../../lambda/core/mcp/pipeline.ts';
import { TaskWorker } from '../../lambda/core/mcp/tasks/task-worker.ts';
import type { TaskJob } from '../../lambda/core/mcp/tasks/tasks.ts';
import type { SessionRules } from '../../lambda/core/sessions/sessions.ts';
import { ServiceUnavailableError } from '../../lambda/core/support/service-unavailable-error.ts';
import type { ScopeSet } from '../../lambda/shared/scope-set.ts';
import type { Endpoint } from './era-clients.ts';
import { type FakeClock, fakeClock } from './fake-clock.ts';

/** The time at which a test begins, in epoch seconds. */
export const start = 1_800_000_000;
const origin = 'https://mcp.example';

type Options = Pick<
  MemoryPipelineOptions,
  | keyof SessionRules
  | 'createServer'
  | 'holdSeconds'
  | 'listenSeconds'
  | 'allowedOrigins'
  | 'record'
  | 'calls'
  | 'journal'
  | 'taskTtlSeconds'
  | 'branding'
  | 'openServer'
> & { toolScopes?: ScopeSet['tools'] };

type Fetch = (url: string | URL, init?: RequestInit) => Promise<Response>;

/** Wraps the calls of a process to its stores. @param method such as `executions.saveExecution` */
type Around = <T>(method: string, call: () => Promise<T>, process: Process) => Promise<T>;

/** One process. After `kill`, neither its clients nor its stores receive anything from it. */
export class Process {
  readonly #pending = new Set<(error: Error) => void>();
  readonly #discarded = Promise.withResolvers<never>();
  #isKilled = false;

  constructor() {
    this.#discarded.promise.catch(() => undefined);
  }

  kill(): void {
    this.#isKilled = true;
    for (const reject of this.#pending) reject(new TypeError('terminated'));
  }

  /** Rejects everything that a killed process awaits, so that the test leaves no pending work. */
  discard(): void {
    this.kill();
    this.#discarded.reject(new ServiceUnavailableError('The session table', new Error('the process was killed')));
  }

  /** Delivers the result of a store to the process. */
  async receive<T>(call: () => Promise<T>): Promise<T> {
    if (this.#isKilled) return this.#discarded.promise;
    const result = await call();
    return this.#isKilled ? this.#discarded.promise : result;
  }

  /** Delivers a result of the process to others: an error after it was killed. */
  deliver<T>(promise: Promise<T>): Promise<T> {
    if (this.#isKilled) return Promise.reject(new TypeError('terminated'));
    return new Promise((resolve, reject) => {
      this.#pending.add(reject);
      promise.then(resolve, reject).finally(() => this.#pending.delete(reject));
    });
  }

  /** Converts a response, whose body breaks off when the process is killed. */
  toResponse({ status, headers: given, body: chunks }: http.McpResponse): Response {
    const headers = [...given];
    if (chunks === null || typeof chunks === 'string') return new Response(chunks, { status, headers });
    const reader = chunks[Symbol.asyncIterator]();
    const body = new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        const { value, done } = await this.deliver(reader.next());
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: async () => void (await reader.return?.()),
    });
    return new Response(body, { status, headers });
  }
}

/** Processes that share only their stores: each request has its own pipeline. Clients reach them by `fetchAs`. */
export class Processes {
  readonly stores: MemoryStores = memoryStores();
  readonly clock: FakeClock = fakeClock(start * 1000);
  /** Events in the log, oldest first. */
  readonly log: { event: string; details: Record<string, unknown> | undefined }[] = [];
  readonly requests: { method: string; status: number; type: string | null; body: unknown }[] = [];
  readonly #options: Options;
  readonly #done: Promise<unknown>[] = [];
  readonly #afterwards: (() => Promise<unknown>)[] = [];
  readonly #key = crypto.subtle.importKey('raw', new Uint8Array(32), 'AES-GCM', false, ['encrypt', 'decrypt']);
  /** Runs before each request is handled: a test may delay the request, or obtain its process. */
  before: (request: Request, process: Process, body: unknown) => void | Promise<void> = () => undefined;
  around: Around = (_, call) => call();
  /** Starts the worker with a job. */
  start: (job: TaskJob) => void | Promise<void> = (job) => void this.work(job);

  /** The remaining time of the invocation when a process receives a request. */
  milliseconds: number | undefined;

  constructor(options: Options) {
    this.#options = options;
  }

  callerOf(user: string, more: Partial<Grant> = {}): Promise<Caller> {
    return signedInCaller(this.stores.grants, user, start, more);
  }

  /**
   * The `fetch` of a client of this caller.
   * @param one the process that handles every request. @default a new process for each request
   */
  fetchAs(caller: Caller, one?: Process): Fetch {
    const pipeline = one && this.#pipeline(one);
    return async (url, init) => {
      const process = one ?? new Process();
      const request = new Request(url, init);
      const text = await request.clone().text();
      const body = text === '' ? undefined : JSON.parse(text);
      const receivedAt = this.clock.now();
      await this.before(request, process, body);
      const { method, headers } = request;
      const received = new http.McpRequest(request.url, { method, headers: [...headers], body: text, receivedAt });
      const outcome = handleMcpRequest(pipeline ?? this.#pipeline(process), received, caller, this.milliseconds);
      const { response, done, afterwards } = await process.deliver(outcome);
      if (afterwards) this.#afterwards.push(() => process.deliver(afterwards()).catch(ignoreTermination));
      if (done) this.#done.push(process.deliver(done).catch(ignoreTermination));
      const type = response.headers.get('content-type');
      this.requests.push({ method: request.method, status: response.status, type, body });
      return process.toResponse(response);
    };
  }

  get url(): URL {
    return new URL(`${origin}/mcp`);
  }

  /** The server as a client of this caller reaches it. */
  endpointOf(caller: Caller): Endpoint {
    return { url: this.url, fetch: this.fetchAs(caller), clock: this.clock };
  }

  /** Resolves when all processes are idle. The clock moves as far as their work takes. */
  async settle(): Promise<void> {
    while (this.#done.length > 0) await this.clock.until(Promise.all(this.#done.splice(0)));
    await this.clock.until(Promise.all(this.#afterwards.splice(0).map((each) => each())));
  }

  /** Runs a job in a worker. @returns whether it has completed; otherwise AWS Lambda would retry */
  work(job: TaskJob, { process = new Process(), milliseconds = 900_000, skewMilliseconds = 0 } = {}): Promise<boolean> {
    const { sessions, server, context, audit, setTrace, log } = this.#pipeline(process);
    const executions = this.#storesOf(process).executions;
    const clock = { ...this.clock, now: () => this.clock.now() + skewMilliseconds };
    const worker = new TaskWorker({ executions, sessions, server, context, audit, setTrace, clock, log });
    const done = process.deliver(worker.work(job, milliseconds)).then(
      () => true,
      (error) => {
        this.log.push({ event: 'worker_failed', details: { error: String(error) } });
        return false;
      },
    );
    this.#done.push(done);
    return done;
  }

  /** The tools and outcomes of the calls that the audit log counts in five minutes since then. @param since epoch milliseconds */
  async loggedCalls(since = start * 1000): Promise<[tool: string | undefined, outcome: string][]> {
    const found: ToolCall[] = [];
    for (let at = since; at < this.clock.now() + BUCKET_MILLISECONDS; at += BUCKET_MILLISECONDS) {
      const bucket = bucketOf({ at, milliseconds: 0 });
      for await (const call of this.stores.calls.callsEndedIn(bucket)) found.push(call);
    }
    return found.map(({ tool, outcome }) => [tool, outcome]);
  }

  #storesOf(process: Process): MemoryStores {
    const storeOf = (name: string, store: object) =>
      new Proxy(store as Record<string, (...given: unknown[]) => Promise<unknown>>, {
        get:
          (methods, method: string) =>
          (...given: unknown[]) =>
            process.receive(() => this.around(`${name}.${method}`, () => methods[method]!(...given), process)),
      });
    const stores = Object.entries(this.stores).map(([name, store]) => [name, storeOf(name, store)]);
    return Object.fromEntries(stores) as MemoryStores;
  }

  #pipeline(process: Process): PipelineDependencies {
    const { toolScopes = {}, ...options } = this.#options;
    let trace: string | undefined;
    return memoryPipeline({
      openServer: openServerStep,
      ...options,
      stores: this.#storesOf(process),
      key: this.#key,
      starter: { start: async (job) => this.start(job) },
      secrets: { get: async () => '' },
      scopes: {
        scopes: { mcp: { description: 'Use it' }, admin: { description: 'Manage it' } },
        tools: toolScopes,
      },
      publicUrl: origin,
      clock: this.clock,
      log: (event, details) =>
        void this.log.push({ event, details: trace === undefined ? details : { trace, ...details } }),
      setTrace: (id) => {
        trace = id;
      },
    });
  }
}

function ignoreTermination(error: unknown): void {
  if (!(error instanceof TypeError) || error.message !== 'terminated') throw error;
}
