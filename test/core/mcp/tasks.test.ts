import {
  acceptedContent,
  type CallToolResult,
  inputRequired,
  McpServer,
  ProtocolError,
} from '@modelcontextprotocol/server';
import * as z from 'zod/v4';
import type { Caller } from '../../../lambda/core/access/caller.ts';
import { LEASE_SECONDS } from '../../../lambda/core/mcp/execution.ts';
import type { TaskJob } from '../../../lambda/core/mcp/tasks/tasks.ts';
import type { ToolContext } from '../../../lambda/core/mcp/tool-context.ts';
import { ServiceUnavailableError } from '../../../lambda/core/support/service-unavailable-error.ts';
import {
  eventsOf,
  type Message,
  messagesOf,
  ofSessions,
  RawSession,
  type SseEvent,
} from '../../support/era-clients.ts';
import { Process, Processes } from '../../support/mcp-processes.ts';

const TASKS = 'io.modelcontextprotocol/tasks';

/** What tools wait for, and what has become of them. */
type Stage = { gate: PromiseWithResolvers<void>; ran: number; finished: number; aborted: number };

const text = (value: string): CallToolResult => ({ content: [{ type: 'text', text: value }] });
const name = z.object({ name: z.string() });
const requestedSchema = { type: 'object' as const, properties: { name: { type: 'string' as const } } };
const ask = (message: string) => inputRequired.elicit({ message, requestedSchema });
const accept = (value: string) => ({ action: 'accept' as const, content: { name: value } });

function serverOn(stage: Stage, context: ToolContext): McpServer {
  const server = new McpServer({ name: 'long', version: '1' }, { capabilities: { logging: {} } });
  const { longRunning } = context;
  server.registerTool(
    'add',
    { inputSchema: z.object({ a: z.number(), b: z.number() }), outputSchema: z.object({ sum: z.number() }) },
    longRunning(async ({ a, b }): Promise<CallToolResult> => {
      stage.ran += 1;
      await stage.gate.promise;
      return { content: [], structuredContent: { sum: a + b } };
    }),
  );
  server.registerTool(
    'fail',
    {},
    longRunning(async () => Promise.reject(new Error('no luck'))),
  );
  server.registerTool(
    'refuse',
    {},
    longRunning(async () => Promise.reject(new ProtocolError(-32602, 'not these', { why: 1 }))),
  );
  server.registerTool(
    'slow',
    {},
    longRunning(async ({ mcpReq }) => {
      stage.ran += 1;
      mcpReq.signal.addEventListener('abort', () => {
        stage.aborted += 1;
      });
      const progressToken = mcpReq._meta?.progressToken;
      if (progressToken !== undefined) {
        await mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress: 1, total: 2 } });
      }
      await stage.gate.promise;
      stage.finished += 1;
      return text('slow');
    }),
  );
  server.registerTool(
    'must',
    {},
    longRunning(async () => text('must'), { required: true }),
  );
  server.registerTool('quick', {}, async () => text('quick'));
  server.registerTool(
    'two-questions',
    {},
    longRunning(async ({ mcpReq }) => {
      stage.ran += 1;
      const [first, second] = ['first', 'second'].map((key) => acceptedContent(mcpReq.inputResponses, key, name)?.name);
      if (first === undefined || second === undefined) {
        return inputRequired({ inputRequests: { first: ask('1?'), second: ask('2?') } });
      }
      stage.finished += 1;
      return text(`${first} and ${second}`);
    }),
  );
  server.registerTool(
    'in-turn',
    {},
    longRunning(async ({ mcpReq }) => {
      stage.ran += 1;
      const names = [...JSON.parse(mcpReq.requestState<string>() ?? '[]')];
      const answer = acceptedContent(mcpReq.inputResponses, 'who', name);
      if (answer) names.push(answer.name);
      if (names.length < 2) {
        return inputRequired({ inputRequests: { who: ask(`${names.length}?`) }, requestState: JSON.stringify(names) });
      }
      stage.finished += 1;
      return text(names.join());
    }),
  );
  return server;
}

function world({ holdSeconds = 60, taskTtlSeconds = 3600 } = {}) {
  const stage: Stage = { gate: Promise.withResolvers(), ran: 0, finished: 0, aborted: 0 };
  const processes = new Processes({ createServer: (context) => serverOn(stage, context), holdSeconds, taskTtlSeconds });
  return { stage, processes };
}

type Send = (method: string, params?: Record<string, unknown>) => Promise<Message & { status: number }>;

/** Sends requests of 2026-07-28 as they stand. */
function modern(processes: Processes, caller: Caller, extensions: Record<string, object> = { [TASKS]: {} }): Send {
  let id = 0;
  const fetch = processes.fetchAs(caller);
  return async (method, params = {}) => {
    const _meta = {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
      'io.modelcontextprotocol/clientCapabilities': { elicitation: {}, extensions },
      progressToken: 'progress',
    };
    const name = params.name ?? params.taskId;
    const response = await fetch(processes.url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': '2026-07-28',
        'mcp-method': method,
        ...(name !== undefined && { 'mcp-name': String(name) }),
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: ++id, method, params: { ...params, _meta } }),
    });
    const messages = await messagesOf(response);
    return { ...messages.at(-1)!, status: response.status };
  };
}

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function until<T>(look: () => T | Promise<T>): Promise<NonNullable<T>> {
  for (;;) {
    const seen = await look();
    if (seen) return seen;
    await pause(20);
  }
}

describe('a client that knows tasks', () => {
  async function begun(tool: string, given: object = {}, options: { taskTtlSeconds?: number } = {}) {
    const { stage, processes } = world(options);
    const jobs: TaskJob[] = [];
    const ada = await processes.callerOf('ada');
    const send = modern(processes, ada);
    const begin = processes.start;
    processes.start = (job) => {
      jobs.push(job);
      return begin(job);
    };
    const { result } = await send('tools/call', { name: tool, arguments: given });
    const taskId = result?.taskId as string;
    const get = async () => (await send('tasks/get', { taskId })).result!;
    const status = async (wanted: string) => until(async () => ((await get()).status === wanted ? get() : undefined));
    const update = (inputResponses: object) => send('tasks/update', { taskId, inputResponses });
    return { stage, processes, ada, send, jobs, result, taskId, get, status, update };
  }

  test('gets a handle at once, and the result when it is there', async () => {
    const { stage, processes, result, get } = await begun('add', { a: 1, b: 2 });
    expect(result).toMatchObject({ resultType: 'task', status: 'working', ttlMs: 3_600_000, pollIntervalMs: 1000 });
    expect(await get()).toMatchObject({ resultType: 'complete', status: 'working' });
    stage.gate.resolve();
    await processes.settle();
    expect(await get()).toMatchObject({ status: 'completed', result: { structuredContent: { sum: 3 } } });
    expect(stage.ran).toBe(1);
  });

  test('gets what a tool failed with as the result, and what the protocol refuses as the error', async () => {
    const failed = await begun('fail');
    await failed.processes.settle();
    expect(await failed.get()).toMatchObject({ status: 'completed', result: { isError: true } });
    const refused = await begun('refuse');
    await refused.processes.settle();
    expect(await refused.get()).toMatchObject({ status: 'failed', error: { code: -32602, data: { why: 1 } } });
  });

  test('sees how far it has come', async () => {
    const { stage, processes, get } = await begun('slow');
    await until(async () => (await get()).statusMessage === '1 of 2');
    stage.gate.resolve();
    await processes.settle();
    expect(await get()).toMatchObject({ status: 'completed', result: { content: [{ text: 'slow' }] } });
  }, 10_000);

  test('answers questions one by one, each once', async () => {
    const { stage, processes, get, status, update } = await begun('two-questions');
    const { inputRequests } = await status('input_required');
    const [first, second] = Object.keys(inputRequests as object) as [string, string];
    expect(inputRequests).toMatchObject({ [first]: { method: 'elicitation/create', params: { message: '1?' } } });
    expect(await update({ unknown: accept('Eve'), first: accept('Eve') })).toMatchObject({ result: {} });
    await update({ [second]: accept('Alan') });
    expect(Object.keys((await get()).inputRequests as object)).toEqual([first]);
    await Promise.all([
      update({ [first]: accept('Ada') }),
      update({ [first]: accept('Eve'), [second]: accept('Eve') }),
    ]);
    await processes.settle();
    expect(await get()).toMatchObject({ status: 'completed', result: { content: [{ text: /^(Ada|Eve) and Alan$/ }] } });
    expect(stage).toMatchObject({ ran: 2, finished: 1 });
    await update({ [first]: accept('late') });
    await processes.settle();
    expect(stage.ran).toBe(2);
  });

  test('answers in rounds, and an answer to an earlier round is none to a later one', async () => {
    const { stage, processes, get, status, update } = await begun('in-turn', {}, { taskTtlSeconds: 7200 });
    const [first] = Object.keys((await status('input_required')).inputRequests as object) as [string];
    await update({ [first]: accept('Ada') });
    await processes.settle();
    const [second] = Object.keys((await status('input_required')).inputRequests as object) as [string];
    expect(second).not.toBe(first);
    await update({ [first]: accept('Eve') });
    await processes.settle();
    expect(stage.ran).toBe(2);
    // Its user has taken longer than a request's state would last.
    processes.clock.now += 7000;
    await update({ [second]: accept('Alan') });
    await processes.settle();
    expect(await get()).toMatchObject({ status: 'completed', result: { content: [{ text: 'Ada,Alan' }] } });
  });

  test('must say what it answers', async () => {
    const { processes, status, send, taskId } = await begun('two-questions');
    await status('input_required');
    expect(await send('tasks/update', { taskId })).toMatchObject({ error: { code: -32602 } });
    await processes.settle();
  });

  test('is not left waiting where the worker could not be started with its answer: it answers again', async () => {
    const { processes, status, update, get } = await begun('in-turn');
    const [first] = Object.keys((await status('input_required')).inputRequests as object) as [string];
    const { start } = processes;
    processes.start = () => Promise.reject(new ServiceUnavailableError('The worker', 'gone'));
    expect((await update({ [first]: accept('Ada') })).result).toBeUndefined();
    processes.start = start;
    await update({ [first]: accept('Ada') });
    await processes.settle();
    expect(await get()).toMatchObject({ status: 'input_required' });
  });

  test('cancels while the tool works, which hears of it soon', async () => {
    const { stage, processes, send, taskId, get } = await begun('slow');
    await until(() => stage.ran);
    expect(await send('tasks/cancel', { taskId })).toMatchObject({ result: { resultType: 'complete' } });
    expect((await get()).status).toBe('cancelled');
    const began = Date.now();
    await until(() => stage.aborted);
    expect(Date.now() - began).toBeLessThan(3_000);
    stage.gate.resolve();
    await processes.settle();
    expect((await get()).status).toBe('cancelled');
  }, 10_000);

  test('cancels while it is asked, and after the end', async () => {
    const asking = await begun('two-questions');
    const [first] = Object.keys((await asking.status('input_required')).inputRequests as object) as [string];
    await asking.send('tasks/cancel', { taskId: asking.taskId });
    await asking.update({ [first]: accept('late') });
    await asking.processes.settle();
    expect(await asking.get()).toMatchObject({ status: 'cancelled' });
    const done = await begun('fail');
    await done.processes.settle();
    await done.send('tasks/cancel', { taskId: done.taskId });
    expect(await done.get()).toMatchObject({ status: 'completed' });
  });

  test('finds no task that has expired, is another user’s or nobody’s', async () => {
    const { processes, send, taskId, stage } = await begun('fail');
    await processes.settle();
    const alan = modern(processes, await processes.callerOf('alan'));
    for (const method of ['tasks/get', 'tasks/cancel', 'tasks/update']) {
      const params = { taskId, inputResponses: {} };
      expect(await alan(method, params)).toMatchObject({ error: { code: -32602 } });
      expect(await send(method, { ...params, taskId: 'unknown' })).toMatchObject({ error: { code: -32602 } });
    }
    processes.clock.now += 3600;
    expect(await send('tasks/get', { taskId })).toMatchObject({ error: { code: -32602 } });
    stage.gate.resolve();
  });

  test('has to say so with each request', async () => {
    const { processes, ada, taskId } = await begun('fail');
    await processes.settle();
    const ignorant = modern(processes, ada, {});
    for (const method of ['tasks/get', 'tasks/cancel', 'tasks/update']) {
      const answer = await ignorant(method, { taskId, inputResponses: {} });
      expect(answer).toMatchObject({ status: 400, error: { code: -32021 } });
    }
  });

  test('has its tool run once, however often the worker is told to', async () => {
    const { stage, processes, jobs, get } = await begun('slow');
    const [job] = jobs as [TaskJob];
    await until(() => stage.ran);
    await Promise.all([processes.work(job), processes.work(job)]);
    stage.gate.resolve();
    await processes.settle();
    await processes.work(job);
    expect(await get()).toMatchObject({ status: 'completed' });
    expect(stage.ran).toBe(1);
  });

  test('is told of a failure when three workers have died', async () => {
    const { stage, processes, ada } = await begun('fail');
    const jobs: TaskJob[] = [];
    processes.start = (job) => void jobs.push(job);
    const send = modern(processes, ada);
    const { result } = await send('tools/call', { name: 'slow' });
    const get = async () => (await send('tasks/get', { taskId: result!.taskId })).result;
    const dead: Process[] = [];
    for (let attempt = 1; attempt <= 3; attempt++) {
      const process = new Process();
      dead.push(process);
      const work = processes.work(jobs[0]!, { process });
      await until(() => stage.ran === attempt);
      process.kill();
      expect(await work).toBe(false);
      // Nobody begins again before the lease has ended.
      expect(await processes.work(jobs[0]!)).toBe(true);
      expect(stage.ran).toBe(attempt);
      expect(await get()).toMatchObject({ status: 'working' });
      processes.clock.now += LEASE_SECONDS;
    }
    expect(await get()).toMatchObject({ status: 'failed', error: { code: -32603 } });
    expect(await processes.work(jobs[0]!)).toBe(true);
    expect(stage.ran).toBe(3);
    for (const process of dead) process.discard();
    stage.gate.resolve();
    await processes.settle();
  });

  test('gets the result from the second worker where the first has died', async () => {
    const { stage, processes, ada } = await begun('fail');
    const jobs: TaskJob[] = [];
    processes.start = (job) => void jobs.push(job);
    const send = modern(processes, ada);
    const { result } = await send('tools/call', { name: 'slow' });
    const process = new Process();
    const work = processes.work(jobs[0]!, { process });
    await until(() => stage.ran === 1);
    process.kill();
    await work;
    processes.clock.now += LEASE_SECONDS;
    stage.gate.resolve();
    await processes.work(jobs[0]!);
    const { result: task } = await send('tasks/get', { taskId: result!.taskId });
    expect(task).toMatchObject({ status: 'completed', result: { content: [{ text: 'slow' }] } });
    process.discard();
    await processes.settle();
  });

  test('is told of a failure when no worker has begun for long', async () => {
    const { processes, ada } = await begun('fail');
    processes.start = () => undefined;
    const send = modern(processes, ada);
    const { result } = await send('tools/call', { name: 'slow' });
    const get = async () => (await send('tasks/get', { taskId: result!.taskId })).result;
    processes.clock.now += 600;
    expect(await get()).toMatchObject({ status: 'working' });
    processes.clock.now += 1;
    expect(await get()).toMatchObject({ status: 'failed' });
  });

  test('is told of a failure where the tool takes longer than it may, though the tool never ends', async () => {
    const { processes, ada } = await begun('fail');
    const jobs: TaskJob[] = [];
    processes.start = (job) => void jobs.push(job);
    const send = modern(processes, ada);
    const { result } = await send('tools/call', { name: 'slow' });
    expect(await processes.work(jobs[0]!, { milliseconds: 10_050 })).toBe(true);
    const { result: task } = await send('tasks/get', { taskId: result!.taskId });
    expect(task).toMatchObject({ status: 'failed', error: { message: 'Request timed out' } });
  });

  test('has no work done for it once its grant has ended', async () => {
    const { stage, processes, ada } = await begun('fail');
    const jobs: TaskJob[] = [];
    processes.start = (job) => void jobs.push(job);
    const { result } = await modern(processes, ada)('tools/call', { name: 'slow' });
    await processes.stores.grants.revokeGrant(ada.grant, 0);
    expect(await processes.work(jobs[0]!)).toBe(true);
    expect(stage.ran).toBe(0);
    const run = await processes.stores.runs.findExecution(ada.grant, result!.taskId as string);
    expect(run).toMatchObject({ status: 'done' });
  });

  test('is told where the worker cannot be started, and the work is not done behind its back', async () => {
    const { stage, processes, ada } = await begun('fail');
    const jobs: TaskJob[] = [];
    processes.start = (job) => {
      jobs.push(job);
      throw new ServiceUnavailableError('The worker', 'no answer');
    };
    const { result } = await modern(processes, ada)('tools/call', { name: 'slow' });
    expect(result).toMatchObject({ isError: true });
    await processes.work(jobs[0]!);
    expect(stage.ran).toBe(0);
  });

  test('is not left waiting by an error that nobody foresaw', async () => {
    const { stage, processes, ada } = await begun('fail');
    const jobs: TaskJob[] = [];
    processes.start = (job) => void jobs.push(job);
    const send = modern(processes, ada);
    const { result } = await send('tools/call', { name: 'slow' });
    let failures = 0;
    processes.around = (method, call) => {
      const fails = stage.finished > 0 && method === 'runs.saveExecution' && failures++ === 0;
      return fails ? Promise.reject(new Error('AccessDeniedException')) : call();
    };
    stage.gate.resolve();
    await processes.work(jobs[0]!);
    expect(failures).toBeGreaterThan(0);
    const { result: task } = await send('tasks/get', { taskId: result!.taskId });
    expect(task).toMatchObject({ status: 'failed' });
  });
});

describe('a client of 2026-07-28 that knows no tasks', () => {
  test('waits for a long tool, and is refused one that it may not wait for', async () => {
    const { stage, processes } = world();
    stage.gate.resolve();
    const send = modern(processes, await processes.callerOf('ada'), {});
    expect(await send('tools/call', { name: 'add', arguments: { a: 1, b: 2 } })).toMatchObject({
      result: { structuredContent: { sum: 3 } },
    });
    expect(await send('tools/call', { name: 'must' })).toMatchObject({ status: 400, error: { code: -32021 } });
    await processes.settle();
    expect(await processes.stores.runs.executionsOf('grant-of-ada')).toEqual([]);
  });
});

describe.each(ofSessions)('%s', (_, connect) => {
  const connected = async (holdSeconds?: number) => {
    const { stage, processes } = world(holdSeconds === undefined ? {} : { holdSeconds });
    const ada = await processes.callerOf('ada');
    const questions: string[] = [];
    const elicit = (message: string) => {
      questions.push(message);
      return accept(`to ${message}`);
    };
    const client = await connect(processes.url, processes.fetchAs(ada), { elicit });
    return { stage, processes, ada, client, questions };
  };
  const taskIn = (value: string) => /"task": "([^"]+)"/.exec(value)![1]!;

  test('waits for a long tool, and sees how far it has come', async () => {
    const { stage, processes, client } = await connected();
    const progress: number[] = [];
    const heard = Promise.withResolvers<void>();
    const onprogress = ({ progress: value }: { progress: number }) => {
      progress.push(value);
      heard.resolve();
    };
    const call = client.call('slow', {}, { onprogress });
    await heard.promise;
    stage.gate.resolve();
    expect((await call).content[0]!.text).toBe('slow');
    expect(progress).toEqual([1]);
    await client.listTools();
    expect((await client.call('add', { a: 1, b: 2 })).structuredContent).toEqual({ sum: 3 });
    expect((await client.call('fail')).isError).toBe(true);
    await expect(client.call('refuse')).rejects.toMatchObject({ code: -32602 });
    await client.close();
    await processes.settle();
    expect([processes.log, client.errors]).toEqual([[], []]);
  });

  test('is asked by a long tool while it waits', async () => {
    const { processes, client, questions } = await connected();
    expect((await client.call('two-questions')).content[0]!.text).toBe('to 1? and to 2?');
    expect((await client.call('in-turn')).content[0]!.text).toBe('to 0?,to 1?');
    expect(questions.toSorted()).toEqual(['0?', '1?', '1?', '2?']);
    await client.close();
    await processes.settle();
    expect([processes.log, client.errors]).toEqual([[], []]);
  });

  test.each(['slow', 'add'])('is told how to fetch the result of %s, where that takes too long', async (tool) => {
    const { stage, processes, client } = await connected(0);
    await client.listTools();
    const late = await client.call(tool, { a: 1, b: 2 });
    const task = taskIn(late.content[0]!.text!);
    const still = await client.call('task_result', { task });
    expect(taskIn(still.content[0]!.text!)).toBe(task);
    stage.gate.resolve();
    await processes.settle();
    const fetched = await client.call('task_result', { task });
    expect(fetched).toMatchObject(
      tool === 'slow' ? { content: [{ text: 'slow' }] } : { structuredContent: { sum: 3 } },
    );
    expect((await client.call('task_result', { task: 'unknown' })).isError).toBe(true);
    await client.close();
    await processes.settle();
  });

  test('fetches the result of another session of its user, is asked what that was asked, and nobody else is', async () => {
    const { processes, ada, client } = await connected();
    const silent = await RawSession.begin(processes.url, processes.fetchAs(ada));
    const messages = await messagesOf(await silent.post(silent.toolCall('two-questions', {}, 2)));
    const run = await until(async () =>
      (await processes.stores.runs.executionsOf(ada.grant)).find(({ open }) => open.length > 0),
    );
    expect(messages).toHaveLength(2);
    const { processes: _, ...waiting } = await connectedTo(processes, ada);
    expect((await waiting.client.call('task_result', { task: run.id })).content[0]!.text).toBe('to 1? and to 2?');
    const stranger = await connectedTo(processes, await processes.callerOf('alan'));
    expect((await stranger.client.call('task_result', { task: run.id })).isError).toBe(true);
    for (const each of [client, waiting.client, stranger.client]) await each.close();
    await processes.settle();
  });

  const connectedTo = async (processes: Processes, caller: Caller) => {
    const elicit = (message: string) => accept(`to ${message}`);
    return { processes, client: await connect(processes.url, processes.fetchAs(caller), { elicit }) };
  };
});

describe('a session that waits for a long tool', () => {
  async function waiting(tool: string, options: { holdSeconds?: number } = {}) {
    const { stage, processes } = world(options);
    const ada = await processes.callerOf('ada');
    const session = await RawSession.begin(processes.url, processes.fetchAs(ada));
    const response = await session.post(session.toolCall(tool));
    return { stage, processes, ada, session, response };
  }

  const toolCallOf = async (processes: Processes, ada: Caller) =>
    (await processes.stores.runs.executionsOf(ada.grant))[0]!;

  test('may lose its stream before anything was said, and take it up again', async () => {
    const { stage, processes, session, response } = await waiting('slow');
    const [first] = await eventsOf(response, 1);
    expect(first).toMatchObject({ id: expect.stringMatching(/\.0$/) });
    stage.gate.resolve();
    const rest = await messagesOf(await session.resume(first!.id!));
    expect(rest).toMatchObject([{ id: 1, result: { content: [{ text: 'slow' }] } }]);
    await processes.settle();
  });

  test('is told how to fetch the result also where it has taken up its stream again', async () => {
    const { stage, processes, session, response } = await waiting('slow', { holdSeconds: 45 });
    const [first] = await eventsOf(response, 1);
    processes.clock.now += 44;
    const resumed = session.resume(first!.id!).then(messagesOf);
    await pause(200);
    processes.clock.now += 1;
    expect(await resumed).toMatchObject([
      { id: 1, result: { content: [{ text: expect.stringContaining('task_result') }] } },
    ]);
    stage.gate.resolve();
    await processes.settle();
  });

  test('cancels it, and the tool hears of it', async () => {
    const { stage, processes, session, response, ada } = await waiting('slow');
    const events: SseEvent[] = [];
    const ended = eventsOf(response, Number.POSITIVE_INFINITY, events);
    await until(() => stage.ran);
    await session.cancel(1);
    await ended;
    expect(events.filter(({ message }) => message?.id === 1)).toEqual([]);
    await until(() => stage.aborted);
    stage.gate.resolve();
    await processes.settle();
    const { id, status } = await toolCallOf(processes, ada);
    expect(status).toBe('cancelled');
    const [fetched] = await messagesOf(await session.post(session.toolCall('task_result', { task: id })));
    expect(fetched).toMatchObject({ result: { isError: true } });
  }, 15_000);

  test('is told where the worker cannot be started, and the work is not done behind its back', async () => {
    const { stage, processes } = world();
    const session = await RawSession.begin(processes.url, processes.fetchAs(await processes.callerOf('ada')));
    const jobs: TaskJob[] = [];
    processes.start = (job) => {
      jobs.push(job);
      throw new ServiceUnavailableError('The worker', 'no answer');
    };
    const [answer] = await messagesOf(await session.post(session.toolCall('slow')));
    expect(answer).toMatchObject({ result: { isError: true } });
    await processes.work(jobs[0]!);
    await processes.settle();
    expect(stage.ran).toBe(0);
  });

  test('is told where its grant has ended before the work began', async () => {
    const { processes } = world();
    const ada = await processes.callerOf('ada');
    const session = await RawSession.begin(processes.url, processes.fetchAs(ada));
    processes.start = async (job) => {
      await processes.stores.grants.revokeGrant(ada.grant, 0);
      void processes.work(job);
    };
    const messages = await messagesOf(await session.post(session.toolCall('slow')));
    expect(messages).toMatchObject([{ jsonrpc: '2.0', id: 1, error: { code: -32603 } }]);
    await processes.settle();
  });

  test('is told when all workers have died', async () => {
    const { stage, processes } = world({ holdSeconds: 0 });
    const ada = await processes.callerOf('ada');
    const session = await RawSession.begin(processes.url, processes.fetchAs(ada));
    processes.start = () => undefined;
    await messagesOf(await session.post(session.toolCall('slow')));
    processes.clock.now += 601;
    const { id } = await toolCallOf(processes, ada);
    const messages = await messagesOf(await session.post(session.toolCall('task_result', { task: id }, 'later')));
    expect(messages).toMatchObject([{ jsonrpc: '2.0', id: 'later', error: { code: -32603 } }]);
    expect(stage.ran).toBe(0);
  });

  test('gets what the second worker comes to where the first died, and hears nothing twice', async () => {
    const { stage, processes } = world();
    const session = await RawSession.begin(processes.url, processes.fetchAs(await processes.callerOf('ada')));
    const first = new Process();
    const jobs: TaskJob[] = [];
    processes.start = (job) => {
      jobs.push(job);
      void processes.work(job, { process: first });
    };
    const call = {
      ...session.toolCall('slow'),
      params: { name: 'slow', arguments: {}, _meta: { progressToken: 'p' } },
    };
    const events: SseEvent[] = [];
    const ended = eventsOf(await session.post(call), Number.POSITIVE_INFINITY, events);
    await until(() => events.length === 2);
    first.kill();
    processes.clock.now += LEASE_SECONDS;
    stage.gate.resolve();
    await processes.work(jobs[0]!);
    await ended;
    expect(events.flatMap(({ message }) => message?.method ?? message?.result?.content?.[0]?.text ?? [])).toEqual([
      'notifications/progress',
      'slow',
    ]);
    first.discard();
    await processes.settle();
  });

  test('of 2025-03-26 may ask for it in a batch, and then waits for it there', async () => {
    const { stage, processes } = world();
    stage.gate.resolve();
    const ada = await processes.callerOf('ada');
    const session = await RawSession.begin(processes.url, processes.fetchAs(ada), { version: '2025-03-26' });
    const calls = [session.toolCall('refuse'), session.toolCall('slow'), session.toolCall('quick')];
    const messages = await messagesOf(await session.post(calls));
    const byId = Object.fromEntries(messages.map(({ id, ...rest }) => [String(id), rest]));
    expect(byId).toMatchObject({
      1: { error: { code: -32602 } },
      2: { result: { content: [{ text: 'slow' }] } },
      3: { result: { content: [{ text: 'quick' }] } },
    });
    await processes.settle();
  });
});
