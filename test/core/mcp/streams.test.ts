import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { McpServer } from '@modelcontextprotocol/server';
import * as fc from 'fast-check';
import * as z from 'zod/v4';
import { LEASE_SECONDS } from '../../../lambda/core/mcp/execution.ts';
import {
  eventsOf,
  type Message,
  messagesOf,
  ofSessions,
  RawSession,
  type SseEvent,
} from '../../support/era-clients.ts';
import { Process, Processes } from '../../support/mcp-processes.ts';

const text = (value: string) => ({ content: [{ type: 'text' as const, text: value }] });

/** What tools wait for, and what became of their signals. */
type Stage = { gate: PromiseWithResolvers<void>; aborted: boolean; closeSSE: boolean };

function serverOn(stage: Stage): McpServer {
  const capabilities = { logging: {}, resources: { subscribe: true } };
  const server = new McpServer({ name: 'streaming', version: '1' }, { capabilities });
  server.registerTool('quick', {}, async () => text('quick'));
  server.registerTool('say', { inputSchema: z.object({ times: z.number() }) }, async ({ times }, { mcpReq }) => {
    for (let index = 1; index <= times; index++) await mcpReq.log('info', index);
    return text('said');
  });
  server.registerTool('say-debug', {}, async ({ mcpReq }) => {
    await mcpReq.log('debug', 'debug');
    await mcpReq.log('error', 'error');
    return text('said');
  });
  server.registerTool('progress', {}, async ({ mcpReq }) => {
    const progressToken = mcpReq._meta?.progressToken;
    if (progressToken !== undefined) {
      await mcpReq.notify({
        method: 'notifications/progress',
        params: { progressToken, progress: 1, message: 'half' },
      });
    }
    await stage.gate.promise;
    return text('done');
  });
  server.registerTool('say-and-wait', {}, async ({ mcpReq, http }) => {
    mcpReq.signal.addEventListener('abort', () => {
      stage.aborted = true;
    });
    await mcpReq.log('info', 'waiting');
    if (stage.closeSSE) http?.closeSSE?.();
    await stage.gate.promise;
    await mcpReq.log('info', 'going on');
    return text('waited');
  });
  server.registerTool('ask', {}, async ({ mcpReq }) => {
    mcpReq.signal.addEventListener('abort', () => {
      stage.aborted = true;
    });
    const requestedSchema = { type: 'object' as const, properties: { name: { type: 'string' as const } } };
    const { content } = await mcpReq.elicitInput({ message: 'Who?', requestedSchema });
    return text(String(content?.name));
  });
  server.registerTool(
    'unwritable',
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

async function world({ version = '2025-11-25' } = {}) {
  const stage: Stage = { gate: Promise.withResolvers(), aborted: false, closeSSE: false };
  const processes = new Processes({ createServer: () => serverOn(stage) });
  const ada = await processes.callerOf('ada');
  const session = await RawSession.begin(processes.url, processes.fetchAs(ada), { version });
  const runs = () => processes.stores.runs.executionsOf(ada.grant);
  return { processes, ada, session, stage, runs };
}

const dataOf = (events: SseEvent[]) =>
  events.flatMap(({ message }) => (message ? [message.params?.data ?? message.result?.content?.[0]?.text] : []));
const numbersOf = (events: SseEvent[]) => events.map(({ id }) => Number(id?.split('.')[1]));

/** Reads a stream while it runs. */
function reading(response: Response) {
  const events: SseEvent[] = [];
  const ended = eventsOf(response, Number.POSITIVE_INFINITY, events);
  const until = async (count: number) => {
    while (events.length < count) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  return { events, ended, until };
}

test('an answer and nothing else is JSON, and nothing is stored but that it was given', async () => {
  const { processes, session } = await world();
  const used: string[] = [];
  processes.around = (method, call) => {
    used.push(method);
    return call();
  };
  const response = await session.post(session.toolCall('quick'));
  expect(response.headers.get('content-type')).toBe('application/json');
  expect(await messagesOf(response)).toMatchObject([{ result: { content: [{ text: 'quick' }] } }]);
  await processes.settle();
  expect(used).toEqual(['sessions.find', 'calls.recordCall']);
});

describe.each(ofSessions)('%s', (_, connect) => {
  test('hears of progress and of log messages while the call runs', async () => {
    const { processes, ada, stage } = await world();
    const client = await connect(processes.url, processes.fetchAs(ada));
    const heard = Promise.withResolvers<void>();
    const call = client.call('progress', {}, { onprogress: () => heard.resolve() });
    await heard.promise;
    stage.gate.resolve();
    expect((await call).content[0]!.text).toBe('done');
    stage.gate = Promise.withResolvers();
    const waiting = client.call('say-and-wait');
    while (client.logs.length < 1) await new Promise((resolve) => setTimeout(resolve, 5));
    stage.gate.resolve();
    await waiting;
    expect(client.logs).toEqual(['waiting', 'going on']);
    await client.close();
    await processes.settle();
    expect([processes.log, client.errors]).toEqual([[], []]);
  });

  test('takes up a stream that broke off, and misses nothing', async () => {
    const { processes, ada, stage } = await world();
    const broken = Promise.withResolvers<void>();
    const fetch = processes.fetchAs(ada);
    const breaking: typeof fetch = async (url, init) => {
      const response = await fetch(url, init);
      const body = String(init?.body ?? '');
      if (!body.includes('say-and-wait')) return response;
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
    const client = await connect(processes.url, breaking);
    const call = client.call('say-and-wait');
    while (client.logs.length < 1) await new Promise((resolve) => setTimeout(resolve, 5));
    broken.resolve();
    stage.gate.resolve();
    expect((await call).content[0]!.text).toBe('waited');
    expect(client.logs).toEqual(['waiting', 'going on']);
    await client.close();
    await processes.settle();
  });

  test('abandons a call, which is told so by its signal', async () => {
    const { processes, ada, stage, runs } = await world();
    const client = await connect(processes.url, processes.fetchAs(ada));
    const abort = new AbortController();
    const call = client.call('say-and-wait', {}, { signal: abort.signal }).catch((error) => error);
    while (client.logs.length < 1) await new Promise((resolve) => setTimeout(resolve, 5));
    abort.abort();
    expect(await call).toBeInstanceOf(Error);
    while (!stage.aborted) await new Promise((resolve) => setTimeout(resolve, 50));
    await processes.settle();
    expect((await runs()).map(({ status }) => status)).toEqual(['cancelled']);
    await client.close();
    stage.gate.resolve();
  }, 15_000);
});

describe('a stream', () => {
  test('of 2025-11-25 begins with where it stands, and each event says where it stands', async () => {
    const { processes, session, runs } = await world();
    const events = await eventsOf(await session.post(session.toolCall('say', { times: 3 })));
    expect(events[0]).toMatchObject({ id: expect.any(String), retry: expect.any(String) });
    expect(events[0]!.message).toBeUndefined();
    expect(numbersOf(events)).toEqual([0, 1, 2, 3, 4]);
    expect(dataOf(events)).toEqual([1, 2, 3, 'said']);
    await processes.settle();
    expect(await runs()).toMatchObject([{ status: 'done', events: 4 }]);
  });

  test('of an earlier revision has no event without data', async () => {
    const { processes, session } = await world({ version: '2025-06-18' });
    const events = await eventsOf(await session.post(session.toolCall('say', { times: 1 })));
    expect(events.every(({ message }) => message)).toBe(true);
    await processes.settle();
  });

  test('that is cut anywhere, as often as one likes, and taken up again delivers each event once, in order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 12 }), fc.array(fc.nat(6), { maxLength: 4 }), async (times, cuts) => {
        const { processes, session } = await world();
        let response = await session.post(session.toolCall('say', { times }));
        const all: SseEvent[] = [];
        if (times === 0) return expect(await messagesOf(response)).toHaveLength(1);
        for (const cut of cuts) {
          all.push(...(await eventsOf(response, cut + 1)));
          response = await session.resume(all.at(-1)!.id!);
        }
        all.push(...(await eventsOf(response)));
        expect(numbersOf(all)).toEqual(Array.from({ length: times + 2 }, (_, index) => index));
        expect(dataOf(all)).toEqual([...Array.from({ length: times }, (_, index) => index + 1), 'said']);
        return processes.settle();
      }),
      { numRuns: 60 },
    );
  }, 60_000);

  test('is in order however long the store takes for each step', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(15), { minLength: 1, maxLength: 10 }), fc.nat(8), async (delays, times) => {
        const { processes, session } = await world();
        let step = 0;
        processes.around = async (_, call) => {
          await new Promise((resolve) => setTimeout(resolve, delays[step++ % delays.length]));
          return call();
        };
        const events = await eventsOf(await session.post(session.toolCall('say', { times: times + 1 })));
        expect(numbersOf(events)).toEqual(Array.from({ length: times + 3 }, (_, index) => index));
        await processes.settle();
        expect(numbersOf(await eventsOf(await session.resume(events[0]!.id!)))).toEqual(numbersOf(events).slice(1));
      }),
      { numRuns: 30 },
    );
  }, 60_000);

  test('is taken up nowhere but where it is, by nobody but its session', async () => {
    const { processes, ada, session } = await world();
    const [first] = await eventsOf(await session.post(session.toolCall('say', { times: 1 })));
    await processes.settle();
    const id = first!.id!;
    for (const malformed of ['', 'x', '17', `${id}x`, `${id}0000000000`, id.replace('.', ':'), id.slice(1)]) {
      expect((await session.resume(malformed)).status).toBe(400);
    }
    expect((await session.resume(`A${id.slice(1)}`)).status).toBe(404);
    const alan = await RawSession.begin(processes.url, processes.fetchAs(await processes.callerOf('alan')));
    expect((await alan.resume(id)).status).toBe(404);
    alan.id = session.id;
    expect((await alan.resume(id)).status).toBe(404);
    const second = await RawSession.begin(processes.url, processes.fetchAs(ada));
    expect((await second.resume(id)).status).toBe(404);
    expect(await messagesOf(await session.resume(`${id.split('.')[0]}.999999999`))).toEqual([]);
    await processes.fetchAs(ada)(processes.url, { method: 'DELETE', headers: { 'mcp-session-id': session.id } });
    expect((await session.resume(id)).status).toBe(404);
  });

  test('that is quiet is kept open', async () => {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] });
    try {
      const { processes, session, stage } = await world();
      const pending = session.post(session.toolCall('progress'));
      await jest.advanceTimersByTimeAsync(10_001);
      const response = await pending;
      expect(response.headers.get('content-type')).toBe('text/event-stream');
      await jest.advanceTimersByTimeAsync(30_000);
      stage.gate.resolve();
      const body = response.text();
      await jest.advanceTimersByTimeAsync(1_000);
      expect((await body).match(/: keep-alive/g)).toHaveLength(2);
      await processes.settle();
    } finally {
      jest.useRealTimers();
    }
  });

  test('that is followed elsewhere is kept open as well, until it is time to ask again', async () => {
    const { processes, session, stage } = await world();
    const first = reading(await session.post(session.toolCall('say-and-wait')));
    await first.until(2);
    const { runs } = processes.stores;
    const findRun = runs.findExecution.bind(runs);
    // Its process lives: it renews its lease by a clock that does not race.
    runs.findExecution = async (...of) => ({ ...(await findRun(...of))!, leaseUntil: Number.POSITIVE_INFINITY });
    const resumed = await session.resume(first.events[1]!.id!);
    const ticking = setInterval(() => {
      processes.clock.now += 4;
    }, 50);
    const body = await resumed.text();
    clearInterval(ticking);
    expect(body).toMatch(/^: keep-alive\n\n/);
    expect(body).toMatch(/retry: \d+\ndata: \n\n$/);
    stage.gate.resolve();
    await first.ended;
    await processes.settle();
  });

  test('may be closed by its tool, and is taken up again', async () => {
    const { processes, session, stage } = await world();
    stage.closeSSE = true;
    const events = await eventsOf(await session.post(session.toolCall('say-and-wait')));
    expect(dataOf(events)).toEqual(['waiting']);
    stage.gate.resolve();
    expect(dataOf(await eventsOf(await session.resume(events.at(-1)!.id!)))).toEqual(['going on', 'waited']);
    await processes.settle();
  });

  test('that cannot be stored is not closed early, for nobody could take it up', async () => {
    const { processes, session, stage } = await world();
    stage.closeSSE = true;
    stage.gate.resolve();
    processes.around = (method, call) =>
      method === 'runs.createExecution' ? Promise.reject(new Error('denied')) : call();
    const events = await eventsOf(await session.post(session.toolCall('say-and-wait')));
    expect(dataOf(events)).toEqual(['waiting', 'going on', 'waited']);
    expect(events.every(({ id }) => id === undefined)).toBe(true);
    await processes.settle();
    expect(processes.log).toMatchObject([{ event: 'stream_store_failed' }]);
  });

  test('whose process has died ends with an error after the lease, and not before', async () => {
    const { processes, session, stage } = await world();
    let dying: Process | undefined;
    processes.before = (_, process, body) => {
      if ((body as Message)?.method === 'tools/call') dying = process;
    };
    const { events, ended, until } = reading(await session.post(session.toolCall('say-and-wait')));
    await until(2);
    dying!.kill();
    await expect(ended).rejects.toThrow('terminated');
    processes.clock.now += LEASE_SECONDS - 1;
    const resumed = reading(await session.resume(events.at(-1)!.id!));
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(resumed.events).toEqual([]);
    processes.clock.now += 1;
    expect((await resumed.ended).map(({ message }) => message)).toMatchObject([{ error: { code: -32603 } }]);
    // Whoever comes later, and has seen less or more, is told the same.
    const again = await eventsOf(await session.resume(events[0]!.id!));
    expect(again.at(-1)!.message).toMatchObject({ error: { code: -32603 } });
    stage.gate.resolve();
    dying!.discard();
    await processes.settle();
  });

  test('whose process has died ends with an error for a client that has seen more than was stored', async () => {
    const { processes, session, stage } = await world();
    let dying: Process | undefined;
    processes.before = (_, process, body) => {
      if ((body as Message)?.method === 'tools/call') dying = process;
    };
    processes.around = async (method, call, process) => {
      if (process !== dying || method !== 'runs.addEvents') return call();
      process.kill();
      throw new TypeError('terminated');
    };
    const { events, ended } = reading(await session.post(session.toolCall('say-and-wait')));
    await expect(ended).rejects.toThrow('terminated');
    processes.clock.now += LEASE_SECONDS;
    const rest = await eventsOf(await session.resume(events.at(-1)!.id!));
    expect(rest.map(({ message }) => message)).toMatchObject([{ error: { code: -32603 } }]);
    stage.gate.resolve();
    dying!.discard();
    await processes.settle();
  });

  test('whose process was taken for dead ends with that error for the client that is still there', async () => {
    const { processes, session, stage, runs } = await world();
    const first = reading(await session.post(session.toolCall('say-and-wait')));
    await first.until(2);
    const isStored = async () => {
      const [run] = await runs();
      return run !== undefined && (await processes.stores.runs.eventsAfter(run, 0)).length > 0;
    };
    while (!(await isStored())) await new Promise((resolve) => setTimeout(resolve, 20));
    processes.clock.now += LEASE_SECONDS;
    const resumed = await eventsOf(await session.resume(first.events[1]!.id!));
    expect(resumed.at(-1)!.message).toMatchObject({ error: { code: -32603 } });
    expect((await first.ended).at(-1)!.message).toMatchObject({ error: { code: -32603 } });
    expect(stage.aborted).toBe(true);
    stage.gate.resolve();
    await processes.settle();
    expect(dataOf(await eventsOf(await session.resume(first.events[1]!.id!)))).toEqual([undefined]);
  }, 15_000);

  test('of a call that is cancelled ends without an answer, and the call hears of it', async () => {
    const { processes, session, stage, runs } = await world();
    const call = session.toolCall('say-and-wait');
    const { ended, until } = reading(await session.post(call));
    await until(2);
    expect((await session.cancel('another')).status).toBe(202);
    expect((await session.cancel(call.id)).status).toBe(202);
    expect(dataOf(await ended)).toEqual(['waiting']);
    expect(stage.aborted).toBe(true);
    stage.gate.resolve();
    await processes.settle();
    expect(await runs()).toMatchObject([{ status: 'cancelled' }]);
  }, 15_000);

  test('is not cancelled by another session', async () => {
    const { processes, ada, session, stage } = await world();
    const second = await RawSession.begin(processes.url, processes.fetchAs(ada));
    const call = session.toolCall('say-and-wait');
    const { ended, until } = reading(await session.post(call));
    await until(2);
    await second.cancel(call.id);
    stage.gate.resolve();
    expect(dataOf(await ended)).toEqual(['waiting', 'going on', 'waited']);
    await processes.settle();
  });

  test('ends with an error where the result is not JSON, and so does an answer that is none', async () => {
    const { processes, session } = await world();
    for (const first of [false, true]) {
      const messages = await messagesOf(await session.post(session.toolCall('unwritable', { first })));
      expect(messages.at(-1)!.error).toMatchObject({ code: -32603 });
    }
    await processes.settle();
  });
});

describe('what a client wants from now on', () => {
  test('is known to the next process: the log level', async () => {
    const { processes, session } = await world();
    const logged = async () => dataOf(await eventsOf(await session.post(session.toolCall('say-debug'))));
    expect(await logged()).toEqual(['debug', 'error', 'said']);
    await (await session.post(session.request('logging/setLevel', { level: 'error' }))).text();
    expect(await logged()).toEqual(['error', 'said']);
    await (await session.post(session.request('logging/setLevel', { level: 'no level' }))).text();
    expect(await logged()).toEqual(['error', 'said']);
    await processes.settle();
  });

  test('is known to the next process: the resources', async () => {
    const { processes, ada, session } = await world();
    const kept = async () => {
      const { stored } = await processes.stores.sessions.find(ada.grant, session.id);
      return (stored as { subscriptions?: Set<string> }).subscriptions;
    };
    for (const uri of ['test://a', 'test://b', `test://${'x'.repeat(2000)}`]) {
      expect(await messagesOf(await session.post(session.request('resources/subscribe', { uri })))).toMatchObject([
        { result: {} },
      ]);
    }
    expect(await kept()).toEqual(new Set(['test://a', 'test://b']));
    await session.post(session.request('resources/unsubscribe', { uri: 'test://a' }));
    expect(await kept()).toEqual(new Set(['test://b']));
    await processes.settle();
  });

  test('is said to be known also when it could not be kept, which the log tells', async () => {
    const { processes, session } = await world();
    processes.around = (method, call) => (method === 'sessions.note' ? Promise.reject(new Error('denied')) : call());
    const [answer] = await messagesOf(await session.post(session.request('logging/setLevel', { level: 'error' })));
    expect(answer).toMatchObject({ result: {} });
    await processes.settle();
    expect(processes.log).toMatchObject([{ event: 'session_preferences_failed' }]);
  });
});

describe('on the wire', () => {
  const ping = (id: unknown) => ({ jsonrpc: '2.0', id, method: 'ping' });

  test.each([0, '', 'holdfast-replay', 'x'.repeat(256), -1, 9007199254740991, '1'])('an id may be %j', async (id) => {
    const { processes, session } = await world();
    expect(await messagesOf(await session.post(ping(id)))).toEqual([{ jsonrpc: '2.0', id, result: {} }]);
    await processes.settle();
  });

  test.each([null, 1.5, {}, [], true, 'x'.repeat(257)])('an id may not be %j', async (id) => {
    const { processes, session } = await world();
    expect((await session.post(ping(id))).status).toBe(400);
    await processes.settle();
  });

  test('a batch has a hundred messages at most, whose ids differ', async () => {
    const { processes, session } = await world({ version: '2025-03-26' });
    const batch = (count: number) => Array.from({ length: count }, (_, index) => ping(index));
    const answers = await messagesOf(await session.post(batch(100)));
    expect(answers.map(({ id }) => id).toSorted((a, b) => Number(a) - Number(b))).toEqual(
      batch(100).map(({ id }) => id),
    );
    expect((await session.post(batch(101))).status).toBe(400);
    expect((await session.post([ping(1), ping(2), ping(1)])).status).toBe(400);
    expect(await messagesOf(await session.post([ping(1), ping('1')]))).toHaveLength(2);
    await processes.settle();
  });

  test('a batch with an answer, a call that streams and one that does not is answered on one stream', async () => {
    const { processes, session } = await world({ version: '2025-03-26' });
    const calls = [session.toolCall('quick'), session.toolCall('say', { times: 2 }), session.toolCall('quick')];
    const messages = await messagesOf(await session.post(calls));
    const answered = messages.flatMap(({ id, method }) => (method ? [] : [id]));
    expect(answered.toSorted()).toEqual(calls.map(({ id }) => id));
    await processes.settle();
  });

  test('a batch that cancels what it asks for is answered all the same', async () => {
    const { processes, session } = await world({ version: '2025-03-26' });
    const call = session.toolCall('quick');
    const cancelled = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: call.id } };
    expect(await messagesOf(await session.post([call, cancelled]))).toHaveLength(1);
    await processes.settle();
  });

  test.each(['HEAD', 'PUT', 'PATCH', 'OPTIONS'])('%s is not a method of it', async (method) => {
    const { processes, ada } = await world();
    const response = await processes.fetchAs(ada)(processes.url, { method });
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST, DELETE']);
  });

  test('GET is answered to who comes back for a stream, and takes one', async () => {
    const { processes, ada, session } = await world();
    const get = (headers: Record<string, string>) => processes.fetchAs(ada)(processes.url, { headers });
    expect((await get({ 'mcp-session-id': session.id, accept: 'text/event-stream' })).status).toBe(405);
    expect((await get({ 'last-event-id': 'x', accept: 'text/event-stream' })).status).toBe(405);
    expect((await get({ 'mcp-session-id': session.id, 'last-event-id': 'x', accept: '*/json' })).status).toBe(406);
  });

  test.each([{}, { method: 'ping' }, { jsonrpc: '1.0', id: 1, method: 'ping' }, { jsonrpc: '2.0' }, 17])(
    '%j is no message',
    async (message) => {
      const { processes, session } = await world();
      expect((await session.post(message)).status).toBe(400);
      expect((await session.post([message])).status).toBe(400);
      await processes.settle();
    },
  );
});

describe('a process', () => {
  const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;

  test('that has answered has no timer left, whatever it was asked', async () => {
    const before = timers();
    const { processes, session, stage } = await world();
    stage.gate.resolve();
    for (const message of [
      session.toolCall('quick'),
      session.toolCall('say', { times: 3 }),
      session.toolCall('say-and-wait'),
      session.toolCall('ask'),
      session.toolCall('unknown'),
      { jsonrpc: '2.0', method: 'notifications/initialized' },
      { jsonrpc: '2.0', method: 'notifications/roots/list_changed' },
    ]) {
      await (await session.post(message)).text();
      await processes.settle();
    }
    expect(timers()).toBeLessThanOrEqual(before);
  });

  test('that answers for long keeps nothing of what it has answered', async () => {
    const { processes, ada, session } = await world();
    const fetch = processes.fetchAs(ada, new Process());
    const once = async () => {
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
    for (let count = 0; count < 500; count++) await once();
    await processes.settle();
    const before = heap();
    for (let count = 0; count < 10_000; count++) {
      await once();
      if (count % 500 === 0) await processes.settle();
    }
    await processes.settle();
    expect(heap() - before).toBeLessThan(20 * 1024 * 1024);
  }, 120_000);
});
