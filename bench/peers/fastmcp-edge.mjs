import { EdgeFastMCP } from 'fastmcp/edge';
import { serve } from './gateway.ts';
import { tools } from './tools.ts';

const server = new EdgeFastMCP({ name: 'fastmcp', version: '1.0.0', mcpPath: '/mcp' });
for (const { name, description, inputSchema, answer } of tools) {
  server.addTool({ name, description, parameters: inputSchema, execute: answer });
}

export const handler = serve((request) => server.fetch(request));
