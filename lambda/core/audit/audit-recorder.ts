import type { JSONRPCMessage, JSONRPCRequest, RequestId } from '@modelcontextprotocol/server';
import { jsonText } from '../mcp/json-text.ts';
import type { Timer } from '../support/clock.ts';
import { byteLength, randomId } from '../support/crypto.ts';
import { ServiceUnavailableError } from '../support/service-unavailable-error.ts';
import { type ArgumentRules, auditedArguments } from './audited-arguments.ts';
import { auditedError, describeError, type ErrorRules, isProtocolError } from './audited-error.ts';
import { type AuditedRequest, argumentsIn, callFactsOf, largest, requestsIn } from './audited-request.ts';
import { boundedText } from './bounded-text.ts';
import type { CallJournal, OpenCall } from './call-journal.ts';
import { type CallWriteDependencies, writeCall } from './call-write.ts';
import { rejectionIn } from './rejected-call.ts';
import type { CallOutcome, ToolCall } from './tool-call.ts';

export type AuditRules = ArgumentRules &
  ErrorRules & {
    /** Which requests are logged: `tools/call` alone, or every one. */
    methods: 'tools' | 'all';
    retentionDays: number;
  };

export type AuditDependencies = CallWriteDependencies & {
  rules: AuditRules;
  /** Absent where another process repeats or logs the call. */
  journal?: CallJournal;
};

/** An execution (`mcp/execution.ts`). `createdAt` is in epoch seconds. */
type LoggedExecution = { id: string; requests: RequestId[]; createdAt: number; attempts: number };

/** The end of a request that no server has answered. A request without a response has no code. */
type Failure = { outcome: CallOutcome; code?: number; message?: string | undefined };

type Options = {
  /** Epoch milliseconds. @default those of the execution, or now */
  startedAt?: number | undefined;
  /** Leaves calls as they are that another process has logged, because they are counted. */
  unlessLogged?: boolean;
};

const INVALID_PARAMS = -32602;

type ToolResult = { resultType?: unknown; isError?: unknown; content?: { text?: unknown }[] };

/** Meaning of an error code. The message that comes with one may quote an argument (-32020) or be a handler's. */
const meanings: Record<number, string | undefined> = {
  [-32600]: 'Invalid request',
  [-32601]: 'Method not found',
  [INVALID_PARAMS]: 'Invalid params',
  [-32603]: 'Internal error',
  [-32020]: 'Header mismatch',
  [-32021]: 'Missing required client capability',
  [-32022]: 'Unsupported protocol version',
};

/**
 * Step 4 of a request: the audit log. Every response passes through it on its way to the client. Each call is written
 * once, in parallel with the rest of the response, and a failed write does not fail the call.
 *
 * Not logged: a call that stops for an input request (the answered one is), the handle of a task (its execution is, at its
 * end). `ended-call.ts` and `call-journal.ts` log the calls that no process ends.
 */
export class AuditRecorder {
  readonly #dependencies: AuditDependencies;
  /** Start of the calls, in epoch milliseconds. */
  readonly startedAt: number;
  readonly #unlessLogged: boolean;
  #execution: LoggedExecution | undefined;
  readonly #writes: Promise<void>[];
  readonly #settled = new Set<RequestId>();
  /** Ids of calls, and what their tools have thrown, by request. */
  readonly #ids = new Map<RequestId, string>();
  readonly #thrown = new Map<RequestId, unknown>();
  /** Calls in the journal, by request. */
  readonly #kept = new Map<RequestId, OpenCall>();
  /** Shared with the recorders of continued executions. */
  readonly #outage: { isMet: boolean };
  #timeout: Timer | undefined;

  /** @param execution set when another process has begun it */
  constructor(
    dependencies: AuditDependencies,
    execution?: LoggedExecution,
    { startedAt, unlessLogged }: Options = {},
    { writes = [], outage = { isMet: false } }: { writes?: Promise<void>[]; outage?: { isMet: boolean } } = {},
  ) {
    this.#dependencies = dependencies;
    this.#execution = execution;
    this.startedAt = startedAt ?? (execution ? execution.createdAt * 1000 : dependencies.clock.now());
    // Another attempt may have logged the call, and died before it stored the response.
    this.#unlessLogged = unlessLogged ?? (execution !== undefined && execution.attempts > 1);
    this.#writes = writes;
    this.#outage = outage;
  }

  /** The recorder of an execution that another process has begun. `written` of this recorder waits for its writes. */
  of(execution: LoggedExecution, options?: Options): AuditRecorder {
    const shared = { writes: this.#writes, outage: this.#outage };
    return new AuditRecorder(this.#dependencies, execution, options, shared);
  }

  /** Gives the call the id of the execution that this process begins, so that other processes log the same call. */
  begin(execution: LoggedExecution): void {
    this.#execution = execution;
    if (this.#kept.size === 0) return;
    for (const [id, call] of this.#kept) call.id = this.#idOf(id);
    this.#keep();
  }

  /** Keeps the calls in the journal until they are logged, so that they are logged if this process dies. */
  keep(audited: AuditedRequest): void {
    if (!this.#dependencies.journal) return;
    for (const request of requestsIn(audited)) {
      if (this.#isLogged(request)) this.#kept.set(request.id, this.#openCall(audited, request));
    }
    if (this.#kept.size > 0) this.#keep();
  }

  #keep(): void {
    this.#dependencies.journal?.keep([...this.#kept.values()]);
  }

  #forget(id: RequestId): void {
    if (this.#kept.delete(id)) this.#keep();
  }

  #openCall(audited: AuditedRequest, request: JSONRPCRequest): OpenCall {
    const id = this.#idOf(request.id);
    return { ...callFactsOf(audited, request), id, at: this.startedAt, bytesIn: sizeOf(request) };
  }

  /** Logs the requests that have no response by then as timed out, just before the platform ends the process. */
  expect(request: AuditedRequest, milliseconds: number): void {
    const fail = () => this.failed(request, { outcome: 'timed-out', code: -32603 });
    this.#timeout = this.#dependencies.clock.after(milliseconds, fail);
  }

  /** A service of Holdfast did not answer a tool: an error of the tool is the outage's. */
  meetOutage(): void {
    this.#outage.isMet = true;
  }

  /**
   * The tool that a request calls has thrown. The model reads the message alone, so the log has the stack as well. Not for
   * an error by which a tool answers, and `reportFailures` (`mcp/tool-failure.ts`) has logged an outage.
   */
  threw(audited: AuditedRequest, id: RequestId, error: unknown): void {
    const request = requestsIn(audited).find((each) => each.id === id);
    if (!request || isProtocolError(error)) return;
    this.#thrown.set(id, error);
    if (error instanceof ServiceUnavailableError) return;
    const { tool, user, client, session } = callFactsOf(audited, request);
    const call = this.#idOf(id);
    this.#dependencies.log('tool_failed', { tool, ...describeError(error), user, client, session, call });
  }

  /** Leaves a request to another process, which answers and logs it. */
  leave(id: RequestId): void {
    this.#settled.add(id);
    this.#forget(id);
  }

  /** Logs the request that the message answers. */
  answered(audited: AuditedRequest, message: JSONRPCMessage): void {
    if ('method' in message) return;
    const request = requestsIn(audited).find(({ id }) => id === message.id);
    if (!request) return;
    if ('result' in message) {
      const { resultType, isError, content } = message.result as ToolResult;
      const isFailed = isError === true && request.method === 'tools/call';
      const outcome = isFailed ? this.#failureOf(request, content?.[0]?.text, 'error-result') : 'success';
      if (resultType === 'input_required' || resultType === 'task') this.leave(request.id);
      else this.#record(audited, request, { outcome }, message);
    } else {
      const { code, message: text } = message.error;
      const isOfTool = request.method === 'tools/call' && (code === INVALID_PARAMS || this.#thrown.has(request.id));
      const outcome = isOfTool ? this.#failureOf(request, text, 'protocol-error') : 'protocol-error';
      this.#record(audited, request, { outcome, code, message: meanings[code] }, message);
    }
  }

  #failureOf({ id, params }: JSONRPCRequest, text: unknown, otherwise: CallOutcome): CallOutcome {
    if (this.#outage.isMet) return 'unavailable';
    return this.#thrown.has(id) ? 'tool-error' : (rejectionIn(text, String(params?.name)) ?? otherwise);
  }

  /** Logs every request without a response: this failure is its only one. */
  failed(audited: AuditedRequest, failure: Failure): void {
    const { code, message } = failure;
    for (const request of requestsIn(audited)) {
      const response = code === undefined ? undefined : { jsonrpc: '2.0', id: request.id, error: { code, message } };
      this.#record(audited, request, failure, response);
    }
  }

  /**
   * Logs the requests of an HTTP request that was rejected as a whole, unless they are logged already.
   * @param outcome set when the error message of the response is Holdfast's
   */
  async turnedAway(
    audited: AuditedRequest,
    response: { json(): Promise<unknown> },
    outcome?: CallOutcome,
  ): Promise<void> {
    if (requestsIn(audited).every(({ id }) => this.#settled.has(id))) return;
    const { error } = (await response.json().catch(() => ({}))) as { error?: { code?: unknown; message?: unknown } };
    const code = Number(error?.code ?? -32603);
    const message = outcome ? String(error?.message) : meanings[code];
    this.failed(audited, { outcome: outcome ?? 'protocol-error', code, message });
  }

  /** Resolves when all calls are written. To be called after the last response. */
  async written(): Promise<void> {
    this.#timeout?.cancel();
    for (let write = this.#writes.shift(); write; write = this.#writes.shift()) await write;
    if (this.#kept.size === 0) return;
    // Another process answers these calls, once their input has arrived.
    this.#kept.clear();
    this.#keep();
  }

  #record(
    audited: AuditedRequest,
    request: JSONRPCRequest,
    failure: Partial<Failure>,
    response: object | undefined,
  ): void {
    if (this.#settled.has(request.id)) return;
    this.#settled.add(request.id);
    if (this.#isLogged(request)) this.#writes.push(this.#write(audited, request, failure, response));
  }

  #isLogged({ method }: JSONRPCRequest): boolean {
    return this.#dependencies.rules.methods === 'all' || method === 'tools/call';
  }

  #idOf(request: RequestId): string {
    // Every process that logs the execution logs the same call.
    if (this.#execution?.requests.length === 1) return this.#execution.id;
    const id = this.#ids.get(request) ?? randomId();
    this.#ids.set(request, id);
    return id;
  }

  #write(
    audited: AuditedRequest,
    request: JSONRPCRequest,
    failure: Partial<Failure>,
    response: object | undefined,
  ): Promise<void> {
    const { rules, clock } = this.#dependencies;
    const endedAt = clock.now();
    const id = this.#idOf(request.id);
    const complete = async () => {
      const call: ToolCall = {
        ...(this.#kept.get(request.id) ?? this.#openCall(audited, request)),
        outcome: failure.outcome ?? 'success',
        errorCode: failure.code,
        message: boundedText(failure.message, largest.message),
        // The clock of the process that started the execution may be ahead.
        milliseconds: Math.max(0, endedAt - this.startedAt),
        bytesOut: response === undefined ? 0 : sizeOf(response),
      };
      const isThrown = call.outcome === 'tool-error' && this.#thrown.has(request.id);
      if (isThrown) Object.assign(call, await auditedError(call, this.#thrown.get(request.id), rules));
      const given = await auditedArguments(call, argumentsIn(request), rules);
      return given === undefined ? call : { ...call, arguments: given };
    };
    const written = writeCall(this.#dependencies, id, complete, { unlessLogged: this.#unlessLogged });
    return written.then(() => this.#forget(request.id));
  }
}

const sizeOf = (message: object): number => byteLength(jsonText(message));
