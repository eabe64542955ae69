import { McpServer } from '@modelcontextprotocol/server';
import { tools } from './tools.ts';

/** The server of the warm measurements, with the tools of the peers. */
export function createServer(): McpServer {
  const server = new McpServer({ name: 'holdfast', version: '1.0.0' });
  for (const { name, title, description, inputSchema, answer } of tools) {
    server.registerTool(name, { title, description, inputSchema }, answer);
  }
  return server;
}
