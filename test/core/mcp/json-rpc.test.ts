import { completable, McpServer } from '@modelcontextprotocol/server';
import * as z from 'zod/v4';
import { type Message, RawSession } from '../../support/era-clients.ts';
import { Processes } from '../../support/mcp-processes.ts';

/** JSON-RPC 2.0 as both eras of MCP use it. */

const text = (value: string) => ({ content: [{ type: 'text' as const, text: value }] });

function createServer(pages: boolean): McpServer {
  const capabilities = { logging: {}, completions: {}, resources: { subscribe: true } };
  const server = new McpServer({ name: 'json-rpc', version: '1' }, { capabilities });
  server.registerTool('quick', {}, async () => text('quick'));
  server.registerTool('client', {}, async () => text(JSON.stringify(server.server.getClientVersion())));
  server.registerTool('capabilities', {}, async () => text(JSON.stringify(server.server.getClientCapabilities())));
  const argsSchema = z.object({ name: completable(z.string(), () => ['Ada']) });
  server.registerPrompt('greet', { argsSchema }, async () => ({ messages: [] }));
  server.registerResource('known', 'test://known', {}, async () => {
    throw new Error(new z.ZodError([{ code: 'custom', path: ['uri'], message: 'of the resource', input: 1 }]).message);
  });
  server.server.setRequestHandler('resources/subscribe', async () => ({}));
  if (pages) {
    server.server.setRequestHandler('tools/list', async ({ params }) =>
      params?.cursor === 'second' ? { tools: [] } : { tools: [], nextCursor: 'second' },
    );
  }
  return server;
}

const _meta = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
};

async function setUp({ version = '2025-11-25', pages = false } = {}) {
  const processes = new Processes({ createServer: () => createServer(pages) });
  const ada = await processes.callerOf('ada');
  const session = await RawSession.begin(processes.endpointOf(ada), { version });
  const fetch = processes.fetchAs(ada);
  const post = (body: unknown, headers: Record<string, string>) =>
    fetch(processes.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  const ofSession = { 'mcp-session-id': session.id, 'mcp-protocol-version': version };
  const legacy = (body: unknown, headers = {}) => post(body, { ...ofSession, ...headers });
  /** A request of 2026-07-28 with the headers that belong to it. */
  const modern = ({ method, params, ...rest }: Record<string, unknown>) => {
    const isObject = typeof params === 'object' && params !== null && !Array.isArray(params);
    const { name, uri } = (isObject ? params : {}) as { name?: unknown; uri?: unknown };
    const named = name ?? uri;
    return post(
      { method, params: isObject || params === undefined ? { _meta, ...(params as object) } : params, ...rest },
      {
        'mcp-protocol-version': '2026-07-28',
        'mcp-method': String(method),
        ...(named !== undefined && { 'mcp-name': String(named) }),
      },
    );
  };
  return { processes, ada, session, fetch, post, legacy, modern };
}

const request = (method: string, params?: unknown, id: unknown = 1) => ({
  jsonrpc: '2.0',
  id,
  method,
  ...(params !== undefined && { params }),
});
const initialize = (params: object = {}, id: unknown = 1) =>
  request(
    'initialize',
    { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' }, ...params },
    id,
  );
const ping = (id: unknown = 1) => request('ping', undefined, id);
const answerOf = async (response: Response) => (await response.json()) as Message;
const textOf = async (response: Response) => (await answerOf(response)).result!.content![0]!.text!;

describe.each(['legacy', 'modern'] as const)('a request of the %s era', (era) => {
  test.each([
    ['tools/list', { cursor: 5 }, 'cursor'],
    ['tools/list', { cursor: 'unknown' }, 'unknown cursor'],
    ['prompts/list', { cursor: {} }, 'cursor'],
    ['prompts/list', { cursor: 'unknown' }, 'unknown cursor'],
    ['resources/list', { cursor: [] }, 'cursor'],
    ['resources/list', { cursor: 'unknown' }, 'unknown cursor'],
    ['resources/templates/list', { cursor: 1 }, 'cursor'],
    ['resources/templates/list', { cursor: 'unknown' }, 'unknown cursor'],
    ['tools/call', {}, 'name'],
    ['tools/call', { name: 5 }, 'name'],
    ['tools/call', { name: 'quick', arguments: 5 }, 'arguments'],
    ['tools/call', { name: 'quick', arguments: [] }, 'arguments'],
    ['prompts/get', {}, 'name'],
    ['prompts/get', { name: 'greet', arguments: { name: 5 } }, 'arguments.name'],
    ['resources/read', {}, 'uri'],
    ['resources/read', { uri: 5 }, 'uri'],
    ['completion/complete', {}, 'ref'],
    ['completion/complete', { ref: { type: 'ref/prompt', name: 'greet' } }, 'argument'],
  ])('%s with the parameters %j is answered with -32602 and one plain sentence', async (method, params, member) => {
    const { processes, [era]: send } = await setUp();
    const { id, error } = await answerOf(await send(request(method, params)));
    expect([id, error!.code]).toEqual([1, -32602]);
    expect(error!.message).toMatch(/^Invalid params: [^\n[{]*$/);
    expect(error!.message).toContain(member);
    expect(error!.message.length).toBeLessThanOrEqual(100);
    await processes.settle();
  });

  test.each([
    [-32602, []],
    [-32602, [1]],
    [-32602, { _meta: 5 }],
    [-32602, { _meta: { progressToken: {} } }],
    [-32600, 'text'],
    [-32600, null],
    [-32600, 5],
  ])('is answered with %i for the parameters %j', async (code, params) => {
    const { [era]: send } = await setUp();
    const response = await send(request('ping', params, 'a'));
    expect(response.status).toBe(400);
    expect(await answerOf(response)).toMatchObject({ id: 'a', error: { code } });
  });

  test.each([null, 1.5, 2 ** 60, true, {}, [], 'x'.repeat(257)])(
    'with the id %j is answered with -32600 and no id',
    async (id) => {
      const { [era]: send } = await setUp();
      const response = await send(ping(id));
      expect(response.status).toBe(400);
      expect(await answerOf(response)).toMatchObject({ id: null, error: { code: -32600 } });
    },
  );

  test.each([
    { id: 1, method: 'ping' },
    { jsonrpc: '1.0', id: 1, method: 'ping' },
    { jsonrpc: '2.0', id: 1, method: 5 },
    { jsonrpc: '2.0', id: 1 },
    {},
  ])('is answered with -32600 for the message %j', async (message) => {
    const { [era]: send } = await setUp();
    const response = await send(message);
    expect(response.status).toBe(400);
    expect((await answerOf(response)).error!.code).toBe(-32600);
  });

  test('for an unknown method is answered with -32601, and for an unknown tool with -32602', async () => {
    const { processes, [era]: send } = await setUp();
    for (const method of ['unknown', 'rpc.unknown', '__proto__', 'constructor']) {
      expect(await answerOf(await send(request(method)))).toMatchObject({ id: 1, error: { code: -32601 } });
    }
    const unknown = await answerOf(await send(request('tools/call', { name: 'unknown', arguments: {} })));
    expect(unknown).toMatchObject({ id: 1, error: { code: -32602 } });
    await processes.settle();
  });

  test('follows a cursor of a list with pages', async () => {
    const { processes, [era]: send } = await setUp({ pages: true });
    const page = async (params: object) => (await answerOf(await send(request('tools/list', params)))).result;
    expect(await page({})).toMatchObject({ nextCursor: 'second' });
    expect(await page({ cursor: 'second' })).toMatchObject({ tools: [] });
    expect(await page({ cursor: 'second' })).not.toHaveProperty('nextCursor');
    await processes.settle();
  });

  test('whose handler fails with the report of a validator is answered with -32603', async () => {
    const { processes, [era]: send } = await setUp();
    const { error } = await answerOf(await send(request('resources/read', { uri: 'test://known' })));
    expect(error!.code).toBe(-32603);
    await processes.settle();
  });

  test('for an unknown resource is answered with the code of its revision', async () => {
    const { processes, [era]: send } = await setUp();
    const { error } = await answerOf(await send(request('resources/read', { uri: 'test://unknown' })));
    expect(error).toMatchObject({ code: era === 'legacy' ? -32002 : -32602, data: { uri: 'test://unknown' } });
    await processes.settle();
  });

  test.each([65, 5_000, 100_000])('that is nested %i levels deep is answered with 400', async (levels) => {
    const { post } = await setUp();
    const nested = `${'['.repeat(levels - 2)}${']'.repeat(levels - 2)}`;
    const headers: Record<string, string> = era === 'modern' ? { 'mcp-protocol-version': '2026-07-28' } : {};
    for (const method of ['initialize', 'tools/call', 'ping']) {
      const response = await post(`{"jsonrpc":"2.0","id":1,"method":"${method}","params":{"x":${nested}}}`, headers);
      expect(response.status).toBe(400);
      expect((await answerOf(response)).error!.code).toBe(-32600);
    }
  });

  test('that is nested 64 levels deep is processed, and brackets in strings do not count', async () => {
    const { processes, [era]: send } = await setUp();
    const nested = JSON.parse(`${'['.repeat(60)}"\\"${'['.repeat(100)}\\\\"${']'.repeat(60)}`);
    const call = request('tools/call', { name: 'quick', arguments: { nested } });
    expect(await textOf(await send(call))).toBe('quick');
    await processes.settle();
  });

  test('that is rejected before its server is answered with its id', async () => {
    const { processes, post, [era]: send } = await setUp();
    const modernHeaders = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'ping' };
    if (era === 'legacy') {
      for (const headers of [
        {},
        { 'mcp-session-id': 'with space' },
        { 'mcp-session-id': 'any', 'mcp-protocol-version': '' },
      ]) {
        expect(await answerOf(await post(ping('a'), headers as Record<string, string>))).toMatchObject({ id: 'a' });
      }
    } else {
      expect(await answerOf(await post(ping('a'), modernHeaders))).toMatchObject({ id: 'a' });
    }
    processes.around = () => Promise.reject(new Error('denied'));
    const failed = await send(ping('a'));
    expect([failed.status, await answerOf(failed)]).toMatchObject([500, { id: 'a', error: { code: -32603 } }]);
  });
});

describe('a batch', () => {
  const setUpOld = () => setUp({ version: '2025-03-26' });

  test('of one request is answered by an array', async () => {
    const { processes, legacy } = await setUpOld();
    expect(await (await legacy([ping(5)])).json()).toEqual([{ jsonrpc: '2.0', id: 5, result: {} }]);
    expect(await (await legacy([ping(5)], { accept: 'application/json' })).json()).toHaveLength(1);
    await processes.settle();
  });

  test('with invalid elements is answered with an error for each, and the valid ones are processed', async () => {
    const { processes, legacy } = await setUpOld();
    const response = await legacy([1, ping(1), { foo: 'boo' }, request('ping', [], 2), [], initialize({}, 3)]);
    expect(response.status).toBe(200);
    const answers = (await response.json()) as Message[];
    expect(answers).toHaveLength(6);
    expect(answers).toEqual(
      expect.arrayContaining([
        { jsonrpc: '2.0', id: 1, result: {} },
        expect.objectContaining({ id: 2, error: expect.objectContaining({ code: -32602 }) }),
        expect.objectContaining({ id: 3, error: expect.objectContaining({ code: -32600 }) }),
        ...Array.from({ length: 3 }, () =>
          expect.objectContaining({ id: null, error: expect.objectContaining({ code: -32600 }) }),
        ),
      ]),
    );
    await processes.settle();
  });

  test('of invalid elements alone is answered with 400 and an error for each', async () => {
    const { legacy } = await setUpOld();
    const response = await legacy([1, 2]);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject([{ error: { code: -32600 } }, { error: { code: -32600 } }]);
  });

  test('of notifications has no answer, and an empty one has a single error', async () => {
    const { processes, legacy } = await setUpOld();
    const response = await legacy([{ jsonrpc: '2.0', method: 'notifications/initialized' }]);
    expect([response.status, await response.text()]).toEqual([202, '']);
    const empty = await legacy([]);
    expect([empty.status, await empty.json()]).toMatchObject([400, { id: null, error: { code: -32600 } }]);
    await processes.settle();
  });

  test.each(['2025-06-18', '2025-11-25', '2026-07-28'])('is rejected in %s, whatever it contains', async (version) => {
    const { legacy } = await setUp();
    for (const batch of [[ping()], [1], [{ jsonrpc: '2.0', method: 'notifications/initialized' }], [ping(), {}]]) {
      const response = await legacy(batch, { 'mcp-protocol-version': version });
      expect([response.status, await response.json()]).toMatchObject([400, { id: null, error: { code: -32600 } }]);
    }
  });
});

describe('initialize', () => {
  const begin = (post: Awaited<ReturnType<typeof setUp>>['post'], params: object, headers = {}) =>
    post(initialize(params), headers);

  test.each(['2099-01-01', 'unknown', '', '1.0', '2025-06-18'])(
    'with the version %j in its header negotiates the version of its parameters',
    async (version) => {
      const { processes, post } = await setUp();
      const response = await begin(post, {}, { 'mcp-protocol-version': version });
      expect([response.status, await answerOf(response)]).toMatchObject([
        200,
        { result: { protocolVersion: '2025-11-25' } },
      ]);
      await processes.settle();
    },
  );

  test.each(['2099-01-01', '2026-07-28', 'unknown', ''])(
    'with the version %j in its parameters is answered with the latest version',
    async (protocolVersion) => {
      const { processes, post } = await setUp();
      const response = await begin(post, { protocolVersion });
      expect(await answerOf(response)).toMatchObject({ result: { protocolVersion: '2025-11-25' } });
      await processes.settle();
    },
  );

  test('of 60 KB with icons is taken, and its session keeps the name of the client without them', async () => {
    const { processes, ada, post, legacy } = await setUp();
    const icons = [{ src: `data:image/png;base64,${'A'.repeat(60_000)}`, mimeType: 'image/png' }];
    const clientInfo = { name: 'iconic', version: '2', title: 'Iconic', websiteUrl: 'https://iconic.example', icons };
    const response = await begin(post, { clientInfo, capabilities: { elicitation: {} } });
    expect(response.status).toBe(200);
    const named = { 'mcp-session-id': response.headers.get('mcp-session-id')! };
    const { stored } = await processes.stores.sessions.find(ada.grant, named['mcp-session-id']);
    expect(JSON.stringify(stored).length).toBeLessThan(1_000);
    const kept = JSON.parse(await textOf(await legacy(request('tools/call', { name: 'client' }), named)));
    expect(kept).toEqual({ name: 'iconic', version: '2', title: 'Iconic' });
    await processes.settle();
  });

  test.each([
    ['large', { vendor: { text: 'x'.repeat(20_000) } }],
    ['deep', JSON.parse(`{"vendor":${'{"x":'.repeat(50)}1${'}'.repeat(50)}}`)],
  ])('keeps the capabilities of the protocol where those of the client are too %s', async (_, experimental) => {
    const { processes, post, legacy } = await setUp();
    const response = await begin(post, { capabilities: { elicitation: { form: {} }, experimental } });
    expect(response.status).toBe(200);
    const named = { 'mcp-session-id': response.headers.get('mcp-session-id')! };
    const kept = JSON.parse(await textOf(await legacy(request('tools/call', { name: 'capabilities' }), named)));
    expect(kept).toEqual({ elicitation: { form: {} } });
    await processes.settle();
  });

  test('keeps small capabilities of the client and shortens its names', async () => {
    const { processes, post, legacy } = await setUp();
    const experimental = { vendor: { level: 3 } };
    const clientInfo = { name: `${'x'.repeat(255)}😀`, version: 'y'.repeat(300) };
    const response = await begin(post, { capabilities: { experimental }, clientInfo });
    const named = { 'mcp-session-id': response.headers.get('mcp-session-id')! };
    const call = (name: string) => legacy(request('tools/call', { name }), named);
    expect(JSON.parse(await textOf(await call('capabilities')))).toMatchObject({ experimental });
    expect(JSON.parse(await textOf(await call('client')))).toEqual({
      name: `${'x'.repeat(255)}\u{fffd}`,
      version: 'y'.repeat(256),
    });
    await processes.settle();
  });

  test('over 64 KB, or with capabilities of the protocol over 8 KB, is answered with -32602', async () => {
    const { post } = await setUp();
    for (const params of [
      { clientInfo: { name: 'x'.repeat(66_000), version: '1' } },
      { capabilities: { sampling: { text: 'x'.repeat(9_000) } } },
    ]) {
      const response = await begin(post, params);
      expect([response.status, await answerOf(response)]).toMatchObject([400, { id: 1, error: { code: -32602 } }]);
    }
  });
});

test.each(['GET', 'DELETE'])('%s with an unknown protocol version is answered with 400', async (method) => {
  const { fetch, processes, session } = await setUp();
  const headers = { 'mcp-session-id': session.id, 'mcp-protocol-version': 'unknown', 'last-event-id': 'x' };
  expect((await fetch(processes.url, { method, headers })).status).toBe(400);
  expect((await session.post(ping())).status).toBe(200);
});

test('an error of a response is not answered with the id of that response', async () => {
  const { legacy } = await setUp();
  const response = await legacy({ jsonrpc: '2.0', id: 1, result: {} });
  expect([response.status, await answerOf(response)]).toMatchObject([400, { id: null }]);
});
