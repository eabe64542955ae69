import { randomUUID } from 'node:crypto';
import { Broken, hold } from '../../load/load-claims.ts';
import type { Assistant } from '../mcp-clients.ts';
import { callTool, initialize } from '../test-oauth-client.ts';
import type { Answer, Wire } from './http-connection.ts';
import { type Deaths, lost } from './killed-processes.ts';
import { Book, type Call, type LedgerUser } from './load-ledger.ts';
import type { Heap } from './load-server.ts';

const headersOf = ({ token }: LedgerUser) => ({
  authorization: `Bearer ${token}`,
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
});

function expectStatus({ status, text }: Answer, expected: number, what: string): void {
  hold('answers', status === expected, () => `${what} was answered ${status} instead of ${expected}: ${text}`);
}

/** The JSON-RPC result in an answer, be it JSON or one event of a stream. */
function resultOf(answer: Answer, id: string, what: string): Record<string, unknown> {
  expectStatus(answer, 200, what);
  const message = JSON.parse(/^data: (.+)$/m.exec(answer.text)?.[1] ?? answer.text);
  hold('answers', message.result !== undefined, () => `${what} was answered ${answer.text}`);
  hold('own', message.id === id, () => `${what}, ${id}, had the answer to ${message.id}`);
  return message.result;
}

function told(result: Record<string, unknown>): unknown {
  const { content, isError } = result as { content: { text: string }[]; isError?: boolean };
  hold('answers', isError !== true, () => `a tool failed: ${content[0]?.text}`);
  return JSON.parse(content[0]!.text);
}

/** Sends until there is an answer; only for what may be done twice. */
async function answered(send: () => Promise<Answer | typeof lost>): Promise<Answer> {
  for (;;) {
    const answer = await send();
    if (answer !== lost) return answer;
  }
}

/** What may happen in a session, besides calls. */
export type Plan = {
  increments?: boolean;
  /** Two calls at the same time. */
  pairs?: boolean;
  /** Goes on with a session of long ago. */
  returns?: boolean;
  /** Names a session that nobody has heard of. */
  unknown?: boolean;
  /** The session expires meanwhile. */
  expires?: boolean;
  /** Ends with DELETE. */
  ends?: boolean;
};

/** A client of 2025-11-25: `initialize`, `Mcp-Session-Id`, one session after another. */
export class NamedSessions {
  readonly owner: LedgerUser;
  readonly open: Book[] = [];
  renewals = 0;
  readonly #wire: Wire;

  constructor(owner: LedgerUser, wire: Wire) {
    this.owner = owner;
    this.#wire = wire;
  }

  /** @param expire makes the session expire, as time would */
  async session(number: number, plan: Plan, expire: (book: Book) => Promise<void>): Promise<Book> {
    const book = await this.#start(`session-${number}`);
    await this.#notify(book);
    const call = this.#caller(book);
    if (plan.pairs) await Promise.all([book.append(call), book.append(call)]);
    else await book.append(call);
    if (plan.increments) await book.increment(call);
    else await book.append(call);
    if (plan.unknown) await this.#renew(randomUUID(), 'unknown');
    if (plan.expires) {
      await expire(book);
      await this.#renew(book.id!, book.clientInfo);
      return book;
    }
    if (plan.ends) {
      await this.#end(book);
      return book;
    }
    const old = this.open[number % Math.max(1, this.open.length)];
    if (plan.returns && old) await old.append(this.#caller(old));
    this.open.push(book);
    return book;
  }

  /** A request outside any session. */
  async ping(): Promise<void> {
    await this.#start('ping');
  }

  /** Measures the process that happens to answer. */
  async heap(book: Book): Promise<Heap | undefined> {
    const name = randomUUID();
    const heap = (await this.#caller(book)('heap', { call: name })) as Heap | typeof lost;
    if (heap === lost) return undefined;
    book.check(heap, name);
    return heap;
  }

  async #start(clientInfo: string): Promise<Book> {
    const id = randomUUID();
    const params = { ...initialize.params, clientInfo: { name: clientInfo, version: '1' } };
    const body = JSON.stringify({ ...initialize, id, params });
    const answer = await answered(() => this.#wire.send('POST', headersOf(this.owner), body));
    const result = resultOf(answer, id, 'initialize');
    hold('answers', result.protocolVersion === '2025-11-25', () => `initialize was answered ${answer.text}`);
    const session = answer.headers['mcp-session-id'];
    hold('answers', typeof session === 'string', () => 'initialize was answered without a session id');
    return new Book(this.owner, 'legacy', clientInfo, session as string);
  }

  async #notify(book: Book): Promise<void> {
    const body = JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' });
    const answer = await answered(() => this.#wire.send('POST', this.#headers(book.id!), body));
    expectStatus(answer, 202, 'initialized');
  }

  /** A stale id gets a fresh session, and goes on meaning that one. */
  async #renew(stale: string, clientInfo: string): Promise<void> {
    const fresh = new Book(this.owner, 'legacy', clientInfo);
    await fresh.append(this.#caller(fresh, stale));
    hold('sessions', fresh.id !== stale, () => `the stale session ${stale} was not renewed`);
    await fresh.append(this.#caller(fresh, stale));
    await fresh.append(this.#caller(fresh));
    this.open.push(fresh);
    this.renewals++;
  }

  async #end(book: Book): Promise<void> {
    const send = () => this.#wire.send('DELETE', this.#headers(book.id!));
    const first = await send();
    // Whether it was ended before its process was killed is not to be known.
    if (first !== lost) expectStatus(first, 200, 'DELETE');
    else await answered(send);
    const call = JSON.stringify(callTool('append', { call: randomUUID() }));
    const after = await answered(() => this.#wire.send('POST', this.#headers(book.id!), call));
    expectStatus(after, 404, 'a call in a session that was ended');
  }

  /** @param named the id to send, if it is not the session's own */
  #caller(book: Book, named?: string): Call {
    return async (tool, input) => {
      const id = randomUUID();
      const body = JSON.stringify({ ...callTool(tool, input), id });
      const answer = await this.#wire.send('POST', this.#headers(named ?? book.id!), body);
      if (answer === lost) return lost;
      const seen = told(resultOf(answer, id, tool)) as { session: { id: string } };
      const header = answer.headers['mcp-session-id'];
      hold('own', header === seen.session.id, () => `the tool saw session ${seen.session.id}, the header ${header}`);
      return seen;
    };
  }

  #headers(session: string) {
    return { ...headersOf(this.owner), 'mcp-session-id': session, 'mcp-protocol-version': '2025-11-25' };
  }
}

/** A client of 2026-07-28: every request carries all there is to know, and the session is that of its grant. */
export class Stateless {
  readonly book: Book;
  readonly #wire: Wire;

  constructor(owner: LedgerUser, wire: Wire, number: number) {
    this.book = new Book(owner, 'modern', `stateless-${number}`);
    this.#wire = wire;
  }

  async turn({ increments, pairs }: Plan): Promise<void> {
    if (increments) await this.book.increment(this.#call);
    else if (pairs) await Promise.all([this.book.append(this.#call), this.book.append(this.#call)]);
    else await this.book.append(this.#call);
  }

  readonly #call: Call = async (tool, input) => {
    const id = randomUUID();
    const { params, ...call } = callTool(tool, input);
    const envelope = {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientCapabilities': {},
      'io.modelcontextprotocol/clientInfo': { name: this.book.clientInfo, version: '1' },
    };
    const body = JSON.stringify({ ...call, id, params: { ...params, _meta: envelope } });
    const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': call.method, 'mcp-name': tool };
    const answer = await this.#wire.send('POST', { ...headersOf(this.book.owner), ...headers }, body);
    if (answer === lost) return lost;
    const seen = told(resultOf(answer, id, tool));
    hold('own', answer.headers['mcp-session-id'] === undefined, () => 'a 2026-07-28 answer named a session');
    return seen;
  };
}

/** A call by a client of an SDK, which throws when its answer is lost. */
export function throughSdk(assistant: Assistant, deaths: Deaths): Call {
  return async (tool, input) => {
    try {
      const { text, isError } = await assistant.call(tool, input);
      hold('answers', !isError, () => `a tool failed: ${text}`);
      return JSON.parse(text);
    } catch (error) {
      if (error instanceof Broken || !isLost(error)) throw error;
      return deaths.lose();
    }
  };
}

/** 502, or a stream that broke off, which the first SDK finds out by waiting. */
function isLost(error: unknown): boolean {
  const { code, status, message } = error as Error & { code?: unknown; status?: unknown };
  return code === 502 || status === 502 || /terminated|fetch failed|timed out/i.test(message);
}
