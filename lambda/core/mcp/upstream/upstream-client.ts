import {
  CLIENT_CAPABILITIES_META_KEY,
  CLIENT_INFO_META_KEY,
  type ClientCapabilities,
  type Implementation,
  LOG_LEVEL_META_KEY,
  type LoggingLevel,
  PROTOCOL_VERSION_META_KEY,
  SERVER_INFO_META_KEY,
  type ServerCapabilities,
} from '@modelcontextprotocol/server';
import type { Clock } from '../../support/clock.ts';
import { base64url, bytes } from '../../support/crypto.ts';
import type { Logger } from '../../support/logger.ts';
import { ServiceUnavailableError } from '../../support/service-unavailable-error.ts';
import type { Trace } from '../trace.ts';
import type { AssertedContext, UpstreamAssertions } from './upstream-assertions.ts';
import { UpstreamError, UpstreamRpcError } from './upstream-error.ts';
import { type UpstreamMessage, type UpstreamResponse, upstreamMessages } from './upstream-messages.ts';

export type UpstreamHttpRequest = {
  method: 'POST' | 'DELETE';
  headers: Record<string, string>;
  body: string;
  /** Identifies the user. */
  assertion: string;
  signal: AbortSignal;
};

/** An MCP server behind this one, at a URL. */
export type UpstreamServer = {
  /** For messages and the log. At most 40 characters. */
  name: string;
  url: string;
  /** `aud` of the assertions. */
  audience: string;
  /** Sends a request to it, with the assertion and the credentials of this function. Follows no redirect. */
  send(request: UpstreamHttpRequest): Promise<UpstreamResponse>;
};

/** The description of an upstream server, equal for all users. */
export type UpstreamDescription = {
  /** The protocol version that it is spoken to with. */
  version: string;
  /** In the 2025 era: whether it assigns sessions, without which it cannot request input. */
  hasSessions: boolean;
  capabilities: ServerCapabilities;
  info: Implementation;
  instructions: string | undefined;
};

/** The request of a client that is forwarded. */
export type UpstreamCall = {
  /** Aborted when the client cancels. */
  signal: AbortSignal;
  capabilities: ClientCapabilities;
  /** The level of log messages that the client requests. */
  logLevel: LoggingLevel | undefined;
  /** `_meta` of the request, without the reserved members. */
  meta: Record<string, unknown>;
  /** Receives progress and log messages. */
  notify(method: string, params: Record<string, unknown>): Promise<void>;
  /** The headers in which the client repeats arguments of the tool (`Mcp-Param-*`). */
  argumentHeaders: Record<string, string>;
  /** Responses to the input requests of this call, and the state that came with the requests. */
  inputResponses: Record<string, unknown>;
  state: string | undefined;
};

/** A result, or an input request as 2026-07-28 has it (`resultType: 'input_required'`). */
export type UpstreamResult = Record<string, unknown>;

export type UpstreamDependencies = {
  assertions: UpstreamAssertions;
  descriptions: UpstreamDescriptions;
  /** Longest duration of a request. */
  timeoutMilliseconds: number;
  clock: Clock;
  log: Logger;
};

export const MODERN = '2026-07-28';
const LATEST_LEGACY = '2025-11-25';
const UNSUPPORTED_VERSION = -32022;
const HEADER_MISMATCH = -32020;
/** Longest wait for the description, and for the end of a session. */
const SHORT_MILLISECONDS = 10_000;
const DESCRIPTION_MILLISECONDS = 300_000;
/** A server that is down is not asked again for each request. */
const FAULT_MILLISECONDS = 5_000;
/** Between two streams of changes: a server that ends its stream at once is not asked all the time. */
const LISTEN_PAUSE_MILLISECONDS = 1_000;

const clientInfo = { name: 'Holdfast', version: '1' };
const inputRequests = ['elicitation/create', 'sampling/createMessage', 'roots/list'];

/** The descriptions of upstream servers that this process knows, for five minutes. Lists of tools belong to a user. */
export class UpstreamDescriptions {
  readonly #clock: Pick<Clock, 'now'>;
  /** By URL. */
  readonly #known = new Map<string, { description: Promise<UpstreamDescription>; until: number }>();

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  of({ url }: UpstreamServer, load: () => Promise<UpstreamDescription>): Promise<UpstreamDescription> {
    const now = this.#clock.now();
    const known = this.#known.get(url);
    if (known && known.until > now) return known.description;
    const entry = { description: load(), until: now + DESCRIPTION_MILLISECONDS };
    entry.description.catch(() => {
      entry.until = this.#clock.now() + FAULT_MILLISECONDS;
    });
    this.#known.set(url, entry);
    return entry.description;
  }

  /** After a fault: the server may have changed. */
  forget({ url }: UpstreamServer): void {
    this.#known.delete(url);
  }
}

/** Sends the requests of one user to an upstream server, in the era that it speaks. */
export class UpstreamClient {
  readonly server: UpstreamServer;
  readonly #dependencies: UpstreamDependencies;
  readonly #context: AssertedContext & { trace: Trace | undefined };

  constructor(
    server: UpstreamServer,
    dependencies: UpstreamDependencies,
    context: AssertedContext & { trace: Trace | undefined },
  ) {
    this.server = server;
    this.#dependencies = dependencies;
    this.#context = context;
  }

  /** @throws UpstreamError, UpstreamRpcError; ServiceUnavailableError when no assertion can be signed */
  describe(): Promise<UpstreamDescription> {
    return this.#dependencies.descriptions.of(this.server, () =>
      this.#within(SHORT_MILLISECONDS, undefined, (signal) => this.#discover(signal)),
    );
  }

  /** @throws as `describe` */
  async request(method: string, params: Record<string, unknown>, call: UpstreamCall): Promise<UpstreamResult> {
    const { version, hasSessions } = await this.describe();
    try {
      return await this.#within(this.#dependencies.timeoutMilliseconds, call.signal, (signal) =>
        version === MODERN
          ? this.#requestModern(method, params, call, signal).catch((error) =>
              this.#withArgumentHeaders(error, method, params, call, signal),
            )
          : this.#requestLegacy(method, params, call, { version, hasSessions }, signal),
      );
    } catch (error) {
      const isOtherEra = error instanceof UpstreamRpcError && error.code === UNSUPPORTED_VERSION;
      if (error instanceof UpstreamError || isOtherEra) this.#dependencies.descriptions.forget(this.server);
      throw error;
    }
  }

  /**
   * Receives the changes of a server of 2026-07-28 on a stream, and again when the server ends it, until `signal` is aborted.
   *
   * @param filter the kinds of changes, as `subscriptions/listen` has them
   * @throws as `describe`
   */
  async listen(
    filter: Record<string, unknown>,
    receive: (method: string, params: Record<string, unknown>) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#exchangeModern('subscriptions/listen', { notifications: filter }, {}, signal, (message) =>
          receive(String(message.method), objectOr(message.params)),
        );
      } catch (error) {
        if (!signal.aborted) throw error;
        return;
      }
      await this.#dependencies.clock.sleep(LISTEN_PAUSE_MILLISECONDS);
    }
  }

  /** A server of the 2025 era answers `server/discover` with an error, by status or by code. */
  async #discover(signal: AbortSignal): Promise<UpstreamDescription> {
    let discovered: UpstreamResult = {};
    try {
      discovered = await this.#exchangeModern('server/discover', {}, {}, signal);
    } catch (error) {
      const isLegacy =
        error instanceof UpstreamRpcError || (error instanceof UpstreamError && error.fault === 'refused');
      if (!isLegacy) throw error;
    }
    const versions = discovered.supportedVersions;
    if (Array.isArray(versions) && versions.includes(MODERN)) return describedBy(discovered, MODERN, false);
    const { result, session } = await this.#initialize({}, signal);
    if (session !== undefined) await this.#end(session);
    return describedBy(result, String(result.protocolVersion), session !== undefined);
  }

  /** Repeats the call of a client of the 2025 era, which repeats no arguments in headers, with the headers of the tool. */
  async #withArgumentHeaders(
    error: unknown,
    method: string,
    params: Record<string, unknown>,
    call: UpstreamCall,
    signal: AbortSignal,
  ): Promise<UpstreamResult> {
    const isMismatch = error instanceof UpstreamRpcError && error.code === HEADER_MISMATCH;
    if (!isMismatch || method !== 'tools/call' || Object.keys(call.argumentHeaders).length > 0) throw error;
    const schema = await this.#inputSchema(String(params.name), signal);
    const argumentHeaders = Object.fromEntries(declaredHeaders(schema, params.arguments));
    if (Object.keys(argumentHeaders).length === 0) throw error;
    return this.#requestModern(method, params, { ...call, argumentHeaders }, signal);
  }

  async #inputSchema(tool: string, signal: AbortSignal): Promise<unknown> {
    let cursor: unknown;
    do {
      const page = await this.#exchangeModern('tools/list', cursor === undefined ? {} : { cursor }, {}, signal);
      const tools: unknown[] = Array.isArray(page.tools) ? page.tools : [];
      const found = tools.map(objectOr).find(({ name }) => name === tool);
      if (found) return found.inputSchema;
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    return undefined;
  }

  async #requestModern(
    method: string,
    params: Record<string, unknown>,
    { capabilities, logLevel, meta, notify, argumentHeaders, inputResponses, state }: UpstreamCall,
    signal: AbortSignal,
  ): Promise<UpstreamResult> {
    const answers = Object.keys(inputResponses).length > 0 ? { inputResponses } : {};
    const given = { ...params, ...answers, ...(state !== undefined && { requestState: state }), _meta: meta };
    const options = { capabilities, logLevel, headers: argumentHeaders };
    return this.#exchangeModern(method, given, options, signal, async (message) => {
      // This revision has no requests of a server.
      if (!('id' in message)) await notify(String(message.method), objectOr(message.params));
    });
  }

  #exchangeModern(
    method: string,
    params: Record<string, unknown>,
    {
      capabilities = {},
      logLevel,
      headers: further,
    }: { capabilities?: ClientCapabilities; logLevel?: LoggingLevel | undefined; headers?: Record<string, string> },
    signal: AbortSignal,
    receive: (message: UpstreamMessage) => Promise<void> = async () => undefined,
  ): Promise<UpstreamResult> {
    const _meta = {
      ...objectOr(params._meta),
      ...this.#context.trace,
      [PROTOCOL_VERSION_META_KEY]: MODERN,
      [CLIENT_INFO_META_KEY]: clientInfo,
      [CLIENT_CAPABILITIES_META_KEY]: capabilities,
      ...(logLevel !== undefined && { [LOG_LEVEL_META_KEY]: logLevel }),
    };
    const subject = params.name ?? params.uri;
    const headers = {
      ...further,
      'mcp-protocol-version': MODERN,
      'mcp-method': method,
      ...(typeof subject === 'string' && { 'mcp-name': headerValue(subject) }),
    };
    return this.#exchange({ method, params: { ...params, _meta } }, headers, signal, receive).then(
      ({ result }) => result,
    );
  }

  /**
   * A server with sessions has one for this request alone, because no process of this function outlives it. When it
   * requests input that the client has not given yet, the request ends, and starts again with the input.
   */
  async #requestLegacy(
    method: string,
    params: Record<string, unknown>,
    { capabilities, meta, notify, inputResponses, state }: UpstreamCall,
    { version, hasSessions }: Pick<UpstreamDescription, 'version' | 'hasSessions'>,
    signal: AbortSignal,
  ): Promise<UpstreamResult> {
    const session = hasSessions ? (await this.#initialize(capabilities, signal)).session : undefined;
    const headers = { 'mcp-protocol-version': version, ...(session !== undefined && { 'mcp-session-id': session }) };
    const answers = { ...earlierAnswers(state), ...inputResponses };
    let requested = 0;
    const receive = async (message: UpstreamMessage) => {
      const { id, method: name } = message;
      if (id === undefined) return notify(String(name), objectOr(message.params));
      if (name === 'ping') return this.#respond(id, {}, headers, signal);
      if (!inputRequests.includes(String(name))) return;
      if (session === undefined) throw new UpstreamError('no-session', `${name} without a session`);
      const key = `request-${requested++}`;
      if (!Object.hasOwn(answers, key)) throw new InputNeeded(key, { method: name, params: objectOr(message.params) });
      return this.#respond(id, answers[key], headers, signal);
    };
    try {
      const _meta = { ...meta, ...this.#context.trace };
      return (await this.#exchange({ method, params: { ...params, _meta } }, headers, signal, receive)).result;
    } catch (error) {
      if (!(error instanceof InputNeeded)) throw error;
      const { key, request } = error;
      return { resultType: 'input_required', inputRequests: { [key]: request }, requestState: JSON.stringify(answers) };
    } finally {
      // Also ends a request that the client has cancelled.
      if (session !== undefined) await this.#end(session);
    }
  }

  async #initialize(
    capabilities: ClientCapabilities,
    signal: AbortSignal,
  ): Promise<{ result: UpstreamResult; session: string | undefined }> {
    const params = { protocolVersion: LATEST_LEGACY, capabilities, clientInfo };
    const { result, response } = await this.#exchange({ method: 'initialize', params }, {}, signal);
    const session = response.headers.get('mcp-session-id') ?? undefined;
    if (typeof result.protocolVersion !== 'string' || !/^\d{4}-\d\d-\d\d$/.test(result.protocolVersion)) {
      throw new UpstreamError('malformed', 'initialize has no protocolVersion');
    }
    if (session !== undefined) {
      const headers = { 'mcp-protocol-version': result.protocolVersion, 'mcp-session-id': session };
      await this.#deliver({ method: 'notifications/initialized' }, headers, signal);
    }
    return { result, session };
  }

  #respond(id: unknown, result: unknown, headers: Record<string, string>, signal: AbortSignal): Promise<void> {
    return this.#deliver({ id, result }, headers, signal);
  }

  async #deliver(message: object, headers: Record<string, string>, signal: AbortSignal): Promise<void> {
    const response = await this.#post(message, headers, signal);
    if (!isSuccess(response)) throw faultOf(response);
    await discard(response);
  }

  /** The session expires at the upstream server if its end is lost. */
  async #end(session: string): Promise<void> {
    const { log } = this.#dependencies;
    try {
      await this.#within(SHORT_MILLISECONDS, undefined, async (signal) =>
        discard(await this.#send('DELETE', '', { 'mcp-session-id': session }, signal)),
      );
    } catch (error) {
      log('upstream_session_end_failed', { upstream: this.server.name, message: String(error) });
    }
  }

  /** Sends a request, and passes on what arrives before its response. */
  async #exchange(
    request: { method: string; params: Record<string, unknown> },
    headers: Record<string, string>,
    signal: AbortSignal,
    receive: (message: UpstreamMessage) => Promise<void> = async () => undefined,
  ): Promise<{ result: UpstreamResult; response: UpstreamResponse }> {
    const id = 1;
    const response = await this.#post({ id, ...request }, headers, signal);
    const isError = !isSuccess(response);
    if (isError && !isJson(response)) throw faultOf(response);
    for await (const message of upstreamMessages(response)) {
      if (isObject(message.error) && (isError || message.id === id)) throw rpcError(message.error);
      if (isError) throw faultOf(response);
      if (message.id === id && isObject(message.result)) return { result: message.result, response };
      if (typeof message.method !== 'string') throw new UpstreamError('malformed', 'not a JSON-RPC message');
      await receive(message);
    }
    throw new UpstreamError('malformed', 'the stream ended without a response');
  }

  async #post(message: object, headers: Record<string, string>, signal: AbortSignal): Promise<UpstreamResponse> {
    const response = await this.#send('POST', JSON.stringify({ jsonrpc: '2.0', ...message }), headers, signal);
    if (response.status === 401 || response.status === 403) {
      await discard(response);
      throw new UpstreamError('unauthorized', `status ${response.status}`);
    }
    return response;
  }

  async #send(
    method: 'POST' | 'DELETE',
    body: string,
    headers: Record<string, string>,
    signal: AbortSignal,
  ): Promise<UpstreamResponse> {
    const { server } = this;
    const assertion = await this.#dependencies.assertions.of(this.#context, server.audience);
    const all = {
      ...(body !== '' && { 'content-type': 'application/json' }),
      accept: 'application/json, text/event-stream',
      ...this.#context.trace,
      ...headers,
    };
    try {
      return await server.send({ method, headers: all, body, assertion, signal });
    } catch (error) {
      if (error instanceof ServiceUnavailableError || error instanceof UpstreamError) throw error;
      throw new UpstreamError('unreachable', describeFailure(error));
    }
  }

  /** Ends the work when the time has passed or the client cancels. */
  async #within<T>(
    milliseconds: number,
    cancelled: AbortSignal | undefined,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const controller = new AbortController();
    const limit = this.#dependencies.clock.after(milliseconds, () =>
      controller.abort(new UpstreamError('timed-out', `after ${milliseconds} ms`)),
    );
    const signal = cancelled ? AbortSignal.any([cancelled, controller.signal]) : controller.signal;
    signal.throwIfAborted();
    const aborted = Promise.withResolvers<never>();
    signal.addEventListener('abort', () => aborted.reject(signal.reason));
    try {
      return await Promise.race([work(signal), aborted.promise]);
    } finally {
      limit.cancel();
    }
  }
}

/** The client has to answer an input request before the call can continue. */
class InputNeeded extends Error {
  readonly key: string;
  readonly request: object;

  constructor(key: string, request: object) {
    super(key);
    this.key = key;
    this.request = request;
  }
}

function describedBy(result: UpstreamResult, version: string, hasSessions: boolean): UpstreamDescription {
  const { capabilities, instructions } = result;
  const info = objectOr(result.serverInfo ?? objectOr(result._meta)[SERVER_INFO_META_KEY]);
  if (!isObject(capabilities)) throw new UpstreamError('malformed', 'it announces no capabilities');
  const { name = 'upstream', version: release = '0', title } = info as Partial<Record<string, string>>;
  return {
    version,
    hasSessions,
    capabilities: capabilities as ServerCapabilities,
    info: { name: String(name), version: String(release), ...(title !== undefined && { title: String(title) }) },
    instructions: typeof instructions === 'string' ? instructions : undefined,
  };
}

/** The answers of earlier rounds, from the state that this module created. */
function earlierAnswers(state: string | undefined): Record<string, unknown> {
  return state === undefined ? {} : objectOr(JSON.parse(state));
}

function faultOf({ status }: UpstreamResponse): UpstreamError {
  const isOutage = status >= 500 || status === 408 || status === 429;
  return new UpstreamError(isOutage ? 'unreachable' : 'refused', `status ${status}`);
}

function rpcError({ code, message, data }: UpstreamMessage): UpstreamRpcError {
  if (!Number.isSafeInteger(code)) return new UpstreamRpcError(-32603, String(message), data);
  return new UpstreamRpcError(code as number, String(message), data);
}

/** The causes of a `TypeError: fetch failed` have the reason. */
function describeFailure(error: unknown): string {
  const { cause } = error as { cause?: unknown };
  return cause === undefined ? String(error) : `${error}: ${cause}`;
}

const isSuccess = ({ status }: UpstreamResponse) => status >= 200 && status < 300;

const isJson = ({ headers }: UpstreamResponse) => headers.get('content-type')?.includes('application/json') ?? false;

/** Releases the connection. */
async function discard({ body }: UpstreamResponse): Promise<void> {
  await body?.[Symbol.asyncIterator]().return?.();
}

/** The headers that a schema declares for arguments (`x-mcp-header`), by name. */
function* declaredHeaders(schema: unknown, value: unknown): Generator<[string, string]> {
  const { 'x-mcp-header': header, properties } = objectOr(schema);
  if (typeof header === 'string' && ['string', 'number', 'boolean'].includes(typeof value)) {
    yield [`mcp-param-${header.toLowerCase()}`, headerValue(String(value))];
  }
  for (const [name, property] of Object.entries(objectOr(properties))) {
    yield* declaredHeaders(property, objectOr(value)[name]);
  }
}

/** As a value of `Mcp-Name` (MCP 2026-07-28, Streamable HTTP, value encoding). */
function headerValue(value: string): string {
  const isPlain = /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/.test(value) && !/^=\?base64\?.*\?=$/.test(value);
  return isPlain ? value : `=?base64?${base64(value)}?=`;
}

/** With the alphabet and the padding of RFC 4648 §4. */
function base64(value: string): string {
  const text = base64url(bytes(value)).replaceAll('-', '+').replaceAll('_', '/');
  return text.padEnd(Math.ceil(text.length / 4) * 4, '=');
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const objectOr = (value: unknown): Record<string, unknown> => (isObject(value) ? value : {});
