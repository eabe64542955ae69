import { McpServer } from '@modelcontextprotocol/server';
import * as z from 'zod/v4';
import type { AuditRules } from '../../../lambda/core/audit/audit-recorder.ts';
import { type CallJournal, logInterruptedCalls, type OpenCall } from '../../../lambda/core/audit/call-journal.ts';
import { LEASE_SECONDS } from '../../../lambda/core/mcp/execution.ts';
import { eventsOf, RawSession, type SseEvent } from '../../support/era-clients.ts';
import { type Process, Processes } from '../../support/mcp-processes.ts';
import { modernSender } from '../../support/modern-sender.ts';

/** The journal of calls in progress, and the audit log after their process has died. */

const ARGUMENT = 'an-argument-of-the-call';
const requestedSchema = { type: 'object' as const, properties: {} };
const text = (value: string) => ({ content: [{ type: 'text' as const, text: value }] });

async function setUp(rules: Partial<AuditRules> = {}) {
  const gate = Promise.withResolvers<void>();
  /** Every state of the journal. */
  const states: string[] = [];
  let kept: readonly OpenCall[] = [];
  const journal: CallJournal = {
    keep(calls) {
      kept = calls;
      states.push(JSON.stringify(calls));
    },
    unfinished: () => kept,
  };
  const createServer = () => {
    const server = new McpServer({ name: 'kept', version: '1' }, { capabilities: { logging: {} } });
    server.registerTool('say', { inputSchema: z.object({ text: z.string() }) }, async () => text('said'));
    server.registerTool('wait', {}, async () => {
      await gate.promise;
      return text('waited');
    });
    server.registerTool('log-and-wait', {}, async ({ mcpReq }) => {
      await mcpReq.log('info', 'waiting');
      await gate.promise;
      return text('waited');
    });
    server.registerTool('ask', {}, async ({ mcpReq }) => {
      const { action } = await mcpReq.elicitInput({ message: 'Who?', requestedSchema });
      return text(action);
    });
    return server;
  };
  const processes = new Processes({ createServer, journal, record: rules });
  const caller = await processes.callerOf('ada');
  const session = await RawSession.begin(processes.endpointOf(caller));
  /** As the next process in the environment before its first request. */
  const startAgain = () => {
    const log = (event: string, details: Record<string, unknown> = {}) => void processes.log.push({ event, details });
    const { clock, stores } = processes;
    return logInterruptedCalls(
      { store: stores.calls, rules: { retentionDays: 30 }, clock, log },
      journal,
      journal.unfinished(),
    );
  };
  const loggedCalls = async () => (await processes.stores.calls.callsOf(session.id, { limit: 9, now: 0 })).calls;
  return { processes, caller, session, states, journal, gate, startAgain, loggedCalls };
}

/** The process of the next tool call, which the test kills. */
function processOfToolCall(processes: Processes): { process?: Process } {
  const found: { process?: Process } = {};
  processes.before = (_, process, body) => {
    if ((body as { method?: string })?.method === 'tools/call') found.process = process;
  };
  return found;
}

test('a tool call of each era is in the journal until it is logged, without its arguments', async () => {
  const { processes, caller, session, states } = await setUp();
  expect(states).toEqual([]);
  await (await session.post(session.toolCall('say', { text: ARGUMENT }))).text();
  await processes.settle();
  const legacy = states.splice(0);
  await modernSender(processes, caller)('tools/call', { name: 'say', arguments: { text: ARGUMENT } });
  await processes.settle();
  for (const each of [legacy, states]) {
    expect([...new Set(each.map((state) => JSON.parse(state).length))]).toEqual([1, 0]);
    const [kept] = JSON.parse(each[0]!) as [OpenCall];
    expect(kept).toMatchObject({ tool: 'say', user: caller.user, method: 'tools/call' });
    expect(each.join()).not.toContain(ARGUMENT);
  }
});

test('other requests are in the journal if they are logged', async () => {
  const tools = await setUp();
  await (await tools.session.post(tools.session.request('tools/list'))).text();
  expect(tools.states).toEqual([]);
  const all = await setUp({ methods: 'all' });
  await (await all.session.post(all.session.request('tools/list'))).text();
  expect(all.states.join()).toContain('tools/list');
});

test('a call whose process dies is logged by the next process of its environment, once', async () => {
  const { processes, session, startAgain, loggedCalls, journal } = await setUp();
  const toolCall = processOfToolCall(processes);
  const answer = session.post(session.toolCall('wait'));
  await processes.clock.until(() => journal.unfinished().length === 1);
  toolCall.process!.kill();
  await expect(answer).rejects.toThrow('terminated');
  processes.clock.skip(1_500);
  const [{ id }] = journal.unfinished() as [OpenCall];
  await startAgain();
  await startAgain();
  expect(await loggedCalls()).toMatchObject([{ id, tool: 'wait', outcome: 'interrupted', milliseconds: 1_500 }]);
  expect(processes.log).toMatchObject([
    { event: 'call_interrupted', details: { tool: 'wait', call: id, session: session.id } },
  ]);
  toolCall.process!.discard();
});

test('a call whose process dies after its first message is logged once, also if its client resumes it', async () => {
  const { processes, session, startAgain, loggedCalls, gate } = await setUp();
  const { clock } = processes;
  const toolCall = processOfToolCall(processes);
  const events: SseEvent[] = [];
  const reading = eventsOf(await session.post(session.toolCall('log-and-wait')), Number.POSITIVE_INFINITY, events);
  await clock.until(() => events.length === 2);
  toolCall.process!.kill();
  await expect(reading).rejects.toThrow('terminated');
  await startAgain();
  await clock.advance(LEASE_SECONDS * 1000);
  const resumed = await clock.until(eventsOf(await session.resume(events.at(-1)!.id!)));
  expect(resumed.at(-1)!.message).toMatchObject({ error: { code: -32603 } });
  gate.resolve();
  toolCall.process!.discard();
  await processes.settle();
  expect(await loggedCalls()).toMatchObject([{ tool: 'log-and-wait', outcome: 'interrupted' }]);
});

test('a call that is logged as timed out is not in the journal', async () => {
  const { processes, session, loggedCalls, journal, gate } = await setUp();
  processes.milliseconds = 5_000;
  const answer = session.post(session.toolCall('wait'));
  await processes.clock.until(() => journal.unfinished().length === 1);
  await processes.clock.expire(3_500);
  await processes.clock.until(() => journal.unfinished().length === 0);
  expect(await loggedCalls()).toMatchObject([{ outcome: 'timed-out' }]);
  gate.resolve();
  await (await processes.clock.until(answer)).text();
  await processes.settle();
});

test('a call that waits for input is not in the journal after its request', async () => {
  const { processes, session, journal, states } = await setUp();
  const events = await processes.clock.until(eventsOf(await session.post(session.toolCall('ask'))));
  expect(events.map(({ message }) => message?.method)).toContain('elicitation/create');
  await processes.settle();
  expect(states.join()).toContain('"tool":"ask"');
  expect(journal.unfinished()).toEqual([]);
});
