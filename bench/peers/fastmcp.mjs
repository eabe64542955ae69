import { FastMCP } from 'fastmcp';
import { serve } from './gateway.ts';
import { tools } from './tools.ts';

/** fastmcp has no request handler: it listens on a port inside the function, to which the handler forwards requests. */
const server = new FastMCP({ name: 'fastmcp', version: '1.0.0' });
for (const { name, description, inputSchema, answer } of tools) {
  server.addTool({ name, description, parameters: inputSchema, execute: answer });
}
const port = Number(process.env.LOOPBACK_PORT);
const started = server.start({
  transportType: 'httpStream',
  httpStream: { port, host: '127.0.0.1', stateless: true, enableJsonResponse: true },
});

export const handler = serve(async (request) => {
  await started;
  const { method, headers } = request;
  return fetch(`http://127.0.0.1:${port}/mcp`, { method, headers, body: await request.text() });
});
