import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as OldTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { acceptedContent, inputRequired, McpServer } from '@modelcontextprotocol/server';
import * as z from 'zod/v4';
import { Processes } from './processes.ts';

const name = z.object({ name: z.string() });
const requestedSchema = {
  type: 'object' as const,
  properties: { name: { type: 'string' as const } },
  required: ['name'],
};

function createServer(): McpServer {
  const server = new McpServer({ name: 'asking', version: '1' }, { capabilities: { logging: {} } });
  server.registerTool('greet', {}, async ({ mcpReq }) => {
    await mcpReq.log('info', 'asking');
    const answer = acceptedContent(mcpReq.inputResponses, 'who', name);
    if (!answer)
      return inputRequired({ inputRequests: { who: inputRequired.elicit({ message: 'Who?', requestedSchema }) } });
    await mcpReq.log('info', 'asked');
    return { content: [{ type: 'text', text: `Hello, ${answer.name}` }] };
  });
  return server;
}

test('a v1 client', async () => {
  const processes = new Processes({ createServer });
  const ada = await processes.callerOf('ada');
  const client = new OldClient({ name: 'test', version: '1' }, { capabilities: { elicitation: {} } });
  const logs: unknown[] = [];
  client.fallbackNotificationHandler = async ({ params }) => void logs.push(params?.data);
  client.setRequestHandler(ElicitRequestSchema, async () => {
    await new Promise((resolve) => setTimeout(resolve, 700));
    return { action: 'accept' as const, content: { name: 'Ada' } };
  });
  await client.connect(new OldTransport(processes.url, { fetch: processes.fetchAs(ada) }));
  const result = await client.callTool({ name: 'greet' });
  expect(result.content).toEqual([{ type: 'text', text: 'Hello, Ada' }]);
  expect(logs).toEqual(['asking', 'asked']);
  await client.close();
  await processes.settle();
  console.log(JSON.stringify(processes.requests, null, 1), processes.log);
});

test('a v2 client', async () => {
  const processes = new Processes({ createServer });
  const ada = await processes.callerOf('ada');
  const client = new Client(
    { name: 'test', version: '1' },
    { capabilities: { elicitation: {} }, versionNegotiation: { mode: 'auto' } },
  );
  client.setRequestHandler('elicitation/create', async () => ({ action: 'accept' as const, content: { name: 'Ada' } }));
  await client.connect(new StreamableHTTPClientTransport(processes.url, { fetch: processes.fetchAs(ada) }));
  const result = await client.callTool({ name: 'greet' });
  expect(result.content).toEqual([{ type: 'text', text: 'Hello, Ada' }]);
  await client.close();
  await processes.settle();
  console.log(JSON.stringify(processes.requests, null, 1), processes.log);
});
