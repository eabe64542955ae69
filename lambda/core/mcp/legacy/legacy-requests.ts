import type {
  JSONRPCMessage,
  JSONRPCNotification,
  JSONRPCRequest,
  JSONRPCResponse,
  RequestId,
} from '@modelcontextprotocol/server';
import { logEndedCalls } from '../../audit/ended-call.ts';
import { type Clock, epochSeconds } from '../../support/clock.ts';
import { bytes } from '../../support/crypto.ts';
import type { Logger } from '../../support/logger.ts';
import { attemptUpTo, retry } from '../../support/retry-on-conflict.ts';
import { type ChangeNotifications, changeSourceOf, isSubscribed, notificationOf } from '../change-notifications.ts';
import {
  CANCELLATION_SECONDS,
  cancelled,
  type Execution,
  type ExecutionStore,
  isLiveExecution,
  isUnfinished,
  nextVersion,
  unansweredIn,
} from '../execution.ts';
import { isRequestId, jsonRpcError } from '../json-rpc-error.ts';
import { type McpExchange, type PendingResponse, respond } from '../mcp-exchange.ts';
import { McpResponse } from '../mcp-http.ts';
import { protocolServerOf } from '../sdk/owner-server.ts';
import type { ServerBuilder } from '../server-builder.ts';
import { type EventPosition, HEARTBEAT, sseEvent, sseHeaders } from '../sse.ts';
import { pendingResult } from '../tasks/long-running-tools.ts';
import type { WorkerStarter } from '../tasks/tasks.ts';
import { ExecutionFollower } from './execution-follower.ts';
import { ExecutionRunner } from './execution-runner.ts';
import { InputResponses } from './input-responses.ts';
import { checkMessages } from './legacy-message-check.ts';
import type { SavePreferences } from './session-preferences.ts';

/** A client that resumes a stream receives events for this long; then it polls again. */
const FOLLOW_SECONDS = 20;
const CANCEL_ATTEMPTS = 5;

type Dependencies = {
  builder: ServerBuilder;
  store: ExecutionStore;
  starter: WorkerStarter;
  changes: ChangeNotifications;
  /** How long a request waits for a long-running tool. */
  holdSeconds: number;
  savePreferences: SavePreferences;
  clock: Clock;
  log: Logger;
};

/** The requests of sessions of the 2025 era (MCP 2024-11-05 to 2025-11-25, Streamable HTTP). */
export class LegacyRequests {
  readonly #dependencies: Dependencies;
  readonly #runner: ExecutionRunner;
  readonly #follower: ExecutionFollower;
  readonly #inputResponses: InputResponses;

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies;
    this.#follower = new ExecutionFollower(dependencies);
    this.#runner = new ExecutionRunner({ ...dependencies, follower: this.#follower });
    this.#inputResponses = new InputResponses(dependencies);
  }

  /** Answers one message or a batch: input responses first, then cancellations, then requests and notifications. */
  async post(exchange: McpExchange): Promise<PendingResponse> {
    const { session } = exchange;
    const { messages, rejected: invalid, rejection } = checkMessages(exchange);
    if (rejection) return respond(rejection);
    const { requests, forwarded, responses, cancellations } = demultiplex(messages);
    // Executions that continue must be waited for, whatever the rest of the batch does.
    const continued: Promise<void>[] = [];
    const resume = (execution: Execution) => void continued.push(this.#runner.continue(exchange, execution));
    try {
      const accepted = responses.map((response) => this.#inputResponses.accept(session, response, resume));
      const rejected = (await Promise.all(accepted)).find((each) => each !== undefined);
      for (const { params } of cancellations) await this.#cancel(exchange, params?.requestId);
      if (requests.length > 0) {
        const { response, done } = await this.#runner.run(exchange, requests, forwarded, invalid);
        return { response, done: Promise.all([done, ...continued]) };
      }
      const notified = forwarded.length > 0 ? await this.#runner.notify(exchange, forwarded) : undefined;
      const response =
        invalid.length > 0
          ? McpResponse.json(invalid, { status: 400 })
          : (rejected ?? new McpResponse(null, { status: 202 }));
      return { response, done: Promise.all([notified?.done, ...continued]) };
    } catch (error) {
      await Promise.all(continued);
      throw error;
    }
  }

  /** Continues a stream after the last event that its client has received. */
  async resume(
    { session, recorder, context }: Pick<McpExchange, 'session' | 'recorder' | 'context'>,
    { execution: id, number }: EventPosition,
  ): Promise<PendingResponse> {
    const { store, clock, holdSeconds } = this.#dependencies;
    const now = epochSeconds(clock);
    const execution = await store.findExecution(session.grant, id);
    if (!isLiveExecution(execution, now) || execution.session !== session.id) {
      return respond(jsonRpcError(404, -32001, 'Stream not found: unknown, expired or of another session'));
    }
    const [request] = execution.requests;
    if (execution.kind === 'stream' || request === undefined) {
      const onInterrupted = (ended: Execution) =>
        logEndedCalls({ recorder, context }, ended, 'interrupted', this.#dependencies);
      return stream(this.#follower.follow(execution, { after: number, until: now + FOLLOW_SECONDS, onInterrupted }));
    }
    // The request waits for its long-running tool; after an input response it waits anew.
    const since = Object.keys(execution.answers).length > 0 ? now : execution.createdAt;
    const waiting = { session, id: request, late: pendingResult(execution.id) };
    return stream(this.#follower.follow(execution, { after: number, until: since + holdSeconds, waiting }));
  }

  /** Sends a client the changes of its user, for a limited time. */
  async listen(exchange: McpExchange): Promise<PendingResponse> {
    const { builder, changes } = this.#dependencies;
    const { context, session } = exchange;
    const { server } = await builder.build(exchange);
    const capabilities = protocolServerOf(server).getCapabilities();
    async function* events(): AsyncGenerator<Uint8Array<ArrayBuffer>> {
      yield bytes(HEARTBEAT);
      const following = { source: changeSourceOf(server), uris: [...(session.subscriptions ?? [])] };
      for await (const change of changes.follow(context.user.key, session.id, following)) {
        if (change === undefined) yield bytes(HEARTBEAT);
        else if (isSubscribed(change, capabilities, session.subscriptions))
          yield bytes(sseEvent(notificationOf(change)));
      }
    }
    return stream(events());
  }

  /** Executes a long-running tool in the task worker, or continues it with its input responses. */
  async execute(exchange: McpExchange, execution: Execution, milliseconds: number): Promise<void> {
    if (execution.attempts === 1) return this.#runner.continue(exchange, execution, milliseconds);
    // The worker before died, perhaps after it had stored events that the execution does not count.
    const stored = await this.#dependencies.store.eventsAfter(execution, execution.events);
    const events = stored.at(-1)?.number ?? execution.events;
    if (unansweredIn(execution, stored).length === 0) return this.#end({ ...execution, events });
    const notified = execution.notified + stored.filter(({ message }) => isNotification(message)).length;
    return this.#runner.continue(exchange, { ...execution, events, notified }, milliseconds);
  }

  /** Ends an execution whose responses are stored. */
  async #end(execution: Execution): Promise<void> {
    const { store, clock } = this.#dependencies;
    const change = { status: 'done' as const, runner: undefined, leaseUntil: undefined };
    await store.saveExecution(nextVersion(execution, epochSeconds(clock), change));
  }

  /**
   * Cancels the execution of a request. The process that runs it finds out when it renews its lease; or when it stores the
   * execution, which may be after this notification has arrived.
   */
  async #cancel(exchange: McpExchange, request: unknown): Promise<void> {
    if (!isRequestId(request)) return;
    if (await this.#cancelStored(exchange, request)) return;
    const { session, arrivedAt } = exchange;
    const { store, clock } = this.#dependencies;
    const expiresAt = epochSeconds(clock) + CANCELLATION_SECONDS;
    await store.addCancellation({ grant: session.grant, session: session.id, request, at: arrivedAt, expiresAt });
    await this.#cancelStored(exchange, request);
  }

  /** @returns whether an execution of the request is stored */
  async #cancelStored(exchange: McpExchange, request: RequestId): Promise<boolean> {
    const { session } = exchange;
    const { store, clock } = this.#dependencies;
    const isFound = await attemptUpTo(CANCEL_ATTEMPTS, async () => {
      const executions = await store.executionsOf(session.grant);
      const execution = executions.find(
        (each) => each.session === session.id && each.requests.includes(request) && isUnfinished(each),
      );
      if (!execution) return false;
      if (!(await store.saveExecution(cancelled(execution, epochSeconds(clock))))) return retry;
      await logEndedCalls(exchange, execution, 'cancelled', this.#dependencies);
      return true;
    });
    return isFound === true;
  }
}

/** The messages of a POST by what happens to them. Each has been checked, so its members tell its kind. */
function demultiplex(messages: JSONRPCMessage[]) {
  const requests: JSONRPCRequest[] = [];
  /** Requests and notifications, for the server. */
  const forwarded: JSONRPCMessage[] = [];
  const responses: JSONRPCResponse[] = [];
  const cancellations: JSONRPCNotification[] = [];
  for (const message of messages) {
    if (!('method' in message)) responses.push(message);
    else if (!('id' in message) && message.method === 'notifications/cancelled') cancellations.push(message);
    else forwarded.push(message);
    if ('method' in message && 'id' in message) requests.push(message);
  }
  return { requests, forwarded, responses, cancellations };
}

const isNotification = (message: object) => 'method' in message && !('id' in message);

const stream = (events: AsyncGenerator<Uint8Array<ArrayBuffer>>): PendingResponse =>
  respond(new McpResponse(events, { headers: sseHeaders }));
