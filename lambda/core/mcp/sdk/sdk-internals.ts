import {
  type CallToolResult,
  type Implementation,
  type JSONRPCMessage,
  type JSONRPCRequest,
  McpServer,
  type MessageExtraInfo,
  ProtocolError,
  ProtocolErrorCode,
  type RequestId,
  type ServerCapabilities,
  type Tool,
  type TransportSendOptions,
} from '@modelcontextprotocol/server';
import { type OwnerServer, protocolServerOf } from './owner-server.ts';

/**
 * Everything in Holdfast that depends on how the MCP SDKs, v2 and v1, are built inside. An SDK update is checked against
 * this list:
 *
 * | what | why | without it |
 * | --- | --- | --- |
 * | `Server._oninitialize` is called | tells a server what its client said in `initialize` | `initialize` is sent as a message |
 * | `Server._onrequest` is called | delivers a message that is known to be a request | the message goes through `onmessage` |
 * | `McpServer.registerTool`, `registerPrompt` are wrapped | sees the schemas that are registered | each schema is converted for each request |
 * | `McpServer.connect` and `Transport.send` are wrapped | sees what a server sends through the SDK's own handler | – |
 * | `Server._requestHandlers` is read and written | a list without pages rejects a cursor | the cursor is ignored |
 * | `Server._serverInfo` is read and written | the server has the deployment's name and icon | clients show the server's own name |
 * | the same | adds a tool to a server of any kind | long-running tools have no `task_result` |
 * | `Server.getCapabilities` is wrapped | leaves out change notifications that are switched off | – |
 * | `McpServer.executeToolHandler` is wrapped; of a low-level server `_requestHandlers` | sees what a tool throws | the operator has no stack |
 * | `Server._serverInfo`, `_instructions`, `_requestHandlers` of SDK v1 are read | describe the server to clients of 2026-07-28 | – |
 * | `McpServer._registeredTools`, `_createRegisteredTool` of SDK v1; its `Server.request`, `notification` (sdk-v1-tasks.ts) | a call waits for the task of its tool | the tool fails |
 * | `Server._requestHandlers`, `_instructions`, `McpServer._registeredTools`, `_registeredPrompts` are read | forwards beside the tools of a server | a server forwards alone |
 * | `Server._clientCapabilities`, `_clientVersion`, `_negotiatedProtocolVersion` are written | a tool of the fast path reads them before its server is connected | – |
 *
 * The first three are optimizations. `connect`, `send` and `getCapabilities` are public methods.
 */

type PrivateServer = {
  _serverInfo: Implementation;
  _instructions?: string;
  _oninitialize?: (request: { method: string; params: object }) => Promise<unknown>;
  _onrequest?: (request: JSONRPCRequest, extra: MessageExtraInfo) => void;
  _requestHandlers?: Map<string, RequestHandler>;
};

export type RequestHandler = (request: JSONRPCRequest, context: unknown) => Promise<object>;

const privateServer = (server: OwnerServer) => protocolServerOf(server) as unknown as PrivateServer;

/** The server's handler of `initialize`; undefined in an SDK without it. */
export function initializeHandler(server: OwnerServer): PrivateServer['_oninitialize'] {
  const { _oninitialize } = privateServer(server);
  return typeof _oninitialize === 'function' ? _oninitialize.bind(protocolServerOf(server)) : undefined;
}

/** The server's handler of requests; undefined in an SDK without it. */
export function requestHandler(server: OwnerServer): PrivateServer['_onrequest'] {
  const { _onrequest } = privateServer(server);
  return typeof _onrequest === 'function' ? _onrequest.bind(protocolServerOf(server)) : undefined;
}

/**
 * Has a function see each message that the server sends once it is connected, in place of the transport.
 *
 * @param intercept passes a message on by `send`. It must do so synchronously unless it has to wait: the SDK attributes
 *   errors by the moment in which they are thrown.
 */
export function interceptMessages(
  server: Pick<McpServer, 'connect'>,
  intercept: (
    message: JSONRPCMessage,
    options: TransportSendOptions | undefined,
    send: (message: JSONRPCMessage) => Promise<void>,
  ) => Promise<void>,
): void {
  const connect = server.connect.bind(server);
  server.connect = (transport) => {
    const send = transport.send.bind(transport);
    transport.send = (message, options) => intercept(message, options, (each) => send(each, options));
    return connect(transport);
  };
}

/**
 * Has a list reject a cursor that it cannot have issued, because its first page is its last (MCP 2025-11-25, pagination,
 * error handling). The lists of `McpServer` have one page and ignore the cursor.
 */
export function rejectForeignCursors(server: OwnerServer, method: string): void {
  const handlers = privateServer(server)._requestHandlers;
  const list = handlers?.get(method);
  if (!handlers || !list) return;
  handlers.set(method, async (request, context) => {
    const { cursor, ...params } = request.params ?? {};
    const first = typeof cursor === 'string' ? await list({ ...request, params }, context) : undefined;
    if (first && (first as { nextCursor?: unknown }).nextCursor === undefined) {
      throw new ProtocolError(ProtocolErrorCode.InvalidParams, 'Invalid params: unknown cursor');
    }
    return list(request, context);
  });
}

/** Has a server that is not connected yet know its client, as `initialize` or an envelope will tell it. */
export function setClientIdentity(server: OwnerServer, capabilities: unknown, client: unknown, version: unknown): void {
  Object.assign(privateServer(server), {
    _clientCapabilities: capabilities,
    _clientVersion: client,
    _negotiatedProtocolVersion: version,
  });
}

/** Adds members to the server's description of itself (`serverInfo`) that it lacks. */
export function completeServerInfo(server: OwnerServer, defaults: Partial<Implementation>): void {
  const inner = privateServer(server);
  if (inner._serverInfo) inner._serverInfo = { ...defaults, ...inner._serverInfo };
}

/**
 * Adds a tool to a server of any SDK and level, at the end of the first page of its tools.
 *
 * @param call receives the arguments of the request, which nothing has validated, and the context of the SDK
 */
export function addTool(
  server: OwnerServer,
  tool: Tool,
  call: (given: Record<string, unknown>, context: unknown) => Promise<CallToolResult>,
): void {
  const handlers = privateServer(server)._requestHandlers;
  const list = handlers?.get('tools/list');
  const callOthers = handlers?.get('tools/call');
  if (!handlers || !list || !callOthers) return;
  handlers.set('tools/list', async (request, context) => {
    const page = (await list(request, context)) as { tools: Tool[] };
    return request.params?.cursor === undefined ? { ...page, tools: [...page.tools, tool] } : page;
  });
  handlers.set('tools/call', async (request, context) => {
    const { name, arguments: given } = (request.params ?? {}) as {
      name?: unknown;
      arguments?: Record<string, unknown>;
    };
    return name === tool.name ? call(given ?? {}, context) : callOthers(request, context);
  });
}

/** The name, capabilities and instructions of a server of SDK v1, and the methods that it answers. */
export function describeSdkV1(server: OwnerServer): {
  info: Implementation;
  capabilities: ServerCapabilities;
  instructions: string | undefined;
  methods: string[];
} {
  const { _serverInfo: info, _instructions: instructions, _requestHandlers: handlers } = privateServer(server);
  const capabilities = protocolServerOf(server).getCapabilities();
  return { info, capabilities, instructions, methods: [...(handlers?.keys() ?? [])] };
}

/** The handlers that a server has so far, by method, for one that takes their place and passes requests on to them. */
export const handlersOf = (server: McpServer): ReadonlyMap<string, RequestHandler> =>
  new Map(privateServer(server)._requestHandlers);

/** Whether a server of SDK v2 has a tool or a prompt of this name. */
export function isRegistered(server: McpServer, kind: 'tool' | 'prompt', name: string): boolean {
  const { _registeredTools: tools = {}, _registeredPrompts: prompts = {} } = server as unknown as {
    [member in '_registeredTools' | '_registeredPrompts']?: object;
  };
  return Object.hasOwn(kind === 'tool' ? tools : prompts, name);
}

/** Adds to the instructions of a server. */
export function addInstructions(server: McpServer, instructions: string): void {
  const inner = privateServer(server);
  if (instructions !== '') inner._instructions = [inner._instructions, instructions].filter(Boolean).join('\n\n');
}

/** Has the server announce other capabilities than it was built with. */
export function replaceCapabilities(
  owned: OwnerServer,
  replace: (capabilities: ServerCapabilities) => ServerCapabilities,
): void {
  const server = protocolServerOf(owned);
  const capabilities = server.getCapabilities.bind(server);
  server.getCapabilities = () => replace(capabilities());
}

/** Has a function see each schema of a tool or a prompt when it is registered, in every server of this process. */
export function observeSchemas(observe: (schema: unknown) => void): void {
  const { registerTool, registerPrompt } = McpServer.prototype;
  // Named one by one: collecting and spreading the arguments costs a tenth of a warm call with twenty tools.
  type Tool = Parameters<typeof registerTool>;
  type Prompt = Parameters<typeof registerPrompt>;

  McpServer.prototype.registerTool = function (this: McpServer, name: Tool[0], config: Tool[1], callback: Tool[2]) {
    observe(config.inputSchema);
    observe(config.outputSchema);
    return registerTool.call(this, name, config, callback as never);
  } as typeof registerTool;

  McpServer.prototype.registerPrompt = function (
    this: McpServer,
    name: Prompt[0],
    config: Prompt[1],
    callback: Prompt[2],
  ) {
    observe(config.argsSchema);
    return registerPrompt.call(this, name, config, callback as never);
  } as typeof registerPrompt;
}

type ToolExecutor = { executeToolHandler?: (...input: unknown[]) => Promise<unknown> };

/**
 * Has a function see each error that a tool throws, with the id of its request, before the SDK makes a result of its message,
 * or an error response. Not that of a call that has ended: its client cancelled it, or it stopped for input and starts again
 * with the answer.
 */
export function observeToolErrors(server: OwnerServer, observe: (request: RequestId, error: unknown) => void): void {
  const observed =
    <Input extends unknown[], Result>(execute: (...input: Input) => Promise<Result>) =>
    async (...input: Input): Promise<Result> => {
      try {
        return await execute(...input);
      } catch (error) {
        const { id, signal } = callOf(input.at(-1) as CallContext);
        if (protocolServerOf(server).transport !== undefined && !signal?.aborted) observe(id, error);
        throw error;
      }
    };
  const executor = server as ToolExecutor;
  if (typeof executor.executeToolHandler === 'function') {
    executor.executeToolHandler = observed(executor.executeToolHandler.bind(executor));
    return;
  }
  // A low-level server: its handler of `tools/call` is the tool.
  const handlers = privateServer(server)._requestHandlers;
  const call = handlers?.get('tools/call');
  if (handlers && call) handlers.set('tools/call', observed(call));
}

/** Of a call, as the SDK gives it to the tool: v2 or v1. */
type CallContext = { mcpReq: { id: RequestId; signal?: AbortSignal } } | { requestId: RequestId; signal?: AbortSignal };

const callOf = (context: CallContext): { id: RequestId; signal?: AbortSignal | undefined } =>
  'mcpReq' in context ? context.mcpReq : { id: context.requestId, signal: context.signal };
