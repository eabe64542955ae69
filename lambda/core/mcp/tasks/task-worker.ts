import type { JSONRPCRequest, JSONRPCResponse } from '@modelcontextprotocol/server';
import type { Caller } from '../../access/caller.ts';
import { type AuditDependencies, AuditRecorder } from '../../audit/audit-recorder.ts';
import type { AuditedRequest } from '../../audit/audited-request.ts';
import type { AuditLogWriter } from '../../audit/tool-call.ts';
import type { Sessions } from '../../sessions/sessions.ts';
import { type Clock, epochSeconds, every } from '../../support/clock.ts';
import { randomId } from '../../support/crypto.ts';
import { logFailure } from '../../support/failure-log.ts';
import type { Logger } from '../../support/logger.ts';
import { ServiceUnavailableError } from '../../support/service-unavailable-error.ts';
import {
  cancelled,
  ERASURE,
  type Execution,
  type ExecutionEvent,
  type ExecutionStore,
  isAbandoned,
  isLiveExecution,
  isUnfinished,
  LEASE_SECONDS,
  lease,
  nextVersion,
} from '../execution.ts';
import type { McpExchange } from '../mcp-exchange.ts';
import { ToolRequest } from '../mcp-http.ts';
import type { ServerStep } from '../server-step.ts';
import { readMessages } from '../sse.ts';
import { restoreRequest } from '../stored-request.ts';
import { createToolContext, type ToolContextDependencies } from '../tool-context.ts';
import type { StateStore } from '../tool-state.ts';
import { traceIdOf, traceOf } from '../trace.ts';
import { LeasedTask, type TaskOutcome, toolInputName } from './leased-task.ts';
import { MOST_ATTEMPTS, type TaskJob } from './tasks.ts';

/** How often the grant of a running task is read: a revocation ends the task. */
const GRANT_MILLISECONDS = 10_000;

/** Time that the worker keeps to store a timeout before its invocation ends. */
const MARGIN_MILLISECONDS = 10_000;

const REVOKED = { outcome: 'cancelled', message: 'Access was revoked' } as const;

/** The clocks of two processes may differ by so much. */
const SKEW_SECONDS = 30;

export type TaskWorkerDependencies = {
  executions: ExecutionStore;
  sessions: Sessions;
  server: Pick<ServerStep, keyof ServerStep>;
  context: ToolContextDependencies;
  audit: AuditDependencies;
  /** Receives the trace id of the request, for the log. */
  setTrace: (traceId: string) => void;
  clock: Clock;
  log: Logger;
};

/**
 * Executes long-running tools, each once although AWS Lambda may deliver a job several times: the lease holder works, and a
 * finished execution is left alone. After a worker has died, the next attempt of AWS Lambda starts over.
 */
export class TaskWorker {
  readonly #dependencies: TaskWorkerDependencies;

  constructor(dependencies: TaskWorkerDependencies) {
    this.#dependencies = dependencies;
  }

  /** @param remainingMilliseconds time until the invocation ends */
  async work(job: TaskJob, remainingMilliseconds: number): Promise<void> {
    const execution = await this.#lease(job);
    if (!execution) return;
    const { executions, clock } = this.#dependencies;
    const { request, answers } = await executions.loadRequest(execution);
    const exchange = await this.#exchange(request, execution);
    let revoked: Execution | undefined;
    const look = async () => {
      revoked ??= await this.#cancelIfRevoked(exchange?.caller, execution);
    };
    const watch = every(clock, GRANT_MILLISECONDS, () => void look());
    try {
      await this.#run(execution, exchange, answers, remainingMilliseconds - MARGIN_MILLISECONDS);
    } finally {
      watch.cancel();
    }
    if (!exchange) await this.#logRevoked(request, execution);
    else if (revoked) await this.#logRevoked(request, revoked, exchange.context);
  }

  async #run(
    execution: Execution,
    exchange: McpExchange | undefined,
    answers: ReadonlyMap<string, string>,
    milliseconds: number,
  ): Promise<void> {
    const { executions, server } = this.#dependencies;
    if (exchange?.session.era === 'legacy') {
      await server.execute(exchange, execution, milliseconds);
      return exchange.recorder.written();
    }
    // The worker before died, perhaps after it had stored the outcome.
    const [outcome] = execution.attempts > 1 ? await executions.eventsAfter(execution, execution.events) : [];
    if (outcome) return this.#settle(execution, outcome);
    await this.#executeTask(execution, exchange, answers, milliseconds);
  }

  /**
   * Cancels the execution when its grant has ended. The work stops when its lease is renewed.
   * @returns the execution, if it was cancelled here
   */
  async #cancelIfRevoked(caller: Caller | undefined, { grant, id }: Execution): Promise<Execution | undefined> {
    const { executions, sessions, clock, log } = this.#dependencies;
    try {
      if (!caller || (await sessions.grantOf(caller))) return undefined;
      const found = await executions.findExecution(grant, id);
      if (!found || !isUnfinished(found)) return undefined;
      const ended = cancelled(found, epochSeconds(clock));
      return (await executions.saveExecution(ended)) ? ended : undefined;
    } catch (error) {
      // The next look repeats it.
      logFailure(log, error);
      return undefined;
    }
  }

  /**
   * Logs the call of an execution that ended with its grant, unless the user is erased. The call has an entry already when its
   * tool returned first.
   * @param context of the request; absent when the grant had ended before, which has the name of the client
   */
  async #logRevoked(stored: string, { grant, id }: Execution, context?: AuditedRequest['context']): Promise<void> {
    const found = await this.#dependencies.executions.findExecution(grant, id);
    if (!found || found.mark === ERASURE) return;
    const { startedAt, ...restored } = restoreRequest(stored);
    const { caller, headers, body } = restored;
    const recorder = new AuditRecorder(this.#dependencies.audit, found, { startedAt, unlessLogged: true });
    const trace = traceOf(headers, body);
    recorder.failed({ ...restored, context: context ?? { client: { name: caller.client }, trace } }, REVOKED);
    await recorder.written();
  }

  async #settle(execution: Execution, event: ExecutionEvent): Promise<void> {
    const { executions, clock, log } = this.#dependencies;
    const task = new LeasedTask(execution, { store: executions, clock, log });
    try {
      await task.settle(event);
    } finally {
      task.release();
    }
  }

  /**
   * Takes the lease. While another worker has it, this one watches whether it is renewed, whatever their clocks say: AWS
   * Lambda delivers an event again when a worker has died, and sometimes while it works.
   *
   * @returns undefined when the execution has ended or another worker has it
   */
  async #lease({ grant, execution: id }: TaskJob): Promise<Execution | undefined> {
    const { executions, clock } = this.#dependencies;
    let found = await executions.findExecution(grant, id);
    if (found && isLeased(found, epochSeconds(clock))) {
      const { version } = found;
      await clock.sleep(LEASE_SECONDS * 1000);
      found = await executions.findExecution(grant, id);
      if (found?.version !== version) return undefined;
    }
    const now = epochSeconds(clock);
    if (!isLiveExecution(found, now) || found.status !== 'running') return undefined;
    const leased = nextVersion(found, now, { ...lease(randomId(), now), attempts: found.attempts + 1 });
    return (await executions.saveExecution(leased)) ? leased : undefined;
  }

  async #executeTask(
    execution: Execution,
    exchange: McpExchange | undefined,
    answers: ReadonlyMap<string, string>,
    milliseconds: number,
  ): Promise<void> {
    const { executions, clock, log } = this.#dependencies;
    const task = new LeasedTask(execution, { store: executions, clock, log });
    try {
      const outcome = exchange
        ? await this.#answer(exchange, task, answers, milliseconds)
        : { error: { code: -32603, message: 'Access was revoked before the task was executed' } };
      // A task that its client sees completed is in the audit log.
      await exchange?.recorder.written();
      if (outcome) await task.end(outcome);
    } catch (error) {
      // Waiting may cure an outage: AWS Lambda attempts again.
      if (error instanceof ServiceUnavailableError && execution.attempts < MOST_ATTEMPTS) throw error;
      log('execution_failed', { error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
      exchange?.recorder.failed(exchange, { outcome: 'protocol-error', code: -32603 });
      await task.end({ error: { code: -32603, message: 'Internal server error' } });
    } finally {
      task.release();
      await exchange?.recorder.written();
    }
  }

  /** The stored request; undefined when its grant has ended. */
  async #exchange(stored: string, execution: Execution): Promise<McpExchange | undefined> {
    const { request, headers, body, caller, session, startedAt } = restoreRequest(stored);
    const grant = await this.#dependencies.sessions.grantOf(caller);
    if (!grant) return undefined;
    const trace = traceOf(headers, body);
    if (trace) this.#dependencies.setTrace(traceIdOf(trace));
    const audit = { ...this.#dependencies.audit, store: this.#auditLogOf(execution) };
    const recorder = new AuditRecorder(audit, execution, { startedAt });
    const onOutage = () => recorder.meetOutage();
    const state = this.#stateOf(execution);
    const context = createToolContext(
      { ...this.#dependencies.context, state },
      caller,
      { grant, session },
      trace,
      onOutage,
    );
    const arrivedAt = execution.createdAt * 1000;
    return { request, headers, body, arrivedAt, caller, session, context, recorder, isWorker: true };
  }

  /** The audit log, to which a task that was cancelled, or erased with its user, writes nothing. */
  #auditLogOf(execution: Execution): AuditLogWriter {
    const { store } = this.#dependencies.audit;
    return {
      recordCall: async (...call) => {
        if (await this.#isKept(execution)) await store.recordCall(...call);
      },
    };
  }

  /** The store of the user's state, to which a task that was cancelled, or erased with its user, writes nothing. */
  #stateOf(execution: Execution): StateStore {
    const { state } = this.#dependencies.context;
    return {
      ...state,
      put: async (...entry) => {
        await this.#requireKept(execution);
        return state.put(...entry);
      },
      overwrite: async (...entry) => {
        await this.#requireKept(execution);
        return state.overwrite(...entry);
      },
    };
  }

  /** @throws Error when the execution was cancelled, or erased */
  async #requireKept(execution: Execution): Promise<void> {
    if (!(await this.#isKept(execution))) throw new Error('The task was cancelled; its state is not stored');
  }

  /** Whether the execution was neither cancelled nor erased. */
  async #isKept({ grant, id }: Execution): Promise<boolean> {
    const found = await this.#dependencies.executions.findExecution(grant, id);
    return found !== undefined && found.status !== 'cancelled';
  }

  /** @returns undefined when the task is no longer this process's: it was cancelled */
  async #answer(
    exchange: McpExchange,
    task: LeasedTask,
    answers: ReadonlyMap<string, string>,
    milliseconds: number,
  ): Promise<TaskOutcome | undefined> {
    const { clock, server } = this.#dependencies;
    const { signal } = task;
    const deadline = clock.after(milliseconds, () => task.abort('late'));
    try {
      const { url, method, headers } = exchange.request;
      const request = new ToolRequest(url, { method, headers, signal });
      const body = withInputResponses(exchange.body, task.execution, answers, await this.#lastRound(task.execution));
      const { response } = await server.modern({ ...exchange, request, body });
      for await (const message of readMessages(response)) {
        if (!('method' in message)) return this.#record(exchange, message);
        reportProgress(task, (message.params ?? {}) as Record<string, unknown>);
      }
    } finally {
      deadline.cancel();
    }
    if (signal.reason === 'late') {
      exchange.recorder.failed(exchange, { outcome: 'timed-out', code: -32603 });
      return { error: { code: -32603, message: 'Request timed out' } };
    }
    if (signal.aborted) return undefined;
    throw new Error('The server did not answer the request');
  }

  /** A request that was rejected before a server was built has a response without an id. */
  #record(exchange: McpExchange, message: Record<string, unknown>): TaskOutcome {
    const { id } = exchange.body as JSONRPCRequest;
    exchange.recorder.answered(exchange, { ...message, id } as JSONRPCResponse);
    return message as TaskOutcome;
  }

  /** The input requests for which the task waited, and the tool's state. */
  async #lastRound(execution: Execution): Promise<{ requestState?: unknown }> {
    if (execution.events === 0) return {};
    const [event] = await this.#dependencies.executions.eventsAfter(execution, execution.events - 1);
    return (event?.message as TaskOutcome | undefined)?.result ?? {};
  }
}

/** Whether a worker may have it, by the clock of another process. */
const isLeased = (execution: Execution, now: number): boolean =>
  execution.status === 'running' && execution.runner !== undefined && !isAbandoned(execution, now - SKEW_SECONDS);

function reportProgress(task: LeasedTask, { progress, total, message }: Record<string, unknown>): void {
  if (progress === undefined) return;
  task.progress(String(message ?? `${progress}${total === undefined ? '' : ` of ${total}`}`));
}

/** The request as a client of 2026-07-28 repeats it, with the input responses of the last round. */
function withInputResponses(
  body: unknown,
  execution: Execution,
  answers: ReadonlyMap<string, string>,
  { requestState }: { requestState?: unknown },
): unknown {
  if (execution.events === 0) return body;
  const responses = Object.entries(execution.answers).map(([inputRequest, name]) => [
    toolInputName(inputRequest),
    JSON.parse(answers.get(name) ?? 'null'),
  ]);
  const { params } = body as { params: object };
  const repeated = {
    ...params,
    inputResponses: Object.fromEntries(responses),
    ...(requestState !== undefined && { requestState }),
  };
  return { ...(body as object), params: repeated };
}
