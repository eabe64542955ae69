import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { McpServer } from '@modelcontextprotocol/server';
import * as fc from 'fast-check';
import * as z from 'zod/v4';
import { LEASE_SECONDS } from '../../../lambda/core/mcp/execution.ts';
import { ServiceUnavailableError } from '../../../lambda/core/support/service-unavailable-error.ts';
import {
  arrivalsOf,
  eventsOf,
  type Message,
  messagesOf,
  ofSessions,
  RawSession,
  type SseEvent,
} from '../../support/era-clients.ts';
import { Process, Processes } from '../../support/mcp-processes.ts';

const text = (value: string) => ({ content: [{ type: 'text' as const, text: value }] });

/** `gate` holds the tools that wait; `aborted` becomes true when the signal of one is; `closeSSE` has it close its stream. */
type ToolControl = { gate: PromiseWithResolvers<void>; aborted: boolean; closeSSE: boolean };

function createServer(control: ToolControl): McpServer {
  const capabilities = { logging: {}, resources: { subscribe: true } };
  const server = new McpServer({ name: 'streaming', version: '1' }, { capabilities });
  server.registerTool('quick', {}, async () => text('quick'));
  server.registerTool('log', { inputSchema: z.object({ times: z.number() }) }, async ({ times }, { mcpReq }) => {
    for (let index = 1; index <= times; index++) await mcpReq.log('info', index);
    return text('logged');
  });
  server.registerTool('log-debug', {}, async ({ mcpReq }) => {
    await mcpReq.log('debug', 'debug');
    await mcpReq.log('error', 'error');
    return text('logged');
  });
  server.registerTool('report-progress', {}, async ({ mcpReq }) => {
    const progressToken = mcpReq._meta?.progressToken;
    if (progressToken !== undefined) {
      await mcpReq.notify({
        method: 'notifications/progress',
        params: { progressToken, progress: 1, message: 'half' },
      });
    }
    await control.gate.promise;
    return text('done');
  });
  server.registerTool('log-and-wait', {}, async ({ mcpReq, http }) => {
    mcpReq.signal.addEventListener('abort', () => {
      control.aborted = true;
    });
    await mcpReq.log('info', 'waiting');
    if (control.closeSSE) http?.closeSSE?.();
    await control.gate.promise;
    await mcpReq.log('info', 'continued');
    return text('waited');
  });
  server.registerTool('elicit', {}, async ({ mcpReq }) => {
    mcpReq.signal.addEventListener('abort', () => {
      control.aborted = true;
    });
    const requestedSchema = { type: 'object' as const, properties: { name: { type: 'string' as const } } };
    const { content } = await mcpReq.elicitInput({ message: 'Who?', requestedSchema });
    return text(String(content?.name));
  });
  server.registerTool(
    'unserializable',
    { inputSchema: z.object({ first: z.boolean() }) },
    async ({ first }, { mcpReq }) => {
      if (first) await mcpReq.log('info', 'first');
      return { content: [], structuredContent: { big: 1n as unknown as number } };
    },
  );
  server.server.setRequestHandler('resources/subscribe', async () => ({}));
  server.server.setRequestHandler('resources/unsubscribe', async () => ({}));
  return server;
}

async function setUp({ version = '2025-11-25' } = {}) {
  const control: ToolControl = { gate: Promise.withResolvers(), aborted: false, closeSSE: false };
  const processes = new Processes({ createServer: () => createServer(control) });
  const { clock } = processes;
  const ada = await processes.callerOf('ada');
  const session = await RawSession.begin(processes.endpointOf(ada), { version });
  const executions = () => processes.stores.executions.executionsOf(ada.grant);
  return { processes, clock, ada, session, control, executions };
}

const dataOf = (events: SseEvent[]) =>
  events.flatMap(({ message }) => (message ? [message.params?.data ?? message.result?.content?.[0]?.text] : []));
const numbersOf = (events: SseEvent[]) => events.map(({ id }) => Number(id?.split('.')[1]));

/** Reads a stream while the test continues. `events` grows; `ended` resolves to all of them. */
function read(response: Response) {
  const events: SseEvent[] = [];
  return { events, ended: eventsOf(response, Number.POSITIVE_INFINITY, events) };
}

/** The process that handles the next tool call. */
function processOfToolCall(processes: Processes): { process?: Process } {
  const found: { process?: Process } = {};
  processes.before = (_, process, body) => {
    if ((body as Message)?.method === 'tools/call') found.process = process;
  };
  return found;
}

test('a response without other messages is JSON, and only its audit log entry is stored', async () => {
  const { processes, session } = await setUp();
  const operations: string[] = [];
  processes.around = (method, call) => {
    operations.push(method);
    return call();
  };
  const response = await session.post(session.toolCall('quick'));
  expect(response.headers.get('content-type')).toBe('application/json');
  expect(await messagesOf(response)).toMatchObject([{ result: { content: [{ text: 'quick' }] } }]);
  await processes.settle();
  expect(operations).toEqual(['sessions.find', 'calls.recordCall']);
});

describe.each(ofSessions)('%s', (_, connect) => {
  test('receives progress and log messages while the call runs', async () => {
    const { processes, clock, ada, control } = await setUp();
    const client = await connect(processes.endpointOf(ada));
    const progressed = Promise.withResolvers<void>();
    const call = client.call('report-progress', {}, { onprogress: () => progressed.resolve() });
    await clock.until(progressed.promise);
    control.gate.resolve();
    expect((await call).content[0]!.text).toBe('done');
    control.gate = Promise.withResolvers();
    const waiting = client.call('log-and-wait');
    await clock.until(() => client.logs.length > 0);
    control.gate.resolve();
    await waiting;
    expect(client.logs).toEqual(['waiting', 'continued']);
    await client.close();
    await processes.settle();
    expect([processes.log, client.errors]).toEqual([[], []]);
  });

  test('resumes a stream that broke off and receives every message once', async () => {
    const { processes, clock, ada, control } = await setUp();
    const broken = Promise.withResolvers<void>();
    const endpoint = processes.endpointOf(ada);
    const breaking: typeof endpoint.fetch = async (url, init) => {
      const response = await endpoint.fetch(url, init);
      const body = String(init?.body ?? '');
      if (!body.includes('log-and-wait')) return response;
      const reader = response.body!.getReader();
      const cut = new ReadableStream<Uint8Array>({
        async start(controller) {
          for (let count = 0; count < 2; count++) controller.enqueue((await reader.read()).value!);
          await broken.promise;
          controller.error(new TypeError('terminated'));
          await reader.cancel();
        },
      });
      return new Response(cut, response);
    };
    const client = await connect({ ...endpoint, fetch: breaking });
    const call = client.call('log-and-wait');
    await clock.until(() => client.logs.length > 0);
    broken.resolve();
    control.gate.resolve();
    expect((await clock.until(call)).content[0]!.text).toBe('waited');
    expect(client.logs).toEqual(['waiting', 'continued']);
    await client.close();
    await processes.settle();
  });

  test('cancels a call, whose signal is then aborted', async () => {
    const { processes, clock, ada, control, executions } = await setUp();
    const client = await connect(processes.endpointOf(ada));
    const abort = new AbortController();
    const call = client.call('log-and-wait', {}, { signal: abort.signal }).catch((error) => error);
    await clock.until(() => client.logs.length > 0);
    abort.abort();
    expect(await call).toBeInstanceOf(Error);
    await clock.until(() => control.aborted);
    await processes.settle();
    expect((await executions()).map(({ status }) => status)).toEqual(['cancelled']);
    await client.close();
    control.gate.resolve();
  });
});

describe('a stream', () => {
  test('of 2025-11-25 begins with a priming event, and each event has an id', async () => {
    const { processes, session, executions } = await setUp();
    const events = await eventsOf(await session.post(session.toolCall('log', { times: 3 })));
    expect(events[0]).toMatchObject({ id: expect.any(String), retry: expect.any(String) });
    expect(events[0]!.message).toBeUndefined();
    expect(numbersOf(events)).toEqual([0, 1, 2, 3, 4]);
    expect(dataOf(events)).toEqual([1, 2, 3, 'logged']);
    await processes.settle();
    expect(await executions()).toMatchObject([{ status: 'done', events: 4 }]);
  });

  test('of an earlier revision has no event without data', async () => {
    const { processes, session } = await setUp({ version: '2025-06-18' });
    const events = await eventsOf(await session.post(session.toolCall('log', { times: 1 })));
    expect(events.every(({ message }) => message)).toBe(true);
    await processes.settle();
  });

  test('that is cut and resumed any number of times delivers each event once and in order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 12 }), fc.array(fc.nat(6), { maxLength: 4 }), async (times, cuts) => {
        const { processes, clock, session } = await setUp();
        let response = await session.post(session.toolCall('log', { times }));
        const events: SseEvent[] = [];
        if (times === 0) return expect(await messagesOf(response)).toHaveLength(1);
        for (const cut of cuts) {
          events.push(...(await clock.until(eventsOf(response, cut + 1))));
          response = await session.resume(events.at(-1)!.id!);
        }
        events.push(...(await clock.until(eventsOf(response))));
        expect(numbersOf(events)).toEqual(Array.from({ length: times + 2 }, (_, index) => index));
        expect(dataOf(events)).toEqual([...Array.from({ length: times }, (_, index) => index + 1), 'logged']);
        return processes.settle();
      }),
      { numRuns: 60 },
    );
  });

  test('is in order for any latency of the store', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(15), { minLength: 1, maxLength: 10 }), fc.nat(8), async (delays, times) => {
        const { processes, clock, session } = await setUp();
        let step = 0;
        processes.around = async (_, call) => {
          await clock.sleep(delays[step++ % delays.length]!);
          return call();
        };
        const response = await clock.until(session.post(session.toolCall('log', { times: times + 1 })));
        const events = await clock.until(eventsOf(response));
        expect(numbersOf(events)).toEqual(Array.from({ length: times + 3 }, (_, index) => index));
        await processes.settle();
        const resumed = await clock.until(session.resume(events[0]!.id!));
        expect(numbersOf(await clock.until(eventsOf(resumed)))).toEqual(numbersOf(events).slice(1));
      }),
      { numRuns: 30 },
    );
  });

  test('is resumed only after one of its events and only by its session', async () => {
    const { processes, ada, session } = await setUp();
    const [first] = await eventsOf(await session.post(session.toolCall('log', { times: 1 })));
    await processes.settle();
    const id = first!.id!;
    for (const malformed of ['', 'x', '17', `${id}x`, `${id}0000000000`, id.replace('.', ':'), id.slice(1)]) {
      expect((await session.resume(malformed)).status).toBe(400);
    }
    expect((await session.resume(`${id.startsWith('A') ? 'B' : 'A'}${id.slice(1)}`)).status).toBe(404);
    const alan = await RawSession.begin(processes.endpointOf(await processes.callerOf('alan')));
    expect((await alan.resume(id)).status).toBe(404);
    alan.id = session.id;
    expect((await alan.resume(id)).status).toBe(404);
    const second = await RawSession.begin(processes.endpointOf(ada));
    expect((await second.resume(id)).status).toBe(404);
    expect(await messagesOf(await session.resume(`${id.split('.')[0]}.999999999`))).toEqual([]);
    await processes.fetchAs(ada)(processes.url, { method: 'DELETE', headers: { 'mcp-session-id': session.id } });
    expect((await session.resume(id)).status).toBe(404);
  });

  test('begins after ten seconds without a message and carries a heartbeat every 15 seconds', async () => {
    const { processes, clock, session, control } = await setUp();
    const began = clock.now();
    const response = await clock.until(session.post(session.toolCall('report-progress')));
    expect(clock.now() - began).toBe(10_000);
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    await clock.advance(30_000);
    control.gate.resolve();
    expect((await response.text()).match(/: keep-alive/g)).toHaveLength(2);
    await processes.settle();
  });

  test('that another process follows carries heartbeats and ends with the time to poll again', async () => {
    const { processes, clock, session, control } = await setUp();
    const first = read(await session.post(session.toolCall('log-and-wait')));
    await clock.until(() => first.events.length === 2);
    const resumed = await session.resume(first.events[1]!.id!);
    const body = await clock.until(resumed.text());
    expect(body).toMatch(/^: keep-alive\n\n/);
    expect(body).toMatch(/retry: \d+\ndata: \n\n$/);
    control.gate.resolve();
    await first.ended;
    await processes.settle();
  });

  test('that another process follows carries a heartbeat by elapsed time, however long the store takes', async () => {
    const { processes, clock, session, control } = await setUp();
    const first = read(await session.post(session.toolCall('log-and-wait')));
    await clock.until(() => first.events.length === 2);
    processes.around = async (method, call) => {
      if (method.startsWith('executions.')) await clock.sleep(200);
      return call();
    };
    let times = [clock.now()];
    for (let polls = 0; polls < 3; polls++) {
      const resumed = await clock.until(session.resume(first.events[1]!.id!));
      const arrivals = await clock.until(arrivalsOf(resumed, clock));
      expect(arrivals.map(({ text }) => text)).toEqual([': keep-alive\n\n', expect.stringContaining('retry: ')]);
      times = [...times, ...arrivals.map(({ at }) => at)];
    }
    for (const [index, time] of times.slice(1).entries()) expect(time - times[index]!).toBeLessThanOrEqual(16_000);
    control.gate.resolve();
    await first.ended;
    await processes.settle();
  });

  test('that its tool closes is resumed by the client', async () => {
    const { processes, clock, session, control } = await setUp();
    control.closeSSE = true;
    const events = await eventsOf(await session.post(session.toolCall('log-and-wait')));
    expect(dataOf(events)).toEqual(['waiting']);
    control.gate.resolve();
    const resumed = await session.resume(events.at(-1)!.id!);
    expect(dataOf(await clock.until(eventsOf(resumed)))).toEqual(['continued', 'waited']);
    await processes.settle();
  });

  test('that cannot be stored stays open when its tool closes it, because no process could resume it', async () => {
    const { processes, session, control } = await setUp();
    control.closeSSE = true;
    control.gate.resolve();
    processes.around = (method, call) =>
      method === 'executions.createExecution' ? Promise.reject(new Error('denied')) : call();
    const events = await eventsOf(await session.post(session.toolCall('log-and-wait')));
    expect(dataOf(events)).toEqual(['waiting', 'continued', 'waited']);
    expect(events.every(({ id }) => id === undefined)).toBe(true);
    await processes.settle();
    expect(processes.log).toMatchObject([{ event: 'stream_store_failed' }]);
  });

  test('whose process was killed ends with an error after the lease and not before', async () => {
    const { processes, clock, session, control } = await setUp();
    const toolCall = processOfToolCall(processes);
    const { events, ended } = read(await session.post(session.toolCall('log-and-wait')));
    await clock.until(() => events.length === 2);
    const began = clock.now();
    toolCall.process!.kill();
    await expect(ended).rejects.toThrow('terminated');
    await clock.advance((LEASE_SECONDS - 1) * 1000);
    const resumed = read(await session.resume(events.at(-1)!.id!));
    await clock.advance(999);
    expect(resumed.events).toEqual([]);
    expect((await clock.until(resumed.ended)).map(({ message }) => message)).toMatchObject([
      { error: { code: -32603 } },
    ]);
    expect(clock.now() - began).toBeGreaterThanOrEqual(LEASE_SECONDS * 1000);
    // A client that resumes after another event receives the same error.
    const again = await eventsOf(await session.resume(events[0]!.id!));
    expect(again.at(-1)!.message).toMatchObject({ error: { code: -32603 } });
    control.gate.resolve();
    toolCall.process!.discard();
    await processes.settle();
    expect(await processes.loggedCalls()).toEqual([['log-and-wait', 'interrupted']]);
  });

  test('whose process was killed ends with an error for a client that received more than was stored', async () => {
    const { processes, clock, session, control } = await setUp();
    const toolCall = processOfToolCall(processes);
    processes.around = async (method, call, process) => {
      if (process !== toolCall.process || method !== 'executions.addEvents') return call();
      process.kill();
      throw new TypeError('terminated');
    };
    const { events, ended } = read(await session.post(session.toolCall('log-and-wait')));
    await clock.until(expect(ended).rejects.toThrow('terminated'));
    await clock.advance(LEASE_SECONDS * 1000);
    const rest = await eventsOf(await session.resume(events.at(-1)!.id!));
    expect(rest.map(({ message }) => message)).toMatchObject([{ error: { code: -32603 } }]);
    control.gate.resolve();
    toolCall.process!.discard();
    await processes.settle();
  });

  test('keeps its result although the store is away for ten seconds at its end', async () => {
    const { processes, clock, session, control, executions } = await setUp();
    const { events, ended } = read(await session.post(session.toolCall('log-and-wait')));
    await clock.until(async () => (await executions()).length > 0 && events.length === 2);
    const until = clock.now() + 10_000;
    processes.around = async (_, call) => {
      if (clock.now() < until) throw new ServiceUnavailableError('The session table', new Error('away'));
      return call();
    };
    control.gate.resolve();
    expect(dataOf(await clock.until(ended))).toEqual(['waiting', 'continued', 'waited']);
    await processes.settle();
    expect(await executions()).toMatchObject([{ status: 'done' }]);
    expect(dataOf(await eventsOf(await session.resume(events[0]!.id!)))).toEqual(['waiting', 'continued', 'waited']);
  });

  test('whose process died after it stored the result, and before it stored the end, has no error', async () => {
    const { processes, clock, session, control } = await setUp();
    const toolCall = processOfToolCall(processes);
    const { events, ended } = read(await session.post(session.toolCall('log-and-wait')));
    await clock.until(() => events.length === 2);
    processes.around = async (method, call, process) => {
      const result = await call();
      if (method === 'executions.addEvents' && process === toolCall.process) process.kill();
      return result;
    };
    control.gate.resolve();
    await clock.until(expect(ended).rejects.toThrow('terminated'));
    await clock.advance(LEASE_SECONDS * 1000);
    const rest = await clock.until(eventsOf(await session.resume(events[0]!.id!)));
    expect(rest.flatMap(({ message }) => message?.error ?? [])).toEqual([]);
    toolCall.process!.discard();
    await processes.settle();
  });

  test('whose process was suspended beyond its lease ends with an error, also for the client that still reads it', async () => {
    const { processes, clock, session, control, executions } = await setUp();
    const first = read(await session.post(session.toolCall('log-and-wait')));
    await clock.until(async () => {
      const [execution] = await executions();
      return execution && (await processes.stores.executions.eventsAfter(execution, 0)).length > 0;
    });
    clock.skip(LEASE_SECONDS * 1000);
    const resumed = await eventsOf(await session.resume(first.events[1]!.id!));
    expect(resumed.at(-1)!.message).toMatchObject({ error: { code: -32603 } });
    expect((await clock.until(first.ended)).at(-1)!.message).toMatchObject({ error: { code: -32603 } });
    expect(control.aborted).toBe(true);
    control.gate.resolve();
    await processes.settle();
    expect(dataOf(await eventsOf(await session.resume(first.events[1]!.id!)))).toEqual([undefined]);
  });

  test('of a cancelled call ends without a response, and the signal of the call is aborted', async () => {
    const { processes, clock, session, control, executions } = await setUp();
    const call = session.toolCall('log-and-wait');
    const { events, ended } = read(await session.post(call));
    await clock.until(() => events.length === 2);
    expect((await session.cancel('another')).status).toBe(202);
    expect((await session.cancel(call.id)).status).toBe(202);
    expect(dataOf(await clock.until(ended))).toEqual(['waiting']);
    expect(control.aborted).toBe(true);
    control.gate.resolve();
    await processes.settle();
    expect(await executions()).toMatchObject([{ status: 'cancelled' }]);
    expect(await processes.loggedCalls()).toEqual([['log-and-wait', 'cancelled']]);
  });

  test('is not cancelled by another session', async () => {
    const { processes, clock, ada, session, control } = await setUp();
    const second = await RawSession.begin(processes.endpointOf(ada));
    const call = session.toolCall('log-and-wait');
    const { events, ended } = read(await session.post(call));
    await clock.until(() => events.length === 2);
    await second.cancel(call.id);
    control.gate.resolve();
    expect(dataOf(await ended)).toEqual(['waiting', 'continued', 'waited']);
    await processes.settle();
  });

  test('and a JSON response contain an error where the result of the tool is not serializable', async () => {
    const { processes, session } = await setUp();
    for (const first of [false, true]) {
      const messages = await messagesOf(await session.post(session.toolCall('unserializable', { first })));
      expect(messages.at(-1)!.error).toMatchObject({ code: -32603 });
    }
    await processes.settle();
  });
});

describe('a preference of a client', () => {
  test('for a log level applies in the next process', async () => {
    const { processes, session } = await setUp();
    const logMessages = async () => dataOf(await eventsOf(await session.post(session.toolCall('log-debug'))));
    expect(await logMessages()).toEqual(['debug', 'error', 'logged']);
    await (await session.post(session.request('logging/setLevel', { level: 'error' }))).text();
    expect(await logMessages()).toEqual(['error', 'logged']);
    await (await session.post(session.request('logging/setLevel', { level: 'no level' }))).text();
    expect(await logMessages()).toEqual(['error', 'logged']);
    await processes.settle();
  });

  test('for updates of a resource applies in the next process', async () => {
    const { processes, ada, session } = await setUp();
    const subscriptions = async () => {
      const { stored } = await processes.stores.sessions.find(ada.grant, session.id);
      return (stored as { subscriptions?: Set<string> }).subscriptions;
    };
    for (const uri of ['test://a', 'test://b', `test://${'x'.repeat(2000)}`]) {
      expect(await messagesOf(await session.post(session.request('resources/subscribe', { uri })))).toMatchObject([
        { result: {} },
      ]);
    }
    expect(await subscriptions()).toEqual(new Set(['test://a', 'test://b']));
    await session.post(session.request('resources/unsubscribe', { uri: 'test://a' }));
    expect(await subscriptions()).toEqual(new Set(['test://b']));
    await processes.settle();
  });

  test('is accepted also when it cannot be stored, and the failure is logged', async () => {
    const { processes, session } = await setUp();
    processes.around = (method, call) =>
      method === 'sessions.savePreferences' ? Promise.reject(new Error('denied')) : call();
    const [response] = await messagesOf(await session.post(session.request('logging/setLevel', { level: 'error' })));
    expect(response).toMatchObject({ result: {} });
    await processes.settle();
    expect(processes.log).toMatchObject([{ event: 'session_preferences_failed' }]);
  });
});

describe('the endpoint', () => {
  const ping = (id: unknown) => ({ jsonrpc: '2.0', id, method: 'ping' });

  test.each([0, '', 'holdfast-replay', 'x'.repeat(256), -1, 9007199254740991, '1'])(
    'accepts %j as an id',
    async (id) => {
      const { processes, session } = await setUp();
      expect(await messagesOf(await session.post(ping(id)))).toEqual([{ jsonrpc: '2.0', id, result: {} }]);
      await processes.settle();
    },
  );

  test.each([null, 1.5, {}, [], true, 'x'.repeat(257)])('rejects %j as an id', async (id) => {
    const { processes, session } = await setUp();
    expect((await session.post(ping(id))).status).toBe(400);
    await processes.settle();
  });

  test('accepts a batch of at most a hundred messages with different ids', async () => {
    const { processes, session } = await setUp({ version: '2025-03-26' });
    const batch = (count: number) => Array.from({ length: count }, (_, index) => ping(index));
    const responses = await messagesOf(await session.post(batch(100)));
    expect(responses.map(({ id }) => id).toSorted((a, b) => Number(a) - Number(b))).toEqual(
      batch(100).map(({ id }) => id),
    );
    expect((await session.post(batch(101))).status).toBe(400);
    expect((await session.post([ping(1), ping(2), ping(1)])).status).toBe(400);
    expect(await messagesOf(await session.post([ping(1), ping('1')]))).toHaveLength(2);
    await processes.settle();
  });

  test('answers a batch on one stream when one of its calls needs a stream', async () => {
    const { processes, session } = await setUp({ version: '2025-03-26' });
    const calls = [session.toolCall('quick'), session.toolCall('log', { times: 2 }), session.toolCall('quick')];
    const messages = await messagesOf(await session.post(calls));
    const answered = messages.flatMap(({ id, method }) => (method ? [] : [id]));
    expect(answered.toSorted()).toEqual(calls.map(({ id }) => id));
    await processes.settle();
  });

  test('answers a batch that cancels its own request', async () => {
    const { processes, session } = await setUp({ version: '2025-03-26' });
    const call = session.toolCall('quick');
    const cancelled = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: call.id } };
    expect(await messagesOf(await session.post([call, cancelled]))).toHaveLength(1);
    await processes.settle();
  });

  test.each(['HEAD', 'PUT', 'PATCH', 'OPTIONS'])('rejects the method %s', async (method) => {
    const { processes, ada } = await setUp();
    const response = await processes.fetchAs(ada)(processes.url, { method });
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST, DELETE']);
  });

  test('accepts GET only with a session, an event id and an Accept header for a stream', async () => {
    const { processes, ada, session } = await setUp();
    const get = (headers: Record<string, string>) => processes.fetchAs(ada)(processes.url, { headers });
    expect((await get({ 'mcp-session-id': session.id, accept: 'text/event-stream' })).status).toBe(405);
    expect((await get({ 'last-event-id': 'x', accept: 'text/event-stream' })).status).toBe(405);
    expect((await get({ 'mcp-session-id': session.id, 'last-event-id': 'x', accept: '*/json' })).status).toBe(406);
  });

  test.each([{}, { method: 'ping' }, { jsonrpc: '1.0', id: 1, method: 'ping' }, { jsonrpc: '2.0' }, 17])(
    'rejects %j as a message',
    async (message) => {
      const { processes, session } = await setUp();
      expect((await session.post(message)).status).toBe(400);
      expect((await session.post([message])).status).toBe(400);
      await processes.settle();
    },
  );
});

describe('a process', () => {
  afterEach(() => jest.restoreAllMocks());
  test('has no timer left after any response', async () => {
    const started = jest.spyOn(globalThis, 'setTimeout');
    const cleared = jest.spyOn(globalThis, 'clearTimeout');
    const { processes, clock, session, control } = await setUp();
    control.gate.resolve();
    for (const message of [
      session.toolCall('quick'),
      session.toolCall('log', { times: 3 }),
      session.toolCall('log-and-wait'),
      session.toolCall('elicit'),
      session.toolCall('unknown'),
      { jsonrpc: '2.0', method: 'notifications/initialized' },
      { jsonrpc: '2.0', method: 'notifications/roots/list_changed' },
    ]) {
      await (await session.post(message)).text();
      await processes.settle();
      expect(clock.sleeping()).toBe(0);
    }
    const timers = started.mock.results.map(({ value }) => value);
    expect(timers.length).toBeGreaterThan(0);
    expect(cleared.mock.calls.map(([timer]) => timer)).toEqual(expect.arrayContaining(timers));
  });

  test('keeps no memory of the requests that it has answered', async () => {
    const { processes, ada, session } = await setUp();
    const fetch = processes.fetchAs(ada, new Process());
    const callOnce = async () => {
      const headers = {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-session-id': session.id,
        'mcp-protocol-version': '2025-11-25',
      };
      const body = JSON.stringify(session.toolCall('quick'));
      await (await fetch(processes.url, { method: 'POST', headers, body })).text();
      processes.requests.length = 0;
    };
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const heap = () => {
      collect();
      return process.memoryUsage().heapUsed;
    };
    for (let count = 0; count < 500; count++) await callOnce();
    await processes.settle();
    const before = heap();
    for (let count = 0; count < 2_500; count++) {
      await callOnce();
      if (count % 500 === 0) await processes.settle();
    }
    await processes.settle();
    expect((heap() - before) / 2_500).toBeLessThan(2_000);
  }, 60_000);
});
