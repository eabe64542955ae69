import {
  createMcpHandler,
  isJSONRPCRequest,
  type JSONRPCMessage,
  type JSONRPCRequest,
  type McpHttpHandler,
  type McpServer,
  type ServerEventBus,
} from '@modelcontextprotocol/server';
import type { Session, SessionPreferences } from '../sessions/session.ts';
import { bytes } from '../support/crypto.ts';
import type { Logger } from '../support/logger.ts';
import { ChangeNotifications, type ChangeStore, withoutChanges } from './change-notifications.ts';
import type { Execution, ExecutionStore } from './execution.ts';
import type { McpExchange, PendingResponse } from './mcp-exchange.ts';
import { type McpRequest, McpResponse, platformRequest } from './mcp-http.ts';
import type { RequestStates } from './modern/request-state.ts';
import {
  type EventPosition,
  HEARTBEAT,
  HEARTBEAT_MILLISECONDS,
  readMessages,
  STREAM_AFTER_MILLISECONDS,
  sseEvent,
  sseHeaders,
} from './sse.ts';
import { LongRunningTools, overriddenResponse } from './tasks/long-running-tools.ts';
import type { ToolContext } from './tool-context.ts';
import './sdk/schema-cache.ts';
import { authInfo, LegacyRequests } from './legacy/legacy-requests.ts';
import { Tasks, type WorkerStarter } from './tasks/tasks.ts';

/** Builds the owner's server for one request: the export of `lambda/server.ts`. */
export type CreateServer = (context: ToolContext) => McpServer | Promise<McpServer>;

export type ServerStepDependencies = {
  create: CreateServer;
  runs: ExecutionStore;
  requestStates: RequestStates;
  starter: WorkerStarter;
  changes: ChangeStore;
  /** How long a client that listens for changes is held; 0: none is. */
  listenSeconds: number;
  /** How long a task and its result can be asked for. */
  taskTtlSeconds: number;
  /** How long a client of the 2025 era may wait for a long tool. */
  holdSeconds: number;
  note: (session: Session, notes: SessionPreferences) => Promise<void>;
  /** Epoch seconds. */
  now: () => number;
  log: Logger;
};

/**
 * Station 3: the owner's tools, on the stock SDK. A server is built for each request and let go afterwards, so nothing
 * of one user can reach another through it.
 */
export class ServerStep {
  readonly #parts: ServerStepDependencies;
  readonly #tasks: Tasks;
  readonly #changes: ChangeNotifications;
  readonly #streams: LegacyRequests;
  readonly #modern: McpHttpHandler;

  constructor(parts: ServerStepDependencies) {
    this.#parts = parts;
    const { runs: store, starter, taskTtlSeconds: ttlSeconds, holdSeconds, note, now, log } = parts;
    this.#tasks = new Tasks({ store, starter, ttlSeconds, now });
    this.#changes = new ChangeNotifications({ store: parts.changes, seconds: parts.listenSeconds, now });
    this.#streams = new LegacyRequests({
      changes: this.#changes,
      store,
      starter,
      holdSeconds,
      note,
      now,
      log,
      open: (exchange) => this.#open(exchange),
    });
    this.#modern = this.#handler();
  }

  /** @param bus what tells the clients that listen; without one nobody is told of anything */
  #handler(bus?: ServerEventBus): McpHttpHandler {
    const { log } = this.#parts;
    return createMcpHandler(
      async ({ authInfo: info }) => {
        const exchange = info?.extra?.exchange as McpExchange;
        const server = await this.#open(exchange);
        this.#watch(server, exchange);
        return server;
      },
      { legacy: 'reject', bus, onerror: (error) => log('mcp_request_rejected', { message: error.message }) },
    );
  }

  /** Answers a 2026-07-28 request, which carries all there is to know. */
  async modern(exchange: McpExchange): Promise<PendingResponse> {
    const opened = await this.#openState(exchange);
    if (opened instanceof McpResponse) return { response: opened, done: Promise.resolve() };
    const { method } = opened.body as { method?: unknown };
    if (method === 'subscriptions/listen' && this.#changes.isOn) return this.#listen(opened);
    return { response: await patiently(opened.request, this.#fetch(this.#modern, opened)), done: Promise.resolve() };
  }

  async #fetch(handler: McpHttpHandler, exchange: McpExchange): Promise<McpResponse> {
    const { extra, ...info } = authInfo(exchange);
    const response = await handler.fetch(platformRequest(exchange.request), {
      parsedBody: exchange.body,
      authInfo: { ...info, extra: { ...extra, exchange } },
    });
    return McpResponse.from(response);
  }

  /** Tells a client of the user's changes until it has been held for long enough; then it may listen again. */
  async #listen(exchange: McpExchange): Promise<PendingResponse> {
    const { user, session } = exchange.context;
    const abort = new AbortController();
    let following = Promise.resolve();
    const handler = this.#handler({
      publish: () => undefined,
      subscribe: (tell) => {
        following = (async () => {
          for await (const change of this.#changes.follow(user.key, session.id, abort.signal)) {
            if (change) tell(change);
          }
        })()
          .catch((error) => this.#parts.log('listen_failed', { message: String(error) }))
          .finally(() => handler.close());
        return () => abort.abort();
      },
    });
    return { response: await this.#fetch(handler, exchange), done: following };
  }

  /** Answers a request of a session, which another process may have begun. */
  async legacy(exchange: McpExchange): Promise<PendingResponse> {
    return this.#streams.post(exchange);
  }

  /** Does the work of a long tool that a session of the 2025 era has asked for. */
  async work(exchange: McpExchange, run: Execution, milliseconds: number): Promise<void> {
    return this.#streams.work(exchange, run, milliseconds);
  }

  /** Whether clients of the 2025 era may listen for changes. */
  get tellsOfChanges(): boolean {
    return this.#changes.isOn;
  }

  /** Tells a client of the 2025 era of changes. */
  async listen(exchange: McpExchange): Promise<PendingResponse> {
    return this.#streams.listen(exchange);
  }

  /** Goes on with the answer to a request of a session, after what its client has seen of it. */
  async resume(session: Session, position: EventPosition): Promise<PendingResponse> {
    return this.#streams.resume(session, position);
  }

  async #open(exchange: McpExchange): Promise<McpServer> {
    const longTools = new LongRunningTools(exchange, this.#tasks, this.#parts.log);
    const server = await this.#parts.create({ ...exchange.context, longRunning: longTools.longRunning });
    longTools.register(server);
    if (!this.#changes.isOn) {
      const { server: inner } = server;
      const capabilities = inner.getCapabilities.bind(inner);
      inner.getCapabilities = () => withoutChanges(capabilities());
    }
    return server;
  }

  /** Opens the state that a client has brought back, so that the tool finds what it gave out. */
  async #openState(exchange: McpExchange): Promise<McpExchange | McpResponse> {
    const { body, context } = exchange;
    const sealed = (body as { params?: { requestState?: unknown } }).params?.requestState;
    // What the worker has, it has from the store: no client has brought it.
    if (sealed === undefined || !isJSONRPCRequest(body) || exchange.isWorker) return exchange;
    const state =
      typeof sealed === 'string' ? await this.#parts.requestStates.open(sealed, context.user.key, body) : undefined;
    if (state !== undefined) return { ...exchange, body: { ...body, params: { ...body.params, requestState: state } } };
    // As the SDK answers for a state that does not verify: the request was understood, so the status is 200.
    const error = {
      code: -32602,
      message: 'Invalid or expired requestState',
      data: { reason: 'invalid_request_state' },
    };
    const refused = { jsonrpc: '2.0' as const, id: body.id, error };
    exchange.recording.answered(exchange, refused);
    return McpResponse.json(refused);
  }

  /**
   * Seals what a tool gives the client to bring back, answers what is to be answered in place of the SDK, and publishes
   * the changes that a tool tells of, before its answer says that it is done.
   */
  #watch(server: McpServer, exchange: McpExchange): void {
    const { body, context } = exchange;
    const seal = async (message: JSONRPCMessage, state: string): Promise<JSONRPCMessage> => {
      const requestState = await this.#parts.requestStates.seal(state, context.user.key, body as JSONRPCRequest);
      const { result } = message as { result: object };
      return { ...message, result: { ...result, requestState } } as JSONRPCMessage;
    };
    const connect = server.connect.bind(server);
    server.connect = (transport) => {
      const send = transport.send.bind(transport);
      // Everything else is passed on at once: the SDK tells by the moment where an error comes from.
      transport.send = (given, options) => {
        const message = overriddenResponse(exchange, given);
        exchange.recording.answered(exchange, message);
        const isUnrelated = 'method' in message && !('id' in message) && options?.relatedRequestId === undefined;
        if (isUnrelated && this.#streams.publish(exchange, message)) return Promise.resolve();
        const state = exchange.isWorker ? undefined : stateIn(message);
        if (state === undefined && !exchange.published) return send(message, options);
        const sealed = state === undefined ? message : seal(message, state);
        return Promise.all([sealed, exchange.published]).then(([each]) => send(each, options));
      };
      return connect(transport);
    };
  }
}

/**
 * The answer, or where it takes long a stream that will have it, so that heartbeats keep the connection open: the SDK
 * begins a stream when the server has something to say, and a tool may be silent for longer than CloudFront is patient.
 */
async function patiently({ headers }: McpRequest, answer: Promise<McpResponse>): Promise<McpResponse> {
  if (!headers.get('accept')?.includes('text/event-stream')) return answer;
  let patience: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => {
    patience = setTimeout(() => resolve(undefined), STREAM_AFTER_MILLISECONDS);
  });
  const early = await Promise.race([answer, late]).finally(() => clearTimeout(patience));
  return early ?? new McpResponse(withHeartbeats(answer), { headers: sseHeaders });
}

async function* withHeartbeats(answer: Promise<McpResponse>): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for (;;) {
    yield bytes(HEARTBEAT);
    let quiet: ReturnType<typeof setTimeout> | undefined;
    const beat = new Promise<undefined>((resolve) => {
      quiet = setTimeout(() => resolve(undefined), HEARTBEAT_MILLISECONDS);
    });
    const response = await Promise.race([answer, beat]).finally(() => clearTimeout(quiet));
    if (!response) continue;
    for await (const message of readMessages(response)) yield bytes(sseEvent(message));
    return;
  }
}

function stateIn(message: JSONRPCMessage): string | undefined {
  if (!('result' in message)) return undefined;
  const { resultType, requestState } = message.result as { resultType?: unknown; requestState?: unknown };
  return resultType === 'input_required' && typeof requestState === 'string' ? requestState : undefined;
}
