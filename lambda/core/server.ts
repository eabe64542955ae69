import {
  createMcpHandler,
  isJSONRPCRequest,
  type JSONRPCMessage,
  type JSONRPCRequest,
  type McpServer,
  type ServerCapabilities,
} from '@modelcontextprotocol/server';
import type { Answer, Exchange } from './answer.ts';
import type { Context } from './context.ts';
import { answerOf, LongTools } from './long-tools.ts';
import type { RequestStates } from './request-state.ts';
import type { Run, RunStore } from './run.ts';
import type { Session, SessionNotes } from './session.ts';
import type { Position } from './sse.ts';
import { authInfo, Streams } from './streams.ts';
import { Tasks, type WorkerStarter } from './tasks.ts';

/** Builds the owner's server for one request: the export of `lambda/server.ts`. */
export type CreateServer = (context: Context) => McpServer | Promise<McpServer>;

export type ServerParts = {
  create: CreateServer;
  runs: RunStore;
  requestStates: RequestStates;
  starter: WorkerStarter;
  /** How long a task and its result can be asked for. */
  taskTtlSeconds: number;
  /** How long a client of the 2025 era may wait for a long tool. */
  holdSeconds: number;
  note: (session: Session, notes: SessionNotes) => Promise<void>;
  /** Epoch seconds. */
  now: () => number;
  log: (event: string, details?: Record<string, unknown>) => void;
};

/**
 * Station 3: the owner's tools, on the stock SDK. A server is built for each request and let go afterwards, so nothing
 * of one user can reach another through it.
 */
export class Server {
  readonly #parts: ServerParts;
  readonly #tasks: Tasks;
  readonly #streams: Streams;
  readonly #modern: ReturnType<typeof createMcpHandler>;

  constructor(parts: ServerParts) {
    this.#parts = parts;
    const { runs: store, starter, taskTtlSeconds: ttlSeconds, holdSeconds, note, now, log } = parts;
    this.#tasks = new Tasks({ store, starter, ttlSeconds, now });
    this.#streams = new Streams({
      store,
      starter,
      holdSeconds,
      note,
      now,
      log,
      open: (exchange) => this.#open(exchange),
    });
    this.#modern = createMcpHandler(
      async ({ authInfo: info }) => {
        const exchange = info?.extra?.exchange as Exchange;
        const server = await this.#open(exchange);
        this.#watch(server, exchange);
        return server;
      },
      { legacy: 'reject', onerror: (error) => log('mcp_refused', { message: error.message }) },
    );
  }

  /** Answers a 2026-07-28 request, which carries all there is to know. */
  async modern(exchange: Exchange): Promise<Answer> {
    const opened = await this.#openState(exchange);
    if (opened instanceof Response) return { response: opened, done: Promise.resolve() };
    const { extra, ...info } = authInfo(opened);
    const response = await this.#modern.fetch(opened.request, {
      parsedBody: opened.body,
      authInfo: { ...info, extra: { ...extra, exchange: opened } },
    });
    return { response, done: Promise.resolve() };
  }

  /** Answers a request of a session, which another process may have begun. */
  async legacy(exchange: Exchange): Promise<Answer> {
    return this.#streams.post(exchange);
  }

  /** Does the work of a long tool that a session of the 2025 era has asked for. */
  async work(exchange: Exchange, run: Run, milliseconds: number): Promise<void> {
    return this.#streams.work(exchange, run, milliseconds);
  }

  /** Goes on with the answer to a request of a session, after what its client has seen of it. */
  async resume(session: Session, position: Position): Promise<Answer> {
    return this.#streams.resume(session, position);
  }

  async #open(exchange: Exchange): Promise<McpServer> {
    const longTools = new LongTools(exchange, this.#tasks, this.#parts.log);
    const server = await this.#parts.create({ ...exchange.context, long: longTools.long });
    longTools.register(server);
    withoutChanges(server);
    return server;
  }

  /** Opens the state that a client has brought back, so that the tool finds what it gave out. */
  async #openState(exchange: Exchange): Promise<Exchange | Response> {
    const { body, context } = exchange;
    const sealed = (body as { params?: { requestState?: unknown } }).params?.requestState;
    if (sealed === undefined || !isJSONRPCRequest(body)) return exchange;
    const state =
      typeof sealed === 'string' ? await this.#parts.requestStates.open(sealed, context.user.key, body) : undefined;
    if (state !== undefined) return { ...exchange, body: { ...body, params: { ...body.params, requestState: state } } };
    // As the SDK answers for a state that does not verify: the request was understood, so the status is 200.
    const error = {
      code: -32602,
      message: 'Invalid or expired requestState',
      data: { reason: 'invalid_request_state' },
    };
    return Response.json({ jsonrpc: '2.0', id: body.id, error });
  }

  /** Seals what a tool gives the client to bring back, and answers what is to be answered in place of the SDK. */
  #watch(server: McpServer, exchange: Exchange): void {
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
        const message = answerOf(exchange, given);
        const state = stateIn(message);
        return state === undefined ? send(message, options) : seal(message, state).then((each) => send(each, options));
      };
      return connect(transport);
    };
  }
}

function stateIn(message: JSONRPCMessage): string | undefined {
  if (!('result' in message)) return undefined;
  const { resultType, requestState } = message.result as { resultType?: unknown; requestState?: unknown };
  return resultType === 'input_required' && typeof requestState === 'string' ? requestState : undefined;
}

/**
 * Takes from what a server says of itself that it tells of changes. Clients would hold a stream open to hear of them,
 * and a function would run, and be paid for, as long as they do.
 */
function withoutChanges({ server }: McpServer): void {
  const capabilities = server.getCapabilities.bind(server);
  server.getCapabilities = () => quiet(capabilities());
}

function quiet({ tools, prompts, resources, ...rest }: ServerCapabilities): ServerCapabilities {
  const { subscribe, ...silent } = resources ?? {};
  return {
    ...rest,
    ...(tools && { tools: { ...tools, listChanged: false } }),
    ...(prompts && { prompts: { ...prompts, listChanged: false } }),
    ...(resources && { resources: { ...silent, listChanged: false } }),
  };
}
