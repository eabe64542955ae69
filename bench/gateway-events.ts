/** The caller in the authorizer's context. `expiresAt` is in epoch seconds. */
export type Caller = { user: string; grant: string; client: string; scope: string; expiresAt: number };

type Message = { method: string; params?: Record<string, unknown> };

const clientInfo = { name: 'bench', version: '1.0.0' };

export const initialize: Message = {
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo },
};
export const listTools: Message = { method: 'tools/list', params: {} };
export const callTool = (name: string, parameters: Record<string, unknown> = {}): Message => ({
  method: 'tools/call',
  params: { name, arguments: parameters },
});

/** The same message in the 2026 era, in which every message has its envelope. */
export const modern = ({ method, params }: Message): Message => ({
  method,
  params: {
    ...params,
    _meta: {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientInfo': clientInfo,
      'io.modelcontextprotocol/clientCapabilities': {},
    },
  },
});

/**
 * The event of API Gateway's proxy integration for a POST to `/mcp`, with the authorizer's context.
 *
 * @returns JSON
 */
export function proxyEvent(message: Message, caller: Caller, token: string): string {
  const { method, params } = message;
  const isModern = params?._meta !== undefined;
  const headers: Record<string, string> = {
    Accept: 'application/json, text/event-stream',
    Authorization: `Bearer ${token}`,
    'Content-Type': 'application/json',
    Host: 'localhost',
    'MCP-Protocol-Version': isModern ? '2026-07-28' : '2025-11-25',
    ...(isModern && { 'Mcp-Method': method }),
    ...(isModern && typeof params?.name === 'string' && { 'Mcp-Name': params.name }),
    'User-Agent': 'bench',
  };
  if (method === 'initialize') delete headers['MCP-Protocol-Version'];
  return JSON.stringify({
    ...httpMembers(headers),
    requestContext: { ...requestContext, authorizer: { ...caller, expiresAt: String(caller.expiresAt) } },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    isBase64Encoded: false,
  });
}

/** The event of a REQUEST authorizer. @returns JSON */
export function authorizerEvent(token: string): string {
  return JSON.stringify({
    type: 'REQUEST',
    methodArn: 'arn:aws:execute-api:us-east-1:000000000000:bench/v1/POST/mcp',
    ...httpMembers({ Authorization: `Bearer ${token}`, 'Content-Type': 'application/json', Host: 'localhost' }),
    requestContext,
  });
}

/** The event of a GET without a token. @returns JSON */
export const documentEvent = (path: string, parameters: Record<string, string>): string =>
  JSON.stringify({
    ...httpMembers({ Host: 'localhost' }),
    resource: path,
    path,
    httpMethod: 'GET',
    queryStringParameters: parameters,
    multiValueQueryStringParameters: Object.fromEntries(
      Object.entries(parameters).map(([name, value]) => [name, [value]]),
    ),
    requestContext: { ...requestContext, httpMethod: 'GET', path: `/v1${path}` },
    body: null,
    isBase64Encoded: false,
  });

const requestContext = {
  accountId: '000000000000',
  apiId: 'bench',
  stage: 'v1',
  requestId: 'bench',
  httpMethod: 'POST',
  path: '/v1/mcp',
  protocol: 'HTTP/1.1',
  identity: { sourceIp: '127.0.0.1', userAgent: 'bench' },
};

const httpMembers = (headers: Record<string, string>) => ({
  resource: '/mcp',
  path: '/mcp',
  httpMethod: 'POST',
  headers,
  multiValueHeaders: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]])),
  queryStringParameters: null,
  multiValueQueryStringParameters: null,
  pathParameters: null,
  stageVariables: null,
});
