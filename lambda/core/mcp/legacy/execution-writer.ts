import { type Clock, epochSeconds, every, type Timer } from '../../support/clock.ts';
import { randomId } from '../../support/crypto.ts';
import type { Logger } from '../../support/logger.ts';
import { throughOutage } from '../../support/outage-patience.ts';
import { retry, retryOnConflict } from '../../support/retry-on-conflict.ts';
import { ServiceUnavailableError } from '../../support/service-unavailable-error.ts';
import {
  cancelled,
  type Execution,
  type ExecutionChange,
  type ExecutionEvent,
  type ExecutionStore,
  isCancelledEarly,
  lease,
  nextVersion,
} from '../execution.ts';
import type { InputResponse } from './session-transport.ts';

/** How long events wait to be stored together; the client has them already. */
const GATHER_MILLISECONDS = 500;
const RENEW_MILLISECONDS = 5_000;

export type ExecutionWriterDependencies = { store: ExecutionStore; clock: Clock; log: Logger };

/** The part of an execution that the writer does not know, and that it reports to. */
export type ExecutionOwner = {
  /** Whether the execution has ended in this process. */
  readonly isOver: boolean;
  /** Progress of the server, stored with the events. */
  progress(): Pick<Execution, 'notified' | 'answered'>;
  /** A client responded to an input request while the server still runs. */
  receiveInput(number: number, response: InputResponse): void;
  /** The client cancelled the execution before it was stored, so that no other process knows. */
  cancelEarly(ended: Execution): void;
  /** Another process has the execution: it was cancelled, or this process was considered dead. */
  lose(stored: Execution | undefined): void;
};

/** Stores an execution and its events, one write after another, and holds its lease. */
export class ExecutionWriter {
  readonly #dependencies: ExecutionWriterDependencies;
  readonly #owner: ExecutionOwner;
  readonly #runner = randomId();
  #execution: Execution;
  /** Set from the first write on: whether the store has the execution. */
  #stored: Promise<boolean> | undefined;
  #number: number;
  #unsaved: ExecutionEvent[] = [];
  #saving: Promise<void> = Promise.resolve();
  #gathering: Timer | undefined;
  #renewing: Timer | undefined;

  constructor(dependencies: ExecutionWriterDependencies, execution: Execution, owner: ExecutionOwner) {
    this.#dependencies = dependencies;
    this.#owner = owner;
    this.#execution = execution;
    this.#number = execution.events;
  }

  get execution(): Execution {
    return this.#execution;
  }

  /** Whether the execution was to be stored; it may not be yet. */
  get hasCreated(): boolean {
    return this.#stored !== undefined;
  }

  /** Whether the store has the execution. A client of one that it does not have is still sent every message. */
  async isStored(): Promise<boolean> {
    return (await this.#stored) ?? false;
  }

  /**
   * Stores a new execution, takes its lease until `stop`, and loses it at once if its client has cancelled it before.
   *
   * @param arrivedAt epoch milliseconds at which the requests arrived
   */
  create(request: string, arrivedAt: number): void {
    this.#stored = this.#create(request);
    this.enqueue(() => this.#findCancellation(arrivedAt));
    this.renewLease();
  }

  /** Continues a stored execution that `execution.runner` leases. */
  continue(): void {
    this.#stored = Promise.resolve(true);
  }

  async #create(request: string): Promise<boolean> {
    const { store, clock } = this.#dependencies;
    this.#execution = { ...this.#execution, ...lease(this.#runner, epochSeconds(clock)) };
    try {
      await store.createExecution(this.#execution, request);
      return true;
    } catch (error) {
      this.logFailure('stream_store_failed', error);
      return false;
    }
  }

  async #findCancellation(arrivedAt: number): Promise<void> {
    const { store, clock } = this.#dependencies;
    const now = epochSeconds(clock);
    if (!(await this.isStored()) || !(await isCancelledEarly(store, this.#execution, arrivedAt, now))) return;
    if (this.#owner.isOver) return;
    const ended = cancelled(this.#execution, now);
    // A write that fails met the same cancellation, by another notification.
    if (await store.saveExecution(ended)) this.#execution = ended;
    this.#owner.cancelEarly(ended);
  }

  /** Renews the lease until `stop`. */
  renewLease(): void {
    const renew = async () => {
      if (!this.#owner.isOver && (await this.isStored()) && (await this.flush())) await this.update(() => ({}));
    };
    this.#renewing = every(this.#dependencies.clock, RENEW_MILLISECONDS, () => this.enqueue(renew));
  }

  stop(): void {
    this.#gathering?.cancel();
    this.#renewing?.cancel();
  }

  /** Numbers an event, to be stored with the next ones. */
  append(message: object): ExecutionEvent {
    const event = this.appendUnscheduled(message);
    this.#gathering ??= this.#dependencies.clock.after(GATHER_MILLISECONDS, () =>
      this.enqueue(async () => void (await this.flush())),
    );
    return event;
  }

  /** Numbers an event that the caller stores by `flush`. */
  appendUnscheduled(message: object): ExecutionEvent {
    const event = { number: ++this.#number, message };
    this.#unsaved.push(event);
    return event;
  }

  /** Withdraws events that could not be stored. */
  discard(events: readonly ExecutionEvent[]): void {
    this.#unsaved = this.#unsaved.filter((event) => !events.includes(event));
  }

  /** Runs work after the writes before it. The client has received what cannot be stored. */
  enqueue(work: () => Promise<void>): void {
    this.#saving = this.#saving.then(work).catch((error) => this.logFailure('stream_store_failed', error));
  }

  /** The same for the end of the execution, which is tried until the lease ends: later, another process looks for it. */
  enqueueEnd(work: () => Promise<void>): void {
    const { clock } = this.#dependencies;
    this.enqueue(() => {
      const { leaseUntil = 0 } = this.#execution;
      return throughOutage(clock, leaseUntil * 1000, work);
    });
  }

  /**
   * Stores the events since the last flush. The execution counts them only afterwards, so that a process which continues or
   * abandons it finds each event that it counts.
   *
   * @returns false when the execution is no longer this process's
   */
  async flush(): Promise<boolean> {
    this.#gathering?.cancel();
    this.#gathering = undefined;
    if (this.#unsaved.length === 0 || !(await this.isStored())) return true;
    // Another process may have the execution since its lease ended.
    const { leaseUntil = 0 } = this.#execution;
    if (leaseUntil <= epochSeconds(this.#dependencies.clock) && !(await this.update(() => ({})))) return false;
    const events = [...this.#unsaved];
    const progress = this.#owner.progress();
    await this.#dependencies.store.addEvents(this.#execution, events);
    this.discard(events);
    this.#execution = { ...this.#execution, events: events.at(-1)!.number, ...progress };
    return true;
  }

  /**
   * Saves the execution with a change. Other processes may have stored input responses in the meantime, which the owner
   * receives, or have cancelled it.
   *
   * @returns false when the execution is no longer this process's
   */
  async update(change: () => ExecutionChange): Promise<boolean> {
    const { store, clock } = this.#dependencies;
    return retryOnConflict({ service: 'The session table', item: `execution ${this.#execution.id}` }, async () => {
      const now = epochSeconds(clock);
      const holder = lease(this.#execution.runner ?? this.#runner, now);
      const changed = nextVersion(this.#execution, now, { ...holder, ...change() });
      if (await store.saveExecution(changed)) {
        this.#execution = changed;
        return true;
      }
      const stored = await store.findExecution(this.#execution.grant, this.#execution.id);
      if (stored?.status !== 'running' || stored.runner !== this.#execution.runner) {
        this.#owner.lose(stored);
        return false;
      }
      await this.#receiveInputs(stored);
      return retry;
    });
  }

  /** Passes on responses to input requests for which the execution did not have to stop. */
  async #receiveInputs(stored: Execution): Promise<void> {
    const fresh = Object.entries(stored.answers).filter(([name]) => !Object.hasOwn(this.#execution.answers, name));
    const texts = fresh.length > 0 ? (await this.#dependencies.store.loadRequest(stored)).answers : undefined;
    const { version, open, answers } = stored;
    this.#execution = { ...this.#execution, version, open, answers };
    for (const [name, key] of fresh) {
      const text = texts?.get(key);
      if (text !== undefined) this.#owner.receiveInput(Number(name), JSON.parse(text));
    }
  }

  logFailure(event: string, error: unknown): void {
    const unavailable = error instanceof ServiceUnavailableError;
    const cause = unavailable ? error.cause : error instanceof Error ? error.stack : undefined;
    this.#dependencies.log(event, { message: String(error), cause: String(cause) });
  }
}
