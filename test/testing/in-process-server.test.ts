import { acceptedContent, inputRequired, McpServer } from '@modelcontextprotocol/server';
import type { ToolContext } from 'holdfast/server';
import * as z from 'zod/v4';
import { createTestServer } from '../../local/testing/in-process-server.ts';
import type { ConnectOptions, TestServer } from '../../local/testing/test-client.ts';

/** `createTestServer` of `holdfast/testing`: the tools of a server without HTTP and synthesis. */

const answer = z.object({ sure: z.boolean() });

function createServer(context: ToolContext): McpServer {
  const server = new McpServer({ name: 'owner', version: '1.0.0' });
  const text = (value: unknown) => ({ content: [{ type: 'text' as const, text: JSON.stringify(value) }] });
  server.registerTool('whoami', {}, async () =>
    text({ ...context.user, scopes: context.scopes, era: context.session.era }),
  );
  server.registerTool('remember', { inputSchema: z.object({ word: z.string().optional() }) }, async ({ word }) => {
    if (word !== undefined) await context.state.put('word', word);
    return text((await context.state.get('word'))?.value ?? 'nothing');
  });
  server.registerTool('confirm', {}, async ({ mcpReq }) => {
    if (mcpReq.inputResponses === undefined) {
      const requestedSchema = { type: 'object' as const, properties: { sure: { type: 'boolean' as const } } };
      return inputRequired({
        inputRequests: { sure: inputRequired.elicit({ message: 'Are you sure?', requestedSchema }) },
      });
    }
    return text(acceptedContent(mcpReq.inputResponses, 'sure', answer) ?? 'declined');
  });
  server.registerTool('count', {}, async ({ mcpReq }) => {
    const progressToken = mcpReq._meta?.progressToken;
    for (const progress of [1, 2]) {
      await mcpReq.notify({ method: 'notifications/progress', params: { progressToken: progressToken!, progress } });
    }
    return text('counted');
  });
  server.registerTool(
    'report',
    {},
    context.longRunning(async () => text('reported')),
  );
  server.registerTool('key', {}, async () => text(await context.secret('API_KEY')));
  server.registerTool('hang', {}, async ({ mcpReq }) => {
    await new Promise((resolve) => mcpReq.signal.addEventListener('abort', resolve));
    return text('aborted');
  });
  return server;
}

const scopes = {
  scopes: { use: { description: 'Use the tools' }, admin: { description: 'Manage', includes: ['use'] } },
  tools: { key: ['admin'] },
};

let server: TestServer;
beforeEach(() => {
  server = createTestServer({ createServer, scopes, secrets: { API_KEY: 'secret of the test' } });
});
afterEach(() => server.close());

describe.each(['modern', 'legacy'] as const)('a client of the %s era', (era) => {
  const connect = (options: ConnectOptions = {}) => server.connect({ era, ...options });
  const call = async (client: Awaited<ReturnType<typeof connect>>, name: string, given = {}) => {
    const { content, isError } = await client.callTool({ name, arguments: given });
    const [{ text }] = content as unknown as [{ text: string }];
    return isError ? { error: text } : JSON.parse(text);
  };

  test('is signed in as the user, with groups and scopes', async () => {
    const client = await connect({ user: 'grace', groups: ['editors'], scopes: ['admin'] });
    expect(await call(client, 'whoami')).toEqual({
      key: expect.stringMatching(/^[\w-]{43}$/),
      kind: 'person',
      issuer: 'https://idp.holdfast.test',
      subject: 'grace',
      groups: ['editors'],
      scopes: ['admin'],
      era,
    });
  });

  test('shares the state of its user alone', async () => {
    await call(await connect({ user: 'ada' }), 'remember', { word: 'engine' });
    expect(await call(await connect({ user: 'ada' }), 'remember')).toBe('engine');
    expect(await call(await connect({ user: 'alan' }), 'remember')).toBe('nothing');
  });

  test('answers elicitations by the function of the test', async () => {
    const messages: string[] = [];
    const client = await connect({
      elicit: ({ message }) => {
        messages.push(message);
        return { action: 'accept', content: { sure: true } };
      },
    });
    expect(await call(client, 'confirm')).toEqual({ sure: true });
    expect(messages).toEqual(['Are you sure?']);
  });

  test('receives progress', async () => {
    const client = await connect();
    const received: number[] = [];
    await client.callTool({ name: 'count' }, { onprogress: ({ progress }) => received.push(progress) });
    expect(received).toEqual([1, 2]);
  });

  test('receives the result of a long-running tool', async () => {
    expect(await call(await connect(), 'report')).toBe('reported');
  });

  test('needs the scope of a tool, which then reads a secret', async () => {
    expect(await call(await connect({ scopes: ['admin'] }), 'key')).toBe('secret of the test');
    await expect(call(await connect(), 'key')).rejects.toThrow(/insufficient_scope|403|admin/);
  });

  test('ends a call in progress', async () => {
    const client = await connect();
    const aborted = new AbortController();
    const calling = client.callTool({ name: 'hang' }, { signal: aborted.signal });
    aborted.abort(new Error('enough'));
    await expect(calling).rejects.toThrow('enough');
  });
});

test('passes the error of createServer to the log of the test', async () => {
  const logged: unknown[] = [];
  const broken = createTestServer({
    createServer: () => {
      throw new Error('broken server');
    },
    log: (_, details) => logged.push(details),
  });
  await expect(broken.connect()).rejects.toThrow();
  await broken.close();
  expect(JSON.stringify(logged)).toContain('broken server');
});
