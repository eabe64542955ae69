import { memoryPipeline } from '../../lambda/adapters/memory/memory-pipeline.ts';
import { memoryStores } from '../../lambda/adapters/memory/memory-stores.ts';
import { signedInCaller } from '../../lambda/adapters/memory/signed-in-caller.ts';
import { systemClock } from '../../lambda/adapters/system-clock.ts';
import type { Caller } from '../../lambda/core/access/caller.ts';
import { userKey } from '../../lambda/core/access/user-key.ts';
import { McpRequest, type McpResponse } from '../../lambda/core/mcp/mcp-http.ts';
import { handleMcpRequest } from '../../lambda/core/mcp/pipeline.ts';
import type { CreateServer } from '../../lambda/core/mcp/sdk/owner-server.ts';
import { TaskWorker } from '../../lambda/core/mcp/tasks/task-worker.ts';
import type { TaskJob } from '../../lambda/core/mcp/tasks/tasks.ts';
import { UnknownSecretError } from '../../lambda/core/mcp/tool-secrets.ts';
import { epochSeconds } from '../../lambda/core/support/clock.ts';
import { randomId } from '../../lambda/core/support/crypto.ts';
import { defaultScope, type ScopeSet } from '../../lambda/shared/scope-set.ts';
import { TestClients, type TestServer } from './test-client.ts';

export type InProcessOptions = {
  /** The export of your server file. */
  createServer: CreateServer;
  /**
   * The scopes that the stack has.
   * @default one scope, `mcp`, which suffices for every tool
   */
  scopes?: ScopeSet | undefined;
  /**
   * The values of `context.secret`, by name.
   * @default none
   */
  secrets?: Readonly<Record<string, string>> | undefined;
  /**
   * Receives the events that the function would log, such as failures behind a tool.
   * @default discards them
   */
  log?: ((event: string, details?: Record<string, unknown>) => void) | undefined;
};

const PUBLIC_URL = 'https://holdfast.test';
const ISSUER = 'https://idp.holdfast.test';
/** Lambda's limit, which the worker has on AWS. */
const WORKER_MILLISECONDS = 15 * 60_000;

const oneScope: ScopeSet = { scopes: { mcp: { description: 'Use this server’s tools on your behalf' } }, tools: {} };

/**
 * Runs your server in this process, for unit tests of tools: sessions, state, elicitation, tasks and the audit log as in a
 * deployment, with their data in memory. It has no HTTP, no sign-in and no upstream tokens.
 */
export function createTestServer({ createServer, scopes = oneScope, secrets = {}, log }: InProcessOptions): TestServer {
  const stores = memoryStores();
  const clients = new TestClients();
  /** Work that goes on after a response: audit, tasks. */
  const pending = new Set<Promise<unknown>>();
  const track = (work: Promise<unknown>) => {
    const settled: Promise<unknown> = work
      .catch((error) => log?.('work_failed', { error: String(error) }))
      .finally(() => pending.delete(settled));
    pending.add(settled);
  };
  const pipeline = memoryPipeline({
    createServer,
    stores,
    scopes,
    key: crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt']),
    starter: { start: async (job) => track(work(job)) },
    secrets: {
      get: async (name) => {
        const value = Object.hasOwn(secrets, name) ? secrets[name] : undefined;
        if (value === undefined) throw new UnknownSecretError(name);
        return value;
      },
    },
    publicUrl: PUBLIC_URL,
    clock: systemClock,
    log: (event, details) => log?.(event, details),
  });
  const worker = new TaskWorker({ ...pipeline, executions: stores.executions, clock: systemClock });
  const work = (job: TaskJob) => worker.work(job, WORKER_MILLISECONDS);

  const fetchAs = (caller: Caller) => async (url: string | URL, init?: RequestInit) => {
    const request = new Request(url, init);
    const { method, headers } = request;
    const received = new McpRequest(request.url, {
      method,
      headers: [...headers],
      body: await request.text(),
      receivedAt: systemClock.now(),
    });
    const { response, done, afterwards } = await handleMcpRequest(pipeline, received, caller);
    track(Promise.resolve(done).then(afterwards));
    return responseOf(response, init?.signal ?? undefined);
  };

  const close = async () => {
    await clients.close();
    while (pending.size > 0) await Promise.all(pending);
  };
  const mcpUrl = `${PUBLIC_URL}/mcp`;
  return {
    mcpUrl,
    async connect({ user = 'ada', groups = [], scopes: requested = [defaultScope(scopes)], ...options } = {}) {
      const caller = await signedInCaller(stores.grants, await userKey(ISSUER, user), epochSeconds(systemClock), {
        id: randomId(),
        issuer: ISSUER,
        subject: user,
        client: 'test-client',
        clientName: 'Test client',
        scopes: requested,
        groups,
      });
      return clients.connect(mcpUrl, fetchAs(caller), options);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** @param signal ends the body, as a closed connection does */
function responseOf({ status, headers: given, body }: McpResponse, signal: AbortSignal | undefined): Response {
  const headers = [...given];
  if (body === null || typeof body === 'string') return new Response(body, { status, headers });
  const chunks = body[Symbol.asyncIterator]();
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      signal?.addEventListener('abort', () => {
        controller.error(signal.reason);
        void chunks.return?.();
      });
    },
    async pull(controller) {
      const { value, done } = await chunks.next();
      if (signal?.aborted) return;
      if (done) controller.close();
      else controller.enqueue(value);
    },
    async cancel() {
      await chunks.return?.();
    },
  });
  return new Response(stream, { status, headers });
}
