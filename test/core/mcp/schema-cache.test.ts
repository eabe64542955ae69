import '../../../lambda/core/mcp/sdk/schema-cache.ts';
import { InMemoryTransport, type JSONRPCMessage, McpServer } from '@modelcontextprotocol/server';
import * as z from 'zod/v4';

/** Servers are built for each request; their schemas often are not. */

type Converter = Record<'input' | 'output', (options: { target: string }) => Record<string, unknown>>;

/** A Standard Schema that counts its conversions. */
function countingSchema() {
  const schema = z.object({
    text: z.string().describe('Text to repeat'),
    more: z.object({ deep: z.int() }).optional(),
  });
  const jsonSchema = schema['~standard'].jsonSchema as Converter;
  const { input, output } = jsonSchema;
  const count = { input: 0, output: 0 };
  jsonSchema.input = (options) => {
    count.input++;
    return input(options);
  };
  jsonSchema.output = (options) => {
    count.output++;
    return output(options);
  };
  return { schema, count };
}

async function request(server: McpServer, method: string): Promise<unknown> {
  const [client, transport] = InMemoryTransport.createLinkedPair();
  const received: JSONRPCMessage[] = [];
  client.onmessage = (message) => received.push(message);
  await server.connect(transport);
  const clientInfo = { name: 'a', version: '1' };
  await client.send({
    jsonrpc: '2.0',
    id: 0,
    method: 'initialize',
    params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo },
  });
  await client.send({ jsonrpc: '2.0', id: 1, method });
  await new Promise((resolve) => setTimeout(resolve));
  await server.close();
  return (received.find((each) => 'id' in each && each.id === 1) as { result: unknown }).result;
}

function build(schema: z.ZodType, { argsSchema }: { argsSchema?: z.ZodObject } = {}) {
  const server = new McpServer({ name: 'test', version: '1' });
  const content = [{ type: 'text' as const, text: '' }];
  server.registerTool('repeat', { inputSchema: schema, outputSchema: schema }, async () => ({
    content,
    structuredContent: {},
  }));
  if (argsSchema) server.registerPrompt('prompt', { argsSchema }, async () => ({ messages: [] }));
  return server;
}

test('a schema that outlives a request is converted once in each direction and listed the same each time', async () => {
  const { schema, count } = countingSchema();
  const first = await request(build(schema), 'tools/list');
  for (let count = 0; count < 3; count++) expect(await request(build(schema), 'tools/list')).toEqual(first);
  expect(count).toEqual({ input: 1, output: 1 });
  expect(first).toMatchObject({
    tools: [
      { name: 'repeat', inputSchema: { type: 'object', properties: { text: { description: 'Text to repeat' } } } },
    ],
  });
});

test('the arguments schema of a prompt is converted once', async () => {
  const { schema, count } = countingSchema();
  const first = await request(build(z.object({}), { argsSchema: schema }), 'prompts/list');
  expect(await request(build(z.object({}), { argsSchema: schema }), 'prompts/list')).toEqual(first);
  expect(count.input).toBe(1);
});

test('a schema that is created for a request is converted for this request alone', async () => {
  const listed = async (member: string) =>
    JSON.stringify(await request(build(z.object({ [member]: z.string() })), 'tools/list'));
  expect(await listed('first')).toContain('"first"');
  expect(await listed('second')).not.toContain('"first"');
});

test('a converted schema is read-only and shared for its target', async () => {
  const { schema } = countingSchema();
  build(schema);
  const converted = schema['~standard'].jsonSchema.input({ target: 'draft-2020-12' });
  expect(() => Object.assign(converted.properties as object, { text: {} })).toThrow('read only');
  expect(converted).toBe(schema['~standard'].jsonSchema.input({ target: 'draft-2020-12' }));
  expect(converted).not.toBe(schema['~standard'].jsonSchema.input({ target: 'draft-7' }));
});

test('a value that is not a schema is rejected by the SDK', () => {
  const server = new McpServer({ name: 'test', version: '1' });
  expect(() =>
    server.registerTool('x', { inputSchema: 7 } as never, (async () => ({ content: [] })) as never),
  ).toThrow();
  expect(() => server.registerTool('y', {}, async () => ({ content: [] }))).not.toThrow();
});
