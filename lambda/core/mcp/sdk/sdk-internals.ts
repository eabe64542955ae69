import {
  type Implementation,
  type JSONRPCMessage,
  type JSONRPCRequest,
  McpServer,
  type MessageExtraInfo,
  ProtocolError,
  ProtocolErrorCode,
  type ServerCapabilities,
  type TransportSendOptions,
} from '@modelcontextprotocol/server';

/**
 * Everything in Holdfast that depends on how the MCP SDK is built inside. An SDK update is checked against this list:
 *
 * | what | why | without it |
 * | --- | --- | --- |
 * | `Server._oninitialize` is called | tells a server what its client said in `initialize` | `initialize` is sent as a message |
 * | `Server._onrequest` is called | delivers a message that is known to be a request | the message goes through `onmessage` |
 * | `McpServer.registerTool`, `registerPrompt` are wrapped | sees the schemas that are registered | each schema is converted for each request |
 * | `McpServer.connect` and `Transport.send` are wrapped | sees what a server sends through the SDK's own handler | – |
 * | `Server._requestHandlers` is read and written | a list without pages rejects a cursor | the cursor is ignored |
 * | `Server._serverInfo` is read and written | the server has the deployment's name and icon | clients show the server's own name |
 * | `Server.getCapabilities` is wrapped | leaves out change notifications that are switched off | – |
 *
 * The first three are optimizations. `connect`, `send` and `getCapabilities` are public methods.
 */

type PrivateServer = {
  _serverInfo?: Implementation;
  _oninitialize?: (request: { method: string; params: object }) => Promise<unknown>;
  _onrequest?: (request: JSONRPCRequest, extra: MessageExtraInfo) => void;
  _requestHandlers?: Map<string, RequestHandler>;
};

type RequestHandler = (request: JSONRPCRequest, context: unknown) => Promise<{ nextCursor?: unknown }>;

const privateServer = ({ server }: McpServer) => server as unknown as PrivateServer;

/** The server's handler of `initialize`; undefined in an SDK without it. */
export function initializeHandler(server: McpServer): PrivateServer['_oninitialize'] {
  const { _oninitialize } = privateServer(server);
  return typeof _oninitialize === 'function' ? _oninitialize.bind(server.server) : undefined;
}

/** The server's handler of requests; undefined in an SDK without it. */
export function requestHandler(server: McpServer): PrivateServer['_onrequest'] {
  const { _onrequest } = privateServer(server);
  return typeof _onrequest === 'function' ? _onrequest.bind(server.server) : undefined;
}

/**
 * Has a function see each message that the server sends once it is connected, in place of the transport.
 *
 * @param intercept passes a message on by `send`. It must do so synchronously unless it has to wait: the SDK attributes
 *   errors by the moment in which they are thrown.
 */
export function interceptMessages(
  server: McpServer,
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
export function rejectForeignCursors(server: McpServer, method: string): void {
  const handlers = privateServer(server)._requestHandlers;
  const list = handlers?.get(method);
  if (!handlers || !list) return;
  handlers.set(method, async (request, context) => {
    const { cursor, ...params } = request.params ?? {};
    const first = typeof cursor === 'string' ? await list({ ...request, params }, context) : undefined;
    if (first && first.nextCursor === undefined) {
      throw new ProtocolError(ProtocolErrorCode.InvalidParams, 'Invalid params: unknown cursor');
    }
    return list(request, context);
  });
}

/** Adds members to the server's description of itself (`serverInfo`) that it lacks. */
export function completeServerInfo(server: McpServer, defaults: Partial<Implementation>): void {
  const inner = privateServer(server);
  if (inner._serverInfo) inner._serverInfo = { ...defaults, ...inner._serverInfo };
}

/** Has the server announce other capabilities than it was built with. */
export function replaceCapabilities(
  { server }: McpServer,
  replace: (capabilities: ServerCapabilities) => ServerCapabilities,
): void {
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
