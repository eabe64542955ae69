import {
  CLIENT_CAPABILITIES_META_KEY,
  type JSONRPCRequest,
  MissingRequiredClientCapabilityError,
  ProtocolError,
  ProtocolErrorCode,
  type Server,
  type ServerContext,
} from '@modelcontextprotocol/server';
import * as z from 'zod/mini';
import { logEndedCalls } from '../../audit/ended-call.ts';
import { type Clock, epochSeconds } from '../../support/clock.ts';
import { randomId } from '../../support/crypto.ts';
import type { Logger } from '../../support/logger.ts';
import { retry, retryOnConflict } from '../../support/retry-on-conflict.ts';
import {
  acceptInput,
  cancelled,
  type Execution,
  type ExecutionStore,
  interrupted,
  isAbandoned,
  isCancelledEarly,
  isLiveExecution,
  isUnfinished,
  newExecution,
  nextVersion,
  wantsWorker,
} from '../execution.ts';
import type { McpExchange } from '../mcp-exchange.ts';
import { serializeRequest } from '../stored-request.ts';
import { TASKS_EXTENSION } from './task-offers.ts';

/** The payload of the worker's invocation. */
export type TaskJob = { grant: string; execution: string };

/** Starts a worker for an execution, perhaps several times: the lease admits one. */
export interface WorkerStarter {
  /** @throws ServiceUnavailableError when the service did not answer; the worker may have started all the same */
  start(job: TaskJob): Promise<void>;
}

export type TaskDependencies = {
  store: ExecutionStore;
  starter: WorkerStarter;
  /** How long a task and its result are available, from its beginning. */
  ttlSeconds: number;
  clock: Clock;
  log: Logger;
};

const POLL_MILLISECONDS = 1000;
/** AWS Lambda attempts an asynchronous invocation three times. */
export const MOST_ATTEMPTS = 3;
/** AWS Lambda waits one minute before the second attempt and two before the third; a task without a worker by then is lost. */
const LOST_SECONDS = 600;

const idOnly = z.object({ taskId: z.string() });

export class Tasks {
  readonly #dependencies: TaskDependencies;

  constructor(dependencies: TaskDependencies) {
    this.#dependencies = dependencies;
  }

  /** Hands a request over to a worker. */
  async begin(exchange: McpExchange, request: JSONRPCRequest): Promise<Execution> {
    const { store, starter, ttlSeconds } = this.#dependencies;
    const { caller, session } = exchange;
    const task = newExecution(caller.grant, session.id, 'task', [request.id], this.#now(), ttlSeconds);
    await store.createExecution(task, serializeRequest(exchange, request));
    // A client of 2026-07-28 cancels a task by its id, which it does not have yet.
    const isLegacy = session.era === 'legacy';
    if (isLegacy && (await isCancelledEarly(store, task, exchange.arrivedAt, this.#now()))) {
      if (await this.#cancel(task)) exchange.recorder.of(task).failed(exchange, { outcome: 'cancelled' });
      return task;
    }
    try {
      await starter.start({ grant: task.grant, execution: task.id });
    } catch (error) {
      // The client may repeat the request after the error; the work must not run twice.
      await this.#cancel(task);
      throw error;
    }
    return task;
  }

  /** @returns undefined unless the task is the caller's and has not expired */
  async find(exchange: McpExchange, id: string): Promise<Execution | undefined> {
    const task = await this.#dependencies.store.findExecution(exchange.caller.grant, id);
    if (!isLiveExecution(task, this.#now()) || task.kind !== 'task') return undefined;
    if (!isLost(task, this.#now())) return task;
    const { ended, isStored } = await this.#abandon(task);
    if (isStored) await logEndedCalls(exchange, task, 'interrupted', this.#dependencies);
    return ended;
  }

  /** Adds the methods of the extension to a server. Each requires the extension of its client before it finds the task. */
  register(server: Server, exchange: McpExchange): void {
    server.registerCapabilities({ extensions: { [TASKS_EXTENSION]: {} } });
    const found = async (taskId: string, { mcpReq }: ServerContext): Promise<Execution> => {
      if (!supportsTasks(mcpReq.envelope)) throw missingTasksCapability();
      const task = await this.find(exchange, taskId);
      if (!task) throw new ProtocolError(ProtocolErrorCode.InvalidParams, 'Task not found: unknown or expired');
      return task;
    };
    server.setRequestHandler('tasks/get', { params: idOnly }, async ({ taskId }, ctx) =>
      this.detail(await found(taskId, ctx)),
    );
    server.setRequestHandler('tasks/update', { params: idOnly }, async ({ taskId }, ctx) => {
      const task = await found(taskId, ctx);
      // The SDK takes `inputResponses` out of the parameters, as it does for a repeated request.
      const { inputResponses } = ctx.mcpReq;
      if (!inputResponses) throw new ProtocolError(ProtocolErrorCode.InvalidParams, 'inputResponses is missing');
      await this.#acceptInputs(task, inputResponses);
      return { resultType: 'complete' };
    });
    server.setRequestHandler('tasks/cancel', { params: idOnly }, async ({ taskId }, ctx) => {
      const task = await found(taskId, ctx);
      if (await this.#cancel(task)) await logEndedCalls(exchange, task, 'cancelled', this.#dependencies);
      return { resultType: 'complete' };
    });
  }

  /** The result of `tasks/get`. */
  async detail(task: Execution): Promise<{ resultType: 'complete' } & Record<string, unknown>> {
    return { resultType: 'complete', ...describe(task), ...(await this.outcome(task)) };
  }

  /** The status of a task, with its result, its error or its input requests. */
  async outcome(task: Execution): Promise<Record<string, unknown>> {
    switch (task.status) {
      case 'running':
        return { status: 'working' };
      case 'cancelled':
        return { status: 'cancelled' };
      case 'input-required': {
        const { inputRequests } = (await this.#last(task)).result as { inputRequests: Record<string, unknown> };
        const open = Object.entries(inputRequests).filter(([name]) => task.open.includes(name));
        return { status: 'input_required', inputRequests: Object.fromEntries(open) };
      }
      case 'done': {
        const { result, error } = await this.#last(task);
        return result ? { status: 'completed', result } : { status: 'failed', error };
      }
    }
  }

  async #last(task: Execution): Promise<{ result?: object; error?: object }> {
    const [event] = await this.#dependencies.store.eventsAfter(task, task.events - 1);
    if (!event) throw new Error(`The outcome of execution ${task.id} is not in the store`);
    return event.message as { result?: object; error?: object };
  }

  async #acceptInputs(task: Execution, inputs: Record<string, unknown>): Promise<void> {
    const { store, starter } = this.#dependencies;
    for (const [inputRequest, response] of Object.entries(inputs)) {
      if (!task.open.includes(inputRequest)) continue;
      const name = randomId();
      await store.addAnswer(task, name, JSON.stringify(response));
      const changed = await this.#change(task, (current) => acceptInput(current, inputRequest, name, '', this.#now()));
      task = changed ?? task;
    }
    // An earlier request may have brought the last response and failed to start the worker.
    if (wantsWorker(task)) await starter.start({ grant: task.grant, execution: task.id });
  }

  /** @returns whether this request has cancelled it */
  async #cancel(task: Execution): Promise<boolean> {
    const change = (current: Execution) => (isUnfinished(current) ? cancelled(current, this.#now()) : undefined);
    return (await this.#change(task, change)) !== undefined;
  }

  /** Changes the stored task. @returns undefined when the change does not apply to it, or it is gone */
  async #change(
    task: Execution,
    change: (current: Execution) => Execution | undefined,
  ): Promise<Execution | undefined> {
    const { store } = this.#dependencies;
    let current: Execution | undefined = task;
    return retryOnConflict({ service: 'The session table', item: `task ${task.id}` }, async () => {
      const changed = current && change(current);
      if (!changed || (await store.saveExecution(changed))) return changed;
      current = await store.findExecution(task.grant, task.id);
      return current ? retry : undefined;
    });
  }

  /** Ends a task that no worker will execute. */
  async #abandon(task: Execution): Promise<{ ended: Execution; isStored: boolean }> {
    const { store } = this.#dependencies;
    const ended = nextVersion(task, this.#now(), { status: 'done', events: task.events + 1, open: [] });
    await store.addEvents(task, [{ number: ended.events, message: interrupted(task.requests[0]!) }]);
    if (await store.saveExecution(ended)) return { ended, isStored: true };
    return { ended: (await store.findExecution(task.grant, task.id)) ?? ended, isStored: false };
  }

  #now(): number {
    return epochSeconds(this.#dependencies.clock);
  }
}

/** The result of `tools/call` when a worker has the request (CreateTaskResult). */
export const createTaskResult = (task: Execution) => ({ resultType: 'task', ...describe(task), status: 'working' });

const describe = (task: Execution) => ({
  taskId: task.id,
  createdAt: iso(task.createdAt),
  lastUpdatedAt: iso(task.updatedAt),
  ttlMs: (task.expiresAt - task.createdAt) * 1000,
  pollIntervalMs: POLL_MILLISECONDS,
  ...(task.message !== undefined && { statusMessage: task.message }),
});

const iso = (seconds: number) => new Date(seconds * 1000).toISOString();

/** Whether no worker executes the task, and none will. */
const isLost = (task: Execution, now: number): boolean =>
  isAbandoned(task, now) && (task.attempts >= MOST_ATTEMPTS || now - task.updatedAt > LOST_SECONDS);

/** Whether the client of a request of 2026-07-28 declares the extension. @param meta `_meta` of the request */
export function supportsTasks(meta: Readonly<Record<string, unknown>> | undefined): boolean {
  const capabilities = meta?.[CLIENT_CAPABILITIES_META_KEY] as { extensions?: Record<string, unknown> } | undefined;
  return capabilities?.extensions?.[TASKS_EXTENSION] !== undefined;
}

export const missingTasksCapability = () =>
  new MissingRequiredClientCapabilityError({ requiredCapabilities: { extensions: { [TASKS_EXTENSION]: {} } } });
