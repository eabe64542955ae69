import { randomUUID } from 'node:crypto';
import type { Assistant } from '../harness/mcp-clients.ts';
import { callTool, initialize } from '../harness/raw-oauth-client.ts';
import type { HttpConnections, HttpResponse } from './http-connection.ts';
import { type KilledProcesses, lost } from './killed-processes.ts';
import { assertGuarantee, GuaranteeViolation } from './load-guarantees.ts';
import { type LoadUser, SessionLedger, type ToolCaller } from './load-ledger.ts';
import type { Memory } from './load-server.ts';

const headersOf = ({ token }: LoadUser) => ({
  authorization: `Bearer ${token}`,
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
});

function assertStatus({ status, text }: HttpResponse, expected: number, request: string): void {
  assertGuarantee('answers', status === expected, () => `${request}: status ${status} instead of ${expected}: ${text}`);
}

/** The JSON-RPC result in a response: JSON, or one event of a stream. */
function resultOf(response: HttpResponse, id: string, request: string): Record<string, unknown> {
  assertStatus(response, 200, request);
  const message = JSON.parse(/^data: (.+)$/m.exec(response.text)?.[1] ?? response.text);
  assertGuarantee('answers', message.result !== undefined, () => `${request}: ${response.text}`);
  assertGuarantee('isolation', message.id === id, () => `${request} ${id} received the response to ${message.id}`);
  return message.result;
}

/** The JSON that a tool returned. */
function contentOf(result: Record<string, unknown>): unknown {
  const { content, isError } = result as { content: { text: string }[]; isError?: boolean };
  assertGuarantee('answers', isError !== true, () => `a tool failed: ${content[0]?.text}`);
  return JSON.parse(content[0]!.text);
}

/** Repeats an idempotent request until its response arrives. */
async function untilAnswered(send: () => Promise<HttpResponse | typeof lost>): Promise<HttpResponse> {
  for (;;) {
    const response = await send();
    if (response !== lost) return response;
  }
}

/** The actions of a client in a session besides calls. */
export type SessionPlan = {
  increments?: boolean;
  /** Two calls at the same time. */
  pairs?: boolean;
  /** Continues an earlier session. */
  returns?: boolean;
  /** Sends an unknown session id. */
  unknown?: boolean;
  /** The session expires meanwhile. */
  expires?: boolean;
  /** Ends with DELETE. */
  ends?: boolean;
};

/** The one session of a grant that takes the place of all unknown ids. */
const replacements = new WeakMap<LoadUser, SessionLedger>();

function replacementOf(owner: LoadUser): SessionLedger {
  const ledger = replacements.get(owner) ?? new SessionLedger(owner, 'legacy', 'unknown');
  replacements.set(owner, ledger);
  return ledger;
}

/** A client of 2025-11-25: `initialize`, `Mcp-Session-Id`, one session after another. */
export class LegacyClient {
  readonly owner: LoadUser;
  readonly open: SessionLedger[] = [];
  renewals = 0;
  readonly #connections: HttpConnections;

  constructor(owner: LoadUser, connections: HttpConnections) {
    this.owner = owner;
    this.#connections = connections;
  }

  /** @param expire makes the session expire */
  async session(
    number: number,
    plan: SessionPlan,
    expire: (ledger: SessionLedger) => Promise<void>,
  ): Promise<SessionLedger> {
    const ledger = await this.#start(`session-${number}`);
    await this.#notify(ledger);
    const call = this.#caller(ledger);
    if (plan.pairs) await Promise.all([ledger.append(call), ledger.append(call)]);
    else await ledger.append(call);
    if (plan.increments) await ledger.increment(call);
    else await ledger.append(call);
    if (plan.unknown) await this.#renew(randomUUID(), replacementOf(this.owner));
    if (plan.expires) {
      await expire(ledger);
      await this.#renew(ledger.id!, new SessionLedger(this.owner, 'legacy', ledger.clientInfo));
      return ledger;
    }
    if (plan.ends) {
      await this.#end(ledger);
      return ledger;
    }
    const earlier = this.open[number % Math.max(1, this.open.length)];
    if (plan.returns && earlier) await earlier.append(this.#caller(earlier));
    this.open.push(ledger);
    return ledger;
  }

  /** A request outside any session. */
  async ping(): Promise<void> {
    await this.#start('ping');
  }

  /** Measures the environment that answers. */
  async memory(ledger: SessionLedger): Promise<Memory | undefined> {
    const name = randomUUID();
    const memory = (await this.#caller(ledger)('memory', { call: name })) as Memory | typeof lost;
    if (memory === lost) return undefined;
    ledger.check(memory, name);
    return memory;
  }

  async #start(clientInfo: string): Promise<SessionLedger> {
    const id = randomUUID();
    const params = { ...initialize.params, clientInfo: { name: clientInfo, version: '1' } };
    const body = JSON.stringify({ ...initialize, id, params });
    const response = await untilAnswered(() => this.#connections.send('POST', headersOf(this.owner), body));
    const { protocolVersion } = resultOf(response, id, 'initialize');
    assertGuarantee('answers', protocolVersion === '2025-11-25', () => `initialize: ${response.text}`);
    const session = response.headers['mcp-session-id'];
    assertGuarantee('answers', typeof session === 'string', () => 'initialize: the response has no session id');
    return new SessionLedger(this.owner, 'legacy', clientInfo, session as string);
  }

  async #notify(ledger: SessionLedger): Promise<void> {
    const body = JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' });
    const response = await untilAnswered(() => this.#connections.send('POST', this.#headers(ledger.id!), body));
    assertStatus(response, 202, 'initialized');
  }

  /** A stale id starts a fresh session and keeps meaning that one. */
  async #renew(stale: string, fresh: SessionLedger): Promise<void> {
    await fresh.append(this.#caller(fresh, stale));
    assertGuarantee('sessions', fresh.id !== stale, () => `the stale session ${stale} was not renewed`);
    await fresh.append(this.#caller(fresh, stale));
    await fresh.append(this.#caller(fresh));
    this.open.push(fresh);
    this.renewals++;
  }

  async #end(ledger: SessionLedger): Promise<void> {
    const send = () => this.#connections.send('DELETE', this.#headers(ledger.id!));
    const first = await send();
    // After a lost response, the session may or may not have ended: a second DELETE may answer 404.
    if (first !== lost) assertStatus(first, 200, 'DELETE');
    else await untilAnswered(send);
    const call = JSON.stringify(callTool('append', { call: randomUUID() }));
    const after = await untilAnswered(() => this.#connections.send('POST', this.#headers(ledger.id!), call));
    assertStatus(after, 404, 'a call in a deleted session');
  }

  /** @param named the id to send in place of the session's */
  #caller(ledger: SessionLedger, named?: string): ToolCaller {
    return async (tool, input) => {
      const id = randomUUID();
      const body = JSON.stringify({ ...callTool(tool, input), id });
      const response = await this.#connections.send('POST', this.#headers(named ?? ledger.id!), body);
      if (response === lost) return lost;
      const observed = contentOf(resultOf(response, id, tool)) as { session: { id: string } };
      const header = response.headers['mcp-session-id'];
      const describe = () => `the tool has session ${observed.session.id}, the header ${header}`;
      assertGuarantee('isolation', header === observed.session.id, describe);
      return observed;
    };
  }

  #headers(session: string) {
    return { ...headersOf(this.owner), 'mcp-session-id': session, 'mcp-protocol-version': '2025-11-25' };
  }
}

/** A client of 2026-07-28: every request is complete, and the session is that of its grant. */
export class ModernClient {
  readonly ledger: SessionLedger;
  readonly #connections: HttpConnections;

  constructor(owner: LoadUser, connections: HttpConnections, number: number) {
    this.ledger = new SessionLedger(owner, 'modern', `modern-${number}`);
    this.#connections = connections;
  }

  async turn({ increments, pairs }: SessionPlan): Promise<void> {
    if (increments) await this.ledger.increment(this.#call);
    else if (pairs) await Promise.all([this.ledger.append(this.#call), this.ledger.append(this.#call)]);
    else await this.ledger.append(this.#call);
  }

  /** Measures the environment that answers. */
  async memory(): Promise<Memory> {
    const name = randomUUID();
    const memory = (await this.#call('memory', { call: name })) as Memory | typeof lost;
    if (memory === lost) throw new Error('the response to memory was lost');
    this.ledger.check(memory, name);
    return memory;
  }

  readonly #call: ToolCaller = async (tool, input) => {
    const id = randomUUID();
    const { params, ...call } = callTool(tool, input);
    const envelope = {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientCapabilities': {},
      'io.modelcontextprotocol/clientInfo': { name: this.ledger.clientInfo, version: '1' },
    };
    const body = JSON.stringify({ ...call, id, params: { ...params, _meta: envelope } });
    const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': call.method, 'mcp-name': tool };
    const response = await this.#connections.send('POST', { ...headersOf(this.ledger.owner), ...headers }, body);
    if (response === lost) return lost;
    const observed = contentOf(resultOf(response, id, tool));
    const hasNoSession = response.headers['mcp-session-id'] === undefined;
    assertGuarantee('isolation', hasNoSession, () => 'a 2026-07-28 response has a session id');
    return observed;
  };
}

/** Calls a tool by the client of an SDK, which throws when its response is lost. */
export function callerOf(assistant: Assistant, killed: KilledProcesses): ToolCaller {
  return async (tool, input) => {
    try {
      const { text, isError } = await assistant.call(tool, input);
      assertGuarantee('answers', !isError, () => `a tool failed: ${text}`);
      return JSON.parse(text);
    } catch (error) {
      if (error instanceof GuaranteeViolation || !isLost(error)) throw error;
      return killed.lose();
    }
  };
}

/** Status 502, or a broken stream, which the v1 SDK reports as a timeout. */
function isLost(error: unknown): boolean {
  const { code, status, message } = error as Error & { code?: unknown; status?: unknown };
  return code === 502 || status === 502 || /terminated|fetch failed|timed out/i.test(message);
}
