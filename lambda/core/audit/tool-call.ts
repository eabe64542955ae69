/** How a call ended. `refused`: before any tool of the owner's was asked. */
export type CallOutcome = 'success' | 'tool-error' | 'protocol-error' | 'refused' | 'timed-out';

/**
 * One request on record: who called what, and what came of it. What was asked and what was answered is not in it, and
 * nothing that a tool has said.
 */
export type ToolCall = {
  id: string;
  /** When it began, in epoch milliseconds. */
  at: number;
  /** Key of the user. */
  user: string;
  /** `client_id`. */
  client: string;
  /** As the client says of itself (`clientInfo`). */
  clientName?: string;
  clientVersion?: string;
  grant: string;
  session: string;
  era: 'legacy' | 'modern';
  protocolVersion?: string;
  method: string;
  /** Of `tools/call`. */
  tool?: string;
  outcome: CallOutcome;
  /** The JSON-RPC error's. */
  errorCode?: number;
  /** Why it was refused, or what its error code means. Never the text of a handler's own error. */
  message?: string;
  milliseconds: number;
  /** Bytes of the request and of its answer, as JSON. */
  bytesIn: number;
  bytesOut: number;
  /** Of the client's trace (W3C Trace Context), in hexadecimal. */
  traceId?: string;
  /** Only where the owner has chosen so: a digest of the arguments, or their shape. */
  arguments?: string;
};

/** Some calls of a session in the order they began, and where the next ones are. */
export type ToolCallPage = {
  calls: ToolCall[];
  /** To be handed in for the next page; absent on the last. */
  next?: string;
};

/** Where calls are recorded. Throws `Outage` when the store does not answer. */
export interface AuditLogWriter {
  /**
   * Writes the call. One that is written again (same session, time and id) replaces the one before.
   * @param expiresAt epoch seconds
   */
  recordCall(call: ToolCall, expiresAt: number): Promise<void>;
}

/** Where calls are read: by those who show them, since no function that records them reads them. */
export interface AuditLogReader {
  /**
   * Calls of a session that have not expired, in the order they began.
   * @param options.after `next` of the page before
   * @param options.now epoch seconds
   */
  callsOf(session: string, options: { limit: number; after?: string | undefined; now: number }): Promise<ToolCallPage>;
  /**
   * The same from the end: those that began last come first.
   * @param options.before `callName` of a call that all are to come before
   */
  latestOf(session: string, options: { limit: number; before?: string | undefined; now: number }): Promise<ToolCall[]>;
  /** All calls that ended in some five minutes, in no order. @param bucket epoch milliseconds / `BUCKET_MILLISECONDS` */
  callsEndedIn(bucket: number): AsyncIterable<ToolCall>;
  /**
   * Those of them that have not expired: those that began last come first. Each session that had some is looked up before
   * the first call comes, and the rest of it when it is asked for.
   * @param options.before `callName` of a call that all are to come before
   * @param options.now epoch seconds
   */
  latestEndedIn(bucket: number, options: { before?: string | undefined; now: number }): AsyncIterable<ToolCall>;
}

/** Both, where tests want them. */
export interface AuditLogStore extends AuditLogWriter, AuditLogReader {}

/** Calls of everyone are listed by the five minutes in which they ended: how many milliseconds these are. */
export const BUCKET_MILLISECONDS = 300_000;

/**
 * Each session that had calls in a bucket is looked up by itself, which takes a function as long as it takes to read so
 * many calls (measured: 0.11 ms of a processor, and 0.008 ms). Whoever bounds what is read counts both.
 */
export const LOOKUP_IN_CALLS = 10;

/** A bucket is complete when its time is over, however long its calls took. */
export const bucketOf = ({ at, milliseconds }: Pick<ToolCall, 'at' | 'milliseconds'>): number =>
  Math.floor((at + milliseconds) / BUCKET_MILLISECONDS);

/** What a call is known by in its session. It sorts as the calls began. */
export const callName = ({ at, id }: Pick<ToolCall, 'at' | 'id'>): string => `${String(at).padStart(15, '0')}#${id}`;
