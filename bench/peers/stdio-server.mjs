import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { tools } from './tools.ts';

/** The server that `stdio.mjs` starts. */
const server = new McpServer({ name: 'stdio', version: '1.0.0' });
for (const { name, title, description, shape, answer } of tools) {
  server.registerTool(name, { title, description, inputSchema: shape }, answer);
}
await server.connect(new StdioServerTransport());
