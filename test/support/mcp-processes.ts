import type { McpServer } from '@modelcontextprotocol/server';
import { type MemoryStores, memoryStores } from '../../lambda/adapters/memory/memory-stores.ts';
import { systemClock } from '../../lambda/adapters/system-clock.ts';
import type { Caller } from '../../lambda/core/access/caller.ts';
import type { Grant } from '../../lambda/core/access/grant.ts';
import type { AuditRules } from '../../lambda/core/audit/audit-recorder.ts';
import type { AuditLogWriter } from '../../lambda/core/audit/tool-call.ts';
import * as http from '../../lambda/core/mcp/mcp-http.ts';
import { RequestStates } from '../../lambda/core/mcp/modern/request-state.ts';
import { handleMcpRequest, type PipelineDependencies } from '../../lambda/core/mcp/pipeline.ts';
import { ServerStep } from '../../lambda/core/mcp/server-step.ts';
import { TaskWorker } from '../../lambda/core/mcp/tasks/task-worker.ts';
import type { TaskJob } from '../../lambda/core/mcp/tasks/tasks.ts';
import type { ToolContext } from '../../lambda/core/mcp/tool-context.ts';
import { type SessionRules, Sessions } from '../../lambda/core/sessions/sessions.ts';
import type { Clock } from '../../lambda/core/support/clock.ts';
import { ServiceUnavailableError } from '../../lambda/core/support/service-unavailable-error.ts';
import type { ScopeSet } from '../../lambda/shared/scope-set.ts';

export const start = 1_800_000_000;
const origin = 'https://mcp.example';

type Options = Partial<SessionRules> & {
  holdSeconds?: number;
  listenSeconds?: number;
  allowedOrigins?: string[];
  record?: Partial<AuditRules>;
  /** Where calls are kept, if not in the stores. */
  calls?: AuditLogWriter;
  toolScopes?: ScopeSet['tools'];
  taskTtlSeconds?: number;
  createServer: (context: ToolContext) => McpServer;
};

type Fetch = (url: string | URL, init?: RequestInit) => Promise<Response>;

/** Stands between the processes and their store. @param method as in `runs.saveRun` */
type Around = <T>(method: string, call: () => Promise<T>, process: Process) => Promise<T>;

/** One process. When it dies, neither its client nor its store hears from it again. */
export class Process {
  readonly #mourners = new Set<(error: Error) => void>();
  readonly #burial = Promise.withResolvers<never>();
  #isDead = false;

  constructor() {
    this.#burial.promise.catch(() => undefined);
  }

  die(): void {
    this.#isDead = true;
    for (const mourn of this.#mourners) mourn(new TypeError('terminated'));
  }

  /** Lets what a dead process still waits for fail, so that nothing of it is left in the process of the test. */
  bury(): void {
    this.die();
    this.#burial.reject(new ServiceUnavailableError('The session table', new Error('this process is dead')));
  }

  /** What a store answers a process. */
  async hear<T>(call: () => Promise<T>): Promise<T> {
    if (this.#isDead) return this.#burial.promise;
    const answer = await call();
    return this.#isDead ? this.#burial.promise : answer;
  }

  /** What others hear of a process: an error once it is dead. */
  heard<T>(promise: Promise<T>): Promise<T> {
    if (this.#isDead) return Promise.reject(new TypeError('terminated'));
    return new Promise((resolve, reject) => {
      this.#mourners.add(reject);
      promise.then(resolve, reject).finally(() => this.#mourners.delete(reject));
    });
  }

  /** An answer that breaks off when the process dies. */
  cutOff({ status, headers: given, body: pieces }: http.McpResponse): Response {
    const headers = [...given];
    if (pieces === null || typeof pieces === 'string') return new Response(pieces, { status, headers });
    const reader = pieces[Symbol.asyncIterator]();
    const body = new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        const { value, done } = await this.heard(reader.next());
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: async () => void (await reader.return?.()),
    });
    return new Response(body, { status, headers });
  }
}

/**
 * Processes that share nothing but a store: each request is answered by an endpoint of its own. `fetch` is what a client
 * has of them.
 */
export class Processes {
  readonly stores: MemoryStores = memoryStores();
  readonly clock = { now: start };
  readonly #clock: Clock = { now: () => this.clock.now * 1000, sleep: systemClock.sleep };
  /** Events in the log, oldest first. */
  readonly log: { event: string; details: Record<string, unknown> | undefined }[] = [];
  readonly requests: { method: string; status: number; type: string | null; body: unknown }[] = [];
  readonly #options: Options;
  readonly #done: Promise<unknown>[] = [];
  readonly #afterwards: (() => Promise<unknown>)[] = [];
  readonly #key = crypto.subtle.importKey('raw', new Uint8Array(32), 'AES-GCM', false, ['encrypt', 'decrypt']);
  /** Called with each request before it is answered: a test may keep it waiting, or remember its process. */
  before: (request: Request, process: Process, body: unknown) => void | Promise<void> = () => undefined;
  around: Around = (_, call) => call();
  /** What is done with a job. */
  start: (job: TaskJob) => void | Promise<void> = (job) => void this.work(job);

  /** What is left of its time when a process gets a request. */
  milliseconds: number | undefined;

  constructor(options: Options) {
    this.#options = options;
  }

  async callerOf(user: string, more: Partial<Grant> = {}): Promise<Caller> {
    const grant: Grant = {
      id: `grant-of-${user}`,
      status: 'active',
      user,
      issuer: 'https://idp.example',
      subject: user,
      client: 'dcr_1',
      clientName: 'Test',
      scopes: ['mcp'],
      groups: [],
      createdAt: start,
      absoluteExpiresAt: start + 90 * 24 * 3600,
      idleExpiresAt: start + 30 * 24 * 3600,
      refresh: { head: 1, predecessor: 0, superseded: {} },
      ...more,
    };
    const code = { grant: grant.id, user, client: 'dcr_1', redirectUri: '', challenge: '', scopes: [], expiresAt: 0 };
    const approval = { user, client: 'dcr_1', clientName: 'Test', redirectHost: '', scopes: [], at: start };
    const tokens = { sealed: '', version: 1, expiresAt: 0, refreshedAt: 0 };
    await this.stores.grants.createGrant({ grant, tokens, codeHash: user, code, approval });
    return { user, grant: grant.id, client: 'dcr_1', scopes: ['mcp'], expiresAt: start + 1000 * 3600 };
  }

  /**
   * What a client of this caller fetches with.
   * @param one the process that answers each call. @default each call another
   */
  fetchAs(caller: Caller, one?: Process): Fetch {
    const kept = one && this.#endpoint(one);
    return async (url, init) => {
      const process = one ?? new Process();
      const request = new Request(url, init);
      const text = await request.clone().text();
      const body = text === '' ? undefined : JSON.parse(text);
      await this.before(request, process, body);
      const { method, headers } = request;
      const received = new http.McpRequest(request.url, { method, headers: [...headers], body: text });
      const answer = handleMcpRequest(kept ?? this.#endpoint(process), received, caller, this.milliseconds);
      const { response, done, afterwards } = await process.heard(answer);
      if (afterwards) this.#afterwards.push(() => process.heard(afterwards()).catch(ignoreDeath));
      this.#done.push(process.heard(done).catch(ignoreDeath));
      const type = response.headers.get('content-type');
      this.requests.push({ method: request.method, status: response.status, type, body });
      return process.cutOff(response);
    };
  }

  get url(): URL {
    return new URL(`${origin}/mcp`);
  }

  /** Resolves when no process has anything left to do. */
  async settle(): Promise<void> {
    while (this.#done.length > 0) await Promise.all(this.#done.splice(0));
    await Promise.all(this.#afterwards.splice(0).map((each) => each()));
  }

  /** A worker begins with a job. @returns whether it is done with it: AWS Lambda would begin again otherwise */
  work(job: TaskJob, { process = new Process(), milliseconds = 900_000 } = {}): Promise<boolean> {
    const { sessions, server, context, audit, setTrace, log } = this.#endpoint(process);
    const executions = this.#storesOf(process).runs;
    const clock = this.#clock;
    const worker = new TaskWorker({ executions, sessions, server, context, audit, setTrace, clock, log });
    const done = process.heard(worker.work(job, milliseconds)).then(
      () => true,
      (error) => {
        this.log.push({ event: 'worker_failed', details: { error: String(error) } });
        return false;
      },
    );
    this.#done.push(done);
    return done;
  }

  #storesOf(process: Process): MemoryStores {
    const hearing = (name: string, store: object) =>
      new Proxy(store as Record<string, (...given: unknown[]) => Promise<unknown>>, {
        get:
          (methods, method: string) =>
          (...given: unknown[]) =>
            process.hear(() => this.around(`${name}.${method}`, () => methods[method]!(...given), process)),
      });
    const stores = Object.entries(this.stores).map(([name, store]) => [name, hearing(name, store)]);
    return Object.fromEntries(stores) as MemoryStores;
  }

  #endpoint(process: Process): PipelineDependencies {
    const { clock } = this;
    const stores = this.#storesOf(process);
    const now = () => clock.now;
    let trace: string | undefined;
    const log = (event: string, details?: Record<string, unknown>) =>
      void this.log.push({ event, details: trace === undefined ? details : { trace, ...details } });
    const { createServer: create, ttlSeconds = 24 * 3600, ttlSecondsByGroup, stale = 'renew' } = this.#options;
    const sessions = new Sessions(stores.sessions, { ttlSeconds, ttlSecondsByGroup, stale }, now);
    const requestStates = new RequestStates({ load: () => this.#key }, now);
    return {
      sessions,
      server: new ServerStep({
        create,
        executions: stores.runs,
        requestStates,
        starter: { start: async (job) => this.start(job) },
        changes: stores.changes,
        listenSeconds: this.#options.listenSeconds ?? 0,
        taskTtlSeconds: this.#options.taskTtlSeconds ?? 3600,
        holdSeconds: this.#options.holdSeconds ?? 60,
        savePreferences: (session, preferences) => sessions.savePreferences(session, preferences),
        clock: this.#clock,
        log,
      }),
      context: { state: stores.state, upstream: undefined, clock: this.#clock, log },
      audit: {
        store: this.#options.calls ?? stores.calls,
        rules: { methods: 'tools', arguments: 'no', retentionDays: 30, deployment: 'test', ...this.#options.record },
        now: () => clock.now * 1000,
        log,
      },
      scopes: {
        scopes: { mcp: { description: 'Use it' }, admin: { description: 'Manage it' } },
        tools: this.#options.toolScopes ?? {},
      },
      publicUrl: origin,
      allowedOrigins: this.#options.allowedOrigins,
      log,
      setTrace: (id) => {
        trace = id;
      },
    };
  }
}

function ignoreDeath(error: unknown): void {
  if (!(error instanceof TypeError) || error.message !== 'terminated') throw error;
}
