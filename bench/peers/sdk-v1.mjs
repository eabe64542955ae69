import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js';
import { serve } from './gateway.ts';
import { tools } from './tools.ts';

/** SDK v1, a server and a transport for each request. */
export const fetch = async (request) => {
  const server = new McpServer({ name: 'v1', version: '1.0.0' });
  for (const { name, title, description, shape, answer } of tools) {
    server.registerTool(name, { title, description, inputSchema: shape }, answer);
  }
  const transport = new WebStandardStreamableHTTPServerTransport({ enableJsonResponse: true });
  await server.connect(transport);
  return transport.handleRequest(request);
};

export const handler = serve(fetch);
