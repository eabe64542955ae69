import type { RequestId } from '@modelcontextprotocol/server';
import type { Caller } from '../access/caller.ts';
import type { AuditRecorder } from '../audit/audit-recorder.ts';
import type { Session } from '../sessions/session.ts';
import type { Execution } from './execution.ts';
import type { McpRequest, McpResponse } from './mcp-http.ts';
import type { ToolContext } from './tool-context.ts';

/** One message or batch, parsed once and handed on. */
export type McpExchange = {
  request: McpRequest;
  body: unknown;
  caller: Caller;
  session: Session;
  /** What the owner's server is built with; `long` is added when it is built. */
  context: Omit<ToolContext, 'longRunning'>;
  /** What goes on record of it. */
  recording: AuditRecorder;
  /** Whether this is the worker, which does what takes long itself. */
  isWorker?: true;
  /** Answered in place of what the SDK makes of a call, by the call's id. */
  instead?: Map<RequestId, { result: object } | { error: object }>;
  /** Set while changes that the server has told of are stored: its answers wait for that. */
  published?: Promise<void>;
  /** Keeps the client's stream free to be handed over to a run, if that can still be done. */
  reserve?: () => boolean;
  /**
   * Sends the client what comes of a run, and ends this one.
   * @param as the request that the outcome answers
   * @param late the result if the run has none while the client can wait
   */
  hold?: (run: Execution, as: RequestId, late: object) => Promise<never>;
};

export type PendingResponse = {
  response: McpResponse;
  /** What must be done before the function may freeze, though the answer need not wait for it. */
  done: Promise<unknown>;
  /** To be called when the body has been written, and waited for before the function may freeze. */
  afterwards?: () => Promise<unknown>;
};
