import {
  CLIENT_CAPABILITIES_META_KEY,
  CLIENT_INFO_META_KEY,
  inputRequired,
  type JSONRPCMessage,
  type JSONRPCNotification,
  type JSONRPCRequest,
  type JSONRPCResponse,
  LATEST_PROTOCOL_VERSION,
  type MessageExtraInfo,
  ProtocolError,
  Server,
  type ServerContext,
  type StandardSchemaV1,
  type Transport,
} from '@modelcontextprotocol/server';
import type { OwnerServer } from './owner-server.ts';
import { requestInfo } from './request-extra.ts';
import { describeSdkV1 } from './sdk-internals.ts';

export { awaitSdkV1Tasks } from './sdk-v1-tasks.ts';

/**
 * Answers requests of 2026-07-28 with a server of SDK v1, which knows the 2025 era only.
 *
 * For each request the server receives `initialize` with the capabilities that the request carries, and then the request.
 * When it asks the client (elicitation, sampling, roots), the result is an input request, and the request starts again
 * with the input responses. Responses of earlier rounds travel in `requestState`, by the number of the input request.
 */
export function bridgeSdkV1(owned: OwnerServer, sessionId: string): Server {
  const { info, capabilities, instructions, methods } = describeSdkV1(owned);
  const server = new Server(info, { capabilities, ...(instructions !== undefined && { instructions }) });
  for (const method of methods.filter((each) => !ownMethods.test(each))) {
    // `task` requests a task of SDK v1.
    server.setRequestHandler(method, { params: anyParams }, ({ task: _, ...params }, context) =>
      new BridgedRequest(server, sessionId, { method, params }, context).answer(owned),
    );
  }
  return server;
}

/** Methods that SDK v2 answers, and tasks of SDK v1. */
const ownMethods = /^(initialize|ping|logging\/setLevel|tasks\/.*)$/;

/** The server of SDK v1 validates the parameters. */
const anyParams: StandardSchemaV1<Record<string, unknown>> = {
  '~standard': { version: 1, vendor: 'holdfast', validate: (value) => ({ value: value as Record<string, unknown> }) },
};

type ForwardedRequest = { method: string; params: Record<string, unknown> };
type Result = Record<string, unknown>;
type UrlElicitation = { message: string; url: string };

/** Requests whose result can be input requests (MCP 2026-07-28, multi-round-trip requests). */
const methodsWithInput = ['tools/call', 'prompts/get', 'resources/read'];

/** Notifications of the 2025 era that 2026-07-28 has not. Its clients repeat the request when a URL elicitation ends. */
const removedNotifications = [
  'notifications/cancelled',
  'notifications/elicitation/complete',
  'notifications/tasks/status',
];

const changeNotification = /^notifications\/(\w+\/list_changed|resources\/updated)$/;

const INITIALIZE_ID = 'holdfast-initialize';
const URL_ELICITATION_REQUIRED = -32042;

/** One request, as the connection of a server of SDK v1. */
class BridgedRequest implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage, extra?: MessageExtraInfo) => void;
  readonly sessionId: string;
  readonly #server: Server;
  readonly #request: ForwardedRequest;
  readonly #context: ServerContext;
  /** Input responses of all rounds, by the names of their input requests. */
  readonly #responses: Record<string, unknown>;
  /** Input requests without a response. */
  readonly #open: Record<string, object> = {};
  readonly #initialized = Promise.withResolvers<void>();
  readonly #result = Promise.withResolvers<Result>();

  constructor(server: Server, sessionId: string, request: ForwardedRequest, context: ServerContext) {
    this.sessionId = sessionId;
    this.#server = server;
    this.#request = request;
    this.#context = context;
    const { mcpReq } = context;
    this.#responses = { ...JSON.parse(mcpReq.requestState<string>() ?? '{}'), ...mcpReq.inputResponses };
  }

  async answer(owned: OwnerServer): Promise<Result> {
    const { mcpReq, http } = this.#context;
    if (Object.entries(this.#responses).some(isRejectedUrl)) {
      throw new ProtocolError(-32600, 'The user did not open the URL that the request needs');
    }
    await owned.connect(this as never);
    mcpReq.signal.addEventListener('abort', () => void this.close(), { once: true });
    try {
      await this.#initialize();
      const { method, params } = this.#request;
      const extra = {
        ...(http?.authInfo && { authInfo: http.authInfo }),
        ...(http?.req && { requestInfo: requestInfo(http.req as never) }),
      };
      this.onmessage?.({ jsonrpc: '2.0', id: mcpReq.id, method, params }, extra);
      return await this.#result.promise;
    } finally {
      await this.close();
    }
  }

  /** Gives the server what a client of the 2025 era sends first. */
  async #initialize(): Promise<void> {
    const envelope: Record<string, unknown> = { ...this.#context.mcpReq.envelope };
    const params = {
      protocolVersion: LATEST_PROTOCOL_VERSION,
      capabilities: envelope[CLIENT_CAPABILITIES_META_KEY] ?? {},
      clientInfo: envelope[CLIENT_INFO_META_KEY] ?? { name: 'unknown', version: '0' },
    };
    this.onmessage?.({ jsonrpc: '2.0', id: INITIALIZE_ID, method: 'initialize', params });
    await this.#initialized.promise;
    this.onmessage?.({ jsonrpc: '2.0', method: 'notifications/initialized' });
  }

  async start(): Promise<void> {}

  async close(): Promise<void> {
    this.onclose?.();
  }

  async send(message: JSONRPCMessage): Promise<void> {
    if (!('method' in message)) this.#receive(message);
    else if ('id' in message) this.#ask(message);
    else await this.#notify(message);
  }

  #receive(response: JSONRPCResponse): void {
    if (response.id === INITIALIZE_ID) {
      if ('result' in response) this.#initialized.resolve();
      else this.#initialized.reject(errorOf(response.error));
    } else if ('result' in response) this.#result.resolve(response.result);
    else if (response.error.code === URL_ELICITATION_REQUIRED) this.#askForUrls(response.error.data);
    else this.#result.reject(errorOf(response.error));
  }

  /** Responds from an earlier round, or ends this one with an input request. */
  #ask({ id, method, params }: JSONRPCRequest): void {
    const name = `q${id}`;
    const response = this.#responseTo(name, method);
    if (response) {
      queueMicrotask(() => this.onmessage?.({ jsonrpc: '2.0', id, ...response } as JSONRPCResponse));
      return;
    }
    // Neither exists in 2026-07-28.
    const { _meta, elicitationId, ...others } = params ?? {};
    this.#open[name] = { method, ...(params && { params: others }) };
    // The server may send several in turn, which the client then answers in one round.
    queueMicrotask(() => this.#requestInput());
  }

  /** @returns undefined when the client has to be asked */
  #responseTo(name: string, method: string): { result: unknown } | { error: object } | undefined {
    if (method === 'ping') return { result: {} };
    if (name in this.#responses) return { result: this.#responses[name] };
    if (methodsWithInput.includes(this.#request.method)) return undefined;
    return { error: { code: -32601, message: `The client cannot answer ${method} during ${this.#request.method}` } };
  }

  /** A tool threw `UrlElicitationRequiredError`: the client repeats the request when its user has opened the URLs. */
  #askForUrls(data: unknown): void {
    const { elicitations = [] } = (data ?? {}) as { elicitations?: UrlElicitation[] };
    for (const [index, { message, url }] of elicitations.entries()) {
      this.#open[`${urlPrefix}${index}`] = inputRequired.elicitUrl({ message, url });
    }
    this.#requestInput();
  }

  #requestInput(): void {
    const earlier = Object.entries(this.#responses).filter(([name]) => !name.startsWith(urlPrefix));
    const requestState = JSON.stringify(Object.fromEntries(earlier));
    this.#result.resolve(inputRequired({ inputRequests: this.#open as never, requestState }));
  }

  async #notify({ method, params }: JSONRPCNotification): Promise<void> {
    const { mcpReq } = this.#context;
    if (removedNotifications.includes(method)) return;
    const notification = { method, ...(params && { params }) };
    if (changeNotification.test(method)) return this.#server.notification(notification as never);
    if (method !== 'notifications/message') return mcpReq.notify(notification as never);
    // The SDK knows the level that the client requested.
    const { level, data, logger } = params as { level: 'info'; data: unknown; logger?: string };
    return mcpReq.log(level, data, logger);
  }
}

const urlPrefix = 'url';

const isRejectedUrl = ([name, response]: [string, unknown]): boolean =>
  name.startsWith(urlPrefix) && (response as { action?: unknown }).action !== 'accept';

const errorOf = ({ code, message, data }: { code: number; message: string; data?: unknown }) =>
  new ProtocolError(code, message, data);
