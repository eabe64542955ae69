import {
  type ClientCapabilities,
  isSpecType,
  LOG_LEVEL_META_KEY,
  type LoggingLevel,
  McpServer,
  ProtocolError,
  ProtocolErrorCode,
  type ServerCapabilities,
  type ServerContext,
  type SpecTypeName,
} from '@modelcontextprotocol/server';
import { ServiceUnavailableError } from '../../support/service-unavailable-error.ts';
import { shorten, singleLine } from '../../support/untrusted-text.ts';
import type { ToolContext } from '../tool-context.ts';
import {
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
  'tools/list': ['tools', 'ListToolsResult'],
  'prompts/list': ['prompts', 'ListPromptsResult'],
  'resources/list': ['resources', 'ListResourcesResult'],
  'resources/templates/list': ['resourceTemplates', 'ListResourceTemplatesResult'],
} as const satisfies Record<string, [string, SpecTypeName]>;

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
 * @throws ServiceUnavailableError when no upstream server answers; Error when the operator has to act
 */
export async function forwardingServer(
  upstreams: readonly PrefixedUpstream[],
  dependencies: UpstreamDependencies,
  context: ToolContext,
): Promise<McpServer> {
  const routes = await openRoutes(upstreams, dependencies, context);
  const { info, instructions, capabilities } = announced(routes);
  const server = new McpServer(info, { capabilities, ...(instructions !== '' && { instructions }) });
  new Forwarder(server, routes, dependencies).register(capabilities);
  return server;
}

/** Leaves out a server that cannot be used, and reports it: the tools of the others stay available. */
async function openRoutes(
  upstreams: readonly PrefixedUpstream[],
  dependencies: UpstreamDependencies,
  context: ToolContext,
): Promise<Route[]> {
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
  const routes = opened.flat();
  if (routes.length > 0) return routes;
  const outage = faults.find((fault) => !(fault instanceof UpstreamError) || isOutage(fault));
  throw outage === undefined ? faults[0] : new ServiceUnavailableError('The upstream server', outage);
}

const isOutage = ({ fault }: UpstreamError) => fault === 'unreachable' || fault === 'timed-out';

function announced(routes: readonly Route[]) {
  const has = (name: keyof ServerCapabilities) => routes.some(({ description }) => description.capabilities[name]);
  const [first] = routes;
  return {
    info: routes.length === 1 ? first!.description.info : { name: 'holdfast', version: '1' },
    instructions: routes.flatMap(({ description }) => description.instructions ?? []).join('\n\n'),
    // Changes are not announced: nothing listens to an upstream server between requests.
    capabilities: {
      ...(has('tools') && { tools: { listChanged: false } }),
      ...(has('prompts') && { prompts: { listChanged: false } }),
      ...(has('resources') && { resources: { listChanged: false, subscribe: false } }),
      ...(has('completions') && { completions: {} }),
      ...(has('logging') && { logging: {} }),
    } satisfies ServerCapabilities,
  };
}

class Forwarder {
  readonly #server: McpServer;
  readonly #routes: readonly Route[];
  readonly #dependencies: UpstreamDependencies;

  constructor(server: McpServer, routes: readonly Route[], dependencies: UpstreamDependencies) {
    this.#server = server;
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

  /** All pages of all servers, with prefixed names. The SDK's own list has one page too. */
  async #list(method: keyof typeof lists, ctx: ServerContext): Promise<UpstreamResult> {
    const [member] = lists[method];
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
    if (faults.length === this.#routes.length) throw faults[0];
    return { [member]: found.flat() };
  }

  async #pages(route: Route, method: keyof typeof lists, ctx: ServerContext): Promise<object[]> {
    const { client, prefix, description } = route;
    if (!description.capabilities[capabilityOf(method)]) return [];
    const [member, type] = lists[method];
    const entries: { name?: unknown }[] = [];
    let cursor: unknown;
    for (let page = 0; page < MOST_PAGES; page++) {
      const params = cursor === undefined ? {} : { cursor };
      const result = await client.request(method, params, this.#callOf(route, ctx));
      assertIs(type, result);
      entries.push(...(result[member] as { name?: unknown }[]));
      if (entries.length > MOST_ENTRIES) break;
      cursor = result.nextCursor;
      const isNamed = member === 'tools' || member === 'prompts';
      if (cursor === undefined) return entries.map((each) => (isNamed ? { ...each, name: prefix + each.name } : each));
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

  /** Forwards to the server whose prefix the name has. */
  async #byName(
    method: 'tools/call' | 'prompts/get',
    params: Record<string, unknown>,
    ctx: ServerContext,
  ): Promise<UpstreamResult> {
    const name = String(params.name);
    const route = this.#routeOf(name);
    return this.#request(route, method, { ...params, name: name.slice(route.prefix.length) }, ctx);
  }

  /**
   * Forwards to each server until one has the resource. URIs carry no prefix, because results, other servers and hosts of
   * apps refer to them.
   */
  async #byTrial(
    method: 'resources/read' | 'completion/complete',
    params: Record<string, unknown>,
    ctx: ServerContext,
  ): Promise<UpstreamResult> {
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
        }
      },
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
