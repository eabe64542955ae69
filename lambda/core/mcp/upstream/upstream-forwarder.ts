import {
  type ClientCapabilities,
  isSpecType,
  LOG_LEVEL_META_KEY,
  type LoggingLevel,
  McpServer,
  ProtocolError,
  ProtocolErrorCode,
  ResourceNotFoundError,
  type ServerCapabilities,
  type ServerContext,
  type SpecTypeName,
} from '@modelcontextprotocol/server';
import { ServiceUnavailableError } from '../../support/service-unavailable-error.ts';
import { shorten, singleLine } from '../../support/untrusted-text.ts';
import { changeOf, type ServerChange, setChangeSource } from '../change-notifications.ts';
import { addInstructions, handlersOf, isRegistered, type RequestHandler } from '../sdk/sdk-internals.ts';
import type { ToolContext } from '../tool-context.ts';
import {
  MODERN,
  type UpstreamCall,
  UpstreamClient,
  type UpstreamDependencies,
  type UpstreamDescription,
  type UpstreamResult,
  type UpstreamServer,
} from './upstream-client.ts';
import { UpstreamError, UpstreamRpcError } from './upstream-error.ts';

/** An upstream server, and the prefix of the names of its tools and prompts. */
export type PrefixedUpstream = { server: UpstreamServer; prefix: string };

type Route = { client: UpstreamClient; prefix: string; description: UpstreamDescription };

/** The state of a call of several rounds: the server that requested input, and the state of that server. */
type RoundState = { upstream: string; state: string | undefined };

type ClientEnvelope = { [LOG_LEVEL_META_KEY]?: LoggingLevel };

/** Pages and entries of one list, which a server could make endless. */
const MOST_PAGES = 50;
const MOST_ENTRIES = 2_000;
const LONGEST_MESSAGE = 1_000;
const URL_ELICITATION_REQUIRED = -32042;
/** Until 2025-11-25. */
const RESOURCE_NOT_FOUND = -32002;

const lists = {
  'tools/list': ['tools', 'ListToolsResult', 'name'],
  'prompts/list': ['prompts', 'ListPromptsResult', 'name'],
  'resources/list': ['resources', 'ListResourcesResult', 'uri'],
  'resources/templates/list': ['resourceTemplates', 'ListResourceTemplatesResult', 'uriTemplate'],
} as const satisfies Record<string, [member: string, type: SpecTypeName, key: string]>;

const results = {
  'tools/call': 'CallToolResult',
  'prompts/get': 'GetPromptResult',
  'resources/read': 'ReadResourceResult',
  'completion/complete': 'CompleteResult',
} as const satisfies Record<string, SpecTypeName>;

/**
 * The server of one request that forwards to upstream servers. It keeps nothing: each list and each result is fetched for
 * the user of the request.
 *
 * @param own the server that forwards beside its own tools, prompts and resources, which come first
 * @throws ServiceUnavailableError when no upstream server answers and `own` is undefined; Error when the operator has to act
 */
export async function forwardingServer(
  upstreams: readonly PrefixedUpstream[],
  dependencies: UpstreamDependencies,
  context: ToolContext,
  own?: McpServer,
): Promise<McpServer> {
  const { routes, faults } = await openRoutes(upstreams, dependencies, context);
  if (routes.length === 0 && own === undefined) throw mostSevere(faults);
  const { info, instructions, capabilities } = announced(routes);
  const server = own ?? new McpServer(info, { capabilities });
  const handlers = own ? handlersOf(own) : new Map<string, RequestHandler>();
  if (own) own.server.registerCapabilities(capabilities);
  addInstructions(server, instructions);
  new Forwarder(server, handlers, routes, dependencies).register(capabilities);
  setChangeSource(server, async (uris, report, signal) => {
    await Promise.all(routes.map((route) => reportChanges(route, dependencies, uris, report, signal)));
  });
  return server;
}

/** A server of the 2025 era sends changes on a stream of its session, which ends with each request. */
async function reportChanges(
  { client, description: { version, capabilities } }: Route,
  dependencies: UpstreamDependencies,
  uris: readonly string[],
  report: (change: ServerChange) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const { tools, prompts, resources } = capabilities;
  const filter = {
    ...(tools?.listChanged && { toolsListChanged: true }),
    ...(prompts?.listChanged && { promptsListChanged: true }),
    ...(resources?.listChanged && { resourcesListChanged: true }),
    ...(resources?.subscribe && uris.length > 0 && { resourceSubscriptions: uris }),
  };
  if (version !== MODERN || Object.keys(filter).length === 0) return;
  const receive = async (method: string, params: Record<string, unknown>) => {
    const change = changeOf({ jsonrpc: '2.0', method, params });
    if (change) await report(change);
  };
  await client.listen(filter, receive, signal).catch((error) => reportFault(dependencies, client, error));
}

/** Leaves out a server that cannot be used, and reports it: the tools of the others stay available. */
async function openRoutes(
  upstreams: readonly PrefixedUpstream[],
  dependencies: UpstreamDependencies,
  context: ToolContext,
): Promise<{ routes: Route[]; faults: unknown[] }> {
  const faults: unknown[] = [];
  const opened = await Promise.all(
    upstreams.map(async ({ server, prefix }): Promise<Route[]> => {
      const client = new UpstreamClient(server, dependencies, context);
      try {
        return [{ client, prefix, description: await client.describe() }];
      } catch (error) {
        faults.push(error);
        reportFault(dependencies, client, error);
        return [];
      }
    }),
  );
  return { routes: opened.flat(), faults };
}

function mostSevere(faults: unknown[]): unknown {
  const outage = faults.find((fault) => !(fault instanceof UpstreamError) || isOutage(fault));
  return outage === undefined ? faults[0] : new ServiceUnavailableError('The upstream server', outage);
}

const isOutage = ({ fault }: UpstreamError) => fault === 'unreachable' || fault === 'timed-out';

function announced(routes: readonly Route[]) {
  const all = routes.map(({ description }) => description.capabilities);
  const has = (name: keyof ServerCapabilities) => all.some((each) => each[name]);
  const changes = (name: 'tools' | 'prompts' | 'resources') => all.some((each) => each[name]?.listChanged);
  const subscribe = all.some(({ resources }) => resources?.subscribe);
  const [first] = routes;
  return {
    info: routes.length === 1 ? first!.description.info : { name: 'holdfast', version: '1' },
    instructions: routes.flatMap(({ description }) => description.instructions ?? []).join('\n\n'),
    capabilities: {
      ...(has('tools') && { tools: { listChanged: changes('tools') } }),
      ...(has('prompts') && { prompts: { listChanged: changes('prompts') } }),
      ...(has('resources') && { resources: { listChanged: changes('resources'), subscribe } }),
      ...(has('completions') && { completions: {} }),
      ...(has('logging') && { logging: {} }),
    } satisfies ServerCapabilities,
  };
}

class Forwarder {
  readonly #server: McpServer;
  /** The handlers of the server's own tools, prompts and resources. */
  readonly #own: ReadonlyMap<string, RequestHandler>;
  readonly #routes: readonly Route[];
  readonly #dependencies: UpstreamDependencies;

  constructor(
    server: McpServer,
    own: ReadonlyMap<string, RequestHandler>,
    routes: readonly Route[],
    dependencies: UpstreamDependencies,
  ) {
    this.#server = server;
    this.#own = own;
    this.#routes = routes;
    this.#dependencies = dependencies;
  }

  register({ tools, prompts, resources, completions }: ServerCapabilities): void {
    if (tools) {
      this.#handle('tools/list', (_, ctx) => this.#list('tools/list', ctx));
      this.#handle('tools/call', (params, ctx) => this.#callTool(params, ctx));
    }
    if (prompts) {
      this.#handle('prompts/list', (_, ctx) => this.#list('prompts/list', ctx));
      this.#handle('prompts/get', (params, ctx) => this.#byName('prompts/get', params, ctx));
    }
    if (resources?.subscribe) {
      // Holdfast stores the subscriptions of a session. A server without sessions could not.
      const { server } = this.#server;
      server.setRequestHandler('resources/subscribe', async () => ({}));
      server.setRequestHandler('resources/unsubscribe', async () => ({}));
    }
    if (resources) {
      this.#handle('resources/list', (_, ctx) => this.#list('resources/list', ctx));
      this.#handle('resources/templates/list', (_, ctx) => this.#list('resources/templates/list', ctx));
      this.#handle('resources/read', (params, ctx) => this.#byTrial('resources/read', params, ctx));
    }
    if (completions) this.#handle('completion/complete', (params, ctx) => this.#complete(params, ctx));
  }

  #handle(
    method: keyof typeof lists | keyof typeof results,
    handle: (params: Record<string, unknown>, ctx: ServerContext) => Promise<UpstreamResult>,
  ): void {
    const forward = async ({ params: { _meta, ...params } = {} }: { params?: Record<string, unknown> }, ctx: unknown) =>
      handle(params, ctx as ServerContext);
    this.#server.server.setRequestHandler(method, forward as never);
  }

  /** Passes a request to the handler of the server's own part. */
  #passOn(method: string, params: Record<string, unknown>, ctx: ServerContext): Promise<UpstreamResult> | undefined {
    const request = { jsonrpc: '2.0' as const, id: ctx.mcpReq.id, method, params };
    return this.#own.get(method)?.(request, ctx) as Promise<UpstreamResult> | undefined;
  }

  /** The server's own list, and all pages of all upstream servers with prefixed names. The SDK's own list has one page too. */
  async #list(method: keyof typeof lists, ctx: ServerContext): Promise<UpstreamResult> {
    const [member, , key] = lists[method];
    const own = await this.#passOn(method, {}, ctx);
    const entries = (own?.[member] ?? []) as Record<string, unknown>[];
    const taken = new Set(entries.map((each) => each[key]));
    const faults: unknown[] = [];
    const found = await Promise.all(
      this.#routes.map(async (route) => {
        try {
          return await this.#pages(route, method, ctx);
        } catch (error) {
          faults.push(this.#toProtocolError(route, error));
          return [];
        }
      }),
    );
    if (faults.length === this.#routes.length && own === undefined) throw faults[0];
    return { [member]: [...entries, ...found.flat().filter((each) => !taken.has(each[key]))] };
  }

  async #pages(route: Route, method: keyof typeof lists, ctx: ServerContext): Promise<Record<string, unknown>[]> {
    const { client, prefix, description } = route;
    if (!description.capabilities[capabilityOf(method)]) return [];
    const [member, type] = lists[method];
    const entries: Record<string, unknown>[] = [];
    let cursor: unknown;
    for (let page = 0; page < MOST_PAGES; page++) {
      const params = cursor === undefined ? {} : { cursor };
      const result = await client.request(method, params, this.#callOf(route, ctx));
      assertIs(type, result);
      entries.push(...(result[member] as Record<string, unknown>[]));
      if (entries.length > MOST_ENTRIES) break;
      cursor = result.nextCursor;
      const isNamed = member === 'tools' || member === 'prompts';
      if (cursor === undefined)
        return entries.map((each) => (isNamed ? { ...each, name: `${prefix}${each.name}` } : each));
    }
    throw new UpstreamError('malformed', `${method} has more than ${MOST_ENTRIES} entries or ${MOST_PAGES} pages`);
  }

  /** A model reads the reason for which a tool failed. */
  async #callTool(params: Record<string, unknown>, ctx: ServerContext): Promise<UpstreamResult> {
    try {
      return await this.#byName('tools/call', params, ctx);
    } catch (error) {
      if (!(error instanceof UnavailableUpstreamError)) throw error;
      return { content: [{ type: 'text', text: error.message }], isError: true };
    }
  }

  /** Forwards to the server whose prefix the name has. A name of the server's own part comes first. */
  async #byName(
    method: 'tools/call' | 'prompts/get',
    params: Record<string, unknown>,
    ctx: ServerContext,
  ): Promise<UpstreamResult> {
    const name = String(params.name);
    const isOwn = isRegistered(this.#server, method === 'tools/call' ? 'tool' : 'prompt', name);
    if (isOwn) return this.#passOn(method, params, ctx)!;
    const route = this.#routeOf(name);
    return this.#request(route, method, { ...params, name: name.slice(route.prefix.length) }, ctx);
  }

  /**
   * Forwards to each server until one has the resource, the server's own part first. URIs carry no prefix, because results,
   * other servers and hosts of apps refer to them.
   */
  async #byTrial(
    method: 'resources/read' | 'completion/complete',
    params: Record<string, unknown>,
    ctx: ServerContext,
  ): Promise<UpstreamResult> {
    const own = this.#passOn(method, params, ctx)?.catch((error) => {
      if (isUnknown(error)) return undefined;
      throw error;
    });
    const result = await own;
    if (result !== undefined) return result;
    const { upstream } = stateOf(ctx) ?? {};
    const asked = this.#routes.filter(({ client }) => upstream === undefined || client.server.name === upstream);
    const faults: unknown[] = [];
    for (const route of asked) {
      try {
        return await this.#request(route, method, params, ctx);
      } catch (error) {
        faults.push(error);
      }
    }
    throw faults[0] ?? new ProtocolError(ProtocolErrorCode.InvalidParams, 'Invalid params: unknown requestState');
  }

  async #complete(params: Record<string, unknown>, ctx: ServerContext): Promise<UpstreamResult> {
    const { name, ...ref } = params.ref as { name?: string };
    if (name === undefined) return this.#byTrial('completion/complete', params, ctx);
    if (isRegistered(this.#server, 'prompt', name)) {
      return this.#passOn('completion/complete', params, ctx) ?? { completion: { values: [] } };
    }
    const route = this.#routeOf(name);
    const own = { ...params, ref: { ...ref, name: name.slice(route.prefix.length) } };
    return this.#request(route, 'completion/complete', own, ctx);
  }

  #routeOf(name: string): Route {
    const route = this.#routes.find(({ prefix }) => name.startsWith(prefix));
    if (route) return route;
    throw new ProtocolError(ProtocolErrorCode.InvalidParams, `Unknown name ${shorten(singleLine(name), 60)}`);
  }

  async #request(
    route: Route,
    method: keyof typeof results,
    params: Record<string, unknown>,
    ctx: ServerContext,
  ): Promise<UpstreamResult> {
    try {
      const result = await route.client.request(method, params, this.#callOf(route, ctx));
      if (result.resultType === 'input_required') return withState(result, route);
      const complete = method === 'tools/call' ? { content: [], ...result } : result;
      assertIs(results[method], complete);
      return withoutEnvelope(complete);
    } catch (error) {
      const requests = urlElicitation(error);
      if (requests && this.#isModern(ctx)) return withState({ resultType: 'input_required', ...requests }, route);
      throw this.#toProtocolError(route, error);
    }
  }

  #callOf(route: Route, ctx: ServerContext): UpstreamCall {
    const { mcpReq } = ctx;
    const { progressToken, traceparent, tracestate, ...meta } = mcpReq._meta ?? {};
    return {
      signal: mcpReq.signal,
      capabilities: forwarded(this.#server.server.getClientCapabilities()),
      logLevel: this.#isModern(ctx) ? (mcpReq.envelope as ClientEnvelope)[LOG_LEVEL_META_KEY] : 'debug',
      meta: { ...meta, ...(progressToken !== undefined && { progressToken }) },
      notify: async (method, params) => {
        if (method === 'notifications/progress' && progressToken !== undefined && typeof params.progress === 'number') {
          await mcpReq.notify({ method, params: { ...params, progressToken } });
        } else if (method === 'notifications/message' && isSpecType.LoggingLevel(params.level)) {
          // Applies the level that the client has set.
          await mcpReq.log(params.level, params.data, params.logger as string | undefined);
        } else if (changeOf({ jsonrpc: '2.0', method, params })) {
          // For all clients of this user that listen.
          await this.#server.server.notification({ method, params });
        }
      },
      argumentHeaders: argumentHeaders(ctx),
      inputResponses: mcpReq.inputResponses ?? {},
      state: stateOf(ctx)?.upstream === route.client.server.name ? stateOf(ctx)?.state : undefined,
    };
  }

  #isModern({ mcpReq }: ServerContext): boolean {
    return mcpReq.envelope !== undefined;
  }

  /** The operator finds the fault in the log, and the client reads its kind. */
  #toProtocolError(route: Route, error: unknown): unknown {
    if (error instanceof UpstreamRpcError) {
      // As `plainError` expects it, which knows the code of the client's era.
      const code = error.code === RESOURCE_NOT_FOUND ? ProtocolErrorCode.InvalidParams : error.code;
      return new ProtocolError(code, shorten(singleLine(error.message), LONGEST_MESSAGE), error.data);
    }
    if (!(error instanceof UpstreamError || error instanceof ServiceUnavailableError)) return error;
    reportFault(this.#dependencies, route.client, error);
    return new UnavailableUpstreamError(route.client.server.name, error);
  }
}

/** The error of a server of SDK v2 for a resource or a template that it does not have. */
const isUnknown = (error: unknown) =>
  error instanceof ResourceNotFoundError || (error instanceof ProtocolError && / not found$/.test(error.message));

function argumentHeaders({ http }: ServerContext): Record<string, string> {
  const headers = [...(http?.req?.headers ?? [])];
  return Object.fromEntries(headers.filter(([name]) => name.toLowerCase().startsWith('mcp-param-')));
}

/** The client cannot do anything about it. */
class UnavailableUpstreamError extends ProtocolError {
  constructor(name: string, error: UpstreamError | ServiceUnavailableError) {
    const unreachable = new UpstreamError('unreachable', error.message);
    super(ProtocolErrorCode.InternalError, (error instanceof UpstreamError ? error : unreachable).describe(name));
  }
}

function reportFault({ log }: UpstreamDependencies, { server }: UpstreamClient, error: unknown): void {
  const fault = error instanceof UpstreamError ? error.fault : 'error';
  const message = error instanceof Error ? error.message : String(error);
  log('upstream_server_failed', {
    upstream: server.name,
    url: server.url,
    fault,
    message: shorten(singleLine(message), 200),
  });
}

/** Those that an upstream server can use through this one; not tasks, which only the client's own server can hold. */
function forwarded({ elicitation, sampling, roots }: ClientCapabilities = {}): ClientCapabilities {
  return {
    ...(elicitation && { elicitation }),
    ...(sampling && { sampling }),
    ...(roots && { roots: {} }),
  };
}

const capabilityOf = (method: keyof typeof lists) => method.split('/')[0] as 'tools' | 'prompts' | 'resources';

/** @throws UpstreamError for a result of another form */
function assertIs(type: SpecTypeName, result: UpstreamResult): void {
  if (!isSpecType[type](result)) throw new UpstreamError('malformed', `it is no ${type}`);
}

/** Without the members that this server sets for its own client. */
function withoutEnvelope({ resultType, ttlMs, cacheScope, _meta, ...result }: UpstreamResult): UpstreamResult {
  const own = Object.entries((_meta ?? {}) as object).filter(([name]) => !name.startsWith('io.modelcontextprotocol/'));
  return own.length === 0 ? result : { ...result, _meta: Object.fromEntries(own) };
}

/** Holdfast seals the state, and the SDK checks the input requests. */
function withState({ inputRequests, requestState }: UpstreamResult, { client }: Route): UpstreamResult {
  const state: RoundState = {
    upstream: client.server.name,
    state: typeof requestState === 'string' ? requestState : undefined,
  };
  return { resultType: 'input_required', inputRequests, requestState: JSON.stringify(state) };
}

function stateOf({ mcpReq }: ServerContext): RoundState | undefined {
  const state = mcpReq.requestState<string>();
  return state === undefined ? undefined : (JSON.parse(state) as RoundState);
}

/** The input requests of a server of the 2025 era that has to send its user to a page first (`URLElicitationRequiredError`). */
function urlElicitation(error: unknown): { inputRequests: object } | undefined {
  if (!(error instanceof UpstreamRpcError) || error.code !== URL_ELICITATION_REQUIRED) return undefined;
  const { elicitations } = (error.data ?? {}) as { elicitations?: unknown };
  if (!Array.isArray(elicitations) || elicitations.length === 0) return undefined;
  const requests = elicitations.map((params, index) => [`url-${index}`, { method: 'elicitation/create', params }]);
  return { inputRequests: Object.fromEntries(requests) };
}
