import {
  CLIENT_CAPABILITIES_META_KEY,
  type JSONRPCRequest,
  type McpServer,
  MissingRequiredClientCapabilityError,
  ProtocolError,
  ProtocolErrorCode,
  type RequestId,
  type ServerContext,
} from '@modelcontextprotocol/server';
import * as z from 'zod/mini';
import { randomId } from '../../support/crypto.ts';
import { ServiceUnavailableError } from '../../support/service-unavailable-error.ts';
import {
  acceptInput,
  type Execution,
  type ExecutionStore,
  interrupted,
  isAbandoned,
  isLiveExecution,
  newExecution,
  nextVersion,
  wantsWorker,
} from '../execution.ts';
import type { McpExchange } from '../mcp-exchange.ts';
import { serializeRequest } from '../stored-request.ts';

/**
 * Long work (extension `io.modelcontextprotocol/tasks`, SEP-2663): a worker does it, its client asks what has come of it.
 */

export const TASKS_EXTENSION = 'io.modelcontextprotocol/tasks';

/** What the worker is told: whose run it has to do. */
export type TaskJob = { grant: string; run: string };

/** Has a worker begin with a run, once or several times: the worker sees to it that the run is done once. */
export interface WorkerStarter {
  /** Throws `Outage` when the worker did not answer, and then it may have begun all the same. */
  start(job: TaskJob): Promise<void>;
}

export type TaskDependencies = {
  store: ExecutionStore;
  starter: WorkerStarter;
  /** How long a task and its result can be asked for, from its beginning. */
  ttlSeconds: number;
  /** Epoch seconds. */
  now: () => number;
};

const POLL_MILLISECONDS = 1000;
/** AWS Lambda begins with an asynchronous invocation three times at most. */
export const MOST_ATTEMPTS = 3;
/** Its pauses before the second and the third time are one minute and two; a task that is not begun by then is lost. */
const LOST_SECONDS = 600;
const ATTEMPTS = 5;

const idOnly = z.object({ taskId: z.string() });
export class Tasks {
  readonly #parts: TaskDependencies;

  constructor(parts: TaskDependencies) {
    this.#parts = parts;
  }

  /** Hands a request over to a worker. */
  async begin(exchange: McpExchange, request: JSONRPCRequest): Promise<Execution> {
    const { store, starter, ttlSeconds, now } = this.#parts;
    const { caller, context } = exchange;
    const run = newExecution(caller.grant, context.session.id, 'task', [request.id], now(), ttlSeconds);
    await store.createExecution(run, serializeRequest(exchange, request));
    try {
      await starter.start({ grant: run.grant, run: run.id });
    } catch (error) {
      // Whoever is told so may ask for the work again: then it must not be done twice.
      await this.#cancel(run);
      throw error;
    }
    return run;
  }

  /** The task, if it is the caller's and has not expired. */
  async find({ caller }: McpExchange, id: string): Promise<Execution | undefined> {
    const { store, now } = this.#parts;
    const run = await store.findExecution(caller.grant, id);
    if (!isLiveExecution(run, now()) || run.kind !== 'task') return undefined;
    return isLost(run, now()) ? this.#giveUp(run) : run;
  }

  /** Lets a server answer for tasks. Each method wants the extension of its client, before it looks for the task. */
  register({ server }: McpServer, exchange: McpExchange): void {
    server.registerCapabilities({ extensions: { [TASKS_EXTENSION]: {} } });
    const found = async (taskId: string, { mcpReq }: ServerContext): Promise<Execution> => {
      if (!supportsTasks(mcpReq.envelope)) throw missingTasksCapability();
      const run = await this.find(exchange, taskId);
      if (!run)
        throw new ProtocolError(ProtocolErrorCode.InvalidParams, 'Task not found: it is unknown, or has expired');
      return run;
    };
    server.setRequestHandler('tasks/get', { params: idOnly }, async ({ taskId }, ctx) =>
      this.detail(await found(taskId, ctx)),
    );
    server.setRequestHandler('tasks/update', { params: idOnly }, async ({ taskId }, ctx) => {
      const run = await found(taskId, ctx);
      // The SDK takes the answers out of the parameters, as it does for a request that is made again.
      const { inputResponses } = ctx.mcpReq;
      if (!inputResponses) throw new ProtocolError(ProtocolErrorCode.InvalidParams, 'inputResponses is missing');
      await this.#takeAnswers(run, inputResponses);
      return { resultType: 'complete' };
    });
    server.setRequestHandler('tasks/cancel', { params: idOnly }, async ({ taskId }, ctx) => {
      await this.#cancel(await found(taskId, ctx));
      return { resultType: 'complete' };
    });
  }

  /** What `tasks/get` says of a task. */
  async detail(run: Execution): Promise<{ resultType: 'complete' } & Record<string, unknown>> {
    return { resultType: 'complete', ...describe(run), ...(await this.outcome(run)) };
  }

  /** What a task has come to: its status, with the result, the error or the questions. */
  async outcome(run: Execution): Promise<Record<string, unknown>> {
    switch (run.status) {
      case 'running':
        return { status: 'working' };
      case 'cancelled':
        return { status: 'cancelled' };
      case 'asking': {
        const { inputRequests } = (await this.#last(run)).result as { inputRequests: Record<string, unknown> };
        const open = Object.entries(inputRequests).filter(([name]) => run.open.includes(name));
        return { status: 'input_required', inputRequests: Object.fromEntries(open) };
      }
      case 'done': {
        const { result, error } = await this.#last(run);
        return result ? { status: 'completed', result } : { status: 'failed', error };
      }
    }
  }

  async #last(run: Execution): Promise<{ result?: object; error?: object }> {
    const [event] = await this.#parts.store.eventsAfter(run, run.events - 1);
    if (!event) throw new Error(`The outcome of run ${run.id} is not in the store`);
    return event.message as { result?: object; error?: object };
  }

  async #takeAnswers(run: Execution, given: Record<string, unknown>): Promise<void> {
    const { store, starter, now } = this.#parts;
    for (const [question, answer] of Object.entries(given)) {
      if (!run.open.includes(question)) continue;
      const name = randomId();
      await store.addAnswer(run, name, JSON.stringify(answer));
      const answered = await this.#change(run, (current) => acceptInput(current, question, name, '', now()));
      run = answered ?? run;
    }
    // Also where an earlier request had brought the last answer, and could not start the worker.
    if (wantsWorker(run)) await starter.start({ grant: run.grant, run: run.id });
  }

  async #cancel(run: Execution): Promise<void> {
    const { now } = this.#parts;
    await this.#change(run, (current) =>
      current.status === 'running' || current.status === 'asking'
        ? nextVersion(current, now(), { status: 'cancelled', open: [] })
        : undefined,
    );
  }

  /** Changes the run as it stands. @returns nothing when the change does not fit it */
  async #change(run: Execution, change: (current: Execution) => Execution | undefined): Promise<Execution | undefined> {
    const { store } = this.#parts;
    let current: Execution | undefined = run;
    for (let attempt = 0; attempt < ATTEMPTS && current; attempt++) {
      const changed = change(current);
      if (!changed) return undefined;
      if (await store.saveExecution(changed)) return changed;
      current = await store.findExecution(run.grant, run.id);
    }
    if (!current) return undefined;
    throw new ServiceUnavailableError(
      'The session table',
      new Error(`the task changed ${ATTEMPTS} times during one write`),
    );
  }

  /** Ends a task that no worker will do any more. */
  async #giveUp(run: Execution): Promise<Execution> {
    const { store, now } = this.#parts;
    const ended = nextVersion(run, now(), { status: 'done', events: run.events + 1, open: [] });
    await store.addEvents(run, [{ number: ended.events, message: interrupted(run.requests[0]!) }]);
    return (await store.saveExecution(ended)) ? ended : ((await store.findExecution(run.grant, run.id)) ?? ended);
  }
}

/** What `tools/call` answers when a worker has the request (CreateTaskResult). */
export const createTaskResult = (run: Execution) => ({ resultType: 'task', ...describe(run), status: 'working' });

const describe = (run: Execution) => ({
  taskId: run.id,
  createdAt: iso(run.createdAt),
  lastUpdatedAt: iso(run.updatedAt),
  ttlMs: (run.expiresAt - run.createdAt) * 1000,
  pollIntervalMs: POLL_MILLISECONDS,
  ...(run.message !== undefined && { statusMessage: run.message }),
});

const iso = (seconds: number) => new Date(seconds * 1000).toISOString();

/** Whether nobody works on a task, nor will. */
const isLost = (run: Execution, now: number): boolean =>
  isAbandoned(run, now) && (run.attempts >= MOST_ATTEMPTS || now - run.updatedAt > LOST_SECONDS);

/** Whether the client of a request has declared that it knows tasks. */
export function supportsTasks(envelope: Readonly<Record<string, unknown>> | undefined): boolean {
  const capabilities = envelope?.[CLIENT_CAPABILITIES_META_KEY] as { extensions?: Record<string, unknown> } | undefined;
  return capabilities?.extensions?.[TASKS_EXTENSION] !== undefined;
}

export const missingTasksCapability = () =>
  new MissingRequiredClientCapabilityError({ requiredCapabilities: { extensions: { [TASKS_EXTENSION]: {} } } });

/** The request of a batch or of its own that has this id. */
export const requestOf = ({ body }: McpExchange, id: RequestId): JSONRPCRequest | undefined =>
  ([body].flat() as JSONRPCRequest[]).find((message) => message.id === id && 'method' in message);
