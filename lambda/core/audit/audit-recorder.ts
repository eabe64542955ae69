import {
  CLIENT_INFO_META_KEY,
  type JSONRPCMessage,
  type JSONRPCRequest,
  type RequestId,
} from '@modelcontextprotocol/server';
import type { Execution } from '../mcp/execution.ts';
import { jsonText } from '../mcp/json-text.ts';
import type { McpExchange } from '../mcp/mcp-exchange.ts';
import type { McpResponse } from '../mcp/mcp-http.ts';
import { traceIdOf } from '../mcp/trace.ts';
import { bytes, randomId, sha256 } from '../support/crypto.ts';
import type { Logger } from '../support/logger.ts';
import { ServiceUnavailableError } from '../support/service-unavailable-error.ts';
import type { AuditLogWriter, CallOutcome, ToolCall } from './tool-call.ts';

export type AuditRules = {
  /** Which requests are recorded: `tools/call` alone, or every one. */
  methods: 'tools' | 'all';
  /** What is recorded of a tool's arguments. */
  arguments: 'no' | 'digest' | 'redacted';
  retentionDays: number;
  /** What digests of arguments are salted with, beside user and tool. */
  deployment: string;
};

export type AuditDependencies = {
  store: AuditLogWriter;
  rules: AuditRules;
  /** Epoch milliseconds. */
  now: () => number;
  log: Logger;
};

/** What a request has come to where no server has answered it. */
type Failure = { outcome: CallOutcome; code: number; message?: string | undefined };

/** The end of an answer waits for its record, but no longer than this. */
const PATIENCE_MILLISECONDS = 1_000;

/** What is recorded of a call has to fit into one write unit (1 KB), so each part of it is bounded, in bytes. */
const largest = { clientName: 48, clientVersion: 24, protocolVersion: 16, method: 40, tool: 128, message: 200 };
/** What tool, message and arguments may have together. */
const LARGEST_DETAILS = 400;

/**
 * Station 4: what happened, on record. Every answer comes by here on its way to the client; its record is written beside
 * the rest of the answer, once, and whether that succeeds makes no difference to the call.
 *
 * Not on record: a call that stops to ask its user something (the answered one is), the handle of a task (its run is, when
 * it ends), a call that its client cancels, and one whose process dies.
 */
export class AuditRecorder {
  readonly #parts: AuditDependencies;
  readonly #startedAt: number;
  readonly #run: Execution | undefined;
  readonly #writes: Promise<void>[];
  readonly #settled = new Set<RequestId>();
  #late: ReturnType<typeof setTimeout> | undefined;

  /** @param run set when another process has begun, and this one goes on */
  constructor(parts: AuditDependencies, run?: Execution, writes: Promise<void>[] = []) {
    this.#parts = parts;
    this.#run = run;
    this.#startedAt = run ? run.createdAt * 1000 : parts.now();
    this.#writes = writes;
  }

  /** The recording of a run that goes on. It is written when this one is. */
  of(run: Execution): AuditRecorder {
    return new AuditRecorder(this.#parts, run, this.#writes);
  }

  /** Has the requests that are unanswered by then recorded as timed out: what comes next is the end of the process. */
  expect(exchange: McpExchange, milliseconds: number): void {
    this.#late = setTimeout(() => this.failed(exchange, { outcome: 'timed-out', code: -32603 }), milliseconds);
  }

  /** Takes in that somebody else will answer a request, and record it. */
  leave(request: RequestId): void {
    this.#settled.add(request);
  }

  /** Records the request that a message answers. */
  answered(exchange: McpExchange, message: JSONRPCMessage): void {
    if ('method' in message) return;
    const request = requestsOf(exchange).find(({ id }) => id === message.id);
    if (!request) return;
    if ('result' in message) {
      const { resultType, isError } = message.result as { resultType?: unknown; isError?: unknown };
      const outcome = isError === true && request.method === 'tools/call' ? 'tool-error' : 'success';
      if (resultType === 'input_required' || resultType === 'task') this.leave(request.id);
      else this.#record(exchange, request, { outcome }, message);
    } else {
      const { code } = message.error;
      this.#record(exchange, request, { outcome: 'protocol-error', code, message: words[code] }, message);
    }
  }

  /** Records every request that has no answer yet, and will have no other than this. */
  failed(exchange: McpExchange, failure: Failure): void {
    const { code, message } = failure;
    for (const request of requestsOf(exchange)) {
      this.#record(exchange, request, failure, { jsonrpc: '2.0', id: request.id, error: { code, message } });
    }
  }

  /**
   * Records the requests of an exchange that was turned away as a whole, where that is not on record already.
   * @param outcome set when the words of the answer are our own
   */
  async turnedAway(exchange: McpExchange, answer: McpResponse, outcome?: CallOutcome): Promise<void> {
    if (requestsOf(exchange).every(({ id }) => this.#settled.has(id))) return;
    const { error } = (await answer.json().catch(() => ({}))) as { error?: { code?: unknown; message?: unknown } };
    const code = Number(error?.code ?? -32603);
    const message = outcome ? String(error?.message) : words[code];
    this.failed(exchange, { outcome: outcome ?? 'protocol-error', code, message });
  }

  /** Resolves when all is written. To be called when there is nothing more to answer. */
  async written(): Promise<void> {
    clearTimeout(this.#late);
    while (this.#writes.length > 0) await Promise.all(this.#writes.splice(0));
  }

  #record(exchange: McpExchange, request: JSONRPCRequest, failure: Partial<Failure>, answer: object): void {
    const { methods } = this.#parts.rules;
    if (this.#settled.has(request.id)) return;
    this.#settled.add(request.id);
    if (methods === 'all' || request.method === 'tools/call') {
      this.#writes.push(this.#write(exchange, request, failure, answer));
    }
  }

  async #write(exchange: McpExchange, request: JSONRPCRequest, failure: Partial<Failure>, answer: object) {
    const { store, rules, now, log } = this.#parts;
    const endedAt = now();
    // A run that is done once more, because its process died at the wrong moment, replaces its own record.
    const id = this.#run?.requests.length === 1 ? this.#run.id : randomId();
    try {
      const call: ToolCall = {
        id,
        at: this.#startedAt,
        ...factsOf(exchange, request),
        outcome: failure.outcome ?? 'success',
        errorCode: failure.code,
        message: bounded(failure.message, largest.message),
        // Another process began it, perhaps, whose clock is ahead.
        milliseconds: Math.max(0, endedAt - this.#startedAt),
        bytesIn: sizeOf(request),
        bytesOut: sizeOf(answer),
      };
      const described = rules.arguments === 'no' ? undefined : await describe(call, argumentsOf(request), rules);
      const expiresAt = Math.floor(endedAt / 1000) + rules.retentionDays * 24 * 3600;
      await soon(store.recordCall({ ...call, ...described }, expiresAt));
    } catch (error) {
      log('audit_write_failed', {
        call: id,
        cause: String(error instanceof ServiceUnavailableError ? error.cause : error),
      });
    }
  }
}

/** What an error code means. The text that comes with one may be a handler's own, or quote an argument (-32020 does). */
const words: Record<number, string | undefined> = {
  [-32600]: 'Invalid request',
  [-32601]: 'Method not found',
  [-32602]: 'Invalid params',
  [-32603]: 'Internal error',
  [-32020]: 'Header mismatch',
  [-32021]: 'Missing required client capability',
  [-32022]: 'Unsupported protocol version',
};

/** What an answer can be to. Whether it is a request as the protocol has it, others have seen to, or refused it. */
const requestsOf = ({ body }: McpExchange): JSONRPCRequest[] =>
  ([body].flat() as Partial<JSONRPCRequest>[]).filter(
    (each): each is JSONRPCRequest => typeof each?.method === 'string' && each.id !== undefined,
  );

/** Who asked for what. */
function factsOf({ request, caller, session, context }: McpExchange, { method, params }: JSONRPCRequest) {
  const { initialize } = session;
  const { name, version } = (initialize?.clientInfo ?? params?._meta?.[CLIENT_INFO_META_KEY] ?? {}) as Facts;
  return {
    user: caller.user,
    client: caller.client,
    clientName: bounded(name, largest.clientName),
    clientVersion: bounded(version, largest.clientVersion),
    grant: caller.grant,
    session: session.id,
    era: session.era,
    protocolVersion: bounded(
      request.headers.get('mcp-protocol-version') ?? initialize?.protocolVersion,
      largest.protocolVersion,
    ),
    method: bounded(method, largest.method)!,
    tool: method === 'tools/call' ? bounded(params?.name, largest.tool) : undefined,
    traceId: context.trace && traceIdOf(context.trace),
  };
}

/** What anybody may have sent in place of names. */
type Facts = Record<string, unknown>;

/**
 * What is said of a tool's arguments, where the owner has chosen so.
 *
 * A digest tells that a user has called a tool with the same arguments again, and lets whoever knows arguments prove that
 * a call had them. It is salted with deployment, user and tool, so it shows nothing of two users, or two tools, having
 * had the same. The salt is no secret: it does not keep somebody who reads the record from guessing arguments that have
 * few possible values.
 */
async function describe(
  { user, tool, message = '' }: ToolCall,
  given: unknown,
  { arguments: what, deployment }: AuditRules,
): Promise<Pick<ToolCall, 'arguments'>> {
  if (tool === undefined || given === undefined) return {};
  if (what === 'digest') return { arguments: await sha256(JSON.stringify([deployment, user, tool, sorted(given)])) };
  const room = LARGEST_DETAILS - bytes(tool + message).length;
  return { arguments: bounded(JSON.stringify(shapeOf(given)), room) };
}

const argumentsOf = ({ params }: JSONRPCRequest) => (params as { arguments?: unknown } | undefined)?.arguments;

/** Equal objects have the same text, however their members were ordered. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  const members = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return members.map(([name, member]) => [name, sorted(member)]);
}

/** Names as a schema has them. Others may be what the arguments say, such as an address that something is filed under. */
const memberName = /^[A-Za-z_][\w-]{0,39}$/;
const DEEPEST = 4;
const MOST_MEMBERS = 20;

/** The arguments with every leaf replaced by its type, and where it has one, its length. */
function shapeOf(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return `string(${value.length})`;
  if (value === null || typeof value !== 'object') return value === null ? 'null' : typeof value;
  if (Array.isArray(value)) {
    return depth === DEEPEST
      ? `array(${value.length})`
      : value.slice(0, MOST_MEMBERS).map((each) => shapeOf(each, depth + 1));
  }
  const members = Object.entries(value);
  if (depth === DEEPEST) return `object(${members.length})`;
  return Object.fromEntries(
    members
      .slice(0, MOST_MEMBERS)
      .map(([name, each], index) => [memberName.test(name) ? name : `#${index}`, shapeOf(each, depth + 1)]),
  );
}

const sizeOf = (message: object): number => bytes(jsonText(message)).length;

/** Characters of one byte each. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: it is all of them
const ascii = /^[\x00-\x7f]*$/;

/** The text, cut where it has more bytes; nothing if it is none. */
function bounded(text: unknown, most: number): string | undefined {
  if (typeof text !== 'string') return undefined;
  if (text.length <= most && ascii.test(text)) return text;
  return new TextDecoder().decode(bytes(text.slice(0, most)).subarray(0, most), { stream: true });
}

/** Gives up waiting for a store that does not answer. What it is still doing may succeed all the same. */
async function soon(write: Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`No answer in ${PATIENCE_MILLISECONDS} ms`)), PATIENCE_MILLISECONDS);
  });
  try {
    await Promise.race([write, late]);
  } finally {
    clearTimeout(timer);
  }
}
