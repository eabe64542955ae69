import type { RequestId } from '@modelcontextprotocol/server';
import type { Session } from '../../sessions/session.ts';
import { type Clock, epochSeconds } from '../../support/clock.ts';
import { bytes } from '../../support/crypto.ts';
import { logFailure } from '../../support/failure-log.ts';
import type { Logger } from '../../support/logger.ts';
import { ServiceUnavailableError } from '../../support/service-unavailable-error.ts';
import {
  type Execution,
  type ExecutionEvent,
  type ExecutionStore,
  interrupted,
  isAbandoned,
  isLiveExecution,
  nextVersion,
  unansweredIn,
} from '../execution.ts';
import { HEARTBEAT, HEARTBEAT_MILLISECONDS, primingEvent, RETRY_MILLISECONDS, sseEvent } from '../sse.ts';
import { supportsPriming } from './protocol-revision.ts';

const PAUSE_MILLISECONDS = { least: 100, most: 1_000 };

/** A request that waits for an execution, and its result when the client cannot wait longer. */
export type WaitingRequest = { session: Session; id: RequestId; late: object };

type Follow = {
  /** Number of the last event that the client has received. */
  after: number;
  /** Epoch seconds; then the client polls again, or a waiting request has its `late` result. */
  until: number;
  /** Called once for an execution whose process died, with the requests that it has not answered. */
  onInterrupted?: (ended: Execution) => Promise<void>;
  /** Set when a request waits, rather than a client that resumes the stream. */
  waiting?: WaitingRequest;
};

type Dependencies = { store: ExecutionStore; clock: Clock; log: Logger };

/** One look at a stored execution. */
type Reading = { execution: Execution; events: ExecutionEvent[]; wasAbandoned: boolean };

/** Follows executions of other processes through the store. */
export class ExecutionFollower {
  readonly #dependencies: Dependencies;

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies;
  }

  /** The events of an execution after one of them, as they arrive, until it ends or the client has to poll again. */
  async *follow(execution: Execution, follow: Follow): AsyncGenerator<Uint8Array<ArrayBuffer>, undefined> {
    try {
      for await (const text of this.#texts(execution, follow)) yield bytes(text);
    } catch (error) {
      // The response has begun, so it can only end; the client resumes after the last event.
      if (!(error instanceof ServiceUnavailableError)) throw error;
      logFailure(this.#dependencies.log, error);
    }
    return undefined;
  }

  async *#texts(begun: Execution, follow: Follow): AsyncGenerator<string, undefined> {
    const { clock } = this.#dependencies;
    const view = viewOf(begun, follow.waiting);
    const silence = new Silence(clock);
    let last = follow.after;
    yield* view.opening(begun, last);
    for (;;) {
      const reading = await this.#read(begun, last, follow);
      if (!reading) return yield* view.failed('Task expired');
      for (const { number, message } of sendable(reading)) {
        last = number;
        const text = view.textOf(reading.execution, number, message);
        if (text === undefined) continue;
        silence.end();
        yield text;
      }
      if (reading.wasAbandoned) continue;
      const ending = view.ending(reading.execution, last, epochSeconds(clock), follow.until);
      if (ending) return yield* ending;
      if (silence.wantsHeartbeat()) yield HEARTBEAT;
      await silence.pause();
    }
  }

  /** @returns undefined when the execution has expired */
  async #read(begun: Execution, last: number, follow: Follow): Promise<Reading | undefined> {
    const { store, clock } = this.#dependencies;
    // Before its events: what it says about them holds for those that are read afterwards.
    const execution = await store.findExecution(begun.grant, begun.id);
    const now = epochSeconds(clock);
    if (!isLiveExecution(execution, now)) return undefined;
    const events = await store.eventsAfter(execution, last);
    if (execution.kind !== 'stream' || !isAbandoned(execution, now)) {
      return { execution, events, wasAbandoned: false };
    }
    const newest = events.at(-1)?.number ?? last;
    return { execution: await this.#abandon(execution, newest, follow), events, wasAbandoned: true };
  }

  /**
   * Answers the requests of an execution whose process died. Its effects are unknown, so it is not started over.
   *
   * @param last number of the newest event that is stored, or that the client has received
   */
  async #abandon(execution: Execution, last: number, { onInterrupted }: Follow): Promise<Execution> {
    const { store, clock } = this.#dependencies;
    // Its last events may be stored, although it died before it counted them.
    const unanswered = unansweredIn(execution, await store.eventsAfter(execution, 0));
    const events = unanswered.map((id, index) => ({ number: last + 1 + index, message: interrupted(id) }));
    if (events.length > 0) await store.addEvents(execution, events);
    const change = { status: 'done' as const, events: last + events.length, open: [] };
    const ended = nextVersion(execution, epochSeconds(clock), change);
    if (await store.saveExecution(ended)) {
      const answered = execution.requests.filter((id) => !unanswered.includes(id));
      if (unanswered.length > 0) await onInterrupted?.({ ...ended, answered });
      return ended;
    }
    return (await store.findExecution(execution.grant, execution.id)) ?? ended;
  }
}

/** The time since the last output: the longer it is, the less often the store is read. */
class Silence {
  readonly #clock: Clock;
  #since: number;
  #pause = PAUSE_MILLISECONDS.least;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#since = clock.now();
  }

  end(): void {
    this.#since = this.#clock.now();
    this.#pause = PAUSE_MILLISECONDS.least;
  }

  /** Whether a heartbeat is due; then the silence begins anew. */
  wantsHeartbeat(): boolean {
    if (this.#clock.now() - this.#since < HEARTBEAT_MILLISECONDS) return false;
    this.#since = this.#clock.now();
    return true;
  }

  /** Not beyond the next heartbeat, which reading the store delays already. */
  async pause(): Promise<void> {
    const untilHeartbeat = this.#since + HEARTBEAT_MILLISECONDS - this.#clock.now();
    await this.#clock.sleep(Math.min(this.#pause, untilHeartbeat));
    this.#pause = Math.min(this.#pause * 1.5, PAUSE_MILLISECONDS.most);
  }
}

/** Events up to an input request that is being stored: a response to it would arrive too early. */
function* sendable({ execution, events }: Reading): Generator<ExecutionEvent> {
  for (const event of events) {
    if (inputRequestIn(event.message) !== undefined && event.number > execution.events) return;
    yield event;
  }
}

/** How one client sees an execution. */
type View = {
  /** Sent before the first event. */
  opening(execution: Execution, after: number): string[];
  /** An event for this client; undefined when the event is not for it. */
  textOf(execution: Execution, number: number, message: object): string | undefined;
  /** The last events for this client, when the execution has none left for it now. */
  ending(execution: Execution, last: number, now: number, until: number): string[] | undefined;
  failed(reason: string): string[];
};

/** A request that waits for an execution of an earlier request receives its events as its own, without event ids. */
const viewOf = (begun: Execution, waiting: WaitingRequest | undefined): View =>
  waiting && !(begun.session === waiting.session.id && begun.requests.includes(waiting.id))
    ? viewOfOther(waiting)
    : ownView(waiting);

function ownView(waiting: WaitingRequest | undefined): View {
  return {
    opening({ id }, after) {
      const isPrimed = waiting && after === 0 && supportsPriming(waiting.session);
      return isPrimed ? [primingEvent({ execution: id, number: 0 }, RETRY_MILLISECONDS.dropped)] : [];
    },
    textOf({ id, open, answers }, number, message) {
      const name = inputRequestIn(message);
      const wasSent = name === undefined || open.includes(name) || Object.hasOwn(answers, name);
      return wasSent ? sseEvent(message, { execution: id, number }) : undefined;
    },
    ending(execution, last, now, until) {
      const position = { execution: execution.id, number: last };
      if (execution.status === 'done' || execution.status === 'cancelled') return [];
      if (execution.status === 'input-required') return [primingEvent(position, pollAfter(execution, now))];
      if (now < until) return undefined;
      return waiting ? [lateResult(waiting)] : [primingEvent(position, pollAfter(execution, now))];
    },
    failed: (reason) => (waiting ? [errorEvent(waiting.id, reason)] : []),
  };
}

function viewOfOther(waiting: WaitingRequest): View {
  return {
    opening: () => [],
    textOf({ open }, _, message) {
      if (!('method' in message)) return sseEvent({ ...message, id: waiting.id });
      // An open input request is sent once more; progress belongs to the earlier request.
      const name = inputRequestIn(message);
      return name !== undefined && open.includes(name) ? sseEvent(message) : undefined;
    },
    ending(execution, _, now, until) {
      if (execution.status === 'cancelled') return [errorEvent(waiting.id, 'Task cancelled')];
      if (execution.status === 'done') return [];
      return now < until ? undefined : [lateResult(waiting)];
    },
    failed: (reason) => [errorEvent(waiting.id, reason)],
  };
}

const lateResult = ({ id, late }: WaitingRequest) => sseEvent({ jsonrpc: '2.0', id, result: late });

const errorEvent = (id: RequestId, message: string) =>
  sseEvent({ jsonrpc: '2.0', id, error: { code: -32603, message } });

/** Milliseconds until the client polls again: the longer its user takes for an input request, the more. */
function pollAfter({ status, updatedAt }: Execution, now: number): number {
  const { least, most } = RETRY_MILLISECONDS;
  return status === 'input-required' ? Math.min(Math.max(least, (now - updatedAt) * 100), most) : least;
}

/** The name of the input request that an event carries, if it carries one. */
function inputRequestIn(message: object): string | undefined {
  const { method, id } = message as { method?: string; id?: RequestId };
  return method === undefined || id === undefined ? undefined : String(id).split('.')[1];
}
