import type { RequestId } from '@modelcontextprotocol/server';
import type { Caller } from '../access/caller.ts';
import type { Recording } from '../audit/audit-recorder.ts';
import type { Session } from '../sessions/session.ts';
import type { Run } from './execution.ts';
import type { Request, Response } from './mcp-http.ts';
import type { Context } from './tool-context.ts';

/** One message or batch, parsed once and handed on. */
export type Exchange = {
  request: Request;
  body: unknown;
  caller: Caller;
  session: Session;
  /** What the owner's server is built with; `long` is added when it is built. */
  context: Omit<Context, 'long'>;
  /** What goes on record of it. */
  recording: Recording;
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
  hold?: (run: Run, as: RequestId, late: object) => Promise<never>;
};

export type Answer = {
  response: Response;
  /** What must be done before the function may freeze, though the answer need not wait for it. */
  done: Promise<unknown>;
  /** To be called when the body has been written, and waited for before the function may freeze. */
  afterwards?: () => Promise<unknown>;
};
