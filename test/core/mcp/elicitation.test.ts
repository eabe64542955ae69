import { acceptedContent, inputRequired, McpServer, type ServerContext } from '@modelcontextprotocol/server';
import * as z from 'zod/v4';
import type { Caller } from '../../../lambda/core/access/caller.ts';
import { LEASE_SECONDS } from '../../../lambda/core/mcp/execution.ts';
import { ServiceUnavailableError } from '../../../lambda/core/support/service-unavailable-error.ts';
import {
  buffering,
  eventsOf,
  type Message,
  messagesOf,
  ofSessions,
  ofToday,
  RawSession,
  type SseEvent,
} from '../../support/era-clients.ts';
import { type Process, Processes } from '../../support/mcp-processes.ts';

const name = z.object({ name: z.string() });
const requestedSchema = {
  type: 'object' as const,
  properties: { name: { type: 'string' as const } },
  required: ['name'],
};
const ask = (message: string) => inputRequired.elicit({ message, requestedSchema });
const text = (value: string) => ({ content: [{ type: 'text' as const, text: value }] });

/** How often the code behind a question ran, and the code before it. */
type Ran = { before: number; after: number };
let ran: Ran;
beforeEach(() => {
  ran = { before: 0, after: 0 };
});

/** What a tool waits for that has nothing to do with its client. */
let gate = Promise.withResolvers<void>();
beforeEach(() => {
  gate = Promise.withResolvers<void>();
});

const createServer = () => serverThatCounts(ran);

function serverThatCounts(ran: Ran): McpServer {
  const server = new McpServer({ name: 'asking', version: '1' }, { capabilities: { logging: {} } });
  // In the words of 2026-07-28: the question is the tool's answer.
  server.registerTool(
    'greet',
    { inputSchema: z.object({ to: z.optional(z.string()), with: z.optional(z.unknown()) }) },
    async (_, { mcpReq }) => {
      const answer = acceptedContent(mcpReq.inputResponses, 'who', name);
      if (!answer) {
        const given = mcpReq.inputResponses?.who as { action?: string } | undefined;
        if (given) return text(`No greeting: ${given.action}`);
        ran.before += 1;
        return inputRequired({ inputRequests: { who: ask('Who?') }, requestState: 'greeting' });
      }
      ran.after += 1;
      return text(`Hello, ${answer.name}, ${mcpReq.requestState<string>()}`);
    },
  );
  server.registerTool('greet-all', {}, async ({ mcpReq }) => {
    const names = ['first', 'second', 'third'].map((key) => acceptedContent(mcpReq.inputResponses, key, name)?.name);
    if (names.includes(undefined)) {
      return inputRequired({ inputRequests: { first: ask('1?'), second: ask('2?'), third: ask('3?') } });
    }
    ran.after += 1;
    return text(names.join());
  });
  server.registerTool('greet-in-turn', {}, async ({ mcpReq }) => {
    const answer = acceptedContent(mcpReq.inputResponses, 'who', name);
    const names = [...JSON.parse(mcpReq.requestState<string>() ?? '[]'), ...(answer ? [answer.name] : [])];
    if (names.length < 3) {
      return inputRequired({ inputRequests: { who: ask(`${names.length}?`) }, requestState: JSON.stringify(names) });
    }
    ran.after += 1;
    return text(names.join());
  });
  server.registerTool('complete', {}, async ({ mcpReq }) => {
    const messages = [{ role: 'user' as const, content: { type: 'text' as const, text: 'And then?' } }];
    const said = mcpReq.inputResponses?.said as { content?: { text?: string } } | undefined;
    if (!said) {
      return inputRequired({ inputRequests: { said: inputRequired.createMessage({ messages, maxTokens: 10 }) } });
    }
    ran.after += 1;
    return text(String(said.content?.text));
  });
  server.registerTool('look', {}, async ({ mcpReq }) => {
    const roots = mcpReq.inputResponses?.roots as { roots?: { uri: string }[] } | undefined;
    if (!roots) return inputRequired({ inputRequests: { roots: inputRequired.listRoots() } });
    ran.after += 1;
    return text(String(roots.roots?.map(({ uri }) => uri)));
  });
  // In the words of 2025: the tool waits for its question.
  server.registerTool(
    'push',
    { inputSchema: z.object({ times: z.optional(z.number()) }) },
    async ({ times = 1 }, ctx) => {
      ran.before += 1;
      await ctx.mcpReq.log('info', 'before');
      const answers = await pushed(ctx, times);
      ran.after += 1;
      await ctx.mcpReq.log('info', 'after');
      return text(answers);
    },
  );
  server.registerTool('push-at-once', {}, async ({ mcpReq }) => {
    const answers = await Promise.all(['1?', '2?'].map((message) => mcpReq.elicitInput({ message, requestedSchema })));
    ran.after += 1;
    return text(answers.map(({ content }) => content?.name).join());
  });
  server.registerTool('push-and-talk', {}, async ({ mcpReq }) => {
    const talk = async () => {
      for (let index = 0; index < 5; index++) {
        await mcpReq.log('info', index);
        await new Promise((resolve) => setTimeout(resolve));
      }
    };
    const [{ content }] = await Promise.all([mcpReq.elicitInput({ message: 'Who?', requestedSchema }), talk()]);
    ran.after += 1;
    return text(String(content?.name));
  });
  server.registerTool('wait', {}, async () => {
    await gate.promise;
    return text('waited');
  });
  server.registerTool('echo', { inputSchema: z.object({ size: z.number() }) }, async ({ size }, { mcpReq }) => {
    const answer = acceptedContent(mcpReq.inputResponses, 'who', name);
    if (!answer) return inputRequired({ inputRequests: { who: ask('Who?') } });
    ran.after += 1;
    return text(answer.name + 'é'.repeat(size));
  });
  return server;
}

async function pushed({ mcpReq }: ServerContext, times: number): Promise<string> {
  const names: unknown[] = [];
  for (let index = 0; index < times; index++) {
    const { action, content } = await mcpReq.elicitInput({ message: `${index}?`, requestedSchema });
    names.push(action === 'accept' ? content?.name : action);
  }
  return names.join();
}

async function world(options: { version?: string } = {}) {
  const ran: Ran = { before: 0, after: 0 };
  const processes = new Processes({ createServer: () => serverThatCounts(ran) });
  const ada = await processes.callerOf('ada');
  const session = await RawSession.begin(processes.url, processes.fetchAs(ada), options);
  return { processes, ada, session, ran };
}

const accept = (value: string) => ({ action: 'accept' as const, content: { name: value } });

/** Makes a call that asks, and returns its questions. */
async function asked(
  session: RawSession,
  tool: string,
  given: object = {},
): Promise<{ last: string; questions: Message[] }> {
  const events = await eventsOf(await session.post(session.toolCall(tool, given)));
  const questions = events.flatMap(({ message }) => (message?.method && message.id !== undefined ? [message] : []));
  return { last: events.at(-1)!.id!, questions };
}

const everyClient = [...ofSessions, ...ofToday];

describe.each(everyClient)('%s', (_, connect) => {
  const clientOf = async (
    answers: Parameters<typeof connect>[2],
    through = (fetch: ReturnType<Processes['fetchAs']>) => fetch,
  ) => {
    const processes = new Processes({ createServer });
    const ada = await processes.callerOf('ada');
    const client = await connect(processes.url, through(processes.fetchAs(ada)), answers);
    const close = async () => {
      await client.close();
      await processes.settle();
      expect(processes.log).toEqual([]);
      expect(client.errors).toEqual([]);
    };
    return { processes, client, close };
  };

  test.each([
    ['at once', (fetch: ReturnType<Processes['fetchAs']>) => fetch],
    ['through a gateway that buffers', buffering],
  ])('answers what its user is asked, its model and its machine, %s', async (_, through) => {
    const { client, close } = await clientOf(
      { elicit: () => accept('Ada'), sample: (prompt) => `${prompt} The end`, roots: () => ['file:///home'] },
      through,
    );
    expect((await client.call('greet')).content[0]!.text).toBe('Hello, Ada, greeting');
    expect((await client.call('complete')).content[0]!.text).toBe('And then? The end');
    expect((await client.call('look')).content[0]!.text).toBe('file:///home');
    expect(ran.after).toBe(3);
    await close();
  });

  test('is asked several things at once', async () => {
    const { client, close } = await clientOf({ elicit: (message) => accept(`to ${message}`) });
    expect((await client.call('greet-all')).content[0]!.text).toBe('to 1?,to 2?,to 3?');
    expect(ran.after).toBe(1);
    await close();
  });

  test('is asked one thing after another', async () => {
    const { client, close } = await clientOf({ elicit: (message) => accept(`to ${message}`) });
    expect((await client.call('greet-in-turn')).content[0]!.text).toBe('to 0?,to 1?,to 2?');
    expect(ran.after).toBe(1);
    await close();
  });

  test.each(['decline', 'cancel'] as const)('may %s', async (action) => {
    const { client, close } = await clientOf({ elicit: () => ({ action }) });
    expect((await client.call('greet')).content[0]!.text).toBe(`No greeting: ${action}`);
    await close();
  });

  test('that cannot be asked is told so', async () => {
    const { client, processes } = await clientOf({});
    const outcome = await client.call('greet').catch((error) => error);
    expect(outcome instanceof Error || outcome.isError).toBe(true);
    expect(ran.after).toBe(0);
    await client.close();
    await processes.settle();
  });

  test('answers and gets what is larger than an item of the table', async () => {
    const { client, close } = await clientOf({ elicit: () => accept('é'.repeat(1_500_000)) });
    const { content } = await client.call('echo', { size: 1_500_000 });
    expect(content[0]!.text!.length).toBe(3_000_000);
    await close();
  });
});

describe.each(ofSessions)('%s', (_, connect) => {
  test('is asked by a tool that waits for its questions, and told once what the tool has said before', async () => {
    const processes = new Processes({ createServer });
    const client = await connect(processes.url, processes.fetchAs(await processes.callerOf('ada')), {
      elicit: (message) => accept(message),
    });
    const { content } = await client.call('push', { times: 2 });
    expect(content[0]!.text).toBe('0?,1?');
    expect(client.logs).toEqual(['before', 'after']);
    expect(ran).toMatchObject({ before: 3, after: 1 });
    await client.close();
    await processes.settle();
    expect(processes.log).toEqual([]);
  });

  test('is asked two things by a tool that waits for both', async () => {
    const processes = new Processes({ createServer });
    const client = await connect(processes.url, processes.fetchAs(await processes.callerOf('ada')), {
      elicit: (message) => accept(message),
    });
    expect((await client.call('push-at-once')).content[0]!.text).toBe('1?,2?');
    expect(ran.after).toBe(1);
    await client.close();
    await processes.settle();
  });
});

describe('an answer', () => {
  test('that comes twice, or together with another, has the call go on once', async () => {
    const { processes, session, ran } = await world();
    const { last, questions } = await asked(session, 'greet-all');
    expect(questions).toHaveLength(3);
    const answers = [...questions, ...questions].map(({ id, params }) =>
      session.answer(id, accept(`to ${params?.message}`)),
    );
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([202, 202, 202, 202, 202, 202]);
    const [response] = await messagesOf(await session.resume(last));
    expect(response?.result?.content?.[0]?.text).toBe('to 1?,to 2?,to 3?');
    expect((await session.answer(questions[0]!.id, accept('late'))).status).toBe(202);
    await processes.settle();
    expect(ran.after).toBe(1);
    expect(processes.log).toEqual([]);
  });

  test('to two questions in one batch has the call go on once, whatever else is in the batch', async () => {
    const { processes, session, ran } = await world({ version: '2025-03-26' });
    const { last, questions } = await asked(session, 'push-at-once');
    const answers = questions.map(({ id }) => ({ jsonrpc: '2.0', id, result: accept('Ada') }));
    const unknown = { jsonrpc: '2.0', id: 'unknown', result: {} };
    const response = await session.post([...answers, unknown]);
    expect(response.status).toBe(400);
    await processes.settle();
    expect(ran.after).toBe(1);
    const run = (await processes.stores.runs.executionsOf('grant-of-ada'))[0]!;
    expect(run.status).toBe('done');
    expect(await messagesOf(await session.resume(last))).toHaveLength(1);
  });

  test('is taken in beside a request of the same batch', async () => {
    const { processes, session } = await world({ version: '2025-03-26' });
    const { last, questions } = await asked(session, 'push');
    const answer = { jsonrpc: '2.0', id: questions[0]!.id, result: accept('Ada') };
    const messages = await messagesOf(await session.post([answer, session.request('ping')]));
    expect(messages).toMatchObject([{ result: {} }]);
    const [, response] = await messagesOf(await session.resume(last));
    expect(response?.result?.content?.[0]?.text).toBe('Ada');
    await processes.settle();
  });

  test('by anybody but the session that was asked is refused, and changes nothing', async () => {
    const { processes, ada, session, ran } = await world();
    const { questions } = await asked(session, 'greet');
    const [{ id }] = questions as [Message];
    const alan = await RawSession.begin(processes.url, processes.fetchAs(await processes.callerOf('alan')));
    const second = await RawSession.begin(processes.url, processes.fetchAs(ada));
    const before = await processes.stores.runs.executionsOf('grant-of-ada');
    for (const other of [alan, second]) {
      expect((await other.answer(id, accept('Eve'))).status).toBe(400);
      alan.id = session.id;
    }
    expect((await alan.answer(id, accept('Eve'))).status).toBe(400);
    for (const unknown of ['unknown', 17, `${id}0`, `${String(id).slice(0, 22)}.9`, `A${String(id).slice(1)}`]) {
      expect((await session.answer(unknown, accept('Eve'))).status).toBe(400);
    }
    await processes.settle();
    expect(await processes.stores.runs.executionsOf('grant-of-ada')).toEqual(before);
    expect(ran.after).toBe(0);
  });

  test('that comes too late is refused', async () => {
    const { processes, session, ran } = await world();
    const { last, questions } = await asked(session, 'greet');
    processes.clock.now += 3600;
    expect((await session.answer(questions[0]!.id, accept('late'))).status).toBe(400);
    expect((await session.resume(last)).status).toBe(404);
    await processes.settle();
    expect(ran.after).toBe(0);
  });

  test('to the question of a call that was cancelled is refused', async () => {
    const { processes, session, ran } = await world();
    const call = session.toolCall('greet');
    const events = await eventsOf(await session.post(call));
    const question = events.find(({ message }) => message?.method === 'elicitation/create')!;
    expect((await session.cancel(call.id)).status).toBe(202);
    expect((await session.answer(question.message!.id, accept('Ada'))).status).toBe(400);
    expect(await messagesOf(await session.resume(question.id!))).toEqual([]);
    await processes.settle();
    expect(ran.after).toBe(0);
  });

  test('that is an error is what the tool’s question comes to', async () => {
    const { processes, session } = await world();
    const { last, questions } = await asked(session, 'push');
    await session.post({ jsonrpc: '2.0', id: questions[0]!.id, error: { code: -1, message: 'no screen' } });
    const [response] = await messagesOf(await session.resume(last));
    expect(response?.result).toMatchObject({
      isError: true,
      content: [{ text: expect.stringContaining('no screen') }],
    });
    await processes.settle();
  });
});

describe('a batch', () => {
  test('in which one request asks and another answers at once waits for the question alone', async () => {
    const { processes, session, ran } = await world({ version: '2025-03-26' });
    const [ping, call] = [session.request('ping'), session.toolCall('push')];
    const events = await eventsOf(await session.post([call, ping]));
    const messages = events.flatMap(({ message }) => message ?? []);
    expect(messages.map(({ id, method }) => method ?? id)).toEqual(
      expect.arrayContaining([ping.id, 'notifications/message', 'elicitation/create']),
    );
    const question = messages.find(({ method }) => method === 'elicitation/create')!;
    await session.answer(question.id, accept('Ada'));
    const rest = await messagesOf(await session.resume(events.at(-1)!.id!));
    expect(rest.map(({ id, method }) => method ?? id)).toEqual(['notifications/message', call.id]);
    await processes.settle();
    expect(ran.after).toBe(1);
  });

  test('in which one request still works while the other asks goes on with both in one process', async () => {
    const { processes, session, ran } = await world({ version: '2025-03-26' });
    const [wait, call] = [session.toolCall('wait'), session.toolCall('push')];
    const response = await session.post([call, wait]);
    const [seen, rest] = response.body!.tee();
    const events = await eventsOf(new Response(seen), 2);
    const question = events.at(-1)!.message!;
    expect(question.method).toBe('elicitation/create');
    expect((await session.answer(question.id, accept('Ada'))).status).toBe(202);
    gate.resolve();
    const messages = await messagesOf(new Response(rest, response));
    expect(messages.flatMap(({ result }) => result?.content?.[0]?.text ?? []).toSorted()).toEqual(['Ada', 'waited']);
    await processes.settle();
    expect(ran).toMatchObject({ before: 1, after: 1 });
    expect(processes.log).toEqual([]);
  }, 15_000);

  test('in which one request works on after the other has asked stops when only the question is left', async () => {
    const { processes, session, ran } = await world({ version: '2025-03-26' });
    const [wait, call] = [session.toolCall('wait'), session.toolCall('push')];
    const response = await session.post([call, wait]);
    const [seen, rest] = response.body!.tee();
    const question = (await eventsOf(new Response(seen), 2)).at(-1)!;
    gate.resolve();
    const events = await eventsOf(new Response(rest));
    expect(events.at(-1)!.message?.result?.content?.[0]?.text).toBe('waited');
    await processes.settle();
    await session.answer(question.message!.id, accept('Ada'));
    const messages = await messagesOf(await session.resume(events.at(-1)!.id!));
    expect(messages.map(({ id, method }) => method ?? id)).toEqual(['notifications/message', call.id]);
    await processes.settle();
    expect(ran).toMatchObject({ before: 2, after: 1 });
  });
});

test('what is said while a question is being stored comes after it, in the order of the events', async () => {
  const { processes, session } = await world();
  const { runs } = processes.stores;
  const addEvents = runs.addEvents.bind(runs);
  runs.addEvents = async (run, events) => {
    await new Promise((resolve) => setTimeout(resolve, 20));
    return addEvents(run, events);
  };
  const events = await eventsOf(await session.post(session.toolCall('push-and-talk')));
  const numbers = events.map(({ id }) => Number(id!.split('.')[1]));
  expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
  expect(new Set(numbers).size).toBe(numbers.length);
  await processes.settle();
});

/** Makes a call that asks, answers it and takes its result, as a client does. @returns what comes of it */
async function outcomeOf(processes: Processes, session: RawSession): Promise<string> {
  let open = () => session.post(session.toolCall('push'));
  let last: string | undefined;
  for (let attempt = 0; attempt < 8; attempt++) {
    const events: SseEvent[] = [];
    // A process that was to go on may be gone: then it takes a lease until somebody says so.
    const ticking = setInterval(() => {
      if (attempt > 0) processes.clock.now += LEASE_SECONDS / 2;
    }, 200);
    try {
      const response = await open();
      if (!response.ok) return `HTTP ${response.status}`;
      if (response.headers.get('content-type')?.includes('json')) return said((await response.json()) as Message);
      await eventsOf(response, Number.POSITIVE_INFINITY, events);
    } catch (error) {
      if (last === undefined && events.length === 0) return `broken off: ${error}`;
    } finally {
      clearInterval(ticking);
    }
    for (const { id, message } of events) {
      last = id ?? last;
      if (message?.method === 'elicitation/create') {
        // Who hears nothing of its answer gives it again.
        const answer = () => session.answer(message.id, accept('Ada'));
        const { status } = await answer().catch(answer);
        if (status !== 202) return `refused: HTTP ${status}`;
      } else if (message && !message.method) return said(message);
    }
    if (last === undefined) return 'the stream ended, and cannot be taken up again';
    const from = last;
    open = () => session.resume(from);
  }
  return 'nothing';
}

const said = ({ result, error }: Message): string => result?.content?.[0]?.text ?? error?.message ?? 'an empty answer';

describe('when the store fails', () => {
  /** Makes a call that asks, answers it and takes its result, as a client does; the n-th use of the runs fails. */
  async function run(
    failsAt: number,
    { applied = false, kind = new ServiceUnavailableError('The session table', 'gone') as Error } = {},
  ) {
    const { processes, session, ran } = await world();
    let calls = 0;
    processes.around = async (method, call) => {
      if (!method.startsWith('runs.')) return call();
      calls += 1;
      if (calls !== failsAt) return call();
      if (applied) await call();
      throw kind;
    };
    const outcome = await outcomeOf(processes, session);
    await processes.settle();
    return { failsAt, applied, outcome, calls, after: ran.after };
  }

  const steps = (count: number) => Array.from({ length: count }, (_, index) => index + 1);
  const silent = expect.stringMatching(/^nothing|cannot be taken up/);

  test('at any step, the client hears of it, and the code behind the question runs once at most', async () => {
    const { outcome, calls } = await run(0);
    expect(outcome).toBe('Ada');
    expect(calls).toBeGreaterThan(8);
    const runs = steps(calls).flatMap((step) => [run(step), run(step, { applied: true })]);
    for (const failed of await Promise.all(runs)) {
      expect(failed).not.toMatchObject({ outcome: silent });
      expect(failed).toMatchObject({ after: failed.outcome === 'Ada' ? 1 : expect.any(Number) });
      expect(failed.after).toBeLessThanOrEqual(1);
    }
  }, 30_000);

  test('in a way that nobody foresaw, at any step, the client hears of it and the process ends', async () => {
    const { calls } = await run(0);
    const kind = new Error('AccessDeniedException');
    for (const failed of await Promise.all(steps(calls).map((step) => run(step, { kind })))) {
      expect(failed).not.toMatchObject({ outcome: silent });
      expect(failed.after).toBeLessThanOrEqual(1);
    }
  }, 30_000);

  test('for as long as it does, a client gets its answer all the same where it is not asked anything', async () => {
    const { processes, session } = await world();
    processes.around = (method, call) =>
      method.startsWith('runs.') ? Promise.reject(new ServiceUnavailableError('The session table', 'gone')) : call();
    const messages = await messagesOf(await session.post(session.toolCall('push')));
    expect(messages.map(({ method }) => method)).toEqual(['notifications/message', undefined]);
    expect(messages.at(-1)!.result).toMatchObject({ isError: true });
    await processes.settle();
  });
});

describe('when a process dies', () => {
  /** The process that works on the n-th request dies at its n-th use of the runs. */
  async function dying(atRequest: 'call' | 'answer', atUse: number) {
    const { processes, session, ran } = await world();
    let victim: Process | undefined;
    let uses = 0;
    processes.around = async (method, call, process) => {
      if (process !== victim || !method.startsWith('runs.')) return call();
      uses += 1;
      if (uses === atUse) process.kill();
      return call();
    };
    processes.before = (_, process, body) => {
      const { method, result } = (body ?? {}) as Message;
      const isIt = method === 'tools/call' ? atRequest === 'call' : result !== undefined && atRequest === 'answer';
      if (isIt) victim ??= process;
    };
    const outcome = await outcomeOf(processes, session);
    victim?.discard();
    await processes.settle();
    return { use: atUse, outcome, uses, after: ran.after };
  }

  test.each(['call', 'answer'] as const)(
    'at any step of the %s, the client hears of it after the lease',
    async (at) => {
      const { outcome, uses } = await dying(at, 0);
      expect(outcome).toBe('Ada');
      expect(uses).toBeGreaterThan(2);
      const deaths = await Promise.all(Array.from({ length: uses }, (_, index) => dying(at, index + 1)));
      for (const death of deaths) {
        expect(death).not.toMatchObject({ outcome: 'nothing' });
        expect(death.after).toBeLessThanOrEqual(1);
      }
    },
    60_000,
  );
});

describe('the state of a request of 2026-07-28', () => {
  let id = 0;
  async function send(
    processes: Processes,
    caller: Caller,
    method: string,
    params: Record<string, unknown>,
  ): Promise<Message> {
    const response = await processes.fetchAs(caller)(processes.url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': '2026-07-28',
        'mcp-method': method,
        ...(params.name !== undefined && { 'mcp-name': String(params.name) }),
      },
      body: JSON.stringify({
        jsonrpc: '2.0',
        id: ++id,
        method,
        params: {
          ...params,
          _meta: {
            'io.modelcontextprotocol/protocolVersion': '2026-07-28',
            'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
            'io.modelcontextprotocol/clientCapabilities': { elicitation: {} },
          },
        },
      }),
    });
    return (await response.json()) as Message;
  }

  const given = { to: 'Ada', with: { a: 1, b: [1, { c: 2, d: 3 }] } };
  const reordered = { with: { b: [1, { d: 3, c: 2 }], a: 1 }, to: 'Ada' };
  const inputResponses = { who: accept('Ada') };

  async function begun() {
    const processes = new Processes({ createServer });
    const [ada, alan] = [await processes.callerOf('ada'), await processes.callerOf('alan')];
    const { result } = await send(processes, ada, 'tools/call', { name: 'greet', arguments: given });
    const requestState = result!.requestState as string;
    const again = (change: Record<string, unknown> = {}, caller = ada) =>
      send(processes, caller, 'tools/call', {
        name: 'greet',
        arguments: given,
        inputResponses,
        requestState,
        ...change,
      });
    return { processes, ada, alan, requestState, again };
  }

  test('cannot be read by the client, and comes back to the tool as it was', async () => {
    const { requestState, again } = await begun();
    expect(requestState).toMatch(/^hrs1\./);
    expect(requestState).not.toContain('greeting');
    expect(Buffer.from(requestState.split('.')[2]!, 'base64url').toString()).not.toContain('greeting');
    expect((await again()).result?.content?.[0]?.text).toBe('Hello, Ada, greeting');
    expect((await again({ arguments: reordered })).result?.content?.[0]?.text).toBe('Hello, Ada, greeting');
  });

  test('is refused when it was changed, or is another user’s, another tool’s, other arguments’, or too old', async () => {
    const { processes, alan, requestState, again } = await begun();
    const changed = (index: number) =>
      requestState.slice(0, index) + (requestState[index] === 'A' ? 'B' : 'A') + requestState.slice(index + 1);
    const wrong = [
      ...[5, 10, 22, 30].map((index) => again({ requestState: changed(index) })),
      again({ requestState: requestState.slice(0, -4) }),
      again({ requestState: 'greeting' }),
      again({ requestState: 'hrs1.AAAAAAAAAAAAAAAA.AAAA' }),
      again({ requestState: 'x'.repeat(300_000) }),
      again({ requestState: 17 }),
      again({ requestState: null }),
      again({}, alan),
      again({ name: 'greet-all' }),
      again({ arguments: { ...given, to: 'Alan' } }),
      again({ arguments: {} }),
    ];
    for (const { error } of await Promise.all(wrong)) expect(error?.code).toBe(-32602);
    processes.clock.now += 3600;
    expect((await again()).error?.code).toBe(-32602);
    expect(ran.after).toBe(0);
  });
});
