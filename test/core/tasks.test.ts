import {
  acceptedContent,
  type CallToolResult,
  inputRequired,
  McpServer,
  ProtocolError,
  ProtocolErrorCode,
} from '@modelcontextprotocol/server';
import * as z from 'zod/v4';
import type { Caller } from '../../lambda/core/caller.ts';
import type { Context } from '../../lambda/core/context.ts';
import type { Job } from '../../lambda/core/tasks.ts';
import { ofSessions } from './clients.ts';
import { Process, Processes } from './processes.ts';

/** Long tools: what their clients get, and that the work is done once. */

const TASKS = 'io.modelcontextprotocol/tasks';

const text = (words: string): CallToolResult => ({ content: [{ type: 'text', text: words }] });
const form = (member: string) => ({
  type: 'object' as const,
  properties: { [member]: { type: 'string' as const } },
  required: [member],
});

/** A server whose tools tell what they do, and wait where a test wants them to. */
function world(options: { holdSeconds?: number } = {}) {
  const began: string[] = [];
  const gates: Record<string, PromiseWithResolvers<void>> = {};
  const gate = (name: string) => {
    gates[name] ??= Promise.withResolvers<void>();
    return gates[name];
  };
  const aborted: string[] = [];

  function createServer(context: Context): McpServer {
    const server = new McpServer({ name: 'long', version: '1' }, { capabilities: { logging: {} } });
    server.registerTool(
      'add',
      { inputSchema: z.object({ a: z.number(), b: z.number() }), outputSchema: z.object({ sum: z.number() }) },
      context.long(async ({ a, b }): Promise<CallToolResult> => {
        began.push('add');
        return { content: [], structuredContent: { sum: a + b } };
      }),
    );
    server.registerTool(
      'wait',
      { inputSchema: z.object({ for: z.string() }) },
      context.long(async (given, { mcpReq }) => {
        began.push('wait');
        const stopped = new Promise<void>((resolve) => {
          mcpReq.signal.addEventListener('abort', () => {
            aborted.push(given.for);
            resolve();
          });
        });
        const progressToken = mcpReq._meta?.progressToken ?? 'none';
        const params = { progressToken, progress: 1, total: 2, message: 'half of it' };
        if (mcpReq._meta?.progressToken !== undefined) {
          await mcpReq.notify({ method: 'notifications/progress', params });
        }
        await Promise.race([gate(given.for).promise, stopped]);
        return text(`waited for ${given.for}`);
      }),
    );
    server.registerTool(
      'ask',
      {},
      context.long(async ({ mcpReq }) => {
        began.push('ask');
        const answers = mcpReq.inputResponses;
        const first = acceptedContent(answers, 'one', z.object({ one: z.string() }));
        const second = acceptedContent(answers, 'two', z.object({ two: z.string() }));
        const known = mcpReq.requestState<string>();
        if (known !== undefined) {
          const third = acceptedContent(answers, 'one', z.object({ one: z.string() }));
          return text(`${known}, ${third?.one}`);
        }
        if (first && second) {
          return inputRequired({
            inputRequests: { one: inputRequired.elicit({ message: 'Three?', requestedSchema: form('one') }) },
            requestState: `${first.one}, ${second.two}`,
          });
        }
        return inputRequired({
          inputRequests: {
            one: inputRequired.elicit({ message: 'One?', requestedSchema: form('one') }),
            two: inputRequired.elicit({ message: 'Two?', requestedSchema: form('two') }),
          },
        });
      }),
    );
    server.registerTool(
      'fail',
      { inputSchema: z.object({ how: z.enum(['tool', 'protocol']) }) },
      context.long(
        async ({ how }) => {
          if (how === 'tool') throw new Error('the tool’s own words');
          throw new ProtocolError(ProtocolErrorCode.InvalidParams, 'the protocol’s words', { why: 'so' });
        },
        { required: true },
      ),
    );
    return server;
  }
  return { processes: new Processes({ createServer, ...options }), began, gate, aborted };
}

/** Sends requests of 2026-07-28 as they stand. */
function modern(processes: Processes, caller: Caller, extensions: Record<string, object> = { [TASKS]: {} }) {
  let id = 0;
  const fetch = processes.fetchAs(caller);
  return async (method: string, params: Record<string, unknown> = {}, meta: object = {}) => {
    const _meta = {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
      'io.modelcontextprotocol/clientCapabilities': { elicitation: {}, extensions },
      ...meta,
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
    // biome-ignore lint/suspicious/noExplicitAny: JSON-RPC answers of many kinds
    return { status: response.status, ...((await response.json()) as any) };
  };
}

type Send = ReturnType<typeof modern>;

const call = async (send: Send, name: string, given: object = {}, meta: object = {}): Promise<string> =>
  (await send('tools/call', { name, arguments: given }, meta)).result.taskId;
const get = async (send: Send, taskId: string) => (await send('tasks/get', { taskId })).result;
const accept = (content: Record<string, string>) => ({ action: 'accept', content });

async function until(happened: () => boolean): Promise<void> {
  for (let tries = 0; !happened(); tries++) {
    if (tries > 300) throw new Error('It did not happen');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe('a client that knows tasks', () => {
  test('gets a handle at once, and the result of a tool with a schema when it is there', async () => {
    const { processes } = world();
    const send = modern(processes, await processes.callerOf('ada'));
    const { result } = await send('tools/call', { name: 'add', arguments: { a: 1, b: 2 } });
    expect(result).toMatchObject({ resultType: 'task', status: 'working', ttlMs: 3_600_000, pollIntervalMs: 1000 });
    await processes.settle();
    const { taskId } = result;
    expect(await get(send, taskId)).toMatchObject({
      taskId,
      status: 'completed',
      result: { structuredContent: { sum: 3 } },
    });
  });

  test('is told that it works and what it says of itself, then what a tool’s error or one of the protocol was', async () => {
    const { processes, gate, began } = world();
    const send = modern(processes, await processes.callerOf('ada'));
    const taskId = await call(send, 'wait', { for: 'x' }, { progressToken: 'p' });
    await until(() => began.length === 1);
    expect(await get(send, taskId)).toMatchObject({ status: 'working' });
    processes.clock.now += 1;
    await new Promise((resolve) => setTimeout(resolve, 2_200));
    expect(await get(send, taskId)).toMatchObject({ status: 'working', statusMessage: 'half of it' });
    gate('x').resolve();
    await processes.settle();
    expect(await get(send, taskId)).toMatchObject({ status: 'completed', result: text('waited for x') });

    const failed = await call(send, 'fail', { how: 'tool' });
    const refused = await call(send, 'fail', { how: 'protocol' });
    await processes.settle();
    expect((await get(send, failed)).result).toMatchObject({ isError: true, ...text('the tool’s own words') });
    expect(await get(send, refused)).toMatchObject({
      status: 'failed',
      error: { code: -32602, message: 'the protocol’s words', data: { why: 'so' } },
    });
  });

  test('answers questions in rounds, a part at a time, and late or unknown answers change nothing', async () => {
    const { processes, began } = world();
    const send = modern(processes, await processes.callerOf('ada'));
    const taskId = await call(send, 'ask');
    const update = async (inputResponses: object) => (await send('tasks/update', { taskId, inputResponses })).result;
    const open = async () => {
      await processes.settle();
      return Object.keys((await get(send, taskId)).inputRequests ?? {});
    };
    const [one, two] = await open();
    expect(await update({ unknown: { ignored: true } })).toMatchObject({ resultType: 'complete' });
    await update({ [one!]: accept({ one: '1' }) });
    expect(await open()).toEqual([two]);
    await update({ [one!]: accept({ one: 'again' }) });
    await update({ [two!]: accept({ two: '2' }) });
    const [three] = await open();
    expect([one, two]).not.toContain(three);
    await update({ [one!]: accept({ one: 'late' }) });
    expect(await open()).toEqual([three]);
    await update({ [three!]: accept({ one: '3' }) });
    await processes.settle();
    expect(await get(send, taskId)).toMatchObject({ status: 'completed', result: text('1, 2, 3') });
    expect(began).toEqual(['ask', 'ask', 'ask']);
  });

  test('cancels what works, what asks, and what has ended, which changes nothing', async () => {
    const { processes, aborted, began, gate } = world();
    const send = modern(processes, await processes.callerOf('ada'));
    const working = await call(send, 'wait', { for: 'nothing' });
    await until(() => began.length === 1);
    expect((await send('tasks/cancel', { taskId: working })).result).toMatchObject({ resultType: 'complete' });
    expect(await get(send, working)).toMatchObject({ status: 'cancelled' });
    await processes.settle();
    expect(aborted).toEqual(['nothing']);
    expect(await get(send, working)).toMatchObject({ status: 'cancelled' });

    const asking = await call(send, 'ask');
    await processes.settle();
    const [question] = Object.keys((await get(send, asking)).inputRequests);
    await send('tasks/cancel', { taskId: asking });
    await send('tasks/update', { taskId: asking, inputResponses: { [question!]: accept({ one: '1' }) } });
    await processes.settle();
    expect(await get(send, asking)).toMatchObject({ status: 'cancelled' });

    const done = await call(send, 'wait', { for: 'y' });
    gate('y').resolve();
    await processes.settle();
    await send('tasks/cancel', { taskId: done });
    expect(await get(send, done)).toMatchObject({ status: 'completed' });
  });

  test('finds nothing of another user, nor what is unknown or has expired', async () => {
    const { processes } = world();
    const send = modern(processes, await processes.callerOf('ada'));
    const taskId = await call(send, 'add', { a: 1, b: 1 });
    await processes.settle();
    const alan = modern(processes, await processes.callerOf('alan'));
    for (const [sender, id] of [
      [alan, taskId],
      [send, 'unknown'],
    ] as const) {
      for (const method of ['tasks/get', 'tasks/cancel']) {
        expect((await sender(method, { taskId: id })).error).toMatchObject({ code: -32602 });
      }
    }
    processes.clock.now += 3600;
    expect((await send('tasks/get', { taskId })).error).toMatchObject({ code: -32602 });
  });
});

describe('a client of 2026-07-28 that knows none', () => {
  test('waits for the work, and is refused where the tool insists', async () => {
    const { processes } = world();
    const send = modern(processes, await processes.callerOf('ada'), {});
    const { result } = await send('tools/call', { name: 'add', arguments: { a: 1, b: 2 } });
    expect(result).toMatchObject({ resultType: 'complete', structuredContent: { sum: 3 } });
    const refused = await send('tools/call', { name: 'fail', arguments: { how: 'tool' } });
    expect(refused).toMatchObject({
      status: 400,
      error: { code: -32021, data: { requiredCapabilities: { extensions: { [TASKS]: {} } } } },
    });
    expect((await send('tasks/get', { taskId: 'any' })).error).toMatchObject({ code: -32021 });
  });
});

describe('the worker', () => {
  /** Jobs are kept, for a test to have them done. */
  function withJobs() {
    const made = world();
    const jobs: Job[] = [];
    made.processes.start = (job) => void jobs.push(job);
    return { ...made, jobs };
  }

  test('does a job once that is delivered twice, at once and again', async () => {
    const { processes, began, jobs } = withJobs();
    const send = modern(processes, await processes.callerOf('ada'));
    const taskId = await call(send, 'add', { a: 2, b: 2 });
    await Promise.all([processes.work(jobs[0]!), processes.work(jobs[0]!)]);
    await processes.work(jobs[0]!);
    expect(began).toEqual(['add']);
    expect(await get(send, taskId)).toMatchObject({ status: 'completed' });
  });

  test('that dies is followed by another when its lease is over, and not before', async () => {
    const { processes, began, gate, jobs } = withJobs();
    const send = modern(processes, await processes.callerOf('ada'));
    const taskId = await call(send, 'wait', { for: 'z' });
    const first = new Process();
    void processes.work(jobs[0]!, { process: first });
    await until(() => began.length === 1);
    first.die();
    await processes.work(jobs[0]!);
    expect(began).toHaveLength(1);
    processes.clock.now += 21;
    gate('z').resolve();
    await processes.work(jobs[0]!);
    expect(began).toHaveLength(2);
    expect(await get(send, taskId)).toMatchObject({ status: 'completed' });
    first.bury();
    await processes.settle();
  });

  test('that dies three times leaves a task that has failed', async () => {
    const { processes, began, gate, jobs } = withJobs();
    const send = modern(processes, await processes.callerOf('ada'));
    const taskId = await call(send, 'wait', { for: 'never' });
    const dead: Process[] = [];
    for (let attempt = 1; attempt <= 3; attempt++) {
      const process = new Process();
      dead.push(process);
      void processes.work(jobs[0]!, { process });
      await until(() => began.length === attempt);
      process.die();
      expect((await get(send, taskId)).status).toBe('working');
      processes.clock.now += 21;
    }
    expect(await get(send, taskId)).toMatchObject({ status: 'failed', error: { code: -32603 } });
    for (const process of dead) process.bury();
    gate('never').resolve();
    await processes.settle();
  });

  test('does nothing for a grant that has ended in the meantime', async () => {
    const { processes, began, jobs } = withJobs();
    const ada = await processes.callerOf('ada');
    const send = modern(processes, ada);
    await call(send, 'add', { a: 2, b: 2 });
    await processes.stores.grants.revokeGrant(ada.grant);
    await processes.work(jobs[0]!);
    expect(began).toEqual([]);
    expect((await processes.stores.runs.runsOf(ada.grant)).map(({ status }) => status)).toEqual(['done']);
  });

  test('says so when its time is over', async () => {
    const { processes, jobs } = withJobs();
    const send = modern(processes, await processes.callerOf('ada'));
    const taskId = await call(send, 'wait', { for: 'never' });
    await processes.work(jobs[0]!, { milliseconds: 10_050 });
    expect(await get(send, taskId)).toMatchObject({ status: 'failed', error: { code: -32603 } });
  });
});

describe.each(ofSessions)('a client of the 2025 era (%s)', (_name, connect) => {
  test('waits on its stream, hears of the progress, and gets the result', async () => {
    const { processes, gate, began } = world();
    const client = await connect(processes.url, processes.fetchAs(await processes.callerOf('ada')));
    const heard: string[] = [];
    const waiting = client.call(
      'wait',
      { for: 'w' },
      { onprogress: ({ message }) => void heard.push(String(message)) },
    );
    await until(() => began.length === 1 && heard.length === 1);
    gate('w').resolve();
    expect((await waiting).content).toEqual(text('waited for w').content);
    expect(heard).toEqual(['half of it']);
    expect((await client.call('add', { a: 4, b: 5 })).structuredContent).toEqual({ sum: 9 });
    await client.close();
    await processes.settle();
  });

  test('is asked while it waits, and the work goes on with the answers', async () => {
    const { processes } = world();
    const asked: string[] = [];
    const elicit = (message: string) => {
      asked.push(message);
      const [member, value] = message === 'Two?' ? ['two', '2'] : ['one', message === 'One?' ? '1' : '3'];
      return { action: 'accept' as const, content: { [member!]: value! } };
    };
    const client = await connect(processes.url, processes.fetchAs(await processes.callerOf('ada')), { elicit });
    expect((await client.call('ask')).content).toEqual(text('1, 2, 3').content);
    expect(asked.toSorted()).toEqual(['One?', 'Three?', 'Two?']);
    await client.close();
    await processes.settle();
  });

  test('is told how to fetch what takes too long, and fetches it', async () => {
    const { processes, gate, began } = world({ holdSeconds: 5 });
    const [ada, alan] = [await processes.callerOf('ada'), await processes.callerOf('alan')];
    const client = await connect(processes.url, processes.fetchAs(ada));
    const waiting = client.call('wait', { for: 'v' });
    await until(() => began.length === 1);
    processes.clock.now += 6;
    const [told] = (await waiting).content;
    const [, task] = /task_result.*\{"task": "([\w-]{22})"\}/.exec(told!.text!)!;

    const others = await connect(processes.url, processes.fetchAs(alan));
    for (const [asker, id] of [
      [client, 'A'.repeat(22)],
      [others, task],
    ] as const) {
      expect(await asker.call('task_result', { task: id })).toMatchObject({ isError: true });
    }
    const again = client.call('task_result', { task });
    await new Promise((resolve) => setTimeout(resolve, 100));
    processes.clock.now += 6;
    expect((await again).content[0]!.text).toContain(task);
    gate('v').resolve();
    expect((await client.call('task_result', { task })).content).toEqual(text('waited for v').content);
    expect((await client.call('task_result', { task })).content).toEqual(text('waited for v').content);
    expect(began).toHaveLength(1);
    await Promise.all([client.close(), others.close()]);
    await processes.settle();
  });

  test('hears at once when nobody can begin with it', async () => {
    const { processes } = world();
    processes.start = () => {
      throw new Error('arn:aws:lambda:somewhere is not yours');
    };
    const client = await connect(processes.url, processes.fetchAs(await processes.callerOf('ada')));
    const { isError, content } = await client.call('add', { a: 1, b: 1 });
    expect(isError).toBe(true);
    expect(content[0]!.text).not.toContain('arn:');
    await client.close();
    await processes.settle();
  });
});
