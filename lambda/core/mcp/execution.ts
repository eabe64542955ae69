import type { JSONRPCErrorResponse, RequestId } from '@modelcontextprotocol/server';
import { randomId } from '../support/crypto.ts';

/**
 * One run of a request that outlives a process: its answer is a stream that the client may take up elsewhere, it waits
 * for the answer to a question, or it is long work that a worker does. Whatever another process needs to go on is here
 * and in the store; nothing of it has to stay in memory. Times are epoch seconds.
 */
export type Execution = {
  id: string;
  grant: string;
  /** The session whose client made the request. Nobody else may follow a stream or answer its questions. */
  session: string;
  /** Who goes on when all questions are answered: `stream` whoever took in the last answer, `task` the worker. */
  kind: 'stream' | 'task';
  status: 'running' | 'asking' | 'done' | 'cancelled';
  /** Counts the writes: whoever saves must have read the version before. */
  version: number;
  /** Tells this write from others of the same version: the store may be sent it twice, when its first answer is lost. */
  mark: string;
  /** Ids of the requests; several in a batch. */
  requests: RequestId[];
  /** Those of them that have been answered. They are not made again. */
  answered: RequestId[];
  /** Number of the newest event when the run was saved. */
  events: number;
  /** How many notifications the client has been sent. A run that starts over sends as many again, which are dropped. */
  notified: number;
  /** Names of the questions that wait for an answer. */
  open: string[];
  /** Names of the questions that have one, and the names under which the store has it. */
  answers: Record<string, string>;
  /** The process that is at work, and until when it is believed to be alive unless it says so again. */
  runner?: string;
  leaseUntil?: number;
  /** How often a process has begun to work on it since it last stopped to ask. */
  attempts: number;
  /** What it was doing when it last said so. */
  message?: string;
  createdAt: number;
  updatedAt: number;
  expiresAt: number;
};

/** One message to the client. Events are numbered from 1, without a gap. */
export type ExecutionEvent = { number: number; message: object };

/** Where runs live. Every method throws `Outage` when the store does not answer. */
export interface ExecutionStore {
  /** Writes a new run and the request it is of, which may be large. */
  createExecution(run: Execution, request: string): Promise<void>;
  findExecution(grant: string, id: string): Promise<Execution | undefined>;
  /** Runs of a grant that have not been deleted yet. */
  executionsOf(grant: string): Promise<Execution[]>;
  /**
   * Writes the run if the one before it (`version - 1`) still stands there, or it itself; else does nothing and answers
   * false.
   */
  saveExecution(run: Execution): Promise<boolean>;
  /** The request, and the answers to its questions by the names they were stored under. */
  loadRequest(run: Execution): Promise<{ request: string; answers: Map<string, string> }>;
  /** Stores an answer, which may be large, under a name of its own. */
  addAnswer(run: Execution, name: string, text: string): Promise<void>;
  /** Adds events, in place of those that have their numbers. Only the process at work does. */
  addEvents(run: Execution, events: ExecutionEvent[]): Promise<void>;
  /** The events with higher numbers, in order. */
  eventsAfter(run: Execution, number: number): Promise<ExecutionEvent[]>;
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

/** A process that has not been heard of for so long is dead. It is heard of four times as often. */
export const LEASE_SECONDS = 20;

export const isLiveExecution = (run: Execution | undefined, now: number): run is Execution =>
  run !== undefined && run.expiresAt > now;

/** Whether the process at work has died. */
export const isAbandoned = ({ status, leaseUntil = 0 }: Execution, now: number): boolean =>
  status === 'running' && leaseUntil <= now;

/** What a request is answered whose process has died. */
export const interrupted = (id: RequestId): JSONRPCErrorResponse => ({
  jsonrpc: '2.0',
  id,
  error: { code: -32603, message: 'The server stopped while it worked on this. It is not known how far it came' },
});

/** Whether a task waits for a worker to begin or go on with it. To start one more does no harm: one of them works. */
export const wantsWorker = ({ kind, status, runner }: Execution): boolean =>
  kind === 'task' && status === 'running' && runner === undefined;

/** The run as it is written next. */
export const nextVersion = (run: Execution, now: number, change: Partial<Execution>): Execution => ({
  ...run,
  ...change,
  version: run.version + 1,
  mark: randomId(),
  updatedAt: now,
});

/** The right to work on the run, for as long as a lease lasts. */
export const lease = (runner: string, now: number): Pick<Execution, 'runner' | 'leaseUntil'> => ({
  runner,
  leaseUntil: now + LEASE_SECONDS,
});

/**
 * Takes in an answer. With the last one the run goes on: a stream with `runner`, a task with whichever worker takes it.
 *
 * @param name under which the answer is stored
 * @returns nothing when the question is not open
 */
export function acceptInput(
  run: Execution,
  question: string,
  name: string,
  runner: string,
  now: number,
): Execution | undefined {
  if (!run.open.includes(question)) return undefined;
  const open = run.open.filter((each) => each !== question);
  const answers = { ...run.answers, [question]: name };
  const goesOn = run.status === 'asking' && open.length === 0;
  const worker = run.kind === 'stream' ? lease(runner, now) : { runner: undefined, leaseUntil: undefined };
  return nextVersion(run, now, { open, answers, ...(goesOn && { status: 'running', attempts: 0, ...worker }) });
}
