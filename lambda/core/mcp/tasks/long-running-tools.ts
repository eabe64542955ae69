import {
  type CallToolResult,
  type JSONRPCMessage,
  type JSONRPCRequest,
  McpServer,
  ProtocolError,
  type RequestId,
  type Server,
} from '@modelcontextprotocol/server';
import type { Logger } from '../../support/logger.ts';
import type { Execution } from '../execution.ts';
import type { McpExchange } from '../mcp-exchange.ts';
import { messagesIn } from '../message-reader.ts';
import type { OwnerServer } from '../sdk/owner-server.ts';
import { addTool } from '../sdk/sdk-internals.ts';
import type { LongRunning } from '../tool-context.ts';
import { reportFailures } from '../tool-failure.ts';
import { RESULT_TOOL, resultTool } from './task-offers.ts';
import { createTaskResult, missingTasksCapability, supportsTasks, type Tasks } from './tasks.ts';

/** A client of the 2025 era whose stream can carry the events of another execution. */
export type WaitingClient = {
  /** Keeps the response for that execution. @returns false when the response has begun, or belongs to several requests */
  reserve(): boolean;
  /** Sends the events of the execution as the response to a request. @param late the result when the client cannot wait longer */
  follow(execution: Execution, request: RequestId, late: object): void;
};

type Dependencies = { tasks: Tasks; client: WaitingClient | undefined; log: Logger };

/** The last argument of a tool's callback: `ctx` of SDK v2, `extra` of SDK v1. */
type CallbackContext = { mcpReq: { id: RequestId } } | { requestId: RequestId };

const requestIdIn = (context: CallbackContext): RequestId =>
  'mcpReq' in context ? context.mcpReq.id : context.requestId;

/**
 * The long-running tools of a server that is built for one request. A worker executes their calls where the client can
 * wait: a client with the tasks extension receives a task; one of the 2025 era waits on its stream, and fetches the result
 * later if that takes too long. In the worker the same callback does the work.
 */
export class LongRunningTools {
  readonly #exchange: McpExchange;
  readonly #tasks: Tasks;
  readonly #client: WaitingClient | undefined;
  readonly #guarded: <T>(request: Promise<T>) => Promise<T>;
  /** Responses in place of the SDK's, by request. */
  readonly #replacements = new Map<RequestId, { result: object } | { error: object }>();
  #hasTools = false;

  constructor(exchange: McpExchange, { tasks, client, log }: Dependencies) {
    this.#exchange = exchange;
    this.#tasks = tasks;
    this.#client = client;
    this.#guarded = reportFailures(log, () => exchange.recorder.meetOutage());
  }

  readonly wrap: LongRunning = (callback, { required = false } = {}) => {
    this.#hasTools = true;
    const wrapped = async (...args: unknown[]) =>
      this.#call(() => callback(...args), requestIdIn(args.at(-1) as CallbackContext), required);
    return wrapped as typeof callback;
  };

  /** Registers the task methods on a server with long-running tools. */
  registerTasks(server: McpServer | Server): void {
    if (this.#hasTools) this.#tasks.register(server instanceof McpServer ? server.server : server, this.#exchange);
  }

  /** Registers the result tool of the 2025 era on a server with long-running tools. */
  registerResultTool(server: OwnerServer): void {
    if (!this.#hasTools) return;
    addTool(server, resultTool, ({ task }, context) => this.#result(task, requestIdIn(context as CallbackContext)));
  }

  /** Replaces the SDK's response to a call where a long-running tool has another one. */
  replaceResponse<M extends JSONRPCMessage>(message: M): M {
    if (this.#replacements.size === 0 || !('result' in message)) return message;
    const { jsonrpc, id, result } = message;
    const replacement = this.#replacements.get(id);
    if (!replacement) return message;
    if ('error' in replacement) return { jsonrpc, id, ...replacement } as unknown as M;
    const { _meta } = result;
    return { jsonrpc, id, result: { ...(_meta && { _meta }), ...replacement.result } } as unknown as M;
  }

  async #call(work: () => unknown, id: RequestId, required: boolean): Promise<unknown> {
    if (this.#exchange.isWorker) return this.#execute(id, work);
    const request = this.#request(id);
    if (this.#exchange.context.session.era === 'legacy') {
      return request && this.#client?.reserve() ? this.#hold(request, this.#client) : this.#execute(id, work);
    }
    if (request && supportsTasks(request.params?._meta)) {
      this.#replacements.set(id, { result: createTaskResult(await this.#begin(request)) });
      return placeholder;
    }
    return this.#execute(id, required ? () => Promise.reject(missingTasksCapability()) : work);
  }

  /** Protocol errors stay errors; the SDK turns what a tool throws into results. */
  async #execute(id: RequestId, work: () => unknown): Promise<unknown> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof ProtocolError) {
        const { code, message, data } = error;
        this.#replacements.set(id, { error: { code, message, ...(data !== undefined && { data }) } });
      }
      throw error;
    }
  }

  #begin(request: JSONRPCRequest): Promise<Execution> {
    return this.#guarded(this.#tasks.begin(this.#exchange, request));
  }

  /** The request with this id, in a batch or alone. */
  #request(id: RequestId): JSONRPCRequest | undefined {
    const messages = messagesIn(this.#exchange.body) as JSONRPCRequest[];
    return messages.find((message) => message.id === id && 'method' in message);
  }

  async #hold(request: JSONRPCRequest, client: WaitingClient): Promise<unknown> {
    return this.#follow(await this.#begin(request), request.id, client);
  }

  /** The client has its response from the execution, so the one that the SDK makes of the placeholder is dropped. */
  #follow(execution: Execution, request: RequestId, client: WaitingClient): CallToolResult {
    this.#exchange.recorder.leave(request);
    client.follow(execution, request, pendingResult(execution.id));
    return placeholder;
  }

  async #result(task: unknown, request: RequestId): Promise<CallToolResult> {
    const found = typeof task === 'string' ? await this.#guarded(this.#tasks.find(this.#exchange, task)) : undefined;
    if (!found) return failed('Task not found: unknown or expired');
    if (found.status === 'cancelled') return failed('Task was cancelled');
    if (!this.#client?.reserve()) return failed('Call this tool outside a batch');
    return this.#follow(found, request, this.#client);
  }
}

const placeholder: CallToolResult = { content: [] };

const failed = (text: string) => ({ content: [{ type: 'text' as const, text }], isError: true });

/**
 * The result of a long-running tool whose client cannot wait longer. It is an error because it is not the tool's result:
 * clients reject a result that does not match the tool's output schema.
 */
export const pendingResult = (task: string) =>
  failed(`Still running. Call ${RESULT_TOOL} with {"task": "${task}"} to fetch the result`);
