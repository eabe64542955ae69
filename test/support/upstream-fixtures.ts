import { completable as v1Completable } from '@modelcontextprotocol/sdk/server/completable.js';
import { ResourceTemplate as V1ResourceTemplate, McpServer as V1Server } from '@modelcontextprotocol/sdk/server/mcp.js';
import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js';
import {
  acceptedContent,
  completable,
  createMcpHandler,
  inputRequired,
  McpServer,
  ResourceTemplate,
} from '@modelcontextprotocol/server';
import * as z from 'zod/v4';
import type { UpstreamServer } from '../../lambda/core/mcp/upstream/upstream-client.ts';

/** An MCP server behind Holdfast, in memory. */
export type UpstreamFixture = UpstreamServer & {
  /** The received requests, oldest first. */
  requests: { method: string; headers: Headers; body: Record<string, unknown>; assertion: string }[];
};

type Serve = (request: Request) => Promise<Response>;

export function upstreamFixture(serve: Serve, name = 'orders'): UpstreamFixture {
  const url = `https://${name}.example/mcp`;
  const requests: UpstreamFixture['requests'] = [];
  return {
    name,
    url,
    audience: url,
    requests,
    async send({ method, headers, body, assertion, signal }) {
      requests.push({ method, headers: new Headers(headers), body: body === '' ? {} : JSON.parse(body), assertion });
      const response = await serve(new Request(url, { method, headers, signal, ...(body !== '' && { body }) }));
      return { status: response.status, headers: response.headers, body: response.body };
    },
  };
}

const text = (value: string) => ({ content: [{ type: 'text' as const, text: value }] });
const form = {
  type: 'object' as const,
  properties: { name: { type: 'string' as const } },
  required: ['name'],
};
const answer = z.object({ name: z.string() });
const languages = (value: string) => ['python', 'perl', 'rust'].filter((each) => each.startsWith(value));

/** A server of SDK v2, which speaks 2026-07-28. */
export function createV2Server(name = 'orders'): McpServer {
  const server = new McpServer({ name, version: '2' }, { capabilities: { logging: {} }, instructions: `Use ${name}.` });
  server.registerTool('echo', { inputSchema: z.object({ value: z.string() }) }, async ({ value }) => text(value));
  server.registerTool('fail', {}, async () => {
    throw new Error('The order does not exist');
  });
  server.registerTool('report', {}, async ({ mcpReq }) => {
    const progressToken = mcpReq._meta?.progressToken;
    if (progressToken !== undefined) {
      await mcpReq.notify({
        method: 'notifications/progress',
        params: { progressToken, progress: 1, message: 'half' },
      });
    }
    await mcpReq.log('warning', 'low stock');
    return text('reported');
  });
  server.registerTool('greet', {}, async ({ mcpReq }) => {
    const first = acceptedContent(mcpReq.inputResponses, 'first', answer);
    const last = acceptedContent(mcpReq.inputResponses, 'last', answer);
    const given = mcpReq.requestState<string>();
    const elicit = (message: string) => inputRequired.elicit({ message, requestedSchema: form });
    if (last) return text(`Hello ${given} ${last.name}`);
    if (first) return inputRequired({ inputRequests: { last: elicit('Last name?') }, requestState: first.name });
    return inputRequired({ inputRequests: { first: elicit('First name?') } });
  });
  server.registerPrompt(
    'review',
    { argsSchema: z.object({ language: completable(z.string(), languages) }) },
    ({ language }) => ({ messages: [{ role: 'user', content: { type: 'text', text: `Review ${language}` } }] }),
  );
  server.registerResource('stock', 'stock://all', {}, async ({ href: uri }) => ({ contents: [{ uri, text: name }] }));
  const template = new ResourceTemplate('order://{id}', { list: undefined });
  server.registerResource('order', template, {}, async ({ href: uri }, { id }) => ({
    contents: [{ uri, text: `order ${id}` }],
  }));
  return server;
}

export const v2Upstream = (name?: string): UpstreamFixture => {
  const handler = createMcpHandler(() => createV2Server(name), { legacy: 'reject' });
  return upstreamFixture((request) => handler.fetch(request), name);
};

/** The same server of SDK v1, which speaks the 2025 era. */
export function createV1Server(): V1Server {
  const server = new V1Server({ name: 'orders', version: '1' }, { capabilities: { logging: {} } });
  server.registerTool('echo', { inputSchema: { value: z.string() } }, async ({ value }) => text(value));
  server.registerTool('fail', {}, async () => {
    throw new Error('The order does not exist');
  });
  server.registerTool('report', {}, async ({ _meta, sendNotification }) => {
    const progressToken = _meta?.progressToken;
    if (progressToken !== undefined) {
      const params = { progressToken, progress: 1, message: 'half' };
      await sendNotification({ method: 'notifications/progress', params });
    }
    await sendNotification({ method: 'notifications/message', params: { level: 'warning', data: 'low stock' } });
    return text('reported');
  });
  server.registerTool('greet', {}, async ({ sendRequest }) => {
    const ask = async (message: string) => {
      const params = { message, requestedSchema: form };
      return (await sendRequest({ method: 'elicitation/create', params }, z.any())).content.name;
    };
    return text(`Hello ${await ask('First name?')} ${await ask('Last name?')}`);
  });
  server.registerPrompt(
    'review',
    { argsSchema: { language: v1Completable(z.string(), languages) } },
    ({ language }) => ({ messages: [{ role: 'user', content: { type: 'text', text: `Review ${language}` } }] }),
  );
  server.registerResource('stock', 'stock://all', {}, async ({ href: uri }) => ({
    contents: [{ uri, text: 'orders' }],
  }));
  const template = new V1ResourceTemplate('order://{id}', { list: undefined });
  server.registerResource('order', template, {}, async ({ href: uri }, { id }) => ({
    contents: [{ uri, text: `order ${id}` }],
  }));
  return server;
}

/** A new server for each request. `close` ends those whose response nothing awaits any more. */
export function v1Upstream(): UpstreamFixture & { close(): Promise<unknown> } {
  const servers: V1Server[] = [];
  const fixture = upstreamFixture(async (request) => {
    const server = createV1Server();
    servers.push(server);
    const transport = new WebStandardStreamableHTTPServerTransport();
    await server.connect(transport);
    return transport.handleRequest(request);
  });
  return { ...fixture, close: () => Promise.all(servers.map((server) => server.close())) };
}

/** A server for each session. */
export function v1UpstreamWithSessions(): UpstreamFixture & { sessions: Map<string, unknown> } {
  const sessions = new Map<string, WebStandardStreamableHTTPServerTransport>();
  const fixture = upstreamFixture(async (request) => {
    const known = sessions.get(request.headers.get('mcp-session-id') ?? '');
    if (known) return known.handleRequest(request);
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: () => crypto.randomUUID(),
      onsessioninitialized: (id) => void sessions.set(id, transport),
      onsessionclosed: (id) => void sessions.delete(id),
    });
    await createV1Server().connect(transport);
    return transport.handleRequest(request);
  });
  return { ...fixture, sessions };
}
