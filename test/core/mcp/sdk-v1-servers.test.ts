import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { acceptedContent, type CallToolResult, inputRequired, McpServer } from '@modelcontextprotocol/server';
import * as z from 'zod/v4';
import type { CreateServer } from '../../../lambda/core/mcp/sdk/owner-server.ts';
import type { ToolContext } from '../../../lambda/core/mcp/tool-context.ts';
import { type Answers, type Connect, eventsOf, ofSessions, ofToday, RawSession } from '../../support/era-clients.ts';
import { Processes } from '../../support/mcp-processes.ts';
import { modernSender } from '../../support/modern-sender.ts';
import { createSdkV1Server, newSdkV1Control, type SdkV1Control } from '../../support/sdk-v1-server.ts';

/** Servers of SDK v1 in both eras, with a new process for every request. */

const LISTEN_SECONDS = 60;
const LOG_LEVEL = 'io.modelcontextprotocol/logLevel';

type SetUp = { create?: CreateServer; answers?: Answers; control?: SdkV1Control };

const answering: Answers = {
  elicit: (message) => ({ action: 'accept', content: { size: `size ${message}` } }),
  sample: (prompt) => `${prompt} The end`,
  roots: () => ['file:///home'],
};

async function connectTo(connect: Connect, { create, answers = answering, control }: SetUp = {}) {
  const createServer = create ?? ((context) => createSdkV1Server(context, { ...(control && { control }) }));
  const processes: Processes = new Processes({ createServer, listenSeconds: LISTEN_SECONDS });
  const ada = await processes.callerOf('ada');
  const client = await connect(processes.endpointOf(ada), answers);
  const { clock } = processes;
  const call = (...given: Parameters<typeof client.call>) => clock.until(client.call(...given));
  const close = async () => {
    await client.close();
    await processes.settle();
  };
  return { processes, clock, ada, client, sdk: client.sdk, call, close };
}

const textOf = ({ content }: { content: { text?: string }[] }) => content[0]!.text;

/** A row of the table in docs/servers.md, as a test of a client. */
type Row = (connect: Connect, era: 'legacy' | 'modern') => Promise<void>;

const rows: Record<string, Row> = {
  'Tools, input and output schemas': async (connect) => {
    const { client, call, close } = await connectTo(connect);
    const { tools } = (await client.listTools()) as { tools: Record<string, unknown>[] };
    expect(tools.find(({ name }) => name === 'add')).toMatchObject({
      title: 'Add',
      description: 'Adds two numbers',
      annotations: { readOnlyHint: true },
      inputSchema: { type: 'object', properties: { b: { default: 1 } }, required: ['a'] },
      outputSchema: { type: 'object', properties: { sum: { type: 'number' } } },
    });
    expect(await call('add', { a: 2, b: 3 })).toMatchObject({ structuredContent: { sum: 5 } });
    expect(await call('add', { a: 2 })).toMatchObject({ structuredContent: { sum: 3 } });
    expect(await call('add', { a: 'two' })).toMatchObject({ isError: true });
    await close();
  },
  'Thrown errors': async (connect) => {
    const { processes, call, close } = await connectTo(connect);
    expect(await call('fail')).toMatchObject({ isError: true, content: [{ text: 'The printer is out of paper' }] });
    await close();
    expect(JSON.stringify(processes.log)).toContain('sdk-v1-server.ts');
  },
  Progress: async (connect) => {
    const { call, close } = await connectTo(connect);
    const progress: unknown[] = [];
    await call('count', {}, { onprogress: ({ message }) => void progress.push(message) });
    expect(progress).toEqual(['Step 1', 'Step 2']);
    await close();
  },
  Logging: async (connect, era) => {
    const { client, clock, sdk, call, close } = await connectTo(connect);
    if (era === 'legacy') await client.setLevel('error');
    if (era === 'legacy') await call('log');
    else await clock.until(sdk.callTool({ name: 'log', arguments: {}, _meta: { [LOG_LEVEL]: 'error' } }));
    expect(client.logs).toEqual(['failed']);
    await close();
  },
  'Elicitation, also several times in a call': async (connect) => {
    const { call, close } = await connectTo(connect);
    const order = await call('order', { item: 'Shirt' });
    expect(textOf(order)).toBe('Shirt: size Size of the first?, size Size of the second?');
    expect(textOf(await call('order_both'))).toBe('size 1?,size 2?');
    await close();
  },
  'Elicitation of a URL (`elicitInput`)': async (connect) => {
    const { call, close } = await connectTo(connect, { answers: { openUrl: () => ({ action: 'accept' }) } });
    expect(textOf(await call('open_url'))).toBe('accept');
    await close();
  },
  'Elicitation of a URL (`UrlElicitationRequiredError`)': async (connect, era) => {
    const control = newSdkV1Control();
    const openUrl = () => {
      control.isConnected = true;
      return { action: 'accept' as const };
    };
    const { call, close } = await connectTo(connect, { control, answers: { openUrl } });
    // A client of the 2025 era receives the error, and repeats the call when its user has opened the URL.
    const outcome = await call('use_account').catch((error) => error);
    if (era === 'modern') expect(textOf(outcome)).toBe('connected');
    else
      expect(outcome).toMatchObject({ code: -32042, data: { elicitations: [{ mode: 'url', elicitationId: 'two' }] } });
    await close();
  },
  Sampling: async (connect) => {
    const { call, close } = await connectTo(connect);
    expect(textOf(await call('sample'))).toBe('And then? The end');
    await close();
  },
  Roots: async (connect) => {
    const { call, close } = await connectTo(connect);
    expect(textOf(await call('roots'))).toBe('["file:///home"]');
    await close();
  },
  Completion: async (connect) => {
    const { sdk, close } = await connectTo(connect);
    const ofPrompt = { type: 'ref/prompt' as const, name: 'greet' };
    const ofResource = { type: 'ref/resource' as const, uri: 'users://{id}' };
    const names = await sdk.complete({ ref: ofPrompt, argument: { name: 'name', value: 'Al' } });
    expect(names.completion.values).toEqual(['Alan']);
    const ids = await sdk.complete({ ref: ofResource, argument: { name: 'id', value: 'a' } });
    expect(ids.completion.values).toEqual(['ada', 'alan']);
    await close();
  },
  'Resources and resource templates': async (connect) => {
    const { sdk, close } = await connectTo(connect);
    expect(await sdk.listResources()).toMatchObject({ resources: [{ uri: 'config://app' }] });
    expect(await sdk.listResourceTemplates()).toMatchObject({ resourceTemplates: [{ uriTemplate: 'users://{id}' }] });
    expect(await sdk.readResource({ uri: 'config://app' })).toMatchObject({ contents: [{ text: 'colour=blue' }] });
    expect(await sdk.readResource({ uri: 'users://ada' })).toMatchObject({ contents: [{ text: '{"id":"ada"}' }] });
    await expect(sdk.readResource({ uri: 'config://other' })).rejects.toThrow('config://other');
    await close();
  },
  Prompts: async (connect) => {
    const { sdk, close } = await connectTo(connect);
    expect(await sdk.listPrompts()).toMatchObject({ prompts: [{ name: 'greet', title: 'Greet' }] });
    const { messages } = await sdk.getPrompt({ name: 'greet', arguments: { name: 'Ada' } });
    expect(messages).toEqual([{ role: 'user', content: { type: 'text', text: 'Greet Ada' } }]);
    await close();
  },
  'Changes of lists, subscriptions to resources': async (connect, era) => {
    const { processes, clock, ada, sdk, call, close } = await connectTo(connect);
    expect(sdk.getServerCapabilities()).toMatchObject({ tools: { listChanged: true }, resources: { subscribe: true } });
    if (era === 'modern') {
      await call('change');
      const { changes } = await processes.stores.changes.changesSince('ada', '', 0);
      expect(changes.map(({ change }) => change.kind).sort()).toEqual(['resource_updated', 'tools_list_changed']);
    } else {
      const session = await RawSession.begin(processes.endpointOf(ada));
      await session.post(session.request('resources/subscribe', { uri: 'config://app' }));
      const events = eventsOf(await session.listen(), 2);
      await call('change');
      const methods = (await clock.until(events)).map(({ message }) => message?.method);
      expect(methods.sort()).toEqual(['notifications/resources/updated', 'notifications/tools/list_changed']);
    }
    await close();
  },
  Cancellation: async (connect, era) => {
    const control = newSdkV1Control();
    const { processes, clock, ada, close } = await connectTo(connect, { control });
    if (era === 'legacy') {
      const session = await RawSession.begin(processes.endpointOf(ada));
      const waiting = session.toolCall('wait');
      const response = session.post(waiting);
      await clock.until(() => control.waiting === 1);
      await session.cancel(waiting.id);
      await clock.until(() => control.aborted === 1);
      await (await response).text();
    } else {
      const send = modernSender(processes, ada);
      const { result } = await send('tools/call', { name: 'wait_long', arguments: {} });
      await clock.until(() => control.waiting === 1);
      await send('tasks/cancel', { taskId: result?.taskId });
      await clock.until(() => control.aborted === 1);
    }
    await close();
  },
  'Long-running tools (`context.longRunning`)': async (connect, era) => {
    const { processes, client, clock, ada, call, close } = await connectTo(connect);
    const progress: unknown[] = [];
    const report = await call(
      'report',
      { topic: 'Sales' },
      { onprogress: (each) => void progress.push(each.progress) },
    );
    expect(report).toMatchObject({ structuredContent: { report: 'Sales in size Which size?' } });
    expect(progress[0]).toBe(1);
    if (era === 'legacy') {
      const { tools } = (await client.listTools()) as { tools: { name: string }[] };
      expect(tools.at(-1)?.name).toBe('task_result');
    } else {
      const send = modernSender(processes, ada);
      const { result: task } = await send('tools/call', { name: 'report', arguments: { topic: 'Costs' } });
      expect(task).toMatchObject({ resultType: 'task' });
      const get = async () => (await send('tasks/get', { taskId: task!.taskId })).result!;
      await clock.until(async () => (await get()).status === 'input_required');
      const [name] = Object.keys((await get()).inputRequests as object);
      const inputResponses = { [name!]: { action: 'accept', content: { size: 'XL' } } };
      await send('tasks/update', { taskId: task!.taskId, inputResponses });
      await clock.until(async () => (await get()).status === 'completed');
      expect(await get()).toMatchObject({ result: { structuredContent: { report: 'Costs in XL' } } });
    }
    await close();
  },
  'Tasks of SDK v1 (`experimental.tasks`)': async (connect) => {
    const { sdk, call, close } = await connectTo(connect);
    expect(sdk.getServerCapabilities()).not.toHaveProperty('tasks');
    expect(textOf(await call('research', { topic: 'Sales' }))).toBe('Sales in size Which size?');
    await close();
  },
  '`extra`: `requestInfo`, `authInfo`, `sessionId`': async (connect) => {
    const { ada, call, close } = await connectTo(connect);
    const seen = JSON.parse(textOf(await call('request'))!);
    expect(seen).toMatchObject({
      headers: { 'content-type': 'application/json' },
      url: 'https://mcp.example/mcp',
      authInfo: { clientId: ada.client, scopes: ada.scopes, token: '' },
      user: 'ada',
      client: { name: 'test' },
      elicits: true,
    });
    expect(seen.headers.authorization).toBeUndefined();
    expect(seen.sessionId).toMatch(/./);
    await close();
  },
};

const eras: ['legacy' | 'modern', string, Connect][] = [
  ['legacy', ...ofSessions[0]!],
  ['legacy', ...ofSessions[1]!],
  ['modern', ...ofToday[1]!],
];

test('the table of docs/servers.md has a row for each of these tests', () => {
  const page = readFileSync(join(__dirname, '../../../docs/servers.md'), 'utf8');
  const [, section = ''] = /## Servers of SDK v1\n(.*?)\n## /s.exec(page) ?? [];
  const table = section
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .slice(2);
  expect(table.map((line) => line.split(' | ')[0]!.slice(2))).toEqual(Object.keys(rows));
});

describe.each(eras)('a server of SDK v1 in the %s era, with %s', (era, _name, connect) => {
  test.each(Object.entries(rows))('has %s', (_row, check) => check(connect, era));
});

const kinds: [string, CreateServer][] = [
  ['an McpServer of SDK v1 with zod 3', (context) => createSdkV1Server(context, { version: 3 })],
  ['a low-level Server of SDK v1', (context) => createSdkV1Server(context).server],
  ['a low-level Server of SDK v2', (context) => createSdkV2Server(context).server],
  ['a promise of an McpServer of SDK v2', async (context) => createSdkV2Server(context)],
];

describe.each(kinds)('createServer can return %s', (_kind, create) => {
  test.each(eras)('for the %s era, with %s', async (era, _name, connect) => {
    const { client, call, close } = await connectTo(connect, { create });
    expect(await call('add', { a: 2 })).toMatchObject({ structuredContent: { sum: 3 } });
    expect(await call('report', { topic: 'Sales' })).toMatchObject({
      structuredContent: { report: 'Sales in size Which size?' },
    });
    const { tools } = (await client.listTools()) as { tools: { name: string }[] };
    expect(tools.filter(({ name }) => ['add', 'report', 'task_result'].includes(name))).toHaveLength(
      era === 'legacy' ? 3 : 2,
    );
    await close();
  });
});

/** Two of the tools, for SDK v2. */
function createSdkV2Server({ longRunning }: ToolContext): McpServer {
  const server = new McpServer({ name: 'sdk-v2', version: '1' });
  server.registerTool(
    'add',
    {
      inputSchema: z.object({ a: z.number(), b: z.number().default(1) }),
      outputSchema: z.object({ sum: z.number() }),
    },
    async ({ a, b }): Promise<CallToolResult> => ({ content: [], structuredContent: { sum: a + b } }),
  );
  const size = z.object({ size: z.string() });
  server.registerTool(
    'report',
    { inputSchema: z.object({ topic: z.string() }), outputSchema: z.object({ report: z.string() }) },
    longRunning(async ({ topic }, { mcpReq }) => {
      const answer = acceptedContent(mcpReq.inputResponses, 'size', size);
      if (answer) return { content: [], structuredContent: { report: `${topic} in ${answer.size}` } };
      const requestedSchema = { type: 'object' as const, properties: { size: { type: 'string' as const } } };
      return inputRequired({
        inputRequests: { size: inputRequired.elicit({ message: 'Which size?', requestedSchema }) },
      });
    }),
  );
  return server;
}

test('a server that is returned for a second request is rejected with a sentence', async () => {
  const server = { current: undefined as ReturnType<CreateServer> | undefined };
  const create: CreateServer = (context) => (server.current ??= createSdkV1Server(context));
  const processes = new Processes({ createServer: create });
  const session = await RawSession.begin(processes.endpointOf(await processes.callerOf('ada')));
  await (await session.post(session.toolCall('add', { a: 1 }))).text();
  const response = await session.post(session.toolCall('add', { a: 1 }));
  expect(response.status).toBe(500);
  expect(JSON.stringify(processes.log)).toContain('return a new one for each request');
});
