import {
  type JSONRPCMessage,
  type JSONRPCRequest,
  type JSONRPCResponse,
  type McpServer,
  ProtocolError,
  type RequestId,
  type ServerContext,
} from '@modelcontextprotocol/server';
import * as z from 'zod/v4';
import type { Logger } from '../../support/logger.ts';
import type { Execution } from '../execution.ts';
import type { McpExchange } from '../mcp-exchange.ts';
import { reportFailures } from '../tool-failure.ts';
import { createTaskResult, missingTasksCapability, requestOf, supportsTasks, type Tasks } from './tasks.ts';

/** A tool's callback, whatever its arguments are. */
// biome-ignore lint/suspicious/noExplicitAny: the SDK's own callbacks differ in their arguments; any is what they share
type Callback = (...args: any[]) => unknown;

/** Makes a tool's callback one that takes long. */
export type LongRunning = <C extends Callback>(
  callback: C,
  options?: {
    /** Refuses clients of 2026-07-28 that know no tasks, instead of doing the work while they wait. @default false */
    required?: boolean;
  },
) => C;

/** The tool with which a model of the 2025 era fetches what a long tool has come to. */
const RESULT_TOOL = 'task_result';
const resultInput = z.object({ task: z.string() });

/**
 * The long tools of a server that is built for one request. A call of one goes to a worker where the client can be told
 * so: a client that knows tasks gets a handle; one of the 2025 era waits on its stream, and is told how to fetch the
 * result if that takes too long. In the worker the same callback does the work.
 */
export class LongRunningTools {
  readonly #exchange: McpExchange;
  readonly #tasks: Tasks;
  readonly #guarded: <T>(request: Promise<T>) => Promise<T>;
  #any = false;

  constructor(exchange: McpExchange, tasks: Tasks, log: Logger) {
    this.#exchange = exchange;
    this.#tasks = tasks;
    this.#guarded = reportFailures(log);
  }

  readonly longRunning: LongRunning = (callback, { required = false } = {}) => {
    this.#any = true;
    const taken = async (...args: unknown[]) =>
      this.#take(() => callback(...args), args.at(-1) as ServerContext, required);
    return taken as typeof callback;
  };

  /** Adds to a server what clients need for its long tools, if it has any. */
  register(server: McpServer): void {
    if (!this.#any) return;
    if (this.#exchange.context.session.era === 'modern') this.#tasks.register(server, this.#exchange);
    else this.#registerResultTool(server);
  }

  async #take(work: () => unknown, ctx: ServerContext, required: boolean): Promise<unknown> {
    const exchange = this.#exchange;
    const { id } = ctx.mcpReq;
    if (exchange.isWorker) return this.#do(id, work);
    const request = requestOf(exchange, id);
    if (exchange.context.session.era === 'legacy') {
      return request && exchange.reserve?.() ? this.#hold(request) : this.#do(id, work);
    }
    if (request && supportsTasks(ctx.mcpReq.envelope)) {
      this.#answer(id, { result: createTaskResult(await this.#begin(request)) });
      return nothing;
    }
    return this.#do(id, required ? () => Promise.reject(missingTasksCapability()) : work);
  }

  /** Errors of the protocol's own are answered as such, which the SDK would make results of. */
  async #do(id: RequestId, work: () => unknown): Promise<unknown> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof ProtocolError) {
        const { code, message, data } = error;
        this.#answer(id, { error: { code, message, ...(data !== undefined && { data }) } });
      }
      throw error;
    }
  }

  #answer(id: RequestId, answer: { result: object } | { error: object }): void {
    this.#exchange.instead ??= new Map();
    this.#exchange.instead.set(id, answer);
  }

  #begin(request: JSONRPCRequest): Promise<Execution> {
    return this.#guarded(this.#tasks.begin(this.#exchange, request));
  }

  async #hold(request: JSONRPCRequest): Promise<unknown> {
    const run = await this.#begin(request);
    this.#exchange.recording.leave(request.id);
    return this.#exchange.hold!(run, request.id, pendingResult(run.id));
  }

  #registerResultTool(server: McpServer): void {
    server.registerTool(
      RESULT_TOOL,
      {
        title: 'Fetch the result of a task',
        description: `Waits for what a tool is still working on, and returns its result. Use it when a tool has answered that it goes on working, with the task that it named.`,
        inputSchema: resultInput,
        annotations: { readOnlyHint: true },
      },
      async ({ task }, { mcpReq }) => {
        const run = await this.#guarded(this.#tasks.find(this.#exchange, task));
        if (!run) return failed('There is no such task, or it has expired');
        if (run.status === 'cancelled') return failed('The task was cancelled');
        if (this.#exchange.reserve?.()) {
          this.#exchange.recording.leave(mcpReq.id);
          return this.#exchange.hold!(run, mcpReq.id, pendingResult(run.id)) as never;
        }
        return failed('Call this tool by itself, not in a batch');
      },
    );
  }
}

/** The answer that a long tool gives in place of what the SDK has made of its call. */
export function overriddenResponse<M extends JSONRPCMessage>(
  { instead }: McpExchange,
  message: M,
): M | JSONRPCResponse {
  if (!instead || !('result' in message)) return message;
  const { jsonrpc, id, result } = message;
  const answer = instead.get(id);
  if (!answer) return message;
  if ('error' in answer) return { jsonrpc, id, ...answer } as JSONRPCResponse;
  const { _meta } = result;
  return { jsonrpc, id, result: { ...(_meta && { _meta }), ...answer.result } } as JSONRPCResponse;
}

const nothing = { content: [] };

const failed = (text: string) => ({ content: [{ type: 'text' as const, text }], isError: true });

/**
 * What a model is told whose tool takes longer than its client can wait. It is an error in the sense that it is not the
 * tool's result: clients would refuse a result that does not have the form which the tool has promised.
 */
export const pendingResult = (task: string) => ({
  isError: true,
  content: [
    {
      type: 'text' as const,
      text: `This is taking long and goes on in the background. Fetch its result by calling the tool ${RESULT_TOOL} with {"task": "${task}"}.`,
    },
  ],
});
