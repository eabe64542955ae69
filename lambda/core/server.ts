import {
  type AuthInfo,
  createMcpHandler,
  type McpServer,
  WebStandardStreamableHTTPServerTransport,
} from '@modelcontextprotocol/server';
import type { Caller } from './caller.ts';
import type { Context } from './context.ts';
import type { Initialize, Session } from './session.ts';

/** Builds the owner's server for one request: the default export of `lambda/server.ts`. */
export type CreateServer = (context: Context) => McpServer | Promise<McpServer>;

/** One message or batch, parsed once and handed on. */
export type Exchange = { request: Request; body: unknown; caller: Caller; context: Context };

/**
 * Station 3: the owner's tools, on the stock SDK. A server is built for each request and let go afterwards, so nothing
 * of one user can reach another through it.
 */
export class Server {
  readonly #create: CreateServer;
  readonly #modern: ReturnType<typeof createMcpHandler>;
  readonly #onError: (error: Error) => void;

  /** @param onError told of what the SDK refuses or cannot answer, for the log */
  constructor(create: CreateServer, onError: (error: Error) => void) {
    this.#create = create;
    this.#onError = onError;
    this.#modern = createMcpHandler((request) => create(contextOf(request.authInfo)), {
      legacy: 'reject',
      onerror: onError,
    });
  }

  /** Answers a 2026-07-28 request, which carries all there is to know. */
  modern({ request, body, caller, context }: Exchange): Promise<Response> {
    return this.#modern.fetch(request, { parsedBody: body, authInfo: authInfo(caller, context) });
  }

  /**
   * Answers a request of a session that another process may have begun: the stored `initialize` is played to a fresh
   * server first, so that it knows its client.
   */
  async legacy({ request, body, caller, context }: Exchange, session: Session): Promise<Response> {
    const transport = new SessionTransport(session.id);
    const server = await this.#create(context);
    transport.onerror = this.#onError;
    await server.connect(transport);
    const isInitialize = !Array.isArray(body) && (body as { method?: unknown }).method === 'initialize';
    if (session.initialize && !isInitialize) await transport.replay(session.initialize);
    const response = await transport.handleRequest(request, { parsedBody: body, authInfo: authInfo(caller, context) });
    const headers = new Headers(response.headers);
    headers.set('Mcp-Session-Id', session.id);
    return new Response(response.body?.pipeThrough(closing(transport)) ?? null, { status: response.status, headers });
  }
}

/** Closes the server once its answer has been read to the end. */
function closing(transport: SessionTransport): TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>> {
  return new TransformStream({ flush: () => transport.close() });
}

const REPLAYED = 'holdfast-replay';

/** The SDK's transport for one request of a session, with the `initialize` that another process has answered. */
class SessionTransport extends WebStandardStreamableHTTPServerTransport {
  #replayed: (() => void) | undefined;

  constructor(sessionId: string) {
    super({ sessionIdGenerator: undefined });
    this.sessionId = sessionId;
  }

  async replay(params: Initialize): Promise<void> {
    const answered = new Promise<void>((resolve) => {
      this.#replayed = resolve;
    });
    this.onmessage?.({ jsonrpc: '2.0', id: REPLAYED, method: 'initialize', params });
    await answered;
    this.onmessage?.({ jsonrpc: '2.0', method: 'notifications/initialized' });
  }

  override async send(...[message, options]: Parameters<WebStandardStreamableHTTPServerTransport['send']>) {
    if ('id' in message && message.id === REPLAYED) this.#replayed?.();
    else await super.send(message, options);
  }
}

/** The SDK's own place for what is known of the caller. The client's token is not in it: no tool may pass that on. */
function authInfo({ client, scopes, expiresAt }: Caller, context: Context): AuthInfo {
  return { token: '', clientId: client, scopes, expiresAt, extra: { context } };
}

const contextOf = (info: AuthInfo | undefined) => info?.extra?.context as Context;
