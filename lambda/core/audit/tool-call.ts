/**
 * How a call ended. Stored; also its word on every page, in the command line, in files and in filters.
 *
 * - `tool-error`: the tool threw.
 * - `error-result`: the tool returned a result with `isError`.
 * - `unknown-tool`: the server has no tool of this name, or has disabled it.
 * - `invalid-arguments`: the arguments do not match the tool's schema.
 * - `refused`: the token lacks the scope of the tool, or the user a group that it requires.
 * - `protocol-error`: any other JSON-RPC error.
 * - `cancelled`: by the client, or by a revocation while a task ran.
 * - `timed-out`: the call exceeded the time limit of the function.
 * - `interrupted`: its process died, and no other process may repeat the call.
 * - `unavailable`: the tool failed after a service of Holdfast had not answered it.
 */
export const callOutcomes = [
  'success',
  'tool-error',
  'error-result',
  'unknown-tool',
  'invalid-arguments',
  'refused',
  'protocol-error',
  'cancelled',
  'timed-out',
  'interrupted',
  'unavailable',
] as const;
export type CallOutcome = (typeof callOutcomes)[number];

/** Whether charts, filters and metrics count it as an error. A client that cancels its call meets none. */
export const isError = (outcome: CallOutcome): boolean => outcome !== 'success' && outcome !== 'cancelled';

/** One request in the audit log. It contains neither the request nor the response, and no text of a tool. */
export type ToolCall = {
  id: string;
  /** Start, in epoch milliseconds. */
  at: number;
  /** Key of the user. */
  user: string;
  /** `client_id`. */
  client: string;
  /**
   * The name of the client as it is registered or as its document states it; in direct mode its id. Absent if `clientName` is
   * the same.
   */
  registeredName?: string | undefined;
  /** From the client's `clientInfo`, in which any client may use any name. */
  clientName?: string | undefined;
  clientVersion?: string | undefined;
  grant: string;
  session: string;
  era: 'legacy' | 'modern';
  protocolVersion?: string | undefined;
  method: string;
  /** Of `tools/call`. */
  tool?: string | undefined;
  /** The prompt of `prompts/get`, or the URI of the resource of `resources/read` without query and fragment. */
  target?: string | undefined;
  outcome: CallOutcome;
  /** Code of the JSON-RPC error. */
  errorCode?: number | undefined;
  /** Why the request was rejected, or the meaning of its error code. Never the text of a handler's error. */
  message?: string | undefined;
  /** The class of the error that the tool threw; this and the next only of `tool-error`, by the setting `auditErrors`. */
  errorClass?: string | undefined;
  /** The message of the error. */
  errorMessage?: string | undefined;
  /** Equal for errors of the same class that the same tool throws at the same place, also in another deployment. */
  errorFingerprint?: string | undefined;
  /** File and line of the owner's code that the error passed first, such as `src/notes.ts:12`. */
  errorPlace?: string | undefined;
  /** Duration. */
  milliseconds: number;
  /** Bytes of the request and of its response, as JSON. */
  bytesIn: number;
  bytesOut: number;
  /** Of the client's trace (W3C Trace Context), in hexadecimal. */
  traceId?: string | undefined;
  /** The client's span, in hexadecimal; only of a trace that the client samples. */
  parentSpanId?: string | undefined;
  /** `id` of the JSON-RPC request. */
  messageId?: string | undefined;
  /** Only with the setting `auditArguments`: a digest of the arguments, or their shape. */
  arguments?: string;
};

/** Calls of a session in the order of their start. */
export type ToolCallPage = {
  calls: ToolCall[];
  /** `after` of the next page; absent on the last. */
  next?: string;
};

/** Write access to the audit log. Throws `ServiceUnavailableError` when the store does not answer. */
export interface AuditLogWriter {
  /**
   * Writes the call. A call of the same session, start and id is replaced.
   * @param expiresAt epoch seconds
   * @param options.unlessLogged leaves such a call as it is
   */
  recordCall(call: ToolCall, expiresAt: number, options?: { unlessLogged: boolean }): Promise<void>;
}

/** Read access to the audit log, apart from the writer: the functions that write calls may not read them. */
export interface AuditLogReader {
  /**
   * Unexpired calls of a session in the order of their start.
   * @param options.after `next` of the page before
   * @param options.now epoch seconds
   * @param options.user omits calls of others: the ids of imported sessions were not unique once
   */
  callsOf(
    session: string,
    options: { limit: number; after?: string | undefined; now: number; user?: string },
  ): Promise<ToolCallPage>;
  /**
   * The same, latest start first.
   * @param options.before `callName` of a call: only earlier ones are returned
   */
  latestOf(
    session: string,
    options: { limit: number; before?: string | undefined; now: number; user?: string },
  ): Promise<ToolCall[]>;
  /** All calls that ended in a bucket, in any order. @param bucket epoch milliseconds / `BUCKET_MILLISECONDS` */
  callsEndedIn(bucket: number): AsyncIterable<ToolCall>;
  /** The unexpired calls of these keys, at most 100, in any order. @param now epoch seconds */
  callsOfKeys(keys: { session: string; call: string }[], now: number): Promise<ToolCall[]>;
  /**
   * Unexpired calls that ended in a bucket, latest start first. Each session with such calls is looked up before the first
   * call is returned, and the rest of its calls when they are consumed.
   * @param options.before `callName` of a call: only earlier ones are returned
   * @param options.now epoch seconds
   */
  latestEndedIn(bucket: number, options: { before?: string | undefined; now: number }): AsyncIterable<ToolCall>;
}

export interface AuditLogStore extends AuditLogWriter, AuditLogReader {}

/** Duration of a bucket: calls of all users are listed by the five minutes in which they ended. */
export const BUCKET_MILLISECONDS = 300_000;

/** After a bucket: a call is written when it ends, by clocks that differ, and an index or replica may be behind. */
export const SETTLED_AFTER_MILLISECONDS = 60_000;

/**
 * Cost of one lookup of a session in a bucket, in calls: it takes 0.11 ms of CPU, and a call 0.008 ms (measured). Limits
 * on the work of a request count both.
 */
export const LOOKUP_IN_CALLS = 10;

/** By the end of the call, so that a bucket is complete when its time is over, however long its calls took. */
export const bucketOf = (call: Pick<ToolCall, 'at' | 'milliseconds'>): number =>
  Math.floor(endOf(call) / BUCKET_MILLISECONDS);

/** Identifies the call in its session. Names sort by the start of the calls. */
export const callName = ({ at, id }: Pick<ToolCall, 'at' | 'id'>): string => `${String(at).padStart(15, '0')}#${id}`;

/** In epoch milliseconds. */
export const endOf = ({ at, milliseconds }: Pick<ToolCall, 'at' | 'milliseconds'>): number => at + milliseconds;

/** The tool, or the method of another request than `tools/call` and its prompt or resource, in charts and filters. */
export const toolOf = ({ tool, method, target }: Pick<ToolCall, 'tool' | 'method' | 'target'>): string =>
  tool ?? (target === undefined ? method : `${method} ${target}`);

/** Methods whose calls have a `target`. */
const methodsWithTarget: readonly string[] = ['prompts/get', 'resources/read'];

/** The method of a name that `toolOf` made of a method and its target; `undefined` for another name. */
export const methodIn = (tool: string): string | undefined =>
  methodsWithTarget.find((each) => tool.startsWith(`${each} `));

/** Whether a filter for a tool selects the name. That for a method selects all of its targets. */
export const isOfTool = (name: string, wanted: string): boolean => name === wanted || methodIn(name) === wanted;

/**
 * The registered name of the client in charts, lists and filters: one program has an id for each installation. Calls from
 * before registered names were logged have the name of `clientInfo`.
 */
export const clientOf = ({
  registeredName,
  clientName,
  client,
}: Pick<ToolCall, 'registeredName' | 'clientName' | 'client'>): string => registeredName ?? clientName ?? client;

/** In place of an outcome in filters: every outcome that `isError`. */
export const ERRORS = 'error';

/** Name of the group that contains the less frequent tools or clients. No tool has it: it has no visible character. */
export const OTHERS = ' ';
