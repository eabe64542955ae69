import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { InMemoryTransport } from '@modelcontextprotocol/server';
import type { Caller } from '../lambda/core/access/caller.ts';
import type { ToolContext } from '../lambda/core/mcp/tool-context.ts';
import { scopes } from '../lambda/scopes.ts';
import { createServer } from '../lambda/server.ts';
import { defaultScope } from '../lambda/shared/scope-set.ts';
import { ofSessions, ofToday, type TestClient } from './support/era-clients.ts';
import { Processes } from './support/mcp-processes.ts';

/**
 * The example server in `lambda/server.ts` and `lambda/scopes.ts`. Delete this file when you replace the example: no other
 * test depends on it.
 */

const processes = new Processes({ createServer });
let caller: Caller;
beforeAll(async () => {
  caller = await processes.callerOf('ada');
});
afterEach(() => processes.settle());

const textOf = async (client: TestClient, tool: string, input?: Record<string, unknown>) => {
  // A client of the 2025 era receives the form from a stream that polls the table.
  const { content, isError } = await processes.clock.until(client.call(tool, input));
  return { text: content[0]!.text!, isError: isError === true };
};
const jsonOf = async (client: TestClient, tool: string, input?: Record<string, unknown>) =>
  JSON.parse((await textOf(client, tool, input)).text);

describe.each([...ofSessions, ...ofToday])('with %s', (_name, connect) => {
  let client: TestClient;
  const confirmations: boolean[] = [];
  beforeAll(async () => {
    client = await connect(processes.endpointOf(caller), {
      elicit: () => ({ action: 'accept', content: { forget: confirmations.shift()! } }),
    });
  });
  afterAll(() => client.close());

  test('whoami returns user, client and scopes', async () => {
    expect(await jsonOf(client, 'whoami')).toMatchObject({
      user: { subject: 'ada' },
      client: { name: 'Test' },
      scopes: ['mcp'],
    });
  });

  test('session returns the times of the session', async () => {
    const session = await jsonOf(client, 'session');
    expect(Date.parse(session.expiresAt)).toBeGreaterThan(Date.parse(session.startedAt));
  });

  test('note stores a note, reads it, and rejects an outdated version', async () => {
    const name = `note-${Math.random().toString(36).slice(2)}`;
    expect(await textOf(client, 'note', { name })).toEqual({ isError: true, text: expect.stringContaining(name) });
    const stored = await jsonOf(client, 'note', { name, text: 'buy milk', version: 0, days: 1 });
    expect(stored).toMatchObject({ value: 'buy milk', version: 1 });
    expect(await jsonOf(client, 'note', { name })).toEqual(stored);
    expect((await textOf(client, 'note', { name, text: 'buy bread', version: 0 })).isError).toBe(true);
    expect((await jsonOf(client, 'notes')).names).toContain(name);
  });

  test('forget_note deletes a note only if the user confirms', async () => {
    await jsonOf(client, 'note', { name: 'kept', text: 'buy milk' });
    confirmations.push(false, true);
    expect(await jsonOf(client, 'forget_note', { name: 'kept' })).toEqual({ forgotten: false });
    expect(await jsonOf(client, 'forget_note', { name: 'kept' })).toEqual({ forgotten: true });
    expect((await textOf(client, 'note', { name: 'kept' })).isError).toBe(true);
  });
});

test.each([...ofSessions, ...ofToday])(
  'with %s that cannot elicit, forget_note asks the model to ask the user, and deletes a note once that is confirmed',
  async (_name, connect) => {
    const client = await connect(processes.endpointOf(caller));
    await jsonOf(client, 'note', { name: 'kept', text: 'buy milk' });
    for (const input of [{ name: 'kept' }, { name: 'kept', confirmed: false }]) {
      const asked = await textOf(client, 'forget_note', input);
      expect(asked).toEqual({ isError: true, text: expect.stringContaining('confirmed: true') });
    }
    expect((await textOf(client, 'note', { name: 'kept' })).isError).toBe(false);
    expect(await jsonOf(client, 'forget_note', { name: 'kept', confirmed: true })).toEqual({ forgotten: true });
    expect((await textOf(client, 'note', { name: 'kept' })).isError).toBe(true);
    await client.close();
  },
);

test('forget_note asks a client that can elicit, although the model says that the user has agreed', async () => {
  const asked: string[] = [];
  const [[, connect]] = ofToday as [(typeof ofToday)[number]];
  const client = await connect(processes.endpointOf(caller), {
    elicit: (message) => {
      asked.push(message);
      return { action: 'decline' };
    },
  });
  expect(await jsonOf(client, 'forget_note', { name: 'kept', confirmed: true })).toEqual({ forgotten: false });
  expect(asked).toHaveLength(1);
  await client.close();
});

/** A client of the server alone, with a context that has what the tool uses. */
async function call(context: Partial<ToolContext>, params: object): Promise<Record<string, unknown>[]> {
  const [own, serverTransport] = InMemoryTransport.createLinkedPair();
  const server = createServer({ longRunning: (handler: unknown) => handler, ...context } as ToolContext);
  const messages: Record<string, unknown>[] = [];
  const answered = new Promise<void>((resolve) => {
    own.onmessage = (message) => {
      messages.push(message as Record<string, unknown>);
      if ('id' in message && message.id === 1) resolve();
    };
  });
  await server.connect(serverTransport);
  const clientInfo = { name: 'example', version: '1' };
  const initialize = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo };
  await own.send({ jsonrpc: '2.0', id: 0, method: 'initialize', params: initialize });
  await own.send({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: params as never });
  await answered;
  await server.close();
  return messages.slice(1);
}

/** Lets the time of the tool pass. */
async function callAtOnce(context: Partial<ToolContext>, params: object): Promise<Record<string, unknown>[]> {
  jest.useFakeTimers();
  try {
    const messages = call(context, params);
    await jest.advanceTimersByTimeAsync(60_000);
    return await messages;
  } finally {
    jest.useRealTimers();
  }
}

const resultOf = (messages: Record<string, unknown>[]) => {
  const { content } = messages.at(-1)!.result as { content: { text: string }[] };
  return JSON.parse(content[0]!.text);
};

test('userinfo calls the identity provider with the upstream token', async () => {
  const provider = createHttpServer((request, response) => {
    const origin = `http://127.0.0.1:${(provider.address() as AddressInfo).port}`;
    const isDiscovery = request.url === '/.well-known/openid-configuration';
    const document = isDiscovery
      ? { userinfo_endpoint: `${origin}/me` }
      : { sub: 'ada', by: request.headers.authorization };
    response.setHeader('content-type', 'application/json').end(JSON.stringify(document));
  }).listen(0, '127.0.0.1');
  await once(provider, 'listening');
  try {
    const identityProviderIssuer = `http://127.0.0.1:${(provider.address() as AddressInfo).port}`;
    const context = { identityProviderIssuer, upstreamToken: async () => 'upstream' };
    expect(resultOf(await call(context, { name: 'userinfo' }))).toEqual({ sub: 'ada', by: 'Bearer upstream' });
  } finally {
    provider.closeAllConnections();
    provider.close();
  }
});

test('slow_task reports its progress before its result', async () => {
  const params = { name: 'slow_task', arguments: { steps: 2 }, _meta: { progressToken: 'p' } };
  const messages = await callAtOnce({}, params);
  const progress = messages.slice(0, -1).map((message) => (message.params as { progress: number }).progress);
  expect(progress).toEqual([1, 2]);
  expect(resultOf(messages)).toEqual({ steps: 2, done: true });
});

test('long_task runs as a long-running tool', async () => {
  const longRunning = jest.fn((handler: unknown) => handler);
  const params = { name: 'long_task', arguments: { minutes: 0.0001 } };
  expect(resultOf(await callAtOnce({ longRunning } as never, params))).toEqual({ minutes: 0.0001, done: true });
  expect(longRunning).toHaveBeenCalled();
});

test('the example scopes have a default scope and no scopes for tools', () => {
  expect(defaultScope(scopes)).toBe('mcp');
  expect(scopes.tools).toEqual({});
});
