import type { Caller } from '../access/caller.ts';
import type { AuditRecorder } from '../audit/audit-recorder.ts';
import type { Session } from '../sessions/session.ts';
import type { McpHeaders, McpResponse, ToolRequest } from './mcp-http.ts';
import type { OwnerServer } from './sdk/owner-server.ts';
import type { LongRunning, ToolContext } from './tool-context.ts';

/** One message or batch, parsed once, with the caller and the session it belongs to. */
export type McpExchange = {
  /** For the tools: its headers have no credentials. */
  readonly request: ToolRequest;
  /** As they arrived, for Holdfast alone. */
  readonly headers: McpHeaders;
  readonly body: unknown;
  /** Epoch milliseconds at which the request arrived, by the clock of the gateway: this process may have started later. */
  readonly arrivedAt: number;
  readonly caller: Caller;
  readonly session: Session;
  /** The owner's server is built with it; the server builder adds `longRunning`. */
  readonly context: Omit<ToolContext, 'longRunning'>;
  readonly recorder: AuditRecorder;
  /** Set in the task worker, which runs long-running tools itself. */
  readonly isWorker?: true;
  /** Set when the fast path has begun to answer (`fast-path/`). */
  readonly prepared?: {
    /** The server that `createServer` has returned. @throws what it has thrown */
    server(longRunning: { readonly wrap: LongRunning }): OwnerServer;
    /** Epoch milliseconds at which the answer began. */
    startedAt: number;
  };
};

/** A response, and the work that outlives it. */
export type PendingResponse = {
  readonly response: McpResponse;
  /** Work to complete before the execution environment may freeze, if any. The response does not wait for it. */
  readonly done: Promise<unknown> | undefined;
  /** Started when the body has been written, and completed before the execution environment may freeze. */
  readonly afterwards?: () => Promise<unknown>;
};

/** A response that leaves no work behind. */
export const respond = (response: McpResponse): PendingResponse => ({ response, done: undefined });
