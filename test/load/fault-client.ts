import type { Random } from '../../bench/harness/random.ts';
import { callTool, initialize, OAuthClient, postMcp, type Tokens } from '../../bench/harness/raw-oauth-client.ts';
import { demoUsers, subjectOf } from '../../local/cognito/demo-users.ts';
import { type Answer, answerOf, brief, isInterrupted, jsonOf } from '../reliability/flow.ts';
import { eventsOf, type SseEvent } from '../support/era-clients.ts';
import type { TestCloud } from '../support/test-cloud.ts';
import { pause } from './fault-background.ts';
import type { FaultGuarantee, Findings } from './fault-findings.ts';
import type { Slots } from './slots.ts';

/** A request is repeated so often before the client gives up, which is a violation: a fault hits one request. */
const MOST_REPETITIONS = 30;
/** An outage is over after a while: the pause before a repetition, and between two looks at a task or a stream. */
const PAUSE_MILLISECONDS = 250;
/** A task whose worker has died is executed by another one after the lease, at most twice. */
const TASK_MILLISECONDS = 150_000;

/** The share of the increments that concurrent ones may meet. */
const SHARED = 0.3;

export type Tally = { attempted: number; acknowledged: number };
type Result = {
  content?: { text: string }[];
  isError?: boolean;
  resultType?: string;
  taskId?: string;
  status?: string;
  requestState?: string;
};

const weights = {
  count: 34,
  elicit: 10,
  work: 14,
  cut: 12,
  refresh: 10,
  whoami: 6,
  note: 6,
  intrude: 5,
  revoke: 3,
};

/** The shared state of all clients. */
export type FaultLoad = {
  cloud: TestCloud;
  findings: Findings;
  slots: Slots;
  clients: FaultClient[];
  /** Increments by user and name of the counter. */
  counters: CounterTallies;
};

export class CounterTallies {
  readonly #all = new Map<string, Tally & { username: string; counter: string }>();

  of(username: string, counter: string): Tally {
    const key = `${username} ${counter}`;
    const tally = this.#all.get(key) ?? { username, counter, attempted: 0, acknowledged: 0 };
    this.#all.set(key, tally);
    return tally;
  }

  values() {
    return this.#all.values();
  }
}

/**
 * A client of one user, its requests one after another, with its knowledge of what they did. It repeats what an outage has
 * prevented, as real clients do, and counts each attempt.
 */
export class FaultClient {
  readonly name: string;
  readonly username: string;
  readonly isModern: boolean;
  /** Calls by tool. */
  readonly calls = new Map<string, Tally>();
  /** Acknowledged tasks, and those whose result the client has seen. */
  readonly tasks = new Set<string>();
  readonly completed = new Set<string>();
  /** Streams that the client has left, and whose response it has received later. */
  resumed = 0;
  readonly done: Record<string, number> = {};
  /** The present action, for the report of the progress. */
  doing = 'sign-in';
  lost = 0;
  interrupted = 0;
  session = '';
  lastEventId = '';
  readonly #load: FaultLoad;
  readonly #random: Random;
  #oauth!: OAuthClient;
  #tokens!: Tokens;

  constructor(load: FaultLoad, number: number, random: Random) {
    this.#load = load;
    this.#random = random;
    this.name = `client-${number}`;
    this.username = demoUsers[number % demoUsers.length]!.username;
    this.isModern = number % 2 === 1;
  }

  get clientId(): string {
    return this.#oauth.id;
  }

  async begin(): Promise<void> {
    this.#oauth = await this.#repeated('registration', () =>
      OAuthClient.register(this.#load.cloud.origin, { client_name: this.name }),
    );
    await this.#signIn();
  }

  async round(): Promise<void> {
    const action = this.#random.weighted(weights);
    this.doing = action;
    this.done[action] = (this.done[action] ?? 0) + 1;
    await this[action]();
    this.doing = 'nothing';
  }

  /** After the faults: the state of the client is as acknowledged. */
  async finish(): Promise<void> {
    await this.refresh();
    const before = this.#tally('count_up').acknowledged;
    await this.count();
    const counted = this.#tally('count_up').acknowledged - before;
    this.#expect('counts', counted === 1, () => 'an increment after the faults fails');
    await Promise.all([...this.tasks].map((task) => this.#awaitTask(task)));
  }

  /** Increments the counter of this client, or the one that all clients of the user share. */
  async count(): Promise<void> {
    const counter = this.#random.next() < SHARED ? 'shared' : this.name;
    const tally = this.#load.counters.of(this.username, counter);
    const least = tally.acknowledged + 1;
    tally.attempted++;
    const result = await this.#call('count_up', { counter });
    if (!result) return;
    tally.acknowledged++;
    const value = Number(textOf(result));
    const holds = value >= least && value <= tally.attempted;
    this.#expect('counts', holds, () => `${counter} is ${value} after ${least} to ${tally.attempted} increments`);
  }

  async whoami(): Promise<void> {
    const result = await this.#call('whoami');
    if (!result) return;
    const { user, client } = JSON.parse(textOf(result));
    const subject = subjectOf(demoUsers.find(({ username }) => username === this.username)!);
    this.#expect('isolation', user.subject === subject, () => `the caller is ${user.subject}`);
    this.#expect('isolation', client.id === this.clientId, () => `the client is ${client.id}`);
  }

  /** All clients use the same name: the note is the user's. */
  async note(): Promise<void> {
    if (!(await this.#call('note', { name: 'owner', text: this.username }))) return;
    const result = await this.#call('note', { name: 'owner' });
    if (!result) return;
    const { value } = JSON.parse(textOf(result));
    this.#expect('isolation', value === this.username, () => `the note is of ${value}`);
  }

  /** A long task of the worker. A client of 2025-11-25 waits for it on its stream. */
  async work(): Promise<void> {
    const input = { milliseconds: this.#random.from(20, 400) };
    const result = await this.#call('long_task', input, (tally, { resultType }) => {
      if (resultType !== 'task') tally.acknowledged++;
    });
    if (result?.taskId === undefined) return;
    this.tasks.add(result.taskId);
    await this.#look(result.taskId);
  }

  /** A call whose stream the client leaves and resumes. */
  async cut(): Promise<void> {
    if (this.isModern) return this.count();
    const request = { ...callTool('slow_task', { steps: 2 }), id: 7 };
    const body = { ...request, params: { ...request.params, _meta: { progressToken: 'p' } } };
    const events = await this.#stream('slow_task', body, 1);
    const [first] = events;
    if (first?.id === undefined) return;
    this.lastEventId = first.id;
    await this.#resume('slow_task', first.id);
  }

  /** A call that waits for the answer of the user. */
  async elicit(): Promise<void> {
    const name = `${this.name}-note`;
    if (!(await this.#call('note', { name, text: 'to be forgotten' }))) return;
    const accepted = { action: 'accept', content: { forget: true } };
    if (this.isModern) {
      const asked = await this.#call('forget_note', { name }, () => undefined);
      if (asked?.resultType !== 'input_required') return;
      const { requestState } = asked;
      const repeated = { inputResponses: { confirm: accepted }, ...(requestState && { requestState }) };
      await this.#call('forget_note', { name }, undefined, repeated);
      return;
    }
    const events = await this.#stream('forget_note', callTool('forget_note', { name }));
    const asked = events.find(({ message }) => message?.method === 'elicitation/create');
    if (asked?.id === undefined) return;
    const id = asked.message!.id;
    const answer = await this.#untilAnswered('input response', () =>
      this.#post({ jsonrpc: '2.0', id, result: accepted }),
    );
    this.#expect('answers', answer.status === 202, () => `the input response: ${brief(answer)}`);
    await this.#resume('forget_note', asked.id);
  }

  async refresh(): Promise<void> {
    const answer = await this.#untilAnswered('refresh', () =>
      this.#held(() => this.#oauth.refresh(this.#tokens.refresh_token)),
    );
    this.#expect('tokens', answer.status === 200, () => `a refresh: ${brief(answer)}`);
    if (answer.status === 200) this.#tokens = JSON.parse(answer.text);
    else await this.#signIn();
  }

  /** The user disconnects the client, and signs in again. */
  async revoke(): Promise<void> {
    // The open tasks of a revoked grant are cancelled.
    for (const task of this.tasks) if (!(await this.#look(task))) return;
    const { refresh_token } = this.#tokens;
    const answer = await this.#untilAnswered('revocation', () => this.#held(() => this.#oauth.revoke(refresh_token)));
    this.#expect('answers', answer.status === 200, () => `a revocation: ${brief(answer)}`);
    const refused = await this.#untilAnswered('a call after the revocation', () => this.#send('whoami', {}));
    this.#expect('tokens', refused.status >= 400, () => `a call with a revoked token: ${brief(refused)}`);
    const refresh = await this.#untilAnswered('refresh', () => this.#held(() => this.#oauth.refresh(refresh_token)));
    this.#expect('tokens', refresh.status === 400, () => `a refresh with a revoked token: ${brief(refresh)}`);
    await this.#signIn();
  }

  /** Requests for the session, the stream or the task of another user. */
  async intrude(): Promise<void> {
    const others = this.#load.clients.filter(
      ({ username, isModern }) => username !== this.username && isModern === this.isModern,
    );
    const other = this.#random.oneOf(others);
    if (this.isModern) {
      const [taskId] = other.tasks;
      if (taskId === undefined) return;
      const answer = await this.#modern('tasks/get', { taskId });
      this.#expect('isolation', resultIn(answer) === undefined, () => `a task of ${other.name}: ${brief(answer)}`);
      return;
    }
    if (other.session === '' || other.lastEventId === '') return;
    const stream = await this.#get(other.lastEventId);
    this.#expect('isolation', !hasResponse(stream), () => `a stream of ${other.name}: ${brief(stream)}`);
    this.#tally('session').attempted++;
    const answer = await this.#post(callTool('session'), other.session);
    const result = resultIn(answer);
    if (!result) return;
    this.#tally('session').acknowledged++;
    const { id } = JSON.parse(textOf(result));
    this.#expect('isolation', id !== other.session, () => `the session of ${other.name}: ${brief(answer)}`);
  }

  async #signIn(): Promise<void> {
    this.#tokens = await this.#repeated('sign-in', () => this.#oauth.tokensFor(this.username));
    this.lastEventId = '';
    this.tasks.clear();
    if (this.isModern) return;
    const params = { ...initialize.params, capabilities: { elicitation: {} } };
    const answer = await this.#untilAnswered('initialize', () => this.#post({ ...initialize, params }, ''));
    this.#expect('answers', answer.status === 200, () => `initialize: ${brief(answer)}`);
    this.session = answer.headers.get('mcp-session-id') ?? '';
  }

  /** Calls a tool. @returns undefined when the outcome is unknown */
  async #call(
    tool: string,
    input: object = {},
    acknowledge: (tally: Tally, result: Result) => void = (tally) => tally.acknowledged++,
    more: object = {},
  ): Promise<Result | undefined> {
    const tally = this.#tally(tool);
    tally.attempted++;
    const answer = await this.#send(tool, input, more);
    const result = this.#outcome(tool, answer);
    if (result) acknowledge(tally, result);
    return result;
  }

  /** The result of a tool; undefined after an outage or the death of the process, which are the only other outcomes. */
  #outcome(tool: string, answer: Answer): Result | undefined {
    if (isUnanswered(answer)) {
      this.lost++;
      return undefined;
    }
    if (isInterrupted(answer)) {
      this.interrupted++;
      return undefined;
    }
    const result = resultIn(answer);
    if (result?.isError === true && /call the tool again shortly|Still running/.test(answer.text)) {
      this.lost++;
      return undefined;
    }
    const isSuccess = result !== undefined && result.isError !== true;
    this.#expect('answers', isSuccess, () => `${tool}: ${brief(answer)}`);
    return isSuccess ? result : undefined;
  }

  #send(tool: string, input: object, more: object = {}): Promise<Answer> {
    if (this.isModern) return this.#modern('tools/call', { name: tool, arguments: input, ...more });
    return this.#post(callTool(tool, input as Record<string, unknown>));
  }

  /** A request of 2026-07-28. */
  #modern(method: string, params: Record<string, unknown>): Promise<Answer> {
    const extensions = { 'io.modelcontextprotocol/tasks': {} };
    const _meta = {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientCapabilities': { elicitation: {}, extensions },
    };
    const headers = {
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': method,
      'mcp-name': String(params.name ?? params.taskId),
    };
    const body = { jsonrpc: '2.0', id: 1, method, params: { ...params, _meta } };
    return this.#held(() => postMcp(this.#load.cloud.origin, this.#tokens.access_token, body, headers));
  }

  #post(body: object, session = this.session): Promise<Answer> {
    return this.#held(() => this.#request(body, session));
  }

  #request(body: object, session = this.session): Promise<Response> {
    const headers: Record<string, string> = session === '' ? {} : { 'mcp-session-id': session };
    return postMcp(this.#load.cloud.origin, this.#tokens.access_token, body, headers);
  }

  /** Resumes a stream. It may stay open until the lease of a dead process ends: it holds no slot. */
  #get(lastEventId: string): Promise<Answer> {
    const headers = {
      authorization: `Bearer ${this.#tokens.access_token}`,
      accept: 'text/event-stream',
      'mcp-session-id': this.session,
      'last-event-id': lastEventId,
    };
    return answerOf(fetch(this.#load.cloud.mcpUrl, { headers }));
  }

  #held(send: () => Promise<Response>): Promise<Answer> {
    return this.#load.slots.hold(() => answerOf(send()));
  }

  /** The events of a call, without those after `enough`. None when the request has failed. */
  async #stream(tool: string, body: object, enough = Number.POSITIVE_INFINITY): Promise<SseEvent[]> {
    this.#tally(tool).attempted++;
    const events: SseEvent[] = [];
    const isAnswered = await this.#load.slots.hold(async () => {
      try {
        const response = await this.#request(body);
        const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') ?? false;
        if (response.status === 200 && isStream) await eventsOf(response, enough, events);
        else this.#outcome(tool, await answerOf(Promise.resolve(response)));
        return true;
      } catch {
        return false;
      }
    });
    if (!isAnswered) this.lost++;
    return events;
  }

  /** Resumes until the response is there. */
  async #resume(tool: string, lastEventId: string): Promise<void> {
    let position = lastEventId;
    for (let look = 0; look < MOST_REPETITIONS; look++) {
      const answer = await this.#get(position);
      if (hasResponse(answer)) {
        if (!this.#outcome(tool, answer)) return;
        this.#tally(tool).acknowledged++;
        this.resumed++;
        return;
      }
      if (answer.status !== 200 && !isUnanswered(answer)) {
        this.#expect('answers', false, () => `the resumption of ${tool}: ${brief(answer)}`);
        return;
      }
      position = [...answer.text.matchAll(/^id: (.+)$/gm)].at(-1)?.[1] ?? position;
      await pause(PAUSE_MILLISECONDS);
    }
    this.#expect('answers', false, () => `the stream of ${tool} has no response`);
  }

  async #awaitTask(taskId: string): Promise<void> {
    const deadline = performance.now() + TASK_MILLISECONDS;
    while (!(await this.#look(taskId))) {
      if (performance.now() > deadline) {
        this.#expect('tasks', false, () => `the task ${taskId} has not ended`);
        return;
      }
      await pause(PAUSE_MILLISECONDS);
    }
  }

  /** Polls a task. @returns whether it has ended */
  async #look(taskId: string): Promise<boolean> {
    if (this.completed.has(taskId)) return true;
    const answer = await this.#modern('tasks/get', { taskId });
    const { status } = resultIn(answer) ?? {};
    if (status === 'working' || isUnanswered(answer)) return false;
    this.#expect('tasks', status === 'completed', () => `the task ${taskId}: ${brief(answer)}`);
    if (status !== 'completed') return true;
    this.completed.add(taskId);
    this.#tally('long_task').acknowledged++;
    return true;
  }

  /** Repeats a request until it has a response that is no outage's. */
  async #untilAnswered(what: string, send: () => Promise<Answer>): Promise<Answer> {
    let answer = await send();
    for (let attempt = 1; isUnanswered(answer) && attempt < MOST_REPETITIONS; attempt++) {
      this.lost++;
      await pause(PAUSE_MILLISECONDS);
      answer = await send();
    }
    this.#expect('answers', !isUnanswered(answer), () => `${what} has no response: ${brief(answer)}`);
    return answer;
  }

  /** Repeats a sequence of requests that throws at the first response of an outage. */
  async #repeated<T>(what: string, attempt: () => Promise<T>): Promise<T> {
    for (let count = 1; ; count++) {
      try {
        return await this.#load.slots.hold(attempt);
      } catch (error) {
        this.lost++;
        if (count === MOST_REPETITIONS)
          throw new Error(`${this.name}: ${what} fails again and again`, { cause: error });
        await pause(PAUSE_MILLISECONDS);
      }
    }
  }

  #tally(tool: string): Tally {
    const tally = this.calls.get(tool) ?? { attempted: 0, acknowledged: 0 };
    this.calls.set(tool, tally);
    return tally;
  }

  #expect(guarantee: FaultGuarantee, holds: boolean, describe: () => string): void {
    this.#load.findings.expect(guarantee, holds, () => `${this.name} of ${this.username}: ${describe()}`);
  }
}

/** Whether the request has no response, or that of an outage, a throttled or a dead function. */
const isUnanswered = ({ status }: Answer): boolean => status === 0 || status >= 500 || status === 429;

const hasResponse = (answer: Answer): boolean => answer.status === 200 && /"(result|error)":/.test(answer.text);

const resultIn = (answer: Answer): Result | undefined =>
  answer.status === 200 ? (jsonOf(answer) as { result?: Result }).result : undefined;

const textOf = ({ content }: Result): string => content![0]!.text;
