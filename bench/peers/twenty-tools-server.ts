import { McpServer } from '@modelcontextprotocol/server';
import { tools } from './tools.ts';

/** Stands in place of `lambda/server.ts` where warm figures are taken: the tools that the peers have. */
export function createServer(): McpServer {
  const server = new McpServer({ name: 'holdfast', version: '1.0.0' });
  for (const { name, title, description, inputSchema, answer } of tools) {
    server.registerTool(name, { title, description, inputSchema }, answer);
  }
  return server;
}
