import { McpServer } from '@modelcontextprotocol/server';
import type { ToolContext } from '../../../lambda/core/mcp/tool-context.ts';
import { type Message, messagesOf, RawSession } from '../../support/era-clients.ts';
import { Processes } from '../../support/mcp-processes.ts';

/** `notifications/cancelled` for a request whose execution is not stored yet, in another process. */

const text = (value: string) => ({ content: [{ type: 'text' as const, text: value }] });

async function setUp(version = '2025-11-25') {
  const control = { aborted: 0, gate: Promise.withResolvers<void>() };
  const processes = new Processes({
    createServer: (context: ToolContext) => {
      const server = new McpServer({ name: 'silent', version: '1' }, { capabilities: {} });
      server.registerTool('silent', {}, async ({ mcpReq }) => {
        mcpReq.signal.addEventListener('abort', () => {
          control.aborted += 1;
        });
        await Promise.race([processes.clock.sleep(25_000), control.gate.promise]);
        return text('done');
      });
      server.registerTool('quick', {}, async () => text('quick'));
      server.registerTool(
        'long',
        {},
        context.longRunning(async () => text('long')),
      );
      return server;
    },
  });
  const ada = await processes.callerOf('ada');
  const session = await RawSession.begin(processes.endpointOf(ada), { version });
  const executions = () => processes.stores.executions.executionsOf(ada.grant);
  const postAs = (accept: string, body: object) =>
    processes.fetchAs(ada)(processes.url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept,
        'mcp-protocol-version': version,
        'mcp-session-id': session.id,
      },
      body: JSON.stringify(body),
    });
  return { processes, clock: processes.clock, control, ada, session, executions, postAs };
}

/** Delays the process of the next request with this method, as a cold start does. */
function startSlowly({ processes, clock }: Awaited<ReturnType<typeof setUp>>, method: string, milliseconds: number) {
  processes.before = async (_, __, body) => {
    if ((body as Message | undefined)?.method !== method) return;
    processes.before = () => undefined;
    await clock.sleep(milliseconds);
  };
}

test.each(['2025-11-25', '2025-06-18'])(
  'a silent tool of %s that is cancelled after two seconds is aborted after ten, without a response',
  async (version) => {
    const { processes, clock, control, session, executions } = await setUp(version);
    const call = session.toolCall('silent');
    const answered = session.post(call).then(messagesOf);
    await clock.advance(2_000);
    expect((await session.cancel(call.id)).status).toBe(202);
    await clock.advance(8_000);
    expect(control.aborted).toBe(1);
    expect(await answered).toEqual([]);
    await processes.settle();
    expect(await executions()).toMatchObject([{ status: 'cancelled' }]);
    expect(await processes.loggedCalls()).toEqual([['silent', 'cancelled']]);
  },
);

test('a call of a client that accepts JSON alone is aborted too, and answered with 202 and no body', async () => {
  const { processes, clock, control, session, postAs } = await setUp();
  const call = session.toolCall('silent');
  const answered = postAs('application/json', call);
  await clock.advance(2_000);
  await session.cancel(call.id);
  await clock.advance(8_000);
  expect(control.aborted).toBe(1);
  const response = await answered;
  expect([response.status, await response.text()]).toEqual([202, '']);
  await processes.settle();
});

test('a call of a client that accepts JSON alone is cancelled after ten seconds too', async () => {
  const { processes, clock, control, session, executions, postAs } = await setUp();
  const call = session.toolCall('silent');
  const answered = postAs('application/json', call);
  await clock.advance(12_000);
  await session.cancel(call.id);
  await clock.advance(5_000);
  expect(control.aborted).toBe(1);
  expect((await answered).status).toBe(202);
  await processes.settle();
  expect(await executions()).toMatchObject([{ status: 'cancelled' }]);
});

test('a call of a client that accepts JSON alone is answered after ten seconds and leaves a completed execution', async () => {
  const { processes, clock, session, executions, postAs } = await setUp();
  const answered = postAs('application/json', session.toolCall('silent'));
  const [message] = await messagesOf(await clock.until(answered));
  expect(message!.result!.content![0]!.text).toBe('done');
  await processes.settle();
  expect(await executions()).toMatchObject([{ status: 'done' }]);
  expect(clock.sleeping()).toBe(0);
});

test('a cancellation that a warm process handles before a cold process begins the call is found', async () => {
  const target = await setUp();
  const { processes, clock, control, session } = target;
  startSlowly(target, 'tools/call', 3_000);
  const call = session.toolCall('silent');
  const answered = session.post(call).then(messagesOf);
  await clock.advance(500);
  await session.cancel(call.id);
  await clock.advance(12_500);
  expect(control.aborted).toBe(1);
  expect(await answered).toEqual([]);
  await processes.settle();
});

test('a cancellation that is stored while the execution is stored is found by one of both', async () => {
  const { processes, clock, control, session } = await setUp();
  const call = session.toolCall('silent');
  const answered = session.post(call).then(messagesOf);
  const reached = Promise.withResolvers<void>();
  const held = Promise.withResolvers<void>();
  // The execution is stored, and looks for cancellations, between the two steps of the cancellation.
  processes.around = async (method, run) => {
    if (method === 'executions.addCancellation') {
      reached.resolve();
      await held.promise;
    }
    return run();
  };
  await clock.advance(9_900);
  const cancelling = session.cancel(call.id);
  await reached.promise;
  await clock.advance(100);
  expect(control.aborted).toBe(0);
  held.resolve();
  await cancelling;
  await clock.advance(5_000);
  expect(control.aborted).toBe(1);
  expect(await answered).toEqual([]);
  await processes.settle();
});

test('a long-running tool that is cancelled before its task is stored does not start', async () => {
  const target = await setUp();
  const { processes, clock, session, executions } = target;
  const started: unknown[] = [];
  processes.start = (job) => void started.push(job);
  startSlowly(target, 'tools/call', 2_000);
  const call = session.toolCall('long');
  const answered = session.post(call).then(messagesOf);
  await clock.advance(500);
  await session.cancel(call.id);
  await clock.advance(5_000);
  expect(await answered).toEqual([]);
  expect(started).toEqual([]);
  expect(await executions()).toMatchObject([{ kind: 'task', status: 'cancelled' }]);
  await processes.settle();
});

test('a later request with the id of a cancelled one is answered', async () => {
  const { processes, clock, control, session } = await setUp();
  expect(await messagesOf(await session.post(session.toolCall('quick', {}, 7)))).toHaveLength(1);
  await session.cancel(7);
  await clock.advance(1);
  const answered = session.post(session.toolCall('silent', {}, 7)).then(messagesOf);
  const [message] = await clock.until(answered);
  expect(message!.result!.content![0]!.text).toBe('done');
  expect(control.aborted).toBe(0);
  await processes.settle();
});

test.each([
  ['another id', 'id'],
  ['the same id as text', 'text'],
  ['the same id in another session', 'session'],
])('a cancellation of %s does not cancel the call', async (_, difference) => {
  const { processes, clock, control, ada, session } = await setUp();
  const other = await RawSession.begin(processes.endpointOf(ada));
  const answered = session.post(session.toolCall('silent', {}, 7)).then(messagesOf);
  await clock.advance(2_000);
  await (difference === 'session' ? other : session).cancel(difference === 'id' ? 8 : difference === 'text' ? '7' : 7);
  expect((await clock.until(answered))[0]!.result).toBeDefined();
  expect(control.aborted).toBe(0);
  await processes.settle();
});

test.each([undefined, null, {}, 1.5, 'x'.repeat(300)])('a cancellation of %j changes nothing', async (requestId) => {
  const { processes, session } = await setUp();
  const operations: string[] = [];
  processes.around = (method, run) => {
    operations.push(method);
    return run();
  };
  expect((await session.cancel(requestId)).status).toBe(202);
  expect(operations).toEqual(['sessions.find']);
});
