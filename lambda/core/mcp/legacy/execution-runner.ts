import {
  isJSONRPCRequest,
  type JSONRPCMessage,
  type JSONRPCRequest,
  type JSONRPCResponse,
} from '@modelcontextprotocol/server';
import { nameOfSession } from '../../sessions/session.ts';
import { type Clock, epochSeconds } from '../../support/clock.ts';
import type { Logger } from '../../support/logger.ts';
import { ServiceUnavailableError } from '../../support/service-unavailable-error.ts';
import { acceptedForms } from '../accepted-forms.ts';
import { type Execution, type ExecutionStore, newExecution } from '../execution.ts';
import type { McpExchange, PendingResponse } from '../mcp-exchange.ts';
import { messagesIn } from '../message-reader.ts';
import type { OwnerServer } from '../sdk/owner-server.ts';
import { requestExtra } from '../sdk/request-extra.ts';
import type { ServerBuilder } from '../server-builder.ts';
import { restoreRequest, serializeRequest } from '../stored-request.ts';
import type { WaitingClient } from '../tasks/long-running-tools.ts';
import { ExecutionDelivery } from './execution-delivery.ts';
import type { ExecutionFollower } from './execution-follower.ts';
import { supportsPriming } from './protocol-revision.ts';
import { preferencesIn, type SavePreferences } from './session-preferences.ts';
import { type InputResponse, type ServerMessage, SessionTransport } from './session-transport.ts';

/** How long an execution can be resumed after it began. Input responses are accepted for as long. */
const EXECUTION_SECONDS = 3600;

export type ExecutionRunnerDependencies = {
  builder: ServerBuilder;
  store: ExecutionStore;
  follower: ExecutionFollower;
  /** How long a request waits for a long-running tool. */
  holdSeconds: number;
  savePreferences: SavePreferences;
  clock: Clock;
  log: Logger;
};

/** Runs requests of the 2025 era, each on a new server that knows what the session's client sent before. */
export class ExecutionRunner {
  readonly #dependencies: ExecutionRunnerDependencies;

  constructor(dependencies: ExecutionRunnerDependencies) {
    this.#dependencies = dependencies;
  }

  /**
   * @param messages the requests, and the notifications that arrived with them
   * @param rejected responses to the invalid elements of the batch
   */
  async run(
    exchange: McpExchange,
    requests: JSONRPCRequest[],
    messages: JSONRPCMessage[],
    rejected: JSONRPCResponse[],
  ): Promise<PendingResponse> {
    const { session } = exchange;
    const { clock } = this.#dependencies;
    const ids = requests.map(({ id }) => id);
    const execution = newExecution(session.grant, session.id, 'stream', ids, epochSeconds(clock), EXECUTION_SECONDS);
    exchange.recorder.begin(execution);
    const isPrimed = supportsPriming(session);
    const request = () => serializeRequest(exchange);
    const accepts = acceptedForms(exchange.headers);
    const isBatch = Array.isArray(exchange.body);
    const { arrivedAt, prepared } = exchange;
    const onCancelled = () => exchange.recorder.failed(exchange, { outcome: 'cancelled' });
    const options = {
      execution,
      request,
      isPrimed,
      accepts,
      isBatch,
      rejected,
      arrivedAt,
      startedAt: prepared?.startedAt,
      onCancelled,
    };
    const delivery = ExecutionDelivery.begin(this.#dependencies, options);
    const take = (message: ServerMessage) => {
      // A client that has the response relies on the preference in its next request.
      const saved = message.kind === 'response' && this.#savePreferences(exchange, requests, message.message);
      if (saved) void saved.then(() => delivery.take(message));
      else delivery.take(message);
    };
    try {
      const client = this.#waitingClient(exchange, delivery, requests.length + rejected.length);
      await this.#serve(exchange, messages, { delivery, inputResponses: new Map(), take, client });
    } catch (error) {
      await delivery.drop();
      throw error;
    }
    return { response: await delivery.response, done: delivery.done };
  }

  /** Starts a stored execution over, with the input responses that it has. */
  async continue(exchange: McpExchange, execution: Execution, milliseconds?: number): Promise<void> {
    const { store, clock, log } = this.#dependencies;
    const delivery = ExecutionDelivery.continue(this.#dependencies, execution);
    let continued: McpExchange = { ...exchange, body: undefined, recorder: exchange.recorder.of(execution) };
    const deadline =
      milliseconds === undefined
        ? undefined
        : clock.after(milliseconds, () => {
            continued.recorder.failed(continued, { outcome: 'timed-out', code: -32603 });
            delivery.fail('Request timed out');
          });
    try {
      const { request: stored, answers } = await store.loadRequest(execution);
      const { request, body, startedAt } = restoreRequest(stored);
      const messages = (messagesIn(body) as JSONRPCMessage[]).filter(
        (message) => isJSONRPCRequest(message) && !execution.answered.includes(message.id),
      );
      continued = { ...continued, request, body: messages, recorder: exchange.recorder.of(execution, { startedAt }) };
      const inputResponses = inputResponsesOf(execution, answers);
      const take = (message: ServerMessage) => delivery.take(message);
      await this.#serve(continued, messages, { delivery, inputResponses, take });
    } catch (error) {
      log('execution_failed', { error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
      continued.recorder.failed(continued, { outcome: 'protocol-error', code: -32603 });
      delivery.fail(error instanceof ServiceUnavailableError ? error.message : 'Internal server error');
    }
    await delivery.done;
    deadline?.cancel();
  }

  /** Delivers notifications, which have no response. @returns `done` resolves when the server has handled them */
  async notify(exchange: McpExchange, notifications: JSONRPCMessage[]): Promise<Pick<PendingResponse, 'done'>> {
    const { session } = exchange;
    const { server } = await this.#dependencies.builder.build(exchange);
    const transport = new SessionTransport(nameOfSession(session), new Map(), () => undefined);
    await this.#connect(server, transport);
    await transport.replay(session);
    transport.deliver(notifications, requestExtra(exchange));
    // The SDK delivers them asynchronously. Input requests that they cause have no client.
    return { done: this.#dependencies.clock.sleep(0).then(() => transport.close()) };
  }

  /** Gives the messages to a server that is built for them. */
  async #serve(
    exchange: McpExchange,
    messages: JSONRPCMessage[],
    {
      delivery,
      inputResponses,
      take,
      client,
    }: {
      delivery: ExecutionDelivery;
      inputResponses: ReadonlyMap<number, InputResponse>;
      take: (message: ServerMessage) => void;
      client?: WaitingClient;
    },
  ): Promise<void> {
    const { session } = exchange;
    const { server, outbound } = await this.#dependencies.builder.build(exchange, client);
    const transport = new SessionTransport(nameOfSession(session), inputResponses, (message) => {
      if (message.kind === 'notification' && outbound.publish(message.message)) return;
      if (message.kind !== 'response') return take(message);
      const response = { ...message, message: outbound.prepare<JSONRPCResponse>(message.message) };
      const { published } = outbound;
      if (published) void published.then(() => take(response));
      else take(response);
    });
    delivery.attach(transport);
    await this.#connect(server, transport);
    if (!messages.some((message) => 'method' in message && message.method === 'initialize')) {
      await transport.replay(session);
    }
    const closeSSEStream = supportsPriming(session) ? () => delivery.endStream() : undefined;
    transport.deliver(messages, requestExtra(exchange, closeSSEStream));
  }

  async #connect(server: OwnerServer, transport: SessionTransport): Promise<void> {
    transport.onerror = (error) => this.#dependencies.log('mcp_request_rejected', { message: error.message });
    await transport.connect(server);
  }

  #waitingClient({ session }: McpExchange, delivery: ExecutionDelivery, responses: number): WaitingClient {
    const { follower, holdSeconds, clock } = this.#dependencies;
    return {
      reserve: () => responses === 1 && delivery.reserve(),
      follow: (execution, id, late) => {
        const until = epochSeconds(clock) + holdSeconds;
        delivery.handOver(follower.follow(execution, { after: 0, until, waiting: { session, id, late } }));
      },
    };
  }

  /** @returns undefined unless the response accepts a preference */
  #savePreferences(
    { session }: McpExchange,
    requests: JSONRPCRequest[],
    response: JSONRPCResponse,
  ): Promise<void> | undefined {
    const request = requests.find(({ id }) => id === response.id);
    const preferences = request && 'result' in response ? preferencesIn(request) : undefined;
    if (!preferences) return undefined;
    const { savePreferences, log } = this.#dependencies;
    return savePreferences(session, preferences).catch((error) => {
      log('session_preferences_failed', { message: String(error) });
    });
  }
}

/** The stored input responses by number of the input request. */
function inputResponsesOf(execution: Execution, answers: ReadonlyMap<string, string>): Map<number, InputResponse> {
  const entries = Object.entries(execution.answers).map(([inputRequest, name]) => {
    const text = answers.get(name);
    if (text === undefined) throw new Error(`The store lacks an input response of execution ${execution.id}`);
    return [Number(inputRequest), JSON.parse(text) as InputResponse] as const;
  });
  return new Map(entries);
}
