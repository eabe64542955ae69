import type {
  CallToolResult,
  McpServer,
  RequestId,
  ServerCapabilities,
  ServerContext,
} from '@modelcontextprotocol/server';
import { nameOfSession } from '../../sessions/session.ts';
import type { McpExchange, PendingResponse } from '../mcp-exchange.ts';
import { toPlatformRequest } from '../mcp-http.ts';
import { authInfo } from '../sdk/request-extra.ts';
import type { Callback, RunningCall } from './light-server.ts';
import type { PlainRequest } from './plain-message.ts';
import { sdkPath } from './sdk-on-demand.ts';

type Options = {
  request: PlainRequest;
  exchange: McpExchange;
  /** The capabilities that the server announces. */
  capabilities: () => ServerCapabilities;
  /** Whether the tool can end its stream early. */
  endsStream: boolean;
  /** Has the SDK answer the request, by a server whose tool continues the call. */
  answerBySdk: () => Promise<PendingResponse>;
};

/** Methods of the SDK's servers that send something to the client. */
const sending = new Set<PropertyKey>([
  ...['notification', 'request', 'ping', 'createMessage', 'elicitInput', 'listRoots', 'sendLoggingMessage'],
  ...['sendResourceUpdated', 'sendResourceListChanged', 'sendToolListChanged', 'sendPromptListChanged'],
]);

const listChanges = ['sendResourceListChanged', 'sendToolListChanged', 'sendPromptListChanged'] as const;

/**
 * A call that the fast path has started. When its tool sends something to the client, or takes long, the SDK answers the
 * request from the beginning: on a server with the same tools, in which this tool returns the result of the call that is
 * already in progress. So the tool runs once, and everything else is the SDK's.
 */
export class LightCall implements RunningCall {
  readonly callback: Callback;
  readonly context: ServerContext;
  readonly #options: Options;
  readonly #outcome = Promise.withResolvers<CallToolResult | undefined>();
  /** The context of the SDK, whose server is connected. Created when the SDK answers. */
  #continued: PromiseWithResolvers<ServerContext> | undefined;
  #result: Promise<CallToolResult> | undefined;
  #response: Promise<PendingResponse> | undefined;
  readonly #abort = new AbortController();
  #hasEnded = false;

  constructor(callback: Callback, options: Options) {
    this.callback = callback;
    this.#options = options;
    this.context = this.#createContext();
  }

  get isHandedOver(): boolean {
    return this.#response !== undefined;
  }

  /**
   * @param input the arguments of the callback before its context
   * @returns undefined when the callback has thrown, and as soon as the SDK begins to answer
   */
  run(input: readonly unknown[]): Promise<CallToolResult | undefined> {
    const { callback, context } = this;
    const start = async () => callback(...input, context);
    this.#result = start();
    const { promise, resolve } = this.#outcome;
    this.#result.then(resolve, () => resolve(undefined));
    return promise;
  }

  /** The tool sends nothing from now on: its response is complete. */
  end(): void {
    this.#hasEnded = true;
  }

  handOver(): Promise<PendingResponse> {
    this.#continued ??= Promise.withResolvers();
    this.#response ??= this.#options.answerBySdk();
    this.#outcome.resolve(undefined);
    return this.#response;
  }

  /** The callback that the SDK calls in place of the tool's. */
  readonly continuation: Callback = (...input) => {
    const context = input.at(-1) as ServerContext;
    const { signal } = context.mcpReq;
    signal.addEventListener('abort', () => this.#abort.abort(signal.reason), { once: true });
    this.#continued!.resolve(context);
    return this.#result!;
  };

  attach(server: McpServer): void {
    sdkPath().identifyClient(server.server, this.#options.exchange);
    for (const name of listChanges) {
      const send = server[name].bind(server);
      server[name] = () => {
        if (server.isConnected()) send();
        else void this.#afterHandOver(send);
      };
    }
  }

  connected<T extends object>(server: T): T {
    return new Proxy(server, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name, target);
        if (name === 'isConnected') return () => true;
        if (name === 'getCapabilities') return this.#options.capabilities;
        if (typeof member !== 'function') return member;
        if (!sending.has(name)) return member.bind(target);
        return (...input: unknown[]) => this.#afterHandOver(() => member.apply(target, input));
      },
    });
  }

  async #afterHandOver<T>(action: (context: ServerContext) => T): Promise<Awaited<T> | undefined> {
    // As a message to a client that has its response.
    if (this.#hasEnded && !this.isHandedOver) return undefined;
    void this.handOver().catch(() => undefined);
    return action(await this.#continued!.promise) as Awaited<T>;
  }

  #createContext(): ServerContext {
    const { request, exchange, capabilities, endsStream } = this.#options;
    const { id, method, meta, envelope } = request;
    const later =
      (name: 'send' | 'notify' | 'elicitInput' | 'requestSampling' | 'log') =>
      (...input: unknown[]) =>
        this.#afterHandOver(({ mcpReq }) => (mcpReq[name] as (...each: unknown[]) => unknown)(...input));
    // The SDK sends a client of 2026-07-28 no log unless it requests one, which a plain request does not.
    const isLogged = () => !envelope && capabilities().logging !== undefined;
    const log = later('log');
    // Without getters: V8 keeps those of an object literal, and so this call, until the next full garbage collection.
    const context = {
      sessionId: envelope ? undefined : nameOfSession(exchange.session),
      mcpReq: {
        id: id as RequestId,
        method,
        _meta: meta,
        requestState: () => undefined,
        signal: this.#abort.signal,
        send: later('send'),
        notify: later('notify'),
        log: (...input: unknown[]) => (isLogged() ? log(...input) : Promise.resolve()),
        elicitInput: later('elicitInput'),
        requestSampling: later('requestSampling'),
        ...(envelope && { envelope }),
      },
      http: {
        authInfo: authInfo(exchange),
        req: toPlatformRequest(exchange.request),
        closeSSE: endsStream ? () => void this.#afterHandOver(({ http }) => http?.closeSSE?.()) : undefined,
        closeStandaloneSSE: undefined,
      },
    };
    return context as unknown as ServerContext;
  }
}
