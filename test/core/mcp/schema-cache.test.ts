import '../../../lambda/core/mcp/sdk/schema-cache.ts';
import { InMemoryTransport, type JSONRPCMessage, McpServer } from '@modelcontextprotocol/server';
import * as z from 'zod/v4';

/** Servers are built for each request; their schemas can be shared. */

type Converter = Record<'input' | 'output', (options: { target: string }) => Record<string, unknown>>;

/** As a Standard Schema has it: counts how often it is converted. */
function counting() {
  const schema = z.object({ text: z.string().describe('What to say'), more: z.object({ deep: z.int() }).optional() });
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

async function ask(server: McpServer, method: string): Promise<unknown> {
  const [mine, its] = InMemoryTransport.createLinkedPair();
  const said: JSONRPCMessage[] = [];
  mine.onmessage = (message) => said.push(message);
  await server.connect(its);
  const clientInfo = { name: 'a', version: '1' };
  await mine.send({
    jsonrpc: '2.0',
    id: 0,
    method: 'initialize',
    params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo },
  });
  await mine.send({ jsonrpc: '2.0', id: 1, method });
  await new Promise((resolve) => setTimeout(resolve));
  await server.close();
  return (said.find((each) => 'id' in each && each.id === 1) as { result: unknown }).result;
}

function build(given: z.ZodType, more: Partial<Record<'argsSchema', z.ZodObject>> = {}) {
  const server = new McpServer({ name: 'test', version: '1' });
  const content = [{ type: 'text' as const, text: '' }];
  server.registerTool('says', { inputSchema: given, outputSchema: given }, async () => ({
    content,
    structuredContent: {},
  }));
  if (more.argsSchema) server.registerPrompt('asks', { argsSchema: more.argsSchema }, async () => ({ messages: [] }));
  return server;
}

test('a schema that lasts is converted once in each direction, and listed the same each time', async () => {
  const { schema, count } = counting();
  const first = await ask(build(schema), 'tools/list');
  for (let request = 0; request < 3; request++) expect(await ask(build(schema), 'tools/list')).toEqual(first);
  expect(count).toEqual({ input: 1, output: 1 });
  expect(first).toMatchObject({
    tools: [{ name: 'says', inputSchema: { type: 'object', properties: { text: { description: 'What to say' } } } }],
  });
});

test('so are the arguments of a prompt', async () => {
  const { schema, count } = counting();
  const first = await ask(build(z.object({}), { argsSchema: schema }), 'prompts/list');
  expect(await ask(build(z.object({}), { argsSchema: schema }), 'prompts/list')).toEqual(first);
  expect(count.input).toBe(1);
});

test('a schema that is made for a request is converted for it, and is no other’s', async () => {
  const listed = async (word: string) =>
    JSON.stringify(await ask(build(z.object({ [word]: z.string() })), 'tools/list'));
  expect(await listed('mine')).toContain('"mine"');
  expect(await listed('yours')).not.toContain('"mine"');
});

test('a cached conversion cannot be changed', async () => {
  const { schema } = counting();
  build(schema);
  const converted = schema['~standard'].jsonSchema.input({ target: 'draft-2020-12' });
  expect(() => Object.assign(converted.properties as object, { text: {} })).toThrow('read only');
  expect(converted).toBe(schema['~standard'].jsonSchema.input({ target: 'draft-2020-12' }));
  expect(converted).not.toBe(schema['~standard'].jsonSchema.input({ target: 'draft-7' }));
});

test('what is no schema is refused as the SDK refuses it', () => {
  const server = new McpServer({ name: 'test', version: '1' });
  expect(() =>
    server.registerTool('x', { inputSchema: 7 } as never, (async () => ({ content: [] })) as never),
  ).toThrow();
  expect(() => server.registerTool('y', {}, async () => ({ content: [] }))).not.toThrow();
});
