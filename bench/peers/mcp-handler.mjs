import { createMcpHandler } from 'mcp-handler';
import { serve } from './gateway.ts';
import { tools } from './tools.ts';

export const handler = serve(
  createMcpHandler((server) => {
    for (const { name, title, description, inputSchema, answer } of tools) {
      server.registerTool(name, { title, description, inputSchema }, answer);
    }
  }),
);
