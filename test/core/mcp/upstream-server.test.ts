import { Client } from '@modelcontextprotocol/client';
import { McpServer as V1Server } from '@modelcontextprotocol/sdk/server/mcp.js';
import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js';
import {
  completable,
  createMcpHandler,
  InMemoryServerEventBus,
  McpServer,
  ResourceTemplate,
} from '@modelcontextprotocol/server';
import { generateKeyPair, jwtVerify } from 'jose';
import * as z from 'zod/v4';
import { UpstreamAssertions } from '../../../lambda/core/mcp/upstream/upstream-assertions.ts';
import { UpstreamDescriptions, type UpstreamServer } from '../../../lambda/core/mcp/upstream/upstream-client.ts';
import { forwardingServer } from '../../../lambda/core/mcp/upstream/upstream-forwarder.ts';
import { LARGEST_RESPONSE } from '../../../lambda/core/mcp/upstream/upstream-messages.ts';
import { messagesOf, v2Transport } from '../../support/era-clients.ts';
import { Processes } from '../../support/mcp-processes.ts';
import {
  type UpstreamFixture,
  upstreamFixture,
  v1Upstream,
  v1UpstreamWithSessions,
  v2Upstream,
} from '../../support/upstream-fixtures.ts';

const issuer = 'https://mcp.example/upstream';

let keys: CryptoKeyPair;
beforeAll(async () => {
  keys = await generateKeyPair('ES256');
});

type Behind = UpstreamServer | { server: UpstreamServer; prefix: string };

/** Holdfast in front of upstream servers. Its processes have a common cache of descriptions, as one process has. */
const inFrontOf = (...upstreams: Behind[]): Processes => forwarding(upstreams);

function forwarding(
  upstreams: Behind[],
  { own, listenSeconds = 0 }: { own?: () => McpServer; listenSeconds?: number } = {},
): Processes {
  const prefixed = upstreams.map((each) => ('server' in each ? each : { server: each, prefix: '' }));
  const descriptions = new UpstreamDescriptions({ now: () => processes.clock.now() });
  const sign = async (data: Uint8Array) =>
    new Uint8Array(await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, keys.privateKey, new Uint8Array(data)));
  const processes: Processes = new Processes({
    listenSeconds,
    createServer: (context) => {
      const { clock } = processes;
      const log = (event: string, details?: Record<string, unknown>) => void processes.log.push({ event, details });
      const assertions = new UpstreamAssertions(issuer, { keyId: async () => 'key-1', sign }, clock);
      const dependencies = { assertions, descriptions, timeoutMilliseconds: 60_000, clock, log };
      return forwardingServer(prefixed, dependencies, context, own?.());
    },
  });
  return processes;
}

type Mode = 'legacy' | { pin: string };
type Given = {
  processes: Processes;
  mode: Mode;
  user?: string;
  groups?: string[];
  elicit?: (message: string) => string;
};

async function connect({ processes, mode, user = 'ada', groups = [], elicit }: Given) {
  const client = new Client(
    { name: 'test', version: '1' },
    { capabilities: elicit ? { elicitation: { form: {} } } : {}, versionNegotiation: { mode } },
  );
  if (elicit) {
    client.setRequestHandler('elicitation/create', async ({ params }) => ({
      action: 'accept',
      content: { name: elicit(params.message) },
    }));
  }
  await client.connect(v2Transport(processes.endpointOf(await processes.callerOf(user, { groups }))));
  return client;
}

const eras: [string, Mode][] = [
  ['the 2025 era', 'legacy'],
  ['2026-07-28', { pin: '2026-07-28' }],
];
const kinds: [string, () => UpstreamFixture][] = [
  ['a server of SDK v2', () => v2Upstream()],
  ['a stateless server of SDK v1', () => v1Upstream()],
  ['a server of SDK v1 with sessions', () => v1UpstreamWithSessions()],
];
const pairs = kinds.flatMap(([kind, create]) => eras.map(([era, mode]) => [kind, era, create, mode] as const));

describe.each(pairs)('%s for a client of %s', (_kind, _era, create, mode) => {
  let upstream: UpstreamFixture;
  let processes: Processes;
  let client: Client;
  beforeAll(async () => {
    upstream = create();
    processes = inFrontOf(upstream);
    const names: Record<string, string> = { 'First name?': 'Ada', 'Last name?': 'Lovelace' };
    client = await connect({ processes, mode, elicit: (message) => names[message]! });
  });
  afterAll(() => client?.close());

  test('forwards its name, its tools and their results', async () => {
    expect(client.getServerVersion()?.name).toBe('orders');
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(['echo', 'fail', 'report', 'greet']);
    const { content } = await client.callTool({ name: 'echo', arguments: { value: 'hi' } });
    expect(content).toEqual([{ type: 'text', text: 'hi' }]);
  });

  test('forwards the error of a tool', async () => {
    const { content, isError } = await client.callTool({ name: 'fail', arguments: {} });
    expect([isError, content]).toEqual([true, [{ type: 'text', text: 'The order does not exist' }]]);
  });

  test('forwards prompts, resources, templates and completions', async () => {
    expect((await client.listPrompts()).prompts.map(({ name }) => name)).toEqual(['review']);
    const { messages } = await client.getPrompt({ name: 'review', arguments: { language: 'rust' } });
    expect(messages[0]!.content).toEqual({ type: 'text', text: 'Review rust' });
    expect((await client.listResources()).resources.map(({ uri }) => uri)).toEqual(['stock://all']);
    const { resourceTemplates } = await client.listResourceTemplates();
    expect(resourceTemplates.map(({ uriTemplate }) => uriTemplate)).toEqual(['order://{id}']);
    const { contents } = await client.readResource({ uri: 'order://7' });
    expect(contents).toMatchObject([{ uri: 'order://7', text: 'order 7' }]);
    const ref = { type: 'ref/prompt' as const, name: 'review' };
    const { completion } = await client.complete({ ref, argument: { name: 'language', value: 'p' } });
    expect(completion.values).toEqual(['python', 'perl']);
  });

  test('forwards progress', async () => {
    const received: unknown[] = [];
    await client.callTool(
      { name: 'report', arguments: {} },
      { onprogress: (each) => void received.push(each.message) },
    );
    expect(received).toEqual(['half']);
  });

  test('forwards the error of a resource that does not exist', async () => {
    await expect(client.readResource({ uri: 'nothing://here' })).rejects.toThrow(/not found/i);
  });
});

describe.each(eras)('for a client of %s', (_era, mode) => {
  test.each([
    ['of 2026-07-28', () => v2Upstream()],
    ['with sessions', () => v1UpstreamWithSessions()],
  ])('two input requests in a row of a server %s reach the user', async (_kind, create) => {
    const processes = inFrontOf(create());
    const messages: string[] = [];
    const client = await connect({
      processes,
      mode,
      elicit: (message) => {
        messages.push(message);
        return messages.length === 1 ? 'Ada' : 'Lovelace';
      },
    });
    const result = processes.clock.until(client.callTool({ name: 'greet', arguments: {} }));
    expect((await result).content).toEqual([{ type: 'text', text: 'Hello Ada Lovelace' }]);
    expect(messages).toEqual(['First name?', 'Last name?']);
    await client.close();
  });

  test('log messages reach the client from the level that it has set', async () => {
    const processes = inFrontOf(v2Upstream());
    const client = await connect({ processes, mode });
    const received: unknown[] = [];
    client.setNotificationHandler('notifications/message', async ({ params }) => void received.push(params.data));
    const report = async (level: 'error' | 'info') => {
      const _meta = mode === 'legacy' ? {} : { 'io.modelcontextprotocol/logLevel': level };
      if (mode === 'legacy') await client.setLoggingLevel(level);
      await client.callTool({ name: 'report', arguments: {}, _meta });
    };
    await report('error');
    expect(received).toEqual([]);
    await report('info');
    expect(received).toEqual(['low stock']);
    await client.close();
  });
});

const modern: Mode = { pin: '2026-07-28' };

describe('an assertion', () => {
  async function asserted(upstream: UpstreamFixture) {
    const { payload, protectedHeader } = await jwtVerify(upstream.requests.at(-1)!.assertion, keys.publicKey, {
      issuer,
      audience: upstream.url,
      currentDate: new Date(1_800_000_000_000),
    });
    return { payload, protectedHeader };
  }

  test('names user, client, session, groups and scopes, for the URL of the server and for a minute', async () => {
    const upstream = v2Upstream();
    const client = await connect({ processes: inFrontOf(upstream), mode: modern, groups: ['staff'] });
    await client.callTool({ name: 'echo', arguments: { value: '' } });
    const { payload, protectedHeader } = await asserted(upstream);
    expect(protectedHeader).toEqual({ alg: 'ES256', typ: 'upstream-assertion+jwt', kid: 'key-1' });
    expect(payload).toEqual({
      iss: issuer,
      aud: upstream.url,
      sub: 'ada',
      client_id: 'dcr_1',
      session_id: expect.any(String),
      groups: ['staff'],
      scope: 'mcp',
      iat: 1_800_000_000,
      exp: 1_800_000_060,
    });
    await client.close();
  });

  test('accompanies every request, the description of the server included', async () => {
    const upstream = v1UpstreamWithSessions();
    const client = await connect({ processes: inFrontOf(upstream), mode: modern });
    await client.callTool({ name: 'echo', arguments: { value: '' } });
    expect(upstream.requests.map(({ body }) => body.method)).toEqual([
      'server/discover',
      'initialize',
      'notifications/initialized',
      undefined,
      'initialize',
      'notifications/initialized',
      'tools/call',
      undefined,
    ]);
    for (const { assertion } of upstream.requests) expect(assertion.split('.')).toHaveLength(3);
    await client.close();
  });
});

describe('requests', () => {
  test('carry no header of the client', async () => {
    const upstream = v2Upstream();
    const processes = inFrontOf(upstream);
    const caller = await processes.callerOf('ada');
    const fetch = processes.fetchAs(caller);
    const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode: modern } });
    const more = { authorization: 'Bearer secret', cookie: 'a=secret', 'x-secret': 'secret' };
    const endpoint = {
      ...processes.endpointOf(caller),
      fetch: (url: string | URL, init?: RequestInit) =>
        fetch(url, { ...init, headers: { ...Object.fromEntries(new Headers(init?.headers)), ...more } }),
    };
    await client.connect(v2Transport(endpoint));
    await client.callTool({ name: 'echo', arguments: { value: '' } });
    for (const { headers, body } of upstream.requests) {
      expect(JSON.stringify([[...headers], body])).not.toContain('secret');
    }
    await client.close();
  });

  test('ask a server for its description once in five minutes, for all users', async () => {
    const upstream = v2Upstream();
    const processes = inFrontOf(upstream);
    const discoveries = () => upstream.requests.filter(({ body }) => body.method === 'server/discover').length;
    for (const user of ['ada', 'grace']) {
      const client = await connect({ processes, mode: modern, user });
      await client.listTools();
      await client.close();
    }
    expect(discoveries()).toBe(1);
    processes.clock.skip(301_000);
    await (await connect({ processes, mode: modern })).close();
    expect(discoveries()).toBe(2);
  });

  test('list the tools anew for each user', async () => {
    const upstream = v2Upstream();
    const processes = inFrontOf(upstream);
    for (const user of ['ada', 'grace']) {
      const client = await connect({ processes, mode: modern, user });
      await client.listTools();
      await client.close();
    }
    const lists = upstream.requests.filter(({ body }) => body.method === 'tools/list');
    const subjects = lists.map(({ assertion }) => JSON.parse(atob(assertion.split('.')[1]!)).sub);
    expect(subjects).toEqual(['ada', 'grace']);
  });

  test('of a cancelled call end at the server', async () => {
    const aborted = Promise.withResolvers<void>();
    const started = Promise.withResolvers<void>();
    const { send, ...server } = v2Upstream();
    const hanging: UpstreamServer = {
      ...server,
      async send(request) {
        if (!request.body.includes('tools/call')) return send(request);
        request.signal.addEventListener('abort', () => aborted.resolve());
        started.resolve();
        return new Promise<never>(() => undefined);
      },
    };
    const processes = inFrontOf(hanging);
    const client = await connect({ processes, mode: 'legacy' });
    const controller = new AbortController();
    const call = client.callTool({ name: 'echo', arguments: { value: '' } }, { signal: controller.signal });
    call.catch(() => undefined);
    await started.promise;
    controller.abort();
    await processes.clock.until(aborted.promise);
    await client.close();
  });
});

describe('several servers', () => {
  const two = () => {
    const [orders, billing] = [v2Upstream('orders'), v2Upstream('billing')];
    const processes = inFrontOf({ server: orders, prefix: 'orders_' }, { server: billing, prefix: 'billing_' });
    return { orders, billing, processes };
  };

  test('offer their tools and prompts under their prefixes', async () => {
    const { processes, billing, orders } = two();
    const client = await connect({ processes, mode: modern });
    const names = (await client.listTools()).tools.map(({ name }) => name);
    expect(names).toContain('orders_echo');
    expect(names).toContain('billing_echo');
    const { content } = await client.callTool({ name: 'billing_echo', arguments: { value: 'x' } });
    expect(content).toEqual([{ type: 'text', text: 'x' }]);
    expect(billing.requests.at(-1)!.body.params).toMatchObject({ name: 'echo' });
    expect(orders.requests.map(({ body }) => body.method)).not.toContain('tools/call');
    const { messages } = await client.getPrompt({ name: 'orders_review', arguments: { language: 'c' } });
    expect(messages[0]!.content).toEqual({ type: 'text', text: 'Review c' });
    await client.close();
  });

  test('receive the answers to their own input requests alone', async () => {
    const { processes, orders } = two();
    const client = await connect({ processes, mode: modern, elicit: (message) => message[0]! });
    const { content } = await client.callTool({ name: 'billing_greet', arguments: {} });
    expect(content).toEqual([{ type: 'text', text: 'Hello F L' }]);
    expect(orders.requests.map(({ body }) => body.method)).not.toContain('tools/call');
    await client.close();
  });

  test('stay available when one of them is down, which the log reports', async () => {
    const billing = v2Upstream('billing');
    const down = upstreamFixture(() => Promise.reject(new TypeError('fetch failed', { cause: 'ECONNREFUSED' })));
    const processes = inFrontOf({ server: down, prefix: 'orders_' }, { server: billing, prefix: 'billing_' });
    const client = await connect({ processes, mode: modern });
    const names = (await client.listTools()).tools.map(({ name }) => name);
    expect(names).toContain('billing_echo');
    expect(names.filter((name) => name.startsWith('orders_'))).toEqual([]);
    expect(processes.log).toContainEqual({
      event: 'upstream_server_failed',
      details: {
        upstream: 'orders',
        url: down.url,
        fault: 'unreachable',
        message: 'TypeError: fetch failed: ECONNREFUSED',
      },
    });
    await client.close();
  });
});

describe('a faulty server', () => {
  /** Replaces the response to a call of a tool. */
  function faulty(respond: () => Promise<Response>): UpstreamServer {
    const { send, ...server } = v2Upstream();
    return {
      ...server,
      async send(request) {
        if (!request.body.includes('"tools/')) return send(request);
        const { status, headers, body } = await respond();
        return { status, headers, body };
      },
    };
  }

  const json =
    (body: unknown, status = 200) =>
    async () =>
      Response.json(body, { status });
  const stream = (text: string) => async () => new Response(text, { headers: { 'content-type': 'text/event-stream' } });
  const nested = `{"jsonrpc":"2.0","id":1,"result":${'['.repeat(100)}${']'.repeat(100)}}`;

  test.each<[string, () => Promise<Response>, string]>([
    ['answers 401', json({}, 401), 'rejects this deployment; its log has the reason'],
    ['answers 403', json({}, 403), 'rejects this deployment; its log has the reason'],
    ['answers 404', async () => new Response('', { status: 404 }), 'does not accept MCP requests at its URL'],
    ['redirects', async () => new Response('', { status: 307 }), 'does not accept MCP requests at its URL'],
    ['answers 500', async () => new Response('', { status: 500 }), 'did not answer; repeat the request shortly'],
    ['refuses the connection', () => Promise.reject(new Error('no')), 'did not answer; repeat the request shortly'],
    ['sends no JSON', async () => new Response('<html>'), 'sent an invalid MCP response'],
    ['sends another value', json([1]), 'sent an invalid MCP response'],
    [
      'sends a result of another form',
      json({ jsonrpc: '2.0', id: 1, result: { content: 5 } }),
      'sent an invalid MCP response',
    ],
    [
      'ends its stream early',
      stream('data: {"jsonrpc":"2.0","method":"notifications/x"}\n\n'),
      'sent an invalid MCP response',
    ],
    ['nests its result deeply', async () => new Response(nested), 'sent an invalid MCP response'],
    ['sends too much', async () => new Response(new Uint8Array(LARGEST_RESPONSE + 1)), 'sent more than 8 MB'],
    ['sends too much in a stream', stream(`: ${'x'.repeat(LARGEST_RESPONSE)}`), 'sent more than 8 MB'],
  ])('that %s fails the call with a short reason', async (_what, respond, reason) => {
    const processes = inFrontOf(faulty(respond));
    const client = await connect({ processes, mode: modern });
    const { content, isError } = await client.callTool({ name: 'echo', arguments: { value: '' } });
    expect([isError, content]).toEqual([true, [{ type: 'text', text: `Upstream server orders ${reason}` }]]);
    await expect(client.listTools()).rejects.toThrow(`Upstream server orders ${reason}`);
    expect(processes.log.map(({ event }) => event)).toContain('upstream_server_failed');
    await client.close();
  });

  test('that does not answer is cancelled before the time of the function ends', async () => {
    const processes = inFrontOf(faulty(() => new Promise(() => undefined)));
    const client = await connect({ processes, mode: modern });
    const call = client.callTool({ name: 'echo', arguments: { value: '' } });
    await processes.clock.expire(60_000);
    expect((await call).content).toEqual([
      { type: 'text', text: 'Upstream server orders took too long and was cancelled' },
    ]);
    await client.close();
  });

  test('that lists without end fails the list', async () => {
    const tool = { name: 'x', inputSchema: { type: 'object' } };
    const page = { jsonrpc: '2.0', id: 1, result: { tools: [tool], nextCursor: 'again' } };
    const client = await connect({ processes: inFrontOf(faulty(json(page))), mode: modern });
    await expect(client.listTools()).rejects.toThrow('sent an invalid MCP response');
    await client.close();
  });

  test('that answers with a JSON-RPC error has its code and its message forwarded on one line', async () => {
    const error = { jsonrpc: '2.0', id: 1, error: { code: -32001, message: 'Two\nlines\u202e', data: { a: 1 } } };
    const client = await connect({ processes: inFrontOf(faulty(json(error))), mode: modern });
    await expect(client.listTools()).rejects.toMatchObject({
      code: -32001,
      message: expect.stringContaining('Two\ufffdlines\ufffd'),
      data: { a: 1 },
    });
    await client.close();
  });

  test('without sessions cannot request input, and the call says so', async () => {
    const upstream = v1Upstream();
    const client = await connect({ processes: inFrontOf(upstream), mode: modern, elicit: () => '' });
    const { content } = await client.callTool({ name: 'greet', arguments: {} });
    expect(content).toEqual([
      { type: 'text', text: 'Upstream server orders needs 2026-07-28 or sessions to request input' },
    ]);
    await upstream.close();
    await client.close();
  });

  test('that is down gives the client 503', async () => {
    const processes = inFrontOf(upstreamFixture(() => Promise.reject(new Error('no'))));
    await expect(connect({ processes, mode: 'legacy' })).rejects.toThrow();
    expect(processes.requests.at(-1)!.status).toBe(503);
  });
});

test('each call begins a session at a server with sessions, and ends it', async () => {
  const upstream = v1UpstreamWithSessions();
  const client = await connect({ processes: inFrontOf(upstream), mode: modern });
  await Promise.all([1, 2].map(() => client.callTool({ name: 'echo', arguments: { value: '' } })));
  const sessions = upstream.requests
    .filter(({ body }) => body.method === 'tools/call')
    .map(({ headers }) => headers.get('mcp-session-id'));
  expect(new Set(sessions).size).toBe(2);
  expect(upstream.sessions.size).toBe(0);
  await client.close();
});

/** A server of the owner, whose names are partly those of the upstream server. */
function ownServer(): McpServer {
  const server = new McpServer({ name: 'own', version: '1' }, { instructions: 'Ask first.' });
  const own = { content: [{ type: 'text' as const, text: 'own' }] };
  server.registerTool('echo', { inputSchema: z.object({ value: z.string() }) }, async () => own);
  server.registerTool('add', {}, async () => own);
  server.registerPrompt(
    'draft',
    { argsSchema: z.object({ tone: completable(z.string(), () => ['kind']) }) },
    ({ tone }) => ({ messages: [{ role: 'user', content: { type: 'text', text: `Draft, ${tone}` } }] }),
  );
  server.registerResource('note', 'note://1', {}, async ({ href: uri }) => ({ contents: [{ uri, text: 'own' }] }));
  const template = new ResourceTemplate('draft://{id}', { list: undefined });
  server.registerResource('draft', template, {}, async ({ href: uri }) => ({ contents: [{ uri, text: 'draft' }] }));
  return server;
}

const textOf = (result: object) => (result as { content: { text: string }[] }).content[0]!.text;

describe.each(eras)("beside an owner's server, for a client of %s", (_era, mode) => {
  test('tools, prompts and resources of both are available, and those of the owner come first', async () => {
    const client = await connect({ processes: forwarding([v2Upstream()], { own: ownServer }), mode });
    expect([client.getServerVersion()?.name, client.getInstructions()]).toEqual(['own', 'Ask first.\n\nUse orders.']);
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(['echo', 'add', 'fail', 'report', 'greet']);
    expect(textOf(await client.callTool({ name: 'echo', arguments: { value: 'hi' } }))).toBe('own');
    expect(textOf(await client.callTool({ name: 'report', arguments: {} }))).toBe('reported');
    expect((await client.listPrompts()).prompts.map(({ name }) => name)).toEqual(['draft', 'review']);
    const drafted = await client.getPrompt({ name: 'draft', arguments: { tone: 'kind' } });
    expect(drafted.messages[0]!.content).toMatchObject({ text: 'Draft, kind' });
    const reviewed = await client.getPrompt({ name: 'review', arguments: { language: 'rust' } });
    expect(reviewed.messages[0]!.content).toMatchObject({ text: 'Review rust' });
    const completed = async (ref: { name: string }, name: string) =>
      (await client.complete({ ref: { type: 'ref/prompt', ...ref }, argument: { name, value: 'p' } })).completion
        .values;
    expect(await completed({ name: 'draft' }, 'tone')).toEqual(['kind']);
    expect(await completed({ name: 'review' }, 'language')).toEqual(['python', 'perl']);
    expect((await client.listResources()).resources.map(({ uri }) => uri)).toEqual(['note://1', 'stock://all']);
    const { resourceTemplates } = await client.listResourceTemplates();
    expect(resourceTemplates.map(({ uriTemplate }) => uriTemplate)).toEqual(['draft://{id}', 'order://{id}']);
    for (const [uri, text] of [
      ['note://1', 'own'],
      ['draft://1', 'draft'],
      ['order://7', 'order 7'],
    ] as const) {
      expect((await client.readResource({ uri })).contents).toMatchObject([{ uri, text }]);
    }
    await client.close();
  });

  test('the tools of the owner stay available while the upstream server is down', async () => {
    const down = upstreamFixture(() => Promise.reject(new Error('no')));
    const client = await connect({ processes: forwarding([down], { own: ownServer }), mode });
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['echo', 'add']);
    expect(textOf(await client.callTool({ name: 'add', arguments: {} }))).toBe('own');
    await client.close();
  });
});

describe('changes', () => {
  const listenSeconds = 60;

  /** A server of 2026-07-28 whose changes the test publishes, and a client that listens. */
  async function listening(mode: Mode) {
    const bus = new InMemoryServerEventBus();
    const capabilities = { tools: { listChanged: true }, resources: { subscribe: true } };
    const create = () => {
      const server = new McpServer({ name: 'changing', version: '1' }, { capabilities });
      server.registerTool('echo', {}, async () => ({ content: [] }));
      server.registerResource('note', 'note://1', {}, async () => ({ contents: [] }));
      return server;
    };
    const handler = createMcpHandler(create, { legacy: 'reject', bus });
    const upstream = upstreamFixture((request) => handler.fetch(request));
    const processes = forwarding([upstream], { listenSeconds });
    const received: string[] = [];
    const client = new Client(
      { name: 'test', version: '1' },
      {
        versionNegotiation: { mode },
        listChanged: { tools: { autoRefresh: false, debounceMs: 0, onChanged: () => void received.push('tools') } },
      },
    );
    client.setNotificationHandler('notifications/resources/updated', ({ params }) => void received.push(params.uri));
    await client.connect(v2Transport(processes.endpointOf(await processes.callerOf('ada'))));
    const listens = () => upstream.requests.filter(({ body }) => body.method === 'subscriptions/listen');
    await processes.clock.until(() => listens().length > 0);
    const close = async () => {
      await client.close();
      await processes.settle();
      await handler.close();
    };
    return { bus, client, upstream, processes, received, listens, close };
  }

  test.each(eras)('of the lists of a stateless server reach a client of %s that listens', async (_era, mode) => {
    const { bus, received, listens, processes, close } = await listening(mode);
    expect(listens()[0]!.body.params).toMatchObject({ notifications: { toolsListChanged: true } });
    bus.publish({ kind: 'tools_list_changed' });
    await processes.clock.until(() => received.length > 0);
    expect(received).toEqual(['tools']);
    await close();
  });

  test('of a resource reach a client that subscribed to it', async () => {
    const { bus, client, received, listens, processes, close } = await listening('legacy');
    await client.subscribeResource({ uri: 'note://1' });
    // The next listener knows the subscription.
    await processes.clock.until(() => listens().length > 1);
    expect(listens().at(-1)!.body.params).toMatchObject({ notifications: { resourceSubscriptions: ['note://1'] } });
    bus.publish({ kind: 'resource_updated', uri: 'note://1' });
    await processes.clock.until(() => received.length > 0);
    expect(received).toEqual(['note://1']);
    await close();
  });

  test('that a server of the 2025 era announces during a call reach a client that listens', async () => {
    const upstream = upstreamFixture(async (request) => {
      const server = new V1Server({ name: 'changing', version: '1' });
      server.registerTool('change', {}, async ({ sendNotification }) => {
        await sendNotification({ method: 'notifications/tools/list_changed' });
        return { content: [] };
      });
      const transport = new WebStandardStreamableHTTPServerTransport();
      await server.connect(transport);
      return transport.handleRequest(request);
    });
    const processes = forwarding([upstream], { listenSeconds });
    const client = await connect({ processes, mode: modern });
    await client.callTool({ name: 'change', arguments: {} });
    const { changes } = await processes.stores.changes.changesSince('ada', '', 0);
    expect(changes.map(({ change }) => change.kind)).toEqual(['tools_list_changed']);
    await client.close();
  });
});

/** A server of 2026-07-28 whose tool has arguments that clients repeat in headers. */
function repeatingUpstream(): UpstreamFixture {
  const create = () => {
    const server = new McpServer({ name: 'regions', version: '1' });
    const inputSchema = z.object({
      region: z.string().meta({ 'x-mcp-header': 'Region' }),
      size: z.object({ count: z.int().meta({ 'x-mcp-header': 'Count' }) }).optional(),
    });
    server.registerTool('order', { inputSchema }, async ({ region }) => ({
      content: [{ type: 'text', text: region }],
    }));
    return server;
  };
  const handler = createMcpHandler(create, { legacy: 'reject' });
  return upstreamFixture((request) => handler.fetch(request), 'regions');
}

describe('arguments that a server requires in headers', () => {
  test.each(eras)('are repeated for a client of %s', async (_era, mode) => {
    const client = await connect({ processes: inFrontOf(repeatingUpstream()), mode });
    await client.listTools();
    for (const region of ['eu', 'größer als ₤']) {
      const result = await client.callTool({ name: 'order', arguments: { region, size: { count: 2 } } });
      expect(result).toMatchObject({ content: [{ text: region }] });
    }
    await client.close();
  });

  test('are not repeated in place of a header that differs', async () => {
    const upstream = repeatingUpstream();
    const processes = inFrontOf(upstream);
    const fetch = processes.fetchAs(await processes.callerOf('ada'));
    const params = {
      name: 'order',
      arguments: { region: 'eu' },
      _meta: {
        'io.modelcontextprotocol/protocolVersion': '2026-07-28',
        'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
        'io.modelcontextprotocol/clientCapabilities': {},
      },
    };
    const response = await fetch(processes.url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': '2026-07-28',
        'mcp-method': 'tools/call',
        'mcp-name': 'order',
        'mcp-param-region': 'us',
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params }),
    });
    expect(JSON.stringify(await messagesOf(response))).toContain('"code":-32020');
    expect(upstream.requests.filter(({ body }) => body.method === 'tools/call')).toHaveLength(1);
  });
});
