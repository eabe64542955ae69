import {
  createMcpHandler,
  isJSONRPCRequest,
  type JSONRPCMessage,
  type JSONRPCRequest,
  type McpHttpHandler,
  type McpServer,
  type Server,
  type ServerEventBus,
} from '@modelcontextprotocol/server';
import type { Clock } from '../../support/clock.ts';
import type { Logger } from '../../support/logger.ts';
import { acceptedForms } from '../accepted-forms.ts';
import { type ChangeNotifications, type ChangeSource, changeSourceOf } from '../change-notifications.ts';
import { jsonRpcError } from '../json-rpc-error.ts';
import { type McpExchange, type PendingResponse, respond } from '../mcp-exchange.ts';
import { McpResponse, toPlatformRequest } from '../mcp-http.ts';
import type { OutboundMessages } from '../outbound-messages.ts';
import { authInfo } from '../sdk/request-extra.ts';
import { interceptMessages } from '../sdk/sdk-internals.ts';
import type { ServerBuilder } from '../server-builder.ts';
import type { RequestStates } from './request-state.ts';
import { inAcceptedForm } from './response-form.ts';

type Dependencies = {
  builder: ServerBuilder;
  requestStates: Pick<RequestStates, 'seal' | 'open'>;
  changes: ChangeNotifications;
  clock: Clock;
  log: Logger;
};

/** The requests of 2026-07-28, on the SDK's own handler. */
export class ModernRequests {
  readonly #dependencies: Dependencies;
  readonly #handler: McpHttpHandler;
  /** By the context, which the SDK hands on to tools: the rest of an exchange is not for them. */
  readonly #exchanges = new WeakMap<McpExchange['context'], McpExchange>();

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies;
    this.#handler = this.#createHandler();
  }

  async answer(given: McpExchange): Promise<PendingResponse> {
    const exchange = await this.#openState(given);
    if (exchange instanceof McpResponse) return respond(exchange);
    const { changes, clock } = this.#dependencies;
    const { method } = exchange.body as { method?: unknown };
    // The worker reads the progress of a task, whatever its client accepts.
    const accepts = exchange.isWorker ? { json: true, stream: true } : acceptedForms(exchange.headers);
    if (method === 'subscriptions/listen') {
      if (!accepts.stream) return respond(streamNotAccepted(exchange.body));
      if (changes.isOn) return this.#listen(exchange);
    }
    const startedAt = exchange.prepared?.startedAt;
    return respond(await inAcceptedForm(accepts, this.#fetch(this.#handler, exchange), clock, startedAt));
  }

  /**
   * @param bus delivers changes to listening clients; without it there are none
   * @param built receives each server
   */
  #createHandler(bus?: ServerEventBus, built?: (server: McpServer | Server) => void): McpHttpHandler {
    const { builder, log } = this.#dependencies;
    return createMcpHandler(
      async ({ authInfo: info }) => {
        const exchange = this.#exchanges.get(info?.extra?.context as McpExchange['context'])!;
        const { server, outbound } = await builder.buildModern(exchange);
        this.#watch(server, outbound, exchange);
        built?.(server);
        return server;
      },
      {
        legacy: 'reject',
        ...(bus && { bus }),
        onerror: (error) => log('mcp_request_rejected', { message: error.message }),
      },
    );
  }

  async #fetch(handler: McpHttpHandler, exchange: McpExchange): Promise<McpResponse> {
    this.#exchanges.set(exchange.context, exchange);
    const options = { parsedBody: exchange.body, authInfo: authInfo(exchange) };
    const response = await handler.fetch(toPlatformRequest(exchange.request), options);
    return McpResponse.from(response);
  }

  /** Sends a client the changes of its user for a limited time; then the client listens again. */
  async #listen(exchange: McpExchange): Promise<PendingResponse> {
    const { changes, log } = this.#dependencies;
    const { user, session } = exchange.context;
    // The SDK has checked them before it subscribes.
    const { params } = exchange.body as { params: { notifications: { resourceSubscriptions?: string[] } } };
    const abort = new AbortController();
    let following = Promise.resolve();
    let source: ChangeSource | undefined;
    const bus: ServerEventBus = {
      publish: () => undefined,
      subscribe: (deliver) => {
        following = (async () => {
          const { resourceSubscriptions: uris } = params.notifications;
          const { signal } = abort;
          for await (const change of changes.follow(user.key, session.id, { signal, source, uris })) {
            if (change) deliver(change);
          }
        })()
          .catch((error) => log('listen_failed', { message: String(error) }))
          .finally(() => handler.close());
        return () => abort.abort();
      },
    };
    const handler = this.#createHandler(bus, (server) => {
      source = changeSourceOf(server);
    });
    return { response: await this.#fetch(handler, exchange), done: following };
  }

  /** Opens the `requestState` that a client returns, so that the tool receives what it handed out. */
  async #openState(exchange: McpExchange): Promise<McpExchange | McpResponse> {
    const { body, caller, recorder } = exchange;
    const sealed = (body as { params?: { requestState?: unknown } }).params?.requestState;
    // The worker has the state from the store, where no client can change it.
    if (sealed === undefined || !isJSONRPCRequest(body) || exchange.isWorker) return exchange;
    const { requestStates } = this.#dependencies;
    const state = typeof sealed === 'string' ? await requestStates.open(sealed, caller.grant, body) : undefined;
    if (state !== undefined) return { ...exchange, body: { ...body, params: { ...body.params, requestState: state } } };
    // As the SDK answers a state that does not verify: the request was understood, so the status is 200.
    const error = {
      code: -32602,
      message: 'Invalid or expired requestState',
      data: { reason: 'invalid_request_state' },
    };
    const rejected = { jsonrpc: '2.0' as const, id: body.id, error };
    recorder.answered(exchange, rejected);
    return McpResponse.json(rejected);
  }

  /** Seals a tool's `requestState`, and publishes the changes that a tool announces before its response is sent. */
  #watch(server: McpServer | Server, outbound: OutboundMessages, exchange: McpExchange): void {
    interceptMessages(server, (given, options, send) => {
      const message = outbound.prepare(given);
      const isUnrelated = 'method' in message && !('id' in message) && options?.relatedRequestId === undefined;
      if (isUnrelated && outbound.publish(message)) return Promise.resolve();
      const state = exchange.isWorker ? undefined : requestStateOf(message);
      const { published } = outbound;
      if (state === undefined && !published) return send(message);
      const sealed = state === undefined ? message : this.#seal(message, state, exchange);
      return Promise.all([sealed, published]).then(([each]) => send(each));
    });
  }

  async #seal(message: JSONRPCMessage, state: string, { body, caller }: McpExchange): Promise<JSONRPCMessage> {
    const { requestStates } = this.#dependencies;
    const requestState = await requestStates.seal(state, caller.grant, body as JSONRPCRequest);
    const { result } = message as { result: object };
    return { ...message, result: { ...result, requestState } } as JSONRPCMessage;
  }
}

const streamNotAccepted = (body: unknown) =>
  jsonRpcError(406, -32000, 'Not Acceptable: Accept excludes text/event-stream', {}, body);

function requestStateOf(message: JSONRPCMessage): string | undefined {
  if (!('result' in message)) return undefined;
  const { resultType, requestState } = message.result as { resultType?: unknown; requestState?: unknown };
  return resultType === 'input_required' && typeof requestState === 'string' ? requestState : undefined;
}
