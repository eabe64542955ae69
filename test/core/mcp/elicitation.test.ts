import { acceptedContent, inputRequired, McpServer, type ServerContext } from '@modelcontextprotocol/server';
import * as z from 'zod/v4';
import type { Caller } from '../../../lambda/core/access/caller.ts';
import type { Clock } from '../../../lambda/core/support/clock.ts';
import { ServiceUnavailableError } from '../../../lambda/core/support/service-unavailable-error.ts';
import {
  type Answers,
  buffering,
  type Connect,
  type Endpoint,
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
const elicit = (message: string) => inputRequired.elicit({ message, requestedSchema });
const text = (value: string) => ({ content: [{ type: 'text' as const, text: value }] });

/** How often tools ran up to their elicitation and beyond it, and the gate of the tool that waits for no client. */
type ToolControl = { before: number; after: number; gate: PromiseWithResolvers<void> };

const newControl = (): ToolControl => ({ before: 0, after: 0, gate: Promise.withResolvers() });

function createServer(control: ToolControl, clock: Clock): McpServer {
  const server = new McpServer({ name: 'eliciting', version: '1' }, { capabilities: { logging: {} } });
  // As of 2026-07-28: the result of the tool is its input requests.
  server.registerTool(
    'greet',
    { inputSchema: z.object({ to: z.optional(z.string()), with: z.optional(z.unknown()) }) },
    async (_, { mcpReq }) => {
      const accepted = acceptedContent(mcpReq.inputResponses, 'who', name);
      if (!accepted) {
        const response = mcpReq.inputResponses?.who as { action?: string } | undefined;
        if (response) return text(`No greeting: ${response.action}`);
        control.before += 1;
        return inputRequired({ inputRequests: { who: elicit('Who?') }, requestState: 'greeting' });
      }
      control.after += 1;
      return text(`Hello, ${accepted.name}, ${mcpReq.requestState<string>()}`);
    },
  );
  server.registerTool('greet-all', {}, async ({ mcpReq }) => {
    const names = ['first', 'second', 'third'].map((key) => acceptedContent(mcpReq.inputResponses, key, name)?.name);
    if (names.includes(undefined)) {
      return inputRequired({ inputRequests: { first: elicit('1?'), second: elicit('2?'), third: elicit('3?') } });
    }
    control.after += 1;
    return text(names.join());
  });
  server.registerTool('greet-in-turn', {}, async ({ mcpReq }) => {
    const accepted = acceptedContent(mcpReq.inputResponses, 'who', name);
    const names = [...JSON.parse(mcpReq.requestState<string>() ?? '[]'), ...(accepted ? [accepted.name] : [])];
    if (names.length < 3) {
      return inputRequired({ inputRequests: { who: elicit(`${names.length}?`) }, requestState: JSON.stringify(names) });
    }
    control.after += 1;
    return text(names.join());
  });
  server.registerTool('sample', {}, async ({ mcpReq }) => {
    const messages = [{ role: 'user' as const, content: { type: 'text' as const, text: 'And then?' } }];
    const completion = mcpReq.inputResponses?.completion as { content?: { text?: string } } | undefined;
    if (!completion) {
      return inputRequired({ inputRequests: { completion: inputRequired.createMessage({ messages, maxTokens: 10 }) } });
    }
    control.after += 1;
    return text(String(completion.content?.text));
  });
  server.registerTool('list-roots', {}, async ({ mcpReq }) => {
    const roots = mcpReq.inputResponses?.roots as { roots?: { uri: string }[] } | undefined;
    if (!roots) return inputRequired({ inputRequests: { roots: inputRequired.listRoots() } });
    control.after += 1;
    return text(String(roots.roots?.map(({ uri }) => uri)));
  });
  // As of the 2025 era: the tool awaits the response.
  server.registerTool(
    'await',
    { inputSchema: z.object({ times: z.optional(z.number()) }) },
    async ({ times = 1 }, ctx) => {
      control.before += 1;
      await ctx.mcpReq.log('info', 'before');
      const names = await elicitInTurn(ctx, times);
      control.after += 1;
      await ctx.mcpReq.log('info', 'after');
      return text(names);
    },
  );
  server.registerTool('await-both', {}, async ({ mcpReq }) => {
    const responses = await Promise.all(
      ['1?', '2?'].map((message) => mcpReq.elicitInput({ message, requestedSchema })),
    );
    control.after += 1;
    return text(responses.map(({ content }) => content?.name).join());
  });
  server.registerTool('await-and-log', {}, async ({ mcpReq }) => {
    const log = async () => {
      for (let index = 0; index < 5; index++) {
        await mcpReq.log('info', index);
        await clock.sleep(0);
      }
    };
    const [{ content }] = await Promise.all([mcpReq.elicitInput({ message: 'Who?', requestedSchema }), log()]);
    control.after += 1;
    return text(String(content?.name));
  });
  server.registerTool('wait', {}, async () => {
    await control.gate.promise;
    return text('waited');
  });
  server.registerTool('echo', { inputSchema: z.object({ size: z.number() }) }, async ({ size }, { mcpReq }) => {
    const accepted = acceptedContent(mcpReq.inputResponses, 'who', name);
    if (!accepted) return inputRequired({ inputRequests: { who: elicit('Who?') } });
    control.after += 1;
    return text(accepted.name + 'é'.repeat(size));
  });
  return server;
}

async function elicitInTurn({ mcpReq }: ServerContext, times: number): Promise<string> {
  const names: unknown[] = [];
  for (let index = 0; index < times; index++) {
    const { action, content } = await mcpReq.elicitInput({ message: `${index}?`, requestedSchema });
    names.push(action === 'accept' ? content?.name : action);
  }
  return names.join();
}

async function setUp(options: { version?: string } = {}) {
  const control = newControl();
  const processes: Processes = new Processes({ createServer: () => createServer(control, processes.clock) });
  const { clock } = processes;
  const ada = await processes.callerOf('ada');
  const session = await RawSession.begin(processes.endpointOf(ada), options);
  /** Resumes a stream and reads it to its end. */
  const resume = async (lastEventId: string) => clock.until(messagesOf(await session.resume(lastEventId)));
  return { processes, clock, ada, session, control, resume };
}

const accept = (value: string) => ({ action: 'accept' as const, content: { name: value } });

/** Calls a tool that elicits. @returns its input requests and the id of the last event */
async function callEliciting(
  session: RawSession,
  tool: string,
  given: object = {},
): Promise<{ last: string; inputRequests: Message[] }> {
  const events = await eventsOf(await session.post(session.toolCall(tool, given)));
  const inputRequests = events.flatMap(({ message }) => (message?.method && message.id !== undefined ? [message] : []));
  return { last: events.at(-1)!.id!, inputRequests };
}

const everyClient = [...ofSessions, ...ofToday];

async function connectWith(connect: Connect, answers: Answers, wrap = (fetch: Endpoint['fetch']) => fetch) {
  const control = newControl();
  const processes: Processes = new Processes({ createServer: () => createServer(control, processes.clock) });
  const endpoint = processes.endpointOf(await processes.callerOf('ada'));
  const client = await connect({ ...endpoint, fetch: wrap(endpoint.fetch) }, answers);
  const call = (name: string, given?: Record<string, unknown>) => processes.clock.until(client.call(name, given));
  const close = async () => {
    await client.close();
    await processes.settle();
  };
  const closeWithoutErrors = async () => {
    await close();
    expect(processes.log).toEqual([]);
    expect(client.errors).toEqual([]);
  };
  return { processes, client, control, call, close, closeWithoutErrors };
}

describe.each(everyClient)('%s', (_, connect) => {
  test.each([
    ['on a direct connection', (fetch: Endpoint['fetch']) => fetch],
    ['through a gateway that buffers', buffering],
  ])('answers elicitation, sampling and roots requests %s', async (_, wrap) => {
    const answers = {
      elicit: () => accept('Ada'),
      sample: (prompt: string) => `${prompt} The end`,
      roots: () => ['file:///home'],
    };
    const { control, call, closeWithoutErrors } = await connectWith(connect, answers, wrap);
    expect((await call('greet')).content[0]!.text).toBe('Hello, Ada, greeting');
    expect((await call('sample')).content[0]!.text).toBe('And then? The end');
    expect((await call('list-roots')).content[0]!.text).toBe('file:///home');
    expect(control.after).toBe(3);
    await closeWithoutErrors();
  });

  test('answers several elicitations of one result', async () => {
    const answers = { elicit: (message: string) => accept(`to ${message}`) };
    const { control, call, closeWithoutErrors } = await connectWith(connect, answers);
    expect((await call('greet-all')).content[0]!.text).toBe('to 1?,to 2?,to 3?');
    expect(control.after).toBe(1);
    await closeWithoutErrors();
  });

  test('answers one elicitation after another', async () => {
    const answers = { elicit: (message: string) => accept(`to ${message}`) };
    const { control, call, closeWithoutErrors } = await connectWith(connect, answers);
    expect((await call('greet-in-turn')).content[0]!.text).toBe('to 0?,to 1?,to 2?');
    expect(control.after).toBe(1);
    await closeWithoutErrors();
  });

  test.each(['decline', 'cancel'] as const)('can answer an elicitation with %s', async (action) => {
    const { call, closeWithoutErrors } = await connectWith(connect, { elicit: () => ({ action }) });
    expect((await call('greet')).content[0]!.text).toBe(`No greeting: ${action}`);
    await closeWithoutErrors();
  });

  test('receives an error when it does not support elicitation', async () => {
    const { control, call, close } = await connectWith(connect, {});
    const outcome = await call('greet').catch((error) => error);
    expect(outcome instanceof Error || outcome.isError).toBe(true);
    expect(control.after).toBe(0);
    await close();
  });

  test('sends and receives messages larger than an item of the table', async () => {
    const answers = { elicit: () => accept('é'.repeat(1_500_000)) };
    const { call, closeWithoutErrors } = await connectWith(connect, answers);
    const { content } = await call('echo', { size: 1_500_000 });
    expect(content[0]!.text!.length).toBe(3_000_000);
    await closeWithoutErrors();
  });
});

describe.each(ofSessions)('%s', (_, connect) => {
  test('answers the elicitations of a tool that awaits them, and receives each log message once', async () => {
    const { processes, client, control, call, close } = await connectWith(connect, { elicit: accept });
    const { content } = await call('await', { times: 2 });
    expect(content[0]!.text).toBe('0?,1?');
    expect(client.logs).toEqual(['before', 'after']);
    expect(control).toMatchObject({ before: 3, after: 1 });
    await close();
    expect(processes.log).toEqual([]);
  });

  test('answers two elicitations that a tool awaits at the same time', async () => {
    const { control, call, close } = await connectWith(connect, { elicit: accept });
    expect((await call('await-both')).content[0]!.text).toBe('1?,2?');
    expect(control.after).toBe(1);
    await close();
  });
});

describe('an input response', () => {
  test('that arrives twice or together with another one continues the call once', async () => {
    const { processes, session, control, resume } = await setUp();
    const { last, inputRequests } = await callEliciting(session, 'greet-all');
    expect(inputRequests).toHaveLength(3);
    const responses = [...inputRequests, ...inputRequests].map(({ id, params }) =>
      session.answer(id, accept(`to ${params?.message}`)),
    );
    expect((await Promise.all(responses)).map(({ status }) => status)).toEqual([202, 202, 202, 202, 202, 202]);
    const [response] = await resume(last);
    expect(response?.result?.content?.[0]?.text).toBe('to 1?,to 2?,to 3?');
    expect((await session.answer(inputRequests[0]!.id, accept('late'))).status).toBe(202);
    await processes.settle();
    expect(control.after).toBe(1);
    expect(processes.log).toEqual([]);
  });

  test('to each of two input requests in one batch continues the call once, although the batch contains an unknown id', async () => {
    const { processes, session, control, resume } = await setUp({ version: '2025-03-26' });
    const { last, inputRequests } = await callEliciting(session, 'await-both');
    const responses = inputRequests.map(({ id }) => ({ jsonrpc: '2.0', id, result: accept('Ada') }));
    const unknown = { jsonrpc: '2.0', id: 'unknown', result: {} };
    const response = await session.post([...responses, unknown]);
    expect(response.status).toBe(400);
    await processes.settle();
    expect(control.after).toBe(1);
    const execution = (await processes.stores.executions.executionsOf('grant-of-ada'))[0]!;
    expect(execution.status).toBe('done');
    expect(await resume(last)).toHaveLength(1);
  });

  test('is accepted together with a request in the same batch', async () => {
    const { processes, session, resume } = await setUp({ version: '2025-03-26' });
    const { last, inputRequests } = await callEliciting(session, 'await');
    const inputResponse = { jsonrpc: '2.0', id: inputRequests[0]!.id, result: accept('Ada') };
    const messages = await messagesOf(await session.post([inputResponse, session.request('ping')]));
    expect(messages).toMatchObject([{ result: {} }]);
    const [, response] = await resume(last);
    expect(response?.result?.content?.[0]?.text).toBe('Ada');
    await processes.settle();
  });

  test('of another session, or to an unknown input request, is rejected and changes nothing', async () => {
    const { processes, ada, session, control } = await setUp();
    const { inputRequests } = await callEliciting(session, 'greet');
    const [{ id }] = inputRequests as [Message];
    const alan = await RawSession.begin(processes.endpointOf(await processes.callerOf('alan')));
    const second = await RawSession.begin(processes.endpointOf(ada));
    const before = await processes.stores.executions.executionsOf('grant-of-ada');
    for (const other of [alan, second]) {
      expect((await other.answer(id, accept('Eve'))).status).toBe(400);
      alan.id = session.id;
    }
    expect((await alan.answer(id, accept('Eve'))).status).toBe(400);
    for (const unknown of [
      'unknown',
      17,
      `${id}0`,
      `${String(id).slice(0, 22)}.9`,
      `${String(id).startsWith('A') ? 'B' : 'A'}${String(id).slice(1)}`,
    ]) {
      expect((await session.answer(unknown, accept('Eve'))).status).toBe(400);
    }
    await processes.settle();
    expect(await processes.stores.executions.executionsOf('grant-of-ada')).toEqual(before);
    expect(control.after).toBe(0);
  });

  test('after the expiry of its execution is rejected', async () => {
    const { processes, clock, session, control } = await setUp();
    const { last, inputRequests } = await callEliciting(session, 'greet');
    await clock.advance(3_600_000);
    expect((await session.answer(inputRequests[0]!.id, accept('late'))).status).toBe(400);
    expect((await session.resume(last)).status).toBe(404);
    await processes.settle();
    expect(control.after).toBe(0);
  });

  test('to a cancelled call is rejected', async () => {
    const { processes, session, control, resume } = await setUp();
    const call = session.toolCall('greet');
    const events = await eventsOf(await session.post(call));
    const inputRequest = events.find(({ message }) => message?.method === 'elicitation/create')!;
    expect((await session.cancel(call.id)).status).toBe(202);
    expect((await session.answer(inputRequest.message!.id, accept('Ada'))).status).toBe(400);
    expect(await resume(inputRequest.id!)).toEqual([]);
    await processes.settle();
    expect(control.after).toBe(0);
  });

  test('that is an error rejects the elicitation of the tool', async () => {
    const { processes, session, resume } = await setUp();
    const { last, inputRequests } = await callEliciting(session, 'await');
    await session.post({ jsonrpc: '2.0', id: inputRequests[0]!.id, error: { code: -1, message: 'no screen' } });
    const [response] = await resume(last);
    expect(response?.result).toMatchObject({
      isError: true,
      content: [{ text: expect.stringContaining('no screen') }],
    });
    await processes.settle();
  });
});

describe('a batch', () => {
  test('suspends when all but the eliciting request have a response', async () => {
    const { processes, session, control, resume } = await setUp({ version: '2025-03-26' });
    const [ping, call] = [session.request('ping'), session.toolCall('await')];
    const events = await eventsOf(await session.post([call, ping]));
    const messages = events.flatMap(({ message }) => message ?? []);
    expect(messages.map(({ id, method }) => method ?? id)).toEqual(
      expect.arrayContaining([ping.id, 'notifications/message', 'elicitation/create']),
    );
    const inputRequest = messages.find(({ method }) => method === 'elicitation/create')!;
    await session.answer(inputRequest.id, accept('Ada'));
    const rest = await resume(events.at(-1)!.id!);
    expect(rest.map(({ id, method }) => method ?? id)).toEqual(['notifications/message', call.id]);
    await processes.settle();
    expect(control.after).toBe(1);
  });

  test('continues in one process while another of its requests is running', async () => {
    const { processes, clock, session, control } = await setUp({ version: '2025-03-26' });
    const [wait, call] = [session.toolCall('wait'), session.toolCall('await')];
    const response = await session.post([call, wait]);
    const [seen, rest] = response.body!.tee();
    const events = await eventsOf(new Response(seen), 2);
    const inputRequest = events.at(-1)!.message!;
    expect(inputRequest.method).toBe('elicitation/create');
    expect((await session.answer(inputRequest.id, accept('Ada'))).status).toBe(202);
    control.gate.resolve();
    const messages = await clock.until(messagesOf(new Response(rest, response)));
    expect(messages.flatMap(({ result }) => result?.content?.[0]?.text ?? []).toSorted()).toEqual(['Ada', 'waited']);
    await processes.settle();
    expect(control).toMatchObject({ before: 1, after: 1 });
    expect(processes.log).toEqual([]);
  });

  test('suspends when the last running request completes and only the elicitation is open', async () => {
    const { processes, session, control, resume } = await setUp({ version: '2025-03-26' });
    const [wait, call] = [session.toolCall('wait'), session.toolCall('await')];
    const response = await session.post([call, wait]);
    const [seen, rest] = response.body!.tee();
    const inputRequest = (await eventsOf(new Response(seen), 2)).at(-1)!;
    control.gate.resolve();
    const events = await eventsOf(new Response(rest));
    expect(events.at(-1)!.message?.result?.content?.[0]?.text).toBe('waited');
    await processes.settle();
    await session.answer(inputRequest.message!.id, accept('Ada'));
    const messages = await resume(events.at(-1)!.id!);
    expect(messages.map(({ id, method }) => method ?? id)).toEqual(['notifications/message', call.id]);
    await processes.settle();
    expect(control).toMatchObject({ before: 2, after: 1 });
  });
});

test('messages that a tool sends while its input request is stored follow it in the order of the events', async () => {
  const { processes, clock, session } = await setUp();
  processes.around = async (method, call) => {
    if (method === 'executions.addEvents') await clock.sleep(20);
    return call();
  };
  const response = await session.post(session.toolCall('await-and-log'));
  const numbers = (await clock.until(eventsOf(response))).map(({ id }) => Number(id!.split('.')[1]));
  expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
  expect(new Set(numbers).size).toBe(numbers.length);
  await processes.settle();
});

/** Reads a stream into `events` until it ends or breaks off. @returns the outcome when the response is not a stream */
async function readStream(open: () => Promise<Response>, events: SseEvent[]): Promise<string | undefined> {
  const response = await open();
  if (!response.ok) return `HTTP ${response.status}`;
  if (response.headers.get('content-type')?.includes('json')) return textOf((await response.json()) as Message);
  await eventsOf(response, Number.POSITIVE_INFINITY, events);
  return undefined;
}

/** Responds to the input requests among the events. @returns the outcome, if the events contain it */
async function respondTo(session: RawSession, events: SseEvent[]): Promise<string | undefined> {
  for (const { message } of events) {
    if (message && !message.method) return textOf(message);
    if (message?.method !== 'elicitation/create') continue;
    // A client whose response failed repeats it.
    const respond = () => session.answer(message.id, accept('Ada'));
    const { status } = await respond().catch(respond);
    if (status !== 202) return `rejected: HTTP ${status}`;
  }
  return undefined;
}

/** Calls a tool that elicits, responds and resumes the stream, as a client does. @returns the outcome for the client */
async function outcomeOf(session: RawSession): Promise<string> {
  let open = () => session.post(session.toolCall('await'));
  let last: string | undefined;
  for (let attempt = 0; attempt < 8; attempt++) {
    const events: SseEvent[] = [];
    const brokenOff = (error: unknown) =>
      last === undefined && events.length === 0 ? `broken off: ${error}` : undefined;
    const outcome = (await readStream(open, events).catch(brokenOff)) ?? (await respondTo(session, events));
    if (outcome !== undefined) return outcome;
    const from = events.findLast(({ id }) => id !== undefined)?.id ?? last;
    if (from === undefined) return 'the stream ended and cannot be resumed';
    last = from;
    open = () => session.resume(from);
  }
  return 'nothing';
}

const textOf = ({ result, error }: Message): string =>
  result?.content?.[0]?.text ?? error?.message ?? 'an empty response';

describe('a failure of the store', () => {
  /** The outcome when the n-th operation on executions fails. */
  async function run(
    failsAt: number,
    { applied = false, kind = new ServiceUnavailableError('The session table', 'gone') as Error } = {},
  ) {
    const { processes, clock, session, control } = await setUp();
    let calls = 0;
    processes.around = async (method, call) => {
      if (!method.startsWith('executions.')) return call();
      calls += 1;
      if (calls !== failsAt) return call();
      if (applied) await call();
      throw kind;
    };
    const outcome = await clock.until(outcomeOf(session));
    await processes.settle();
    return { failsAt, applied, outcome, calls, after: control.after };
  }

  const steps = (count: number) => Array.from({ length: count }, (_, index) => index + 1);
  const withoutOutcome = expect.stringMatching(/^nothing|cannot be resumed/);

  test('at any step gives the client an outcome, and the tool runs beyond its elicitation at most once', async () => {
    const { outcome, calls } = await run(0);
    expect(outcome).toBe('Ada');
    expect(calls).toBeGreaterThan(8);
    const failures = steps(calls).flatMap((step) => [run(step), run(step, { applied: true })]);
    for (const failed of await Promise.all(failures)) {
      expect(failed).not.toMatchObject({ outcome: withoutOutcome });
      expect(failed).toMatchObject({ after: failed.outcome === 'Ada' ? 1 : expect.any(Number) });
      expect(failed.after).toBeLessThanOrEqual(1);
    }
  });

  test('with an unexpected error at any step gives the client an outcome, and the process completes', async () => {
    const { calls } = await run(0);
    const kind = new Error('AccessDeniedException');
    for (const failed of await Promise.all(steps(calls).map((step) => run(step, { kind })))) {
      expect(failed).not.toMatchObject({ outcome: withoutOutcome });
      expect(failed.after).toBeLessThanOrEqual(1);
    }
  });

  test('at every step leaves the client a response, in which the elicitation has failed', async () => {
    const { processes, session } = await setUp();
    processes.around = (method, call) =>
      method.startsWith('executions.')
        ? Promise.reject(new ServiceUnavailableError('The session table', 'gone'))
        : call();
    const messages = await messagesOf(await session.post(session.toolCall('await')));
    expect(messages.map(({ method }) => method)).toEqual(['notifications/message', undefined]);
    expect(messages.at(-1)!.result).toMatchObject({ isError: true });
    await processes.settle();
  });
});

describe('a process that is killed', () => {
  /** The outcome when the process of the call or of the input response is killed at its n-th operation on executions. */
  async function run(atRequest: 'call' | 'input response', atUse: number) {
    const { processes, clock, session, control } = await setUp();
    let victim: Process | undefined;
    let uses = 0;
    processes.around = async (method, call, process) => {
      if (process !== victim || !method.startsWith('executions.')) return call();
      uses += 1;
      if (uses === atUse) process.kill();
      return call();
    };
    processes.before = (_, process, body) => {
      const { method, result } = (body ?? {}) as Message;
      const isVictim =
        method === 'tools/call' ? atRequest === 'call' : result !== undefined && atRequest === 'input response';
      if (isVictim) victim ??= process;
    };
    const outcome = await clock.until(outcomeOf(session));
    victim?.discard();
    await processes.settle();
    return { use: atUse, outcome, uses, after: control.after };
  }

  test.each(['call', 'input response'] as const)(
    'at any step of the %s leaves the client an outcome after the lease',
    async (at) => {
      const { outcome, uses } = await run(at, 0);
      expect(outcome).toBe('Ada');
      expect(uses).toBeGreaterThan(2);
      const outcomes = await Promise.all(Array.from({ length: uses }, (_, index) => run(at, index + 1)));
      for (const killed of outcomes) {
        expect(killed).not.toMatchObject({ outcome: 'nothing' });
        expect(killed.after).toBeLessThanOrEqual(1);
      }
    },
  );
});

describe('the requestState of 2026-07-28', () => {
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

  async function callGreet() {
    const control = newControl();
    const processes: Processes = new Processes({ createServer: () => createServer(control, processes.clock) });
    const [ada, alan] = [await processes.callerOf('ada'), await processes.callerOf('alan')];
    const client = 'dcr_2';
    const otherClient = { ...(await processes.callerOf('ada', { id: 'grant-of-other-client', client })), client };
    const { result } = await send(processes, ada, 'tools/call', { name: 'greet', arguments: given });
    const requestState = result!.requestState as string;
    const repeat = (change: Record<string, unknown> = {}, caller = ada) =>
      send(processes, caller, 'tools/call', {
        name: 'greet',
        arguments: given,
        inputResponses,
        requestState,
        ...change,
      });
    return { processes, control, alan, otherClient, requestState, repeat };
  }

  test('is used once: a repetition is answered for two minutes, and other input responses never', async () => {
    const { processes, control, repeat } = await callGreet();
    expect((await repeat()).result?.content?.[0]?.text).toBe('Hello, Ada, greeting');
    expect((await repeat({ inputResponses: { who: accept('Eve') } })).error?.code).toBe(-32602);
    await processes.clock.advance(120_000);
    expect((await repeat()).result?.content?.[0]?.text).toBe('Hello, Ada, greeting');
    await processes.clock.advance(1_000);
    expect((await repeat()).error?.code).toBe(-32602);
    expect(control.after).toBe(2);
  });

  test('is used once by concurrent requests with different input responses', async () => {
    const { control, repeat } = await callGreet();
    const names = ['Ada', 'Eve', 'Alan', 'Grace'];
    const answers = await Promise.all(names.map((each) => repeat({ inputResponses: { who: accept(each) } })));
    expect(answers.filter(({ error }) => error === undefined)).toHaveLength(1);
    expect(control.after).toBe(1);
  });

  test('is not used by a request that is rejected, nor by one whose store does not answer', async () => {
    const { processes, alan, repeat } = await callGreet();
    await Promise.all([repeat({}, alan), repeat({ arguments: {} })]);
    processes.around = () => Promise.reject(new ServiceUnavailableError('The session table', new Error('away')));
    expect((await repeat({ inputResponses: { who: accept('Eve') } })).error?.code).toBe(-32000);
    processes.around = (_, run) => run();
    expect((await repeat()).result?.content?.[0]?.text).toBe('Hello, Ada, greeting');
  });

  test('is encrypted for the client, and the tool receives it unchanged', async () => {
    const { requestState, repeat } = await callGreet();
    expect(requestState).toMatch(/^hrs1\./);
    expect(requestState).not.toContain('greeting');
    expect(Buffer.from(requestState.split('.')[2]!, 'base64url').toString()).not.toContain('greeting');
    expect((await repeat()).result?.content?.[0]?.text).toBe('Hello, Ada, greeting');
    expect((await repeat({ arguments: reordered })).result?.content?.[0]?.text).toBe('Hello, Ada, greeting');
  });

  test('is rejected when it was changed, belongs to another user, client, tool or arguments, or has expired', async () => {
    const { processes, control, alan, otherClient, requestState, repeat } = await callGreet();
    const changed = (index: number) =>
      requestState.slice(0, index) + (requestState[index] === 'A' ? 'B' : 'A') + requestState.slice(index + 1);
    const wrong = [
      ...[5, 10, 22, 30].map((index) => repeat({ requestState: changed(index) })),
      repeat({ requestState: requestState.slice(0, -4) }),
      repeat({ requestState: 'greeting' }),
      repeat({ requestState: 'hrs1.AAAAAAAAAAAAAAAA.AAAA' }),
      repeat({ requestState: 'x'.repeat(300_000) }),
      repeat({ requestState: 17 }),
      repeat({ requestState: null }),
      repeat({}, alan),
      repeat({}, otherClient),
      repeat({ name: 'greet-all' }),
      repeat({ arguments: { ...given, to: 'Alan' } }),
      repeat({ arguments: {} }),
    ];
    for (const { error } of await Promise.all(wrong)) expect(error?.code).toBe(-32602);
    await processes.clock.advance(3_600_000);
    expect((await repeat()).error?.code).toBe(-32602);
    expect(control.after).toBe(0);
  });
});
