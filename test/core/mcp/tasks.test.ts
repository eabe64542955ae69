import {
  acceptedContent,
  type CallToolResult,
  inputRequired,
  McpServer,
  ProtocolError,
} from '@modelcontextprotocol/server';
import * as z from 'zod/v4';
import type { Caller } from '../../../lambda/core/access/caller.ts';
import type { AuditLogWriter, ToolCall } from '../../../lambda/core/audit/tool-call.ts';
import { LEASE_SECONDS } from '../../../lambda/core/mcp/execution.ts';
import type { TaskJob } from '../../../lambda/core/mcp/tasks/tasks.ts';
import type { ToolContext } from '../../../lambda/core/mcp/tool-context.ts';
import { ServiceUnavailableError } from '../../../lambda/core/support/service-unavailable-error.ts';
import { arrivalsOf, eventsOf, messagesOf, ofSessions, RawSession, type SseEvent } from '../../support/era-clients.ts';
import { Process, Processes, start } from '../../support/mcp-processes.ts';
import { modernSender } from '../../support/modern-sender.ts';

/** `gate` holds the tools that wait; the counters say how many began, completed and were aborted. */
type ToolControl = { gate: PromiseWithResolvers<void>; begun: number; completed: number; aborted: number };

const text = (value: string): CallToolResult => ({ content: [{ type: 'text', text: value }] });
const name = z.object({ name: z.string() });
const requestedSchema = { type: 'object' as const, properties: { name: { type: 'string' as const } } };
const elicit = (message: string) => inputRequired.elicit({ message, requestedSchema });
const accept = (value: string) => ({ action: 'accept' as const, content: { name: value } });

function createServer(control: ToolControl, context: ToolContext): McpServer {
  const server = new McpServer({ name: 'long', version: '1' }, { capabilities: { logging: {} } });
  const { longRunning } = context;
  server.registerTool(
    'add',
    { inputSchema: z.object({ a: z.number(), b: z.number() }), outputSchema: z.object({ sum: z.number() }) },
    longRunning(async ({ a, b }): Promise<CallToolResult> => {
      control.begun += 1;
      await control.gate.promise;
      return { content: [], structuredContent: { sum: a + b } };
    }),
  );
  server.registerTool(
    'fail',
    {},
    longRunning(async () => Promise.reject(new Error('failed'))),
  );
  server.registerTool(
    'reject',
    {},
    longRunning(async () => Promise.reject(new ProtocolError(-32602, 'Invalid numbers', { why: 1 }))),
  );
  server.registerTool(
    'slow',
    {},
    longRunning(async ({ mcpReq }) => {
      control.begun += 1;
      mcpReq.signal.addEventListener('abort', () => {
        control.aborted += 1;
      });
      const progressToken = mcpReq._meta?.progressToken;
      if (progressToken !== undefined) {
        await mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress: 1, total: 2 } });
      }
      await control.gate.promise;
      control.completed += 1;
      return text('slow');
    }),
  );
  server.registerTool(
    'task-only',
    {},
    longRunning(async () => text('task-only'), { required: true }),
  );
  server.registerTool(
    'remember',
    {},
    longRunning(async () => {
      await context.state.put('before', 1);
      control.begun += 1;
      await control.gate.promise;
      await context.state.put('after', 1).catch(() => undefined);
      await context.state.put('versioned', 1, { version: 0 }).catch(() => undefined);
      control.completed += 1;
      return text('remembered');
    }),
  );
  server.registerTool('quick', {}, async () => text('quick'));
  server.registerTool(
    'elicit-two',
    {},
    longRunning(async ({ mcpReq }) => {
      control.begun += 1;
      const [first, second] = ['first', 'second'].map((key) => acceptedContent(mcpReq.inputResponses, key, name)?.name);
      if (first === undefined || second === undefined) {
        return inputRequired({ inputRequests: { first: elicit('1?'), second: elicit('2?') } });
      }
      control.completed += 1;
      return text(`${first} and ${second}`);
    }),
  );
  server.registerTool(
    'elicit-in-turn',
    {},
    longRunning(async ({ mcpReq }) => {
      control.begun += 1;
      const names = [...JSON.parse(mcpReq.requestState<string>() ?? '[]')];
      const answer = acceptedContent(mcpReq.inputResponses, 'who', name);
      if (answer) names.push(answer.name);
      if (names.length < 2) {
        return inputRequired({
          inputRequests: { who: elicit(`${names.length}?`) },
          requestState: JSON.stringify(names),
        });
      }
      control.completed += 1;
      return text(names.join());
    }),
  );
  return server;
}

type Options = { holdSeconds?: number; taskTtlSeconds?: number; calls?: AuditLogWriter };

function setUp({ holdSeconds = 60, taskTtlSeconds = 3600, calls }: Options = {}) {
  const control: ToolControl = { gate: Promise.withResolvers(), begun: 0, completed: 0, aborted: 0 };
  const processes = new Processes({
    createServer: (context) => createServer(control, context),
    holdSeconds,
    taskTtlSeconds,
    calls,
  });
  return { control, processes, clock: processes.clock };
}

describe('a client of 2026-07-28 with the tasks extension', () => {
  async function callTask(tool: string, given: object = {}, options: Options = {}) {
    const { control, processes, clock } = setUp(options);
    const jobs: TaskJob[] = [];
    const ada = await processes.callerOf('ada');
    const send = modernSender(processes, ada);
    const begin = processes.start;
    processes.start = (job) => {
      jobs.push(job);
      return begin(job);
    };
    const { result } = await send('tools/call', { name: tool, arguments: given });
    const taskId = result?.taskId as string;
    const get = async () => (await send('tasks/get', { taskId })).result!;
    const reach = async (status: string) => {
      await clock.until(async () => (await get()).status === status);
      return get();
    };
    const update = (inputResponses: object) => send('tasks/update', { taskId, inputResponses });
    return { control, processes, clock, ada, send, jobs, result, taskId, get, reach, update };
  }

  test('receives a task at once and the result when it is available', async () => {
    const { control, processes, result, get } = await callTask('add', { a: 1, b: 2 });
    expect(result).toMatchObject({ resultType: 'task', status: 'working', ttlMs: 3_600_000, pollIntervalMs: 1000 });
    expect(await get()).toMatchObject({ resultType: 'complete', status: 'working' });
    control.gate.resolve();
    await processes.settle();
    expect(await get()).toMatchObject({ status: 'completed', result: { structuredContent: { sum: 3 } } });
    expect(control.begun).toBe(1);
  });

  test('receives the error of a tool as a result and a protocol error as an error', async () => {
    const failed = await callTask('fail');
    await failed.processes.settle();
    expect(await failed.get()).toMatchObject({ status: 'completed', result: { isError: true } });
    const rejected = await callTask('reject');
    await rejected.processes.settle();
    expect(await rejected.get()).toMatchObject({ status: 'failed', error: { code: -32602, data: { why: 1 } } });
  });

  test('receives the latest progress message', async () => {
    const { control, processes, clock, get } = await callTask('slow');
    await clock.until(async () => (await get()).statusMessage === '1 of 2');
    control.gate.resolve();
    await processes.settle();
    expect(await get()).toMatchObject({ status: 'completed', result: { content: [{ text: 'slow' }] } });
  });

  test('responds to each input request once, one at a time or together', async () => {
    const { control, processes, get, reach, update } = await callTask('elicit-two');
    const { inputRequests } = await reach('input_required');
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
    expect(control).toMatchObject({ begun: 2, completed: 1 });
    await update({ [first]: accept('late') });
    await processes.settle();
    expect(control.begun).toBe(2);
  });

  test('responds in rounds, and a response to an earlier round does not answer a later one', async () => {
    const { control, processes, clock, get, reach, update } = await callTask(
      'elicit-in-turn',
      {},
      { taskTtlSeconds: 7200 },
    );
    const [first] = Object.keys((await reach('input_required')).inputRequests as object) as [string];
    await update({ [first]: accept('Ada') });
    await processes.settle();
    const [second] = Object.keys((await reach('input_required')).inputRequests as object) as [string];
    expect(second).not.toBe(first);
    await update({ [first]: accept('Eve') });
    await processes.settle();
    expect(control.begun).toBe(2);
    // Longer than the state of a request without a task is valid.
    await clock.advance(7_000_000);
    await update({ [second]: accept('Alan') });
    await processes.settle();
    expect(await get()).toMatchObject({ status: 'completed', result: { content: [{ text: 'Ada,Alan' }] } });
  });

  test('receives an error for an update without input responses', async () => {
    const { processes, reach, send, taskId } = await callTask('elicit-two');
    await reach('input_required');
    expect(await send('tasks/update', { taskId })).toMatchObject({ error: { code: -32602 } });
    await processes.settle();
  });

  test('continues its task by a repeated input response when the worker could not start after the first', async () => {
    const { processes, reach, update, get } = await callTask('elicit-in-turn');
    const [first] = Object.keys((await reach('input_required')).inputRequests as object) as [string];
    const { start } = processes;
    processes.start = () => Promise.reject(new ServiceUnavailableError('The worker', 'gone'));
    expect((await update({ [first]: accept('Ada') })).result).toBeUndefined();
    processes.start = start;
    await update({ [first]: accept('Ada') });
    await processes.settle();
    expect(await get()).toMatchObject({ status: 'input_required' });
  });

  test('cancels a running task, whose signal is aborted within 3 seconds', async () => {
    const { control, processes, clock, send, taskId, get } = await callTask('slow');
    await clock.until(() => control.begun);
    expect(await send('tasks/cancel', { taskId })).toMatchObject({ result: { resultType: 'complete' } });
    expect((await get()).status).toBe('cancelled');
    const began = clock.now();
    await clock.until(() => control.aborted);
    expect(clock.now() - began).toBeLessThan(3_000);
    control.gate.resolve();
    await processes.settle();
    expect((await get()).status).toBe('cancelled');
    expect(await processes.loggedCalls()).toEqual([['slow', 'cancelled']]);
  });

  test('writes neither state nor the audit log once its user is erased', async () => {
    const calls: string[] = [];
    const log: AuditLogWriter = { recordCall: async ({ tool }) => void calls.push(String(tool)) };
    const { control, processes, clock, ada } = await callTask('remember', {}, { calls: log });
    await clock.until(() => control.begun);
    const { user } = ada;
    expect((await processes.stores.state.list(user, '', 10, undefined, start)).entries).toHaveLength(1);
    await processes.stores.state.delete(user, 'before');
    processes.around = async (method, call) => {
      if (method === 'executions.findExecution') return undefined as never;
      if (method === 'executions.saveExecution') return false as never;
      return call();
    };
    control.gate.resolve();
    await processes.settle();
    expect(control.completed).toBe(1);
    expect((await processes.stores.state.list(user, '', 10, undefined, start)).entries).toEqual([]);
    expect(calls).toEqual([]);
  });

  test('cancels a task that waits for input, but not a completed one', async () => {
    const eliciting = await callTask('elicit-two');
    const [first] = Object.keys((await eliciting.reach('input_required')).inputRequests as object) as [string];
    await eliciting.send('tasks/cancel', { taskId: eliciting.taskId });
    await eliciting.update({ [first]: accept('late') });
    await eliciting.processes.settle();
    expect(await eliciting.get()).toMatchObject({ status: 'cancelled' });
    expect(await eliciting.processes.loggedCalls()).toEqual([['elicit-two', 'cancelled']]);
    const done = await callTask('fail');
    await done.processes.settle();
    await done.send('tasks/cancel', { taskId: done.taskId });
    expect(await done.get()).toMatchObject({ status: 'completed' });
  });

  test('does not find a task that has expired, belongs to another user or does not exist', async () => {
    const { processes, clock, send, taskId, control } = await callTask('fail');
    await processes.settle();
    const alan = modernSender(processes, await processes.callerOf('alan'));
    for (const method of ['tasks/get', 'tasks/cancel', 'tasks/update']) {
      const params = { taskId, inputResponses: {} };
      expect(await alan(method, params)).toMatchObject({ error: { code: -32602 } });
      expect(await send(method, { ...params, taskId: 'unknown' })).toMatchObject({ error: { code: -32602 } });
    }
    await clock.advance(3_600_000);
    expect(await send('tasks/get', { taskId })).toMatchObject({ error: { code: -32602 } });
    control.gate.resolve();
  });

  test('must declare the extension in each request', async () => {
    const { processes, ada, taskId } = await callTask('fail');
    await processes.settle();
    const withoutExtension = modernSender(processes, ada, {});
    for (const method of ['tasks/get', 'tasks/cancel', 'tasks/update']) {
      const response = await withoutExtension(method, { taskId, inputResponses: {} });
      expect(response).toMatchObject({ status: 400, error: { code: -32021 } });
    }
  });

  test('has its tool run once, however often the worker is started', async () => {
    const { control, processes, clock, jobs, get } = await callTask('slow');
    const [job] = jobs as [TaskJob];
    await clock.until(() => control.begun);
    await clock.until(Promise.all([processes.work(job), processes.work(job)]));
    control.gate.resolve();
    await processes.settle();
    await processes.work(job);
    expect(await get()).toMatchObject({ status: 'completed' });
    expect(control.begun).toBe(1);
  });

  test('receives a failure after three workers were killed', async () => {
    const { control, processes, clock, ada } = await callTask('fail');
    const jobs: TaskJob[] = [];
    processes.start = (job) => void jobs.push(job);
    const send = modernSender(processes, ada);
    const { result } = await send('tools/call', { name: 'slow' });
    const get = async () => (await send('tasks/get', { taskId: result!.taskId })).result;
    const killed: Process[] = [];
    for (let attempt = 1; attempt <= 3; attempt++) {
      const process = new Process();
      killed.push(process);
      const work = processes.work(jobs[0]!, { process });
      // No worker begins before the lease of the dead one has ended.
      const began = clock.now();
      await clock.until(() => control.begun === attempt);
      if (attempt > 1) expect(clock.now() - began).toBe(LEASE_SECONDS * 1000);
      process.kill();
      expect(await work).toBe(false);
      expect(await get()).toMatchObject({ status: 'working' });
    }
    await clock.advance(LEASE_SECONDS * 1000);
    expect(await get()).toMatchObject({ status: 'failed', error: { code: -32603 } });
    expect(await processes.work(jobs[0]!)).toBe(true);
    expect(control.begun).toBe(3);
    for (const process of killed) process.discard();
    control.gate.resolve();
    await processes.settle();
    expect(await processes.loggedCalls()).toContainEqual(['slow', 'interrupted']);
  });

  test('receives the result of a second worker after the first was killed', async () => {
    const { control, processes, clock, ada } = await callTask('fail');
    const jobs: TaskJob[] = [];
    processes.start = (job) => void jobs.push(job);
    const send = modernSender(processes, ada);
    const { result } = await send('tools/call', { name: 'slow' });
    const process = new Process();
    const work = processes.work(jobs[0]!, { process });
    await clock.until(() => control.begun === 1);
    process.kill();
    await work;
    control.gate.resolve();
    expect(await clock.until(processes.work(jobs[0]!))).toBe(true);
    const { result: task } = await send('tasks/get', { taskId: result!.taskId });
    expect(task).toMatchObject({ status: 'completed', result: { content: [{ text: 'slow' }] } });
    process.discard();
    await processes.settle();
  });

  test('has its tool run once although the store is away for ten seconds at its end', async () => {
    const { control, processes, clock, jobs, get } = await callTask('slow');
    await clock.until(() => control.begun);
    const until = clock.now() + 10_000;
    processes.around = async (method, call) => {
      const isLate = method === 'executions.addEvents' || method === 'executions.saveExecution';
      if (isLate && clock.now() < until) throw new ServiceUnavailableError('The session table', new Error('away'));
      return call();
    };
    control.gate.resolve();
    await processes.settle();
    expect(await get()).toMatchObject({ status: 'completed', result: { content: [{ text: 'slow' }] } });
    await processes.work(jobs[0] as TaskJob);
    expect(control).toMatchObject({ begun: 1, completed: 1 });
  });

  test('has its tool run once when the worker died after it stored the outcome, and before it ended the task', async () => {
    const { control, processes, clock, ada } = await callTask('fail');
    const jobs: TaskJob[] = [];
    processes.start = (job) => void jobs.push(job);
    const send = modernSender(processes, ada);
    const { result } = await send('tools/call', { name: 'slow' });
    const first = new Process();
    processes.around = async (method, call, process) => {
      const answer = await call();
      if (process === first && method === 'executions.addEvents') process.kill();
      return answer;
    };
    control.gate.resolve();
    expect(await clock.until(processes.work(jobs[0]!, { process: first }))).toBe(false);
    expect(await clock.until(processes.work(jobs[0]!))).toBe(true);
    const { result: task } = await send('tasks/get', { taskId: result!.taskId });
    expect(task).toMatchObject({ status: 'completed', result: { content: [{ text: 'slow' }] } });
    expect(control.begun).toBe(1);
    first.discard();
    await processes.settle();
  });

  test('is counted once when its worker died after it logged the call, and the next one repeats it later', async () => {
    const { control, processes, clock, ada } = await callTask('fail');
    await processes.settle();
    const jobs: TaskJob[] = [];
    processes.start = (job) => void jobs.push(job);
    await modernSender(processes, ada)('tools/call', { name: 'slow' });
    const first = new Process();
    processes.around = async (method, call, process) => {
      const answer = await call();
      if (process === first && method === 'calls.recordCall') process.kill();
      return answer;
    };
    control.gate.resolve();
    const work = processes.work(jobs[0]!, { process: first });
    await clock.advance(400_000);
    expect(await work).toBe(false);
    const countedBefore = clock.now();
    expect(await processes.loggedCalls()).toContainEqual(['slow', 'success']);
    expect(await clock.until(processes.work(jobs[0]!))).toBe(true);
    expect(control.completed).toBe(2);
    first.discard();
    await processes.settle();
    expect(await processes.loggedCalls(countedBefore)).toEqual([]);
  });

  test('has its tool run once when an event is delivered twice to workers whose clocks differ by 30 seconds', async () => {
    const { control, processes, clock, ada } = await callTask('fail');
    const jobs: TaskJob[] = [];
    processes.start = (job) => void jobs.push(job);
    const { result } = await modernSender(processes, ada)('tools/call', { name: 'slow' });
    const first = processes.work(jobs[0]!);
    await clock.until(() => control.begun);
    const second = processes.work(jobs[0]!, { skewMilliseconds: 30_000 });
    const third = processes.work(jobs[0]!, { skewMilliseconds: -30_000 });
    await clock.until(Promise.all([second, third]));
    control.gate.resolve();
    await clock.until(first);
    expect(control).toMatchObject({ begun: 1, completed: 1 });
    expect(result).toMatchObject({ taskId: expect.any(String) });
  });

  test('receives a failure when no worker has begun within ten minutes', async () => {
    const { processes, clock, ada } = await callTask('fail');
    await processes.settle();
    processes.start = () => undefined;
    const send = modernSender(processes, ada);
    const { result } = await send('tools/call', { name: 'slow' });
    const get = async () => (await send('tasks/get', { taskId: result!.taskId })).result;
    await clock.advance(600_000);
    expect(await get()).toMatchObject({ status: 'working' });
    await clock.advance(1_000);
    expect(await get()).toMatchObject({ status: 'failed' });
  });

  test('receives a failure when the time of the worker ends, although the tool never completes', async () => {
    const { processes, clock, ada } = await callTask('fail');
    const jobs: TaskJob[] = [];
    processes.start = (job) => void jobs.push(job);
    const send = modernSender(processes, ada);
    const { result } = await send('tools/call', { name: 'slow' });
    const began = clock.now();
    expect(await clock.until(processes.work(jobs[0]!, { milliseconds: 70_000 }))).toBe(true);
    expect(clock.now() - began).toBe(60_000);
    const { result: task } = await send('tasks/get', { taskId: result!.taskId });
    expect(task).toMatchObject({ status: 'failed', error: { message: 'Request timed out' } });
  });

  test('has its running task cancelled within ten seconds of the revocation of its grant', async () => {
    const { control, processes, clock, ada, taskId } = await callTask('slow');
    await clock.until(() => control.begun);
    await processes.stores.grants.revokeGrant(ada.grant, 0);
    await clock.advance(12_000);
    expect(control.aborted).toBe(1);
    expect(await processes.stores.executions.findExecution(ada.grant, taskId)).toMatchObject({ status: 'cancelled' });
    control.gate.resolve();
    await processes.settle();
    expect(await processes.loggedCalls()).toEqual([['slow', 'cancelled']]);
  });

  test('has a task logged once that returns before its worker notices the revocation', async () => {
    const { control, processes, clock, ada } = await callTask('slow');
    await clock.until(() => control.begun);
    await processes.stores.grants.revokeGrant(ada.grant, 0);
    control.gate.resolve();
    await processes.settle();
    expect(await processes.loggedCalls()).toEqual([['slow', 'success']]);
  });

  test('has no tool executed after its grant has ended', async () => {
    const { control, processes, ada } = await callTask('fail');
    const jobs: TaskJob[] = [];
    processes.start = (job) => void jobs.push(job);
    const { result } = await modernSender(processes, ada)('tools/call', { name: 'slow' });
    await processes.stores.grants.revokeGrant(ada.grant, 0);
    expect(await processes.work(jobs[0]!)).toBe(true);
    expect(control.begun).toBe(0);
    const execution = await processes.stores.executions.findExecution(ada.grant, result!.taskId as string);
    expect(execution).toMatchObject({ status: 'done' });
    expect(await processes.loggedCalls()).toContainEqual(['slow', 'cancelled']);
  });

  test('receives an error when the worker cannot be started, and a worker that starts later does nothing', async () => {
    const { control, processes, ada } = await callTask('fail');
    const jobs: TaskJob[] = [];
    processes.start = (job) => {
      jobs.push(job);
      throw new ServiceUnavailableError('The worker', 'no answer');
    };
    const { result } = await modernSender(processes, ada)('tools/call', { name: 'slow' });
    expect(result).toMatchObject({ isError: true });
    await processes.work(jobs[0]!);
    expect(control.begun).toBe(0);
  });

  test('receives a failure when the outcome could not be stored because of an unexpected error', async () => {
    const { control, processes, ada } = await callTask('fail');
    const jobs: TaskJob[] = [];
    processes.start = (job) => void jobs.push(job);
    const send = modernSender(processes, ada);
    const { result } = await send('tools/call', { name: 'slow' });
    let failures = 0;
    processes.around = (method, call) => {
      const fails = control.completed > 0 && method === 'executions.saveExecution' && failures++ === 0;
      return fails ? Promise.reject(new Error('AccessDeniedException')) : call();
    };
    control.gate.resolve();
    await processes.work(jobs[0]!);
    expect(failures).toBeGreaterThan(0);
    const { result: task } = await send('tasks/get', { taskId: result!.taskId });
    expect(task).toMatchObject({ status: 'failed' });
  });
});

describe('a client of 2026-07-28 without the tasks extension', () => {
  test('waits for a long-running tool, and is rejected by one that requires the extension', async () => {
    const { control, processes } = setUp();
    control.gate.resolve();
    const send = modernSender(processes, await processes.callerOf('ada'), {});
    expect(await send('tools/call', { name: 'add', arguments: { a: 1, b: 2 } })).toMatchObject({
      result: { structuredContent: { sum: 3 } },
    });
    expect(await send('tools/call', { name: 'task-only' })).toMatchObject({ status: 400, error: { code: -32021 } });
    await processes.settle();
    expect(await processes.stores.executions.executionsOf('grant-of-ada')).toEqual([]);
  });
});

describe.each(ofSessions)('%s', (_, connect) => {
  const connectTo = async (processes: Processes, caller: Caller) => {
    const elicitations: string[] = [];
    const elicit = (message: string) => {
      elicitations.push(message);
      return accept(`to ${message}`);
    };
    const client = await connect(processes.endpointOf(caller), { elicit });
    const call: typeof client.call = (...request) => processes.clock.until(client.call(...request));
    return { client, call, elicitations };
  };

  const setUpClient = async (holdSeconds?: number) => {
    const { control, processes, clock } = setUp(holdSeconds === undefined ? {} : { holdSeconds });
    const ada = await processes.callerOf('ada');
    return { control, processes, clock, ada, ...(await connectTo(processes, ada)) };
  };

  const taskIn = (value: string) => /"task": "([^"]+)"/.exec(value)![1]!;

  test('waits for a long-running tool and receives its progress', async () => {
    const { control, processes, clock, client, call } = await setUpClient();
    const progress: number[] = [];
    const progressed = Promise.withResolvers<void>();
    const onprogress = ({ progress: value }: { progress: number }) => {
      progress.push(value);
      progressed.resolve();
    };
    const slow = client.call('slow', {}, { onprogress });
    await clock.until(progressed.promise);
    control.gate.resolve();
    expect((await clock.until(slow)).content[0]!.text).toBe('slow');
    expect(progress).toEqual([1]);
    await client.listTools();
    expect((await call('add', { a: 1, b: 2 })).structuredContent).toEqual({ sum: 3 });
    expect((await call('fail')).isError).toBe(true);
    await expect(call('reject')).rejects.toMatchObject({ code: -32602 });
    await client.close();
    await processes.settle();
    const logged = processes.log.map(({ event, details }) => [event, details?.tool]);
    expect([logged, client.errors]).toEqual([[['tool_failed', 'fail']], []]);
  });

  test('answers the elicitations of a long-running tool while it waits', async () => {
    const { processes, client, call, elicitations } = await setUpClient();
    expect((await call('elicit-two')).content[0]!.text).toBe('to 1? and to 2?');
    expect((await call('elicit-in-turn')).content[0]!.text).toBe('to 0?,to 1?');
    expect(elicitations.toSorted()).toEqual(['0?', '1?', '1?', '2?']);
    await client.close();
    await processes.settle();
    expect([processes.log, client.errors]).toEqual([[], []]);
  });

  test.each(['slow', 'add'])(
    'fetches the result of %s by task_result when the tool takes longer than the hold',
    async (tool) => {
      const { control, processes, client, call } = await setUpClient(0);
      await client.listTools();
      const late = await call(tool, { a: 1, b: 2 });
      const task = taskIn(late.content[0]!.text!);
      const still = await call('task_result', { task });
      expect(taskIn(still.content[0]!.text!)).toBe(task);
      control.gate.resolve();
      await processes.settle();
      const fetched = await call('task_result', { task });
      expect(fetched).toMatchObject(
        tool === 'slow' ? { content: [{ text: 'slow' }] } : { structuredContent: { sum: 3 } },
      );
      expect((await call('task_result', { task: 'unknown' })).isError).toBe(true);
      await client.close();
      await processes.settle();
    },
  );

  test('fetches the result of another session of its user and answers its elicitations; another user cannot', async () => {
    const { processes, clock, ada, client } = await setUpClient();
    const silent = await RawSession.begin(processes.endpointOf(ada));
    const response = await silent.post(silent.toolCall('elicit-two', {}, 2));
    expect(await clock.until(messagesOf(response))).toHaveLength(2);
    const [execution] = (await processes.stores.executions.executionsOf(ada.grant)).filter(
      ({ open }) => open.length > 0,
    );
    const task = execution!.id;
    const other = await connectTo(processes, ada);
    expect((await other.call('task_result', { task })).content[0]!.text).toBe('to 1? and to 2?');
    const stranger = await connectTo(processes, await processes.callerOf('alan'));
    expect((await stranger.call('task_result', { task })).isError).toBe(true);
    for (const each of [client, other.client, stranger.client]) await each.close();
    await processes.settle();
  });
});

describe('a session that waits for a long-running tool', () => {
  async function callAndWait(tool: string, given: object = {}, options: Options = {}) {
    const { control, processes, clock } = setUp(options);
    const ada = await processes.callerOf('ada');
    const session = await RawSession.begin(processes.endpointOf(ada));
    const response = await session.post(session.toolCall(tool, given));
    return { control, processes, clock, ada, session, response };
  }

  const executionOf = async (processes: Processes, ada: Caller) =>
    (await processes.stores.executions.executionsOf(ada.grant))[0]!;

  test('resumes a stream that broke off before its first message', async () => {
    const { control, processes, clock, session, response } = await callAndWait('slow');
    const [first] = await eventsOf(response, 1);
    expect(first).toMatchObject({ id: expect.stringMatching(/\.0$/) });
    control.gate.resolve();
    const rest = await clock.until(messagesOf(await session.resume(first!.id!)));
    expect(rest).toMatchObject([{ id: 1, result: { content: [{ text: 'slow' }] } }]);
    await processes.settle();
  });

  test('receives the task on a resumed stream when the hold ends', async () => {
    const { control, processes, clock, session, response } = await callAndWait('slow', {}, { holdSeconds: 45 });
    const began = clock.now();
    const [first] = await eventsOf(response, 1);
    await clock.advance(44_000);
    const resumed = await session.resume(first!.id!);
    expect(await clock.until(messagesOf(resumed))).toMatchObject([
      { id: 1, result: { content: [{ text: expect.stringContaining('task_result') }] } },
    ]);
    expect(clock.now() - began).toBeGreaterThanOrEqual(45_000);
    expect(clock.now() - began).toBeLessThan(47_000);
    control.gate.resolve();
    await processes.settle();
  });

  test('receives a heartbeat by elapsed time, however long the store takes', async () => {
    const { control, processes, clock } = setUp();
    const session = await RawSession.begin(processes.endpointOf(await processes.callerOf('ada')));
    processes.around = async (method, call) => {
      if (method.startsWith('executions.')) await clock.sleep(200);
      return call();
    };
    const response = await clock.until(session.post(session.toolCall('slow')));
    const began = clock.now();
    const arrivals = await clock.until(arrivalsOf(response, clock));
    const times = [began, ...arrivals.map(({ at }) => at)];
    expect(arrivals.filter(({ text }) => text === ': keep-alive\n\n')).toHaveLength(3);
    expect(times.at(-1)! - began).toBeGreaterThanOrEqual(59_000);
    for (const [index, time] of times.slice(1).entries()) expect(time - times[index]!).toBeLessThanOrEqual(16_000);
    control.gate.resolve();
    await processes.settle();
  });

  test.each([
    ['valid output', { a: 1, b: 2 }, 60, { result: { structuredContent: { sum: 3 } } }, 'success'],
    ['invalid output', { a: Number.MAX_VALUE, b: Number.MAX_VALUE }, 60, { result: { isError: true } }, 'tool-error'],
    ['an output after the hold', { a: 1, b: 2 }, 0, { result: { isError: true } }, 'success'],
  ])(
    'receives one response of a tool with an output schema, which leaves one entry in the audit log: %s',
    async (_, given, holdSeconds, response, outcome) => {
      const entries: ToolCall[] = [];
      const calls = { recordCall: async (entry: ToolCall) => void entries.push(entry) };
      const waiting = await callAndWait('add', given, { holdSeconds, calls });
      const { control, processes, clock } = waiting;
      const messages = messagesOf(waiting.response);
      await clock.until(() => control.begun);
      await clock.advance(12_000);
      expect(entries).toEqual([]);
      control.gate.resolve();
      expect(await clock.until(messages)).toMatchObject([{ id: 1, ...response }]);
      await processes.settle();
      expect(entries).toMatchObject([{ tool: 'add', outcome }]);
      expect(processes.log).toEqual([]);
    },
  );

  test('cancels the call, and the signal of the tool is aborted', async () => {
    const { control, processes, clock, session, response, ada } = await callAndWait('slow');
    const events: SseEvent[] = [];
    const ended = eventsOf(response, Number.POSITIVE_INFINITY, events);
    await clock.until(() => control.begun);
    await session.cancel(1);
    await clock.until(ended);
    expect(events.filter(({ message }) => message?.id === 1)).toEqual([]);
    await clock.until(() => control.aborted);
    control.gate.resolve();
    await processes.settle();
    const { id, status } = await executionOf(processes, ada);
    expect(status).toBe('cancelled');
    expect(await processes.loggedCalls()).toEqual([['slow', 'cancelled']]);
    const [fetched] = await messagesOf(await session.post(session.toolCall('task_result', { task: id })));
    expect(fetched).toMatchObject({ result: { isError: true } });
  });

  test('receives an error when the worker cannot be started, and a worker that starts later does nothing', async () => {
    const { control, processes } = setUp();
    const session = await RawSession.begin(processes.endpointOf(await processes.callerOf('ada')));
    const jobs: TaskJob[] = [];
    processes.start = (job) => {
      jobs.push(job);
      throw new ServiceUnavailableError('The worker', 'no answer');
    };
    const [response] = await messagesOf(await session.post(session.toolCall('slow')));
    expect(response).toMatchObject({ result: { isError: true } });
    await processes.work(jobs[0]!);
    await processes.settle();
    expect(control.begun).toBe(0);
  });

  test('receives an error when its grant ends before the worker begins', async () => {
    const { processes, clock } = setUp();
    const ada = await processes.callerOf('ada');
    const session = await RawSession.begin(processes.endpointOf(ada));
    processes.start = async (job) => {
      await processes.stores.grants.revokeGrant(ada.grant, 0);
      void processes.work(job);
    };
    const messages = await clock.until(messagesOf(await session.post(session.toolCall('slow'))));
    expect(messages).toMatchObject([{ jsonrpc: '2.0', id: 1, error: { code: -32603 } }]);
    await processes.settle();
  });

  test('has the call logged whose task a revocation ends', async () => {
    const { control, processes, clock } = setUp();
    const ada = await processes.callerOf('ada');
    const session = await RawSession.begin(processes.endpointOf(ada));
    const response = await session.post(session.toolCall('slow'));
    await clock.until(() => control.begun);
    await processes.stores.grants.revokeGrant(ada.grant, 0);
    await clock.advance(20_000);
    control.gate.resolve();
    await clock.until(messagesOf(response));
    await processes.settle();
    expect(await processes.loggedCalls()).toEqual([['slow', 'cancelled']]);
  });

  test('receives an error by task_result when no worker has begun within ten minutes', async () => {
    const { control, processes, clock } = setUp({ holdSeconds: 0 });
    const ada = await processes.callerOf('ada');
    const session = await RawSession.begin(processes.endpointOf(ada));
    processes.start = () => undefined;
    await messagesOf(await session.post(session.toolCall('slow')));
    await clock.advance(601_000);
    const { id } = await executionOf(processes, ada);
    const response = await session.post(session.toolCall('task_result', { task: id }, 'later'));
    const messages = await clock.until(messagesOf(response));
    expect(messages).toMatchObject([{ jsonrpc: '2.0', id: 'later', error: { code: -32603 } }]);
    expect(control.begun).toBe(0);
  });

  test('receives the result of a second worker after the first was killed, and each message once', async () => {
    const { control, processes, clock } = setUp();
    const session = await RawSession.begin(processes.endpointOf(await processes.callerOf('ada')));
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
    await clock.until(() => events.length === 2);
    first.kill();
    await clock.advance(LEASE_SECONDS * 1000);
    control.gate.resolve();
    await clock.until(processes.work(jobs[0]!));
    await clock.until(ended);
    expect(events.flatMap(({ message }) => message?.method ?? message?.result?.content?.[0]?.text ?? [])).toEqual([
      'notifications/progress',
      'slow',
    ]);
    first.discard();
    await processes.settle();
  });

  test('of 2025-03-26 waits for it in a batch without a worker', async () => {
    const { control, processes } = setUp();
    control.gate.resolve();
    const ada = await processes.callerOf('ada');
    const session = await RawSession.begin(processes.endpointOf(ada), { version: '2025-03-26' });
    const calls = [session.toolCall('reject'), session.toolCall('slow'), session.toolCall('quick')];
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
