import { randomUUID } from 'node:crypto';
import { callTool, initialize, OAuthClient, postMcp } from '../../bench/harness/raw-oauth-client.ts';
import { dynamoSessionStore } from '../../lambda/adapters/dynamodb/session-store.ts';
import { LEASE_SECONDS } from '../../lambda/core/mcp/execution.ts';
import { eventsOf, type SseEvent } from '../support/era-clients.ts';
import type { TestCloud } from '../support/test-cloud.ts';
import { grantOf } from '../support/wire-checks.ts';
import {
  type Answer,
  answerOf,
  type Counts,
  eventually,
  expectCount,
  expectStatus,
  expectThat,
  type Flow,
  isInterrupted,
  jsonOf,
} from './flow.ts';
import { itemAt, itemsIn, seconds } from './table-reads.ts';

/** The requests of assistants, of both eras. */

/** A grant of a user without a session. */
class Assistant {
  readonly cloud: TestCloud;
  readonly token: string;
  readonly grant: string;
  readonly user: string;
  /** Of the legacy session. */
  session = '';

  private constructor(cloud: TestCloud, token: string, grant: string, user: string) {
    this.cloud = cloud;
    this.token = token;
    this.grant = grant;
    this.user = user;
  }

  static async signIn(cloud: TestCloud): Promise<Assistant> {
    const client = await OAuthClient.register(cloud.origin, { client_name: 'Assistant' });
    const tokens = await client.tokensFor('ada');
    const grant = grantOf(tokens);
    const { user } = (await itemAt(cloud, `G#${grant}`))!;
    return new Assistant(cloud, tokens.access_token, grant, String(user));
  }

  /** With a session of the 2025 era. */
  static async inSession(cloud: TestCloud): Promise<Assistant> {
    const assistant = await Assistant.signIn(cloud);
    const response = await postMcp(cloud.origin, assistant.token, eliciting);
    await response.text();
    assistant.session = response.headers.get('mcp-session-id')!;
    return assistant;
  }

  post(body: unknown): Promise<Response> {
    const headers: Record<string, string> = this.session === '' ? {} : { 'mcp-session-id': this.session };
    return postMcp(this.cloud.origin, this.token, body, headers);
  }

  get(lastEventId: string): Promise<Response> {
    return fetch(this.cloud.mcpUrl, {
      headers: {
        authorization: `Bearer ${this.token}`,
        accept: 'text/event-stream',
        'mcp-session-id': this.session,
        'last-event-id': lastEventId,
      },
    });
  }

  /** A request of 2026-07-28. */
  modern(method: string, params: Record<string, unknown>): Promise<Response> {
    const extensions = { 'io.modelcontextprotocol/tasks': {} };
    const _meta = {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientCapabilities': { extensions },
    };
    const name = (params.name ?? params.taskId) as string | undefined;
    const headers = {
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': method,
      ...(name !== undefined && { 'mcp-name': name }),
    };
    const body = { jsonrpc: '2.0', id: 1, method, params: { ...params, _meta } };
    return postMcp(this.cloud.origin, this.token, body, headers);
  }

  /** Sessions of the grant that have not ended. */
  async sessions(): Promise<Record<string, unknown>[]> {
    return (await itemsIn(this.cloud, `S#${this.grant}`)).filter(({ type }) => type === 'session');
  }

  async expectLogged(tool: string, counts: Counts): Promise<void> {
    await eventually(async () => {
      const sessions = await this.sessions();
      const calls = await Promise.all(sessions.map(({ id }) => itemsIn(this.cloud, `D#${id}`)));
      const found = calls.flat().filter((call) => call.tool === tool);
      expectCount(`calls of ${tool} in the audit log`, found.length, counts);
    });
  }

  async expectCounted(counter: string, counts: Counts): Promise<void> {
    const stored = await itemAt(this.cloud, `N#${this.user}`, `counter/${counter}`);
    expectCount('counter', Number(stored?.value ?? 0), counts);
  }
}

const eliciting = { ...initialize, params: { ...initialize.params, capabilities: { elicitation: {} } } };

type Result = {
  content?: { text: string }[];
  isError?: boolean;
  resultType?: string;
  taskId?: string;
  status?: string;
};

const resultIn = (answer: Answer): Result | undefined =>
  answer.status === 200 ? (jsonOf(answer) as { result?: Result }).result : undefined;
const isResult = (answer: Answer): boolean => {
  const result = resultIn(answer);
  return result !== undefined && result.isError !== true;
};

const beginning: Flow = {
  name: 'initialize',
  reader: 'assistant',
  async prepare(cloud) {
    const assistant = await Assistant.signIn(cloud);
    return {
      send: () => answerOf(assistant.post(initialize)),
      isSuccess(answer) {
        assistant.session = answer.headers.get('mcp-session-id') ?? '';
        return isResult(answer) && assistant.session !== '';
      },
      async verify(counts) {
        expectThat(isResult(await answerOf(assistant.post(callTool('session')))), 'a call in the session fails');
        expectCount('sessions', (await assistant.sessions()).length, counts);
      },
    };
  },
};

/** A call that counts in the tool's state. */
function countingCall(name: string, begin: (cloud: TestCloud) => Promise<Assistant>, isModern: boolean): Flow {
  return {
    name,
    reader: 'assistant',
    async prepare(cloud) {
      const assistant = await begin(cloud);
      const counter = randomUUID();
      const call = () =>
        isModern
          ? assistant.modern('tools/call', { name: 'count_up', arguments: { counter } })
          : assistant.post(callTool('count_up', { counter }));
      return {
        send: () => answerOf(call()),
        isSuccess: isResult,
        async verify(counts) {
          await assistant.expectCounted(counter, counts);
          await assistant.expectLogged('count_up', counts);
          expectThat((await assistant.sessions()).length === 1, 'the grant has more than one session');
        },
      };
    },
  };
}

const note: Flow = {
  name: 'state without a version',
  reader: 'assistant',
  async prepare(cloud) {
    const assistant = await Assistant.inSession(cloud);
    const name = randomUUID();
    return {
      send: () => answerOf(assistant.post(callTool('note', { name, text: 'buy milk' }))),
      isSuccess: isResult,
      async verify(counts) {
        const stored = await itemAt(cloud, `N#${assistant.user}`, `note/${name}`);
        expectThat(stored?.value === 'buy milk', `the note is ${stored?.value}`);
        await assistant.expectLogged('note', counts);
      },
    };
  },
};

const staleSession: Flow = {
  name: 'call with an expired session',
  reader: 'assistant',
  async prepare(cloud) {
    const assistant = await Assistant.inSession(cloud);
    const counter = randomUUID();
    const stale = assistant.session;
    await cloud.set({ pk: `S#${assistant.grant}`, sk: stale }, { expiresAt: seconds() - 1 });
    return {
      send: () => answerOf(assistant.post(callTool('count_up', { counter }))),
      isSuccess: isResult,
      async verify(counts) {
        await assistant.expectCounted(counter, counts);
        await assistant.expectLogged('count_up', counts);
        const renewed = (await assistant.sessions()).filter(({ id }) => id !== stale);
        expectThat(renewed.length === 1, `the session was renewed ${renewed.length} times`);
      },
    };
  },
};

const importedSession: Flow = {
  name: 'call with an imported session',
  reader: 'assistant',
  async prepare(cloud) {
    const assistant = await Assistant.signIn(cloud);
    const counter = randomUUID();
    assistant.session = randomUUID();
    const { params } = initialize;
    await dynamoSessionStore(cloud.table).addImported(
      {
        id: assistant.session,
        user: assistant.user,
        initialize: params,
        startedAt: seconds(),
        expiresAt: seconds() + 600,
      },
      seconds(),
    );
    return {
      send: () => answerOf(assistant.post(callTool('count_up', { counter }))),
      isSuccess: isResult,
      async verify(counts) {
        await assistant.expectCounted(counter, counts);
        await assistant.expectLogged('count_up', counts);
        expectThat((await assistant.sessions()).length === 1, 'the grant has more than one session');
      },
    };
  },
};

/** Ends the lease of a process that has died: its successors need not wait for the end. */
async function expireLease({ cloud, grant }: Assistant, execution: string): Promise<void> {
  const item = await itemAt(cloud, `E#${grant}`, execution);
  if (item?.status === 'running') await cloud.set({ pk: `E#${grant}`, sk: execution }, { leaseUntil: 0 });
}

/** The result of a stream: resumed until it is there. An execution that still runs after its response is dead. */
async function resumed(assistant: Assistant, lastEventId: string): Promise<Answer> {
  const execution = lastEventId.split(/[^\w-]/)[0]!;
  await expireLease(assistant, execution);
  let answer = await answerOf(assistant.get(lastEventId));
  await eventually(async () => {
    if (/"(result|error)":/.test(answer.text)) return;
    await expireLease(assistant, execution);
    answer = await answerOf(assistant.get(lastEventId));
    expectThat(/"(result|error)":/.test(answer.text), `the stream has no result: ${answer.text}`);
  });
  return answer;
}

const slowTask = { ...callTool('slow_task', { steps: 2 }), id: 7 };
const slowCall = { ...slowTask, params: { ...slowTask.params, _meta: { progressToken: 'p' } } };

const streamed: Flow = {
  name: 'call with a stream',
  reader: 'assistant',
  async prepare(cloud) {
    const assistant = await Assistant.inSession(cloud);
    return {
      send: () => answerOf(assistant.post(slowCall)),
      isSuccess: isResult,
      verify: (counts) => assistant.expectLogged('slow_task', counts),
    };
  },
};

const resumption: Flow = {
  name: 'resumption of a stream',
  reader: 'assistant',
  async prepare(cloud) {
    const assistant = await Assistant.inSession(cloud);
    const [first] = await eventsOf(await assistant.post(slowCall));
    return {
      send: () => answerOf(assistant.get(first!.id!)),
      isSuccess: isResult,
      verify: () => assistant.expectLogged('slow_task', { sent: 1, acknowledged: 1 }),
    };
  },
};

/** A call that waits for an input response. */
async function elicited(cloud: TestCloud) {
  const assistant = await Assistant.inSession(cloud);
  const name = randomUUID();
  await answerOf(assistant.post(callTool('note', { name, text: 'to be forgotten' })));
  const events: SseEvent[] = await eventsOf(await assistant.post(callTool('forget_note', { name })));
  const { id, message } = events.findLast((event) => event.message?.method === 'elicitation/create')!;
  return { assistant, name, lastEventId: id!, request: message!.id };
}

const suspended: Flow = {
  name: 'call that elicits',
  reader: 'assistant',
  async prepare(cloud) {
    const assistant = await Assistant.inSession(cloud);
    const name = randomUUID();
    await answerOf(assistant.post(callTool('note', { name, text: 'to be forgotten' })));
    let last: Answer;
    return {
      send: () => answerOf(assistant.post(callTool('forget_note', { name }))),
      isSuccess(answer) {
        last = answer;
        return answer.status === 200 && jsonOf(answer).method === 'elicitation/create';
      },
      async verify() {
        const { id } = jsonOf(last);
        const result = { action: 'accept', content: { forget: true } };
        expectStatus(await answerOf(assistant.post({ jsonrpc: '2.0', id, result })), 202, 'the input response');
        const lastEventId = /^id: (.+)$/m.exec(last.text)![1]!;
        expectThat((await resumed(assistant, lastEventId)).text.includes('forgotten'), 'the call has no result');
        await assistant.expectLogged('forget_note', { sent: 1, acknowledged: 1 });
      },
    };
  },
};

const elicitation: Flow = {
  name: 'input response',
  reader: 'assistant',
  async prepare(cloud) {
    const { assistant, name, lastEventId, request } = await elicited(cloud);
    const result = { action: 'accept', content: { forget: true } };
    return {
      send: () => answerOf(assistant.post({ jsonrpc: '2.0', id: request, result })),
      isSuccess: ({ status }) => status === 202,
      async verify() {
        const answer = await resumed(assistant, lastEventId);
        if (isInterrupted(answer)) return;
        expectThat(answer.text.includes('forgotten'), `the call ended with ${answer.text}`);
        expectThat(!(await itemAt(cloud, `N#${assistant.user}`, `note/${name}`)), 'the note is still stored');
        await assistant.expectLogged('forget_note', { sent: 1, acknowledged: 1 });
      },
    };
  },
};

const longTask = { name: 'long_task', arguments: { milliseconds: 50 } };

const isTask = (answer: Answer) => resultIn(answer)?.resultType === 'task';

/** Polls as a client does, until the task has ended. */
async function ended(assistant: Assistant, taskId: string): Promise<Answer> {
  let answer = await answerOf(assistant.modern('tasks/get', { taskId }));
  await eventually(
    async () => {
      if (resultIn(answer) && resultIn(answer)!.status !== 'working') return;
      answer = await answerOf(assistant.modern('tasks/get', { taskId }));
      const { status } = resultIn(answer) ?? {};
      if (
        status === 'working' &&
        Number((await itemAt(assistant.cloud, `E#${assistant.grant}`, taskId))?.attempts) > 0
      ) {
        await expireLease(assistant, taskId);
      }
      expectThat(status !== undefined && status !== 'working', `the task is ${status}`);
      // A worker that follows a dead one may wait for the end of its lease.
    },
    2 * LEASE_SECONDS * 1000,
  );
  return answer;
}

const taskBegun: Flow = {
  name: 'begin of a task',
  reader: 'assistant',
  caller: 'Mcp',
  async prepare(cloud) {
    const assistant = await Assistant.signIn(cloud);
    let taskId = '';
    return {
      send: () => answerOf(assistant.modern('tools/call', longTask)),
      isSuccess(answer) {
        if (isTask(answer)) taskId = resultIn(answer)!.taskId!;
        return isTask(answer);
      },
      async verify(counts) {
        expectThat(resultIn(await ended(assistant, taskId))?.status === 'completed', 'the task has no result');
        await assistant.expectLogged('long_task', counts);
      },
    };
  },
};

const taskExecuted: Flow = {
  name: 'execution of a task',
  reader: 'assistant',
  caller: 'Worker',
  async prepare(cloud) {
    const assistant = await Assistant.signIn(cloud);
    await assistant.modern('tools/call', { name: 'whoami', arguments: {} });
    return {
      async send() {
        const begun = await answerOf(assistant.modern('tools/call', longTask));
        return isTask(begun) ? ended(assistant, resultIn(begun)!.taskId!) : begun;
      },
      isSuccess: (answer) => resultIn(answer)?.status === 'completed',
      verify: (counts) => assistant.expectLogged('long_task', counts),
    };
  },
};

const taskPolled: Flow = {
  name: 'poll of a task',
  reader: 'assistant',
  async prepare(cloud) {
    const assistant = await Assistant.signIn(cloud);
    const taskId = resultIn(await answerOf(assistant.modern('tools/call', longTask)))!.taskId!;
    await ended(assistant, taskId);
    return {
      send: () => answerOf(assistant.modern('tasks/get', { taskId })),
      isSuccess: (answer) => resultIn(answer)?.status === 'completed',
      verify: () => assistant.expectLogged('long_task', { sent: 1, acknowledged: 1 }),
    };
  },
};

const sessionEnded: Flow = {
  name: 'end of a session',
  reader: 'assistant',
  async prepare(cloud) {
    const assistant = await Assistant.inSession(cloud);
    const headers = { authorization: `Bearer ${assistant.token}`, 'mcp-session-id': assistant.session };
    let sent = 0;
    return {
      send() {
        sent++;
        return answerOf(fetch(cloud.mcpUrl, { method: 'DELETE', headers }));
      },
      // The repetition finds no session.
      isSuccess: ({ status }) => status === 200 || (sent > 1 && status === 404),
      verify: async () =>
        expectStatus(await answerOf(assistant.post(callTool('session'))), 404, 'a call in the ended session'),
    };
  },
};

export const mcpFlows: Flow[] = [
  beginning,
  countingCall('legacy call', Assistant.inSession, false),
  countingCall('modern call', Assistant.signIn, true),
  note,
  staleSession,
  importedSession,
  streamed,
  resumption,
  suspended,
  elicitation,
  taskBegun,
  taskExecuted,
  taskPolled,
  sessionEnded,
];
