import { type Clock, epochSeconds, every, type Timer } from '../../support/clock.ts';
import { logFailure } from '../../support/failure-log.ts';
import type { Logger } from '../../support/logger.ts';
import { throughOutage } from '../../support/outage-patience.ts';
import { ServiceUnavailableError } from '../../support/service-unavailable-error.ts';
import {
  type Execution,
  type ExecutionChange,
  type ExecutionEvent,
  type ExecutionStore,
  lease,
  nextVersion,
} from '../execution.ts';

/** How often the task is saved: its lease is renewed, and a cancellation is noticed. */
const SAVE_MILLISECONDS = 2_000;
const LONGEST_MESSAGE = 1000;

/** The outcome of a request, as its client would receive it. */
export type TaskOutcome = { result?: Record<string, unknown>; error?: object };

/** A task that this process executes, with its lease. */
export class LeasedTask {
  readonly #store: ExecutionStore;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #abort = new AbortController();
  readonly #renewal: Timer;
  #execution: Execution;
  #saving: Promise<void> = Promise.resolve();

  constructor(execution: Execution, { store, clock, log }: { store: ExecutionStore; clock: Clock; log: Logger }) {
    this.#store = store;
    this.#clock = clock;
    this.#log = log;
    this.#execution = execution;
    this.#renewal = every(clock, SAVE_MILLISECONDS, () => {
      void this.#save({}).catch((error) => log('execution_save_failed', { error: String(error) }));
    });
  }

  get execution(): Execution {
    return this.#execution;
  }

  /** Aborted when the work must stop. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  abort(reason: 'late' | 'cancelled'): void {
    this.#abort.abort(reason);
  }

  /** Sets the progress message; the next save stores it. */
  progress(message: string): void {
    this.#execution = { ...this.#execution, message: message.slice(0, LONGEST_MESSAGE) };
  }

  /** Stores the outcome: a response, or input requests for which the task waits. */
  async end(outcome: TaskOutcome): Promise<void> {
    const number = this.#execution.events + 1;
    const event = { number, message: this.#messageOf(outcome, number) };
    const { leaseUntil = 0 } = this.#execution;
    // The work is not to be done again for want of its result.
    await throughOutage(this.#clock, leaseUntil * 1000, async () => {
      await this.#store.addEvents(this.#execution, [event]);
      await this.settle(event);
    });
  }

  /** Ends the task, or lets it wait for input, with an outcome that is stored as its next event. */
  settle({ number, message }: ExecutionEvent): Promise<void> {
    const { result } = message as TaskOutcome;
    const free = { runner: undefined, leaseUntil: undefined, events: number };
    if (!isInputRequired(result)) return this.#save({ ...free, status: 'done' });
    const open = Object.keys(inputRequestsIn(result));
    return this.#save({ ...free, status: 'input-required', open, answers: {}, attempts: 0 });
  }

  #messageOf({ result, error }: TaskOutcome, number: number): object {
    if (!isInputRequired(result)) {
      return { jsonrpc: '2.0', id: this.#execution.requests[0], ...(error ? { error } : { result }) };
    }
    const requested = Object.entries(inputRequestsIn(result));
    const inputRequests = Object.fromEntries(requested.map(([name, each]) => [taskInputName(name, number), each]));
    return { result: { ...result, inputRequests } };
  }

  /** Stops the renewal of the lease. */
  release(): void {
    this.#renewal.cancel();
  }

  #save(change: ExecutionChange): Promise<void> {
    const saving = this.#saving.then(async () => {
      const now = epochSeconds(this.#clock);
      const saved = nextVersion(this.#execution, now, { ...lease(this.#execution.runner!, now), ...change });
      try {
        if (await this.#store.saveExecution(saved)) this.#execution = { ...saved, message: this.#execution.message };
        else this.abort('cancelled');
      } catch (error) {
        // A renewal that fails is repeated before the lease ends.
        if (!(error instanceof ServiceUnavailableError) || change.status !== undefined) throw error;
        logFailure(this.#log, error);
      }
    });
    // A failed save does not prevent the next one.
    this.#saving = saving.catch(() => undefined);
    return saving;
  }
}

const isInputRequired = (result: TaskOutcome['result']): result is Record<string, unknown> =>
  result?.resultType === 'input_required';

const inputRequestsIn = ({ inputRequests = {} }: Record<string, unknown>) => inputRequests as Record<string, unknown>;

/** A task has each name of an input request once over all its rounds, although its tool may reuse a name. */
const taskInputName = (name: string, round: number) => `${name}#${round}`;

/** The tool's name of an input request of a task. */
export const toolInputName = (name: string) => name.slice(0, name.lastIndexOf('#'));
