import serverlessExpress from '@codegenie/serverless-express';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import express from 'express';
import { tools } from './tools.ts';

const app = express();
app.use(express.json());
app.post('/mcp', async (request, response) => {
  const server = new McpServer({ name: 'express', version: '1.0.0' });
  for (const { name, title, description, shape, answer } of tools) {
    server.registerTool(name, { title, description, inputSchema: shape }, answer);
  }
  const transport = new StreamableHTTPServerTransport({ enableJsonResponse: true });
  await server.connect(transport);
  await transport.handleRequest(request, response, request.body);
});

const serverless = serverlessExpress({ app });

export const handler = (event, context) => serverless(event, context);
