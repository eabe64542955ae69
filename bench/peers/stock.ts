import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import { serve } from './gateway.ts';
import { tools } from './tools.ts';

/** SDK v2 as in its documentation. */
export const mcp = createMcpHandler(() => {
  const server = new McpServer({ name: 'stock', version: '1.0.0' });
  for (const { name, title, description, inputSchema, answer } of tools) {
    server.registerTool(name, { title, description, inputSchema }, answer);
  }
  return server;
});

export const handler = serve((request) => mcp.fetch(request));
