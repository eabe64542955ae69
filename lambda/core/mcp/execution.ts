import type { JSONRPCErrorResponse, RequestId } from '@modelcontextprotocol/server';
import { randomId } from '../support/crypto.ts';

/**
 * One execution of a request that can outlive a process: its answer is a stream that the client may resume elsewhere, it
 * waits for a response to an elicitation, or the task worker runs it. Another process continues it from this item and the
 * texts stored beside it. Times are epoch seconds.
 */
export type Execution = {
  id: string;
  grant: string;
  /** The session whose client made the request. Only this session follows a stream or answers its input requests. */
  session: string;
  /** The process that continues after the last input response: the one that received it (`stream`), or the worker (`task`). */
  kind: 'stream' | 'task';
  status: 'running' | 'input-required' | 'done' | 'cancelled';
  /** Counts writes. A write requires the version before it. */
  version: number;
  /** Identifies this write among others of its version: a store whose first answer is lost receives it twice. */
  mark: string;
  /** JSON-RPC ids of the requests; several in a batch. */
  requests: RequestId[];
  /** Requests with a stored response. They are not executed again. */
  answered: RequestId[];
  /** Number of the newest event at the time of the write. */
  events: number;
  /** Notifications sent to the client. A restarted execution repeats as many, which are dropped. */
  notified: number;
  /** Names of the input requests without a response. */
  open: string[];
  /** By name of the input request, the name under which its response is stored. */
  answers: Record<string, string>;
  /** The process that executes it, and the end of its lease. */
  runner?: string | undefined;
  leaseUntil?: number | undefined;
  /** Starts since it last waited for input. */
  attempts: number;
  /** Latest progress message. */
  message?: string | undefined;
  createdAt: number;
  updatedAt: number;
  expiresAt: number;
};

/** A change to an execution: an undefined member is removed. */
export type ExecutionChange = Partial<Execution>;

/** One message to the client. Events are numbered from 1, without a gap. */
export type ExecutionEvent = { number: number; message: object };

/**
 * The cancellation of a request of the 2025 era whose execution was not stored: it may be stored later, by a process that
 * the notification cannot reach.
 */
export type Cancellation = {
  grant: string;
  session: string;
  request: RequestId;
  /** Epoch milliseconds at which it arrived. It concerns requests that arrived before. */
  at: number;
  expiresAt: number;
};

/** An execution is stored ten seconds after its request at the latest; its process may start some seconds late. */
export const CANCELLATION_SECONDS = 60;

/** Stores executions. Each method throws `ServiceUnavailableError` when the store does not answer. */
export interface ExecutionStore {
  /** Writes a new execution and its request, which may be large. */
  createExecution(execution: Execution, request: string): Promise<void>;
  findExecution(grant: string, id: string): Promise<Execution | undefined>;
  addCancellation(cancellation: Cancellation): Promise<void>;
  /** Cancellations of the requests of an execution, perhaps of earlier requests with the same ids. */
  cancellationsOf(execution: Execution): Promise<Cancellation[]>;
  /** Executions of a grant that have not been deleted yet. */
  executionsOf(grant: string): Promise<Execution[]>;
  /**
   * Writes the execution if the stored version is the one before it, or this write itself.
   * @returns false when another version is stored; nothing has changed then
   */
  saveExecution(execution: Execution): Promise<boolean>;
  /** The request, and the input responses by the names under which they are stored. */
  loadRequest(execution: Execution): Promise<{ request: string; answers: Map<string, string> }>;
  /** Stores an input response, which may be large, under a new name; nothing when the execution is cancelled or deleted. */
  addAnswer(execution: Execution, name: string, text: string): Promise<void>;
  /**
   * Adds events and replaces those with the same numbers; nothing when the execution is cancelled or deleted, as by the
   * erasure of its user. The next `saveExecution` fails then. Only the lease holder calls it.
   */
  addEvents(execution: Execution, events: ExecutionEvent[]): Promise<void>;
  /** Events with higher numbers, in order. */
  eventsAfter(execution: Execution, number: number): Promise<ExecutionEvent[]>;
}

export function newExecution(
  grant: string,
  session: string,
  kind: Execution['kind'],
  requests: RequestId[],
  now: number,
  ttlSeconds: number,
): Execution {
  return {
    id: randomId(),
    grant,
    session,
    kind,
    status: 'running',
    version: 1,
    mark: randomId(),
    requests,
    answered: [],
    events: 0,
    notified: 0,
    open: [],
    answers: {},
    attempts: 0,
    createdAt: now,
    updatedAt: now,
    expiresAt: now + ttlSeconds,
  };
}

/** A process that has not renewed its lease for this long is considered dead. It renews four times as often. */
export const LEASE_SECONDS = 20;

export const isLiveExecution = (execution: Execution | undefined, now: number): execution is Execution =>
  execution !== undefined && execution.expiresAt > now;

/** Whether the process that executes it is considered dead. */
export const isAbandoned = ({ status, leaseUntil = 0 }: Execution, now: number): boolean =>
  status === 'running' && leaseUntil <= now;

/** The requests of an execution without a response in its events. */
export function unansweredIn({ requests, answered }: Execution, events: readonly ExecutionEvent[]): RequestId[] {
  const responses = events.map(({ message }) => message as { id?: RequestId; method?: string });
  const stored = new Set(responses.filter(({ method }) => method === undefined).map(({ id }) => id));
  return requests.filter((id) => !answered.includes(id) && !stored.has(id));
}

/**
 * Whether a request of the execution was cancelled before it was stored. To be called after it is stored: a cancellation is
 * stored first, and then looks for the execution again, so that one of both finds the other.
 *
 * @param arrivedAt epoch milliseconds at which the requests arrived
 */
export async function isCancelledEarly(
  store: ExecutionStore,
  execution: Execution,
  arrivedAt: number,
  now: number,
): Promise<boolean> {
  const cancellations = await store.cancellationsOf(execution);
  return cancellations.some(({ at, expiresAt }) => at >= arrivedAt && expiresAt > now);
}

/** Whether it can still be cancelled. */
export const isUnfinished = ({ status }: Execution): boolean => status === 'running' || status === 'input-required';

/** The response to a request whose process died. */
export const interrupted = (id: RequestId): JSONRPCErrorResponse => ({
  jsonrpc: '2.0',
  id,
  error: { code: -32603, message: 'The server stopped during this request; its effects are unknown' },
});

/** Whether a task waits for a worker. A surplus worker does no harm: the lease admits one. */
export const wantsWorker = ({ kind, status, runner }: Execution): boolean =>
  kind === 'task' && status === 'running' && runner === undefined;

/** The `mark` of an execution that the erasure of its user has cancelled. */
export const ERASURE = 'erasure';

/** The next version, with the change. */
export const nextVersion = (execution: Execution, now: number, change: ExecutionChange): Execution => ({
  ...execution,
  ...change,
  version: execution.version + 1,
  mark: randomId(),
  updatedAt: now,
});

export const cancelled = (execution: Execution, now: number): Execution =>
  nextVersion(execution, now, { status: 'cancelled', open: [] });

/** The right to execute, until the lease ends. */
export const lease = (runner: string, now: number): Pick<Execution, 'runner' | 'leaseUntil'> => ({
  runner,
  leaseUntil: now + LEASE_SECONDS,
});

/**
 * Accepts an input response. The last one continues the execution: a stream by `runner`, a task by the next worker.
 *
 * @param name under which the response is stored
 * @returns undefined when the input request is not open
 */
export function acceptInput(
  execution: Execution,
  inputRequest: string,
  name: string,
  runner: string,
  now: number,
): Execution | undefined {
  if (!execution.open.includes(inputRequest)) return undefined;
  const open = execution.open.filter((each) => each !== inputRequest);
  const answers = { ...execution.answers, [inputRequest]: name };
  const continues = execution.status === 'input-required' && open.length === 0;
  const holder = execution.kind === 'stream' ? lease(runner, now) : { runner: undefined, leaseUntil: undefined };
  return nextVersion(execution, now, {
    open,
    answers,
    ...(continues && { status: 'running', attempts: 0, ...holder }),
  });
}
