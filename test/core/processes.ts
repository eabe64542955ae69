import type { McpServer } from '@modelcontextprotocol/server';
import { type MemoryStores, memoryStores } from '../../lambda/adapters/memory.ts';
import type { Caller } from '../../lambda/core/caller.ts';
import type { Context } from '../../lambda/core/context.ts';
import { answerMcp, type Endpoint } from '../../lambda/core/endpoint.ts';
import type { Grant } from '../../lambda/core/grant.ts';
import { RequestStates } from '../../lambda/core/request-state.ts';
import { declareScopes } from '../../lambda/core/scopes.ts';
import { Server } from '../../lambda/core/server.ts';
import { type SessionRules, Sessions } from '../../lambda/core/session.ts';
import type { Job } from '../../lambda/core/tasks.ts';
import { Worker } from '../../lambda/core/worker.ts';

export const start = 1_800_000_000;
const origin = 'https://mcp.example';

type Options = Partial<SessionRules> & {
  holdSeconds?: number;
  listenSeconds?: number;
  allowedOrigins?: string[];
  createServer: (context: Context) => McpServer;
};

/**
 * Processes that share nothing but a store: each request is answered by an endpoint of its own. `fetch` is what a client
 * has of them.
 */
export class Processes {
  readonly stores: MemoryStores = memoryStores();
  readonly clock = { now: start };
  /** Events in the log, oldest first. */
  readonly log: { event: string; details: Record<string, unknown> | undefined }[] = [];
  readonly requests: { method: string; status: number; type: string | null; body: unknown }[] = [];
  readonly #options: Options;
  readonly #done: Promise<unknown>[] = [];
  readonly #key = crypto.subtle.importKey('raw', new Uint8Array(32), 'AES-GCM', false, ['encrypt', 'decrypt']);
  /** Called with each request before it is answered: a test may stop a process there, or keep it waiting. */
  before: (request: Request) => void | Promise<void> = () => undefined;

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

  /** What a client of this caller fetches with. Each call is another process. */
  fetchAs(caller: Caller): (url: string | URL, init?: RequestInit) => Promise<Response> {
    return async (url, init) => {
      const request = new Request(url, init);
      await this.before(request);
      const body = request.method === 'POST' ? await request.clone().json() : undefined;
      const { response, done } = await answerMcp(this.#endpoint(), request, caller);
      this.#done.push(done);
      const type = response.headers.get('content-type');
      this.requests.push({ method: request.method, status: response.status, type, body });
      return response;
    };
  }

  get url(): URL {
    return new URL(`${origin}/mcp`);
  }

  /** Resolves when no process has anything left to do. */
  async settle(): Promise<void> {
    while (this.#done.length > 0) await Promise.all(this.#done.splice(0));
  }

  /** A worker begins with a job. */
  async #work(job: Job): Promise<void> {
    const { sessions, server, context, log } = this.#endpoint();
    const now = () => this.clock.now;
    await new Worker({ runs: this.stores.runs, sessions, server, context, now, log }).work(job, 900_000);
  }

  #endpoint(): Endpoint {
    const { stores, clock } = this;
    const now = () => clock.now;
    const log = (event: string, details?: Record<string, unknown>) => void this.log.push({ event, details });
    const { createServer: create, ttlSeconds = 24 * 3600, ttlSecondsByGroup, stale = 'renew' } = this.#options;
    const sessions = new Sessions(stores.sessions, { ttlSeconds, ttlSecondsByGroup, stale }, now);
    const requestStates = new RequestStates({ load: () => this.#key }, now);
    return {
      sessions,
      server: new Server({
        create,
        runs: stores.runs,
        requestStates,
        starter: { start: async (job) => void this.#done.push(this.#work(job)) },
        changes: stores.changes,
        listenSeconds: this.#options.listenSeconds ?? 0,
        taskTtlSeconds: 3600,
        holdSeconds: this.#options.holdSeconds ?? 60,
        note: (session, notes) => sessions.note(session, notes),
        now,
        log,
      }),
      context: { state: stores.state, identity: undefined, now, log },
      scopes: declareScopes({ scopes: { mcp: { words: 'Use it' } }, tools: {} }),
      publicUrl: origin,
      allowedOrigins: this.#options.allowedOrigins,
      log,
    };
  }
}
