import type { JSONRPCRequest, JSONRPCResponse } from '@modelcontextprotocol/server';
import { type AuditDependencies, AuditRecorder } from '../../audit/audit-recorder.ts';
import type { Sessions } from '../../sessions/sessions.ts';
import { randomId } from '../../support/crypto.ts';
import type { Logger } from '../../support/logger.ts';
import { ServiceUnavailableError } from '../../support/service-unavailable-error.ts';
import { type Execution, type ExecutionStore, isLiveExecution, lease, nextVersion } from '../execution.ts';
import type { McpExchange } from '../mcp-exchange.ts';
import { McpRequest } from '../mcp-http.ts';
import type { ServerStep } from '../server-step.ts';
import { readMessages } from '../sse.ts';
import { restoreRequest } from '../stored-request.ts';
import type { ToolContextDependencies } from '../tool-context.ts';
import { createToolContext } from '../tool-context.ts';
import { traceIdOf, traceOf } from '../trace.ts';
import { MOST_ATTEMPTS, type TaskJob } from './tasks.ts';

/** How often the run is saved, so that its lease holds and a cancellation is noticed. */
const SAVE_MILLISECONDS = 2_000;
/** What is left of the worker's time when it gives up, to say so. */
const MARGIN_MILLISECONDS = 10_000;

export type TaskWorkerDependencies = {
  runs: ExecutionStore;
  sessions: Sessions;
  server: ServerStep;
  context: ToolContextDependencies;
  record: AuditDependencies;
  /** Told the trace that the request belongs to. */
  traced: (traceId: string) => void;
  /** Epoch seconds. */
  now: () => number;
  log: Logger;
};

/** What a request has come to: a message as the client would have got it. */
type TaskOutcome = { result?: Record<string, unknown>; error?: object };

/**
 * Does the runs of long tools, each once, however often it is told to: whoever has the lease works, and a run that has
 * ended is left alone. A run whose worker died is begun again, by the next attempt of AWS Lambda.
 */
export class TaskWorker {
  readonly #parts: TaskWorkerDependencies;

  constructor(parts: TaskWorkerDependencies) {
    this.#parts = parts;
  }

  /** @param remainingMilliseconds what is left of the time that this process has */
  async work({ grant, run: id }: TaskJob, remainingMilliseconds: number): Promise<void> {
    const { runs, server, log, now } = this.#parts;
    const found = await runs.findExecution(grant, id);
    if (!isLiveExecution(found, now()) || found.status !== 'running' || (found.leaseUntil ?? 0) > now()) return;
    const run = nextVersion(found, now(), { ...lease(randomId(), now()), attempts: found.attempts + 1 });
    if (!(await runs.saveExecution(run))) return;

    const { request, answers } = await runs.loadRequest(run);
    const exchange = await this.#exchange(request, run);
    if (exchange?.session.era === 'legacy') {
      await server.work(exchange, run, remainingMilliseconds - MARGIN_MILLISECONDS);
      return exchange.recording.written();
    }
    const held = new HeldRun(this.#parts, run);
    try {
      const outcome = exchange
        ? await this.#answer(exchange, held, answers, remainingMilliseconds - MARGIN_MILLISECONDS)
        : { error: { code: -32603, message: 'The user or the owner has ended the connection that asked for this' } };
      if (outcome) await held.end(outcome);
    } catch (error) {
      // What is not the tool's fault may pass: AWS Lambda calls again.
      if (error instanceof ServiceUnavailableError && run.attempts < MOST_ATTEMPTS) throw error;
      log('execution_failed', { error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
      exchange?.recording.failed(exchange, { outcome: 'protocol-error', code: -32603 });
      await held.end({ error: { code: -32603, message: 'Internal server error' } });
    } finally {
      held.letGo();
      await exchange?.recording.written();
    }
  }

  /** The request as it was made, if its grant still holds. */
  async #exchange(kept: string, run: Execution): Promise<McpExchange | undefined> {
    const { request, body, caller, session } = restoreRequest(kept);
    const grant = await this.#parts.sessions.grantOf(caller);
    if (!grant) return undefined;
    const trace = traceOf(request.headers, body);
    if (trace) this.#parts.traced(traceIdOf(trace));
    const context = createToolContext(this.#parts.context, caller, { grant, session }, trace);
    return {
      request,
      body,
      caller,
      session,
      context,
      recording: new AuditRecorder(this.#parts.record, run),
      isWorker: true,
    };
  }

  /** @returns nothing when the run is no longer ours: it was cancelled */
  async #answer(
    exchange: McpExchange,
    held: HeldRun,
    answers: ReadonlyMap<string, string>,
    milliseconds: number,
  ): Promise<TaskOutcome | undefined> {
    const { signal } = held;
    const late = setTimeout(() => held.abort('late'), milliseconds);
    try {
      const { url, method, headers } = exchange.request;
      const request = new McpRequest(url, { method, headers, signal });
      const body = withAnswers(exchange.body, held.run, answers, await this.#askedBefore(held.run));
      const { response } = await this.#parts.server.modern({ ...exchange, request, body });
      for await (const message of readMessages(response)) {
        if (!('method' in message)) {
          // What was turned away before a server was built for it names no id.
          const { id } = exchange.body as JSONRPCRequest;
          exchange.recording.answered(exchange, { ...message, id } as JSONRPCResponse);
          return message as TaskOutcome;
        }
        const { progress, total, message: text } = (message.params ?? {}) as Record<string, unknown>;
        if (progress !== undefined)
          held.says(String(text ?? `${progress}${total === undefined ? '' : ` of ${total}`}`));
      }
    } finally {
      clearTimeout(late);
    }
    if (signal.reason === 'late') exchange.recording.failed(exchange, { outcome: 'timed-out', code: -32603 });
    if (signal.reason === 'late') return { error: { code: -32603, message: 'This took longer than it may' } };
    if (signal.aborted) return undefined;
    throw new Error('The request was not answered');
  }

  /** The questions that the run stopped for, and what the tool gave to be brought back with the answers. */
  async #askedBefore(run: Execution): Promise<{ requestState?: unknown }> {
    if (run.events === 0) return {};
    const [event] = await this.#parts.runs.eventsAfter(run, run.events - 1);
    return (event?.message as TaskOutcome | undefined)?.result ?? {};
  }
}

/** The request as a client of 2026-07-28 would make it again, with the answers to the questions of the last round. */
function withAnswers(
  body: unknown,
  run: Execution,
  answers: ReadonlyMap<string, string>,
  { requestState }: { requestState?: unknown },
): unknown {
  if (run.events === 0) return body;
  const given = Object.entries(run.answers).map(([question, name]) => [
    ownName(question),
    JSON.parse(answers.get(name) ?? 'null'),
  ]);
  const { params } = body as { params: object };
  const again = {
    ...params,
    inputResponses: Object.fromEntries(given),
    ...(requestState !== undefined && { requestState }),
  };
  return { ...(body as object), params: again };
}

/** Over all its rounds a task has each question's name once, though its tool may use a name again. */
const taskName = (name: string, round: number) => `${name}#${round}`;
const ownName = (question: string) => question.slice(0, question.lastIndexOf('#'));

/** A run that this process works on. */
class HeldRun {
  readonly #parts: TaskWorkerDependencies;
  readonly #abort = new AbortController();
  readonly #timer: ReturnType<typeof setInterval>;
  #run: Execution;
  #saving: Promise<void> = Promise.resolve();

  constructor(parts: TaskWorkerDependencies, run: Execution) {
    this.#parts = parts;
    this.#run = run;
    const renew = () => this.#save({}).catch((error) => parts.log('execution_save_failed', { error: String(error) }));
    this.#timer = setInterval(renew, SAVE_MILLISECONDS);
  }

  get run(): Execution {
    return this.#run;
  }

  /** Aborted when the run is no longer to be worked on. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  abort(reason: 'late' | 'cancelled'): void {
    this.#abort.abort(reason);
  }

  says(message: string): void {
    this.#run = { ...this.#run, message: message.slice(0, 1000) };
  }

  /** Stores what the request has come to: an outcome, or questions, for which the run stops. */
  async end({ result, error }: TaskOutcome): Promise<void> {
    const number = this.#run.events + 1;
    const answer = { jsonrpc: '2.0', id: this.#run.requests[0] };
    const free = { runner: undefined, leaseUntil: undefined, events: number };
    if (result?.resultType !== 'input_required') {
      await this.#parts.runs.addEvents(this.#run, [
        { number, message: { ...answer, ...(error ? { error } : { result }) } },
      ]);
      return this.#save({ ...free, status: 'done' });
    }
    const asked = Object.entries((result.inputRequests ?? {}) as Record<string, unknown>);
    const inputRequests = Object.fromEntries(asked.map(([name, question]) => [taskName(name, number), question]));
    await this.#parts.runs.addEvents(this.#run, [{ number, message: { result: { ...result, inputRequests } } }]);
    return this.#save({ ...free, status: 'asking', open: Object.keys(inputRequests), answers: {}, attempts: 0 });
  }

  letGo(): void {
    clearInterval(this.#timer);
  }

  #save(change: Partial<Execution>): Promise<void> {
    const saving = this.#saving.then(async () => {
      const { runs, now, log } = this.#parts;
      const saved = nextVersion(this.#run, now(), { ...lease(this.#run.runner!, now()), ...change });
      try {
        if (await runs.saveExecution(saved)) this.#run = { ...saved, message: this.#run.message };
        else this.abort('cancelled');
      } catch (error) {
        if (!(error instanceof ServiceUnavailableError) || change.status !== undefined) throw error;
        // The lease has time for some more.
        log('service_unavailable', { message: error.message, cause: String(error.cause) });
      }
    });
    // One that fails does not keep the next from being tried.
    this.#saving = saving.catch(() => undefined);
    return saving;
  }
}
