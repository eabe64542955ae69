import type { Clock, Timer } from '../../lambda/core/support/clock.ts';
import { DiskMap } from '../disk-map.ts';
import { EnvironmentEnded, FunctionError, FunctionThrottled } from './function-error.ts';

/** A function as a target of events. */
export type EventTarget = {
  arn: string;
  functionName: string;
  /** Retries after the first attempt has failed. */
  retryAttempts: number;
  /** How long an event may wait for an attempt, in total. */
  maximumAgeSeconds: number;
  /** @throws FunctionError, FunctionThrottled */
  invoke(event: unknown, requestId: string): Promise<unknown>;
};

export type EventQueueOptions = {
  /** The folder of the pending events; without it they live as long as the process. */
  folder: string | undefined;
  /** The currently deployed function: a retry runs the current code. */
  target(arn: string): EventTarget | undefined;
  /**
   * The pauses before the second and the third attempt. On AWS they are 60 and 120 seconds.
   *
   * @default [1, 2], because a developer does not wait for minutes
   */
  retrySeconds?: RetrySeconds | undefined;
  clock: Clock;
  log(functionName: string, line: string): void;
};

export type RetrySeconds = readonly [second: number, third: number];

/** A minute and two on AWS. A person waits here; a worker that follows a dead one waits for the end of its lease. */
const defaultRetrySeconds: RetrySeconds = [1, 2];

/** The pause of a throttled event on AWS is a second, doubled each time, at most five minutes; here at most five seconds. */
const throttledSeconds = (throttles: number) => Math.min(2 ** throttles / 60, 5);

/** An event that no attempt has handled, as it is stored. Times are epoch milliseconds. */
type PendingEvent = Pick<EventTarget, 'arn' | 'functionName'> & {
  event: unknown;
  requestId: string;
  acceptedAt: number;
  failures: number;
  throttles: number;
  /** The time of the next attempt. Absent during an attempt: a process that reads it then follows one that was killed. */
  dueAt?: number;
};

/** A pending event and its key in the store. */
type Delivery = { key: string; pending: PendingEvent };

/**
 * The queue of asynchronous invocations (Lambda developer guide, "How Lambda handles errors and retries with asynchronous
 * invocation"): a failed event is retried after one minute and after two, a throttled one until it is too old. An event
 * whose last attempt fails is dropped, with a line in the log.
 *
 * An event is stored before it is accepted and before each attempt, and deleted when it is handled or dropped. So a killed
 * process loses no event, and its attempt counts: an event has three attempts over all processes.
 */
export class EventQueue {
  /** While on, every event is delivered twice: Lambda guarantees "at least once". */
  deliverTwice = false;
  readonly #options: EventQueueOptions;
  readonly #retrySeconds: RetrySeconds;
  readonly #store: DiskMap<PendingEvent>;
  /** The events of earlier processes, until `resume`. */
  readonly #earlier: Delivery[];
  readonly #waiting = new Set<Timer>();
  readonly #attempts = new Set<Promise<void>>();
  /** Incremented by `suspend`: an attempt of an earlier generation is not retried. */
  #generation = 0;

  private constructor(options: EventQueueOptions, store: DiskMap<PendingEvent>, earlier: Delivery[]) {
    this.#options = options;
    this.#retrySeconds = options.retrySeconds ?? defaultRetrySeconds;
    this.#store = store;
    this.#earlier = earlier;
  }

  /** Opens the queue with the events that earlier processes left. */
  static async open(options: EventQueueOptions): Promise<EventQueue> {
    const store = await DiskMap.open<PendingEvent>(options.folder);
    const earlier: Delivery[] = [];
    for await (const [key, pending] of store.entries()) earlier.push({ key, pending });
    return new EventQueue(options, store, earlier);
  }

  /** Resolves when the event is stored. */
  async accept({ arn, functionName }: EventTarget, event: unknown, requestId: string): Promise<void> {
    const now = this.#options.clock.now();
    const copies = this.deliverTwice ? ['1', '2'] : ['1'];
    const deliveries = copies.map((copy) => ({
      key: `${requestId}~${copy}`,
      pending: { arn, functionName, event, requestId, acceptedAt: now, failures: 0, throttles: 0, dueAt: now },
    }));
    for (const { key, pending } of deliveries) this.#store.set(key, pending);
    await this.#store.save();
    for (const delivery of deliveries) this.#schedule(delivery, now);
  }

  /** Continues with the events of earlier processes. */
  resume(): void {
    for (const delivery of this.#earlier.splice(0)) {
      const { dueAt } = delivery.pending;
      if (dueAt !== undefined) this.#schedule(delivery, dueAt);
      else this.#track(delivery, this.#fail(delivery, interruption));
    }
  }

  /** Stops the attempts. The events remain stored, also those whose current attempt fails. */
  suspend(): void {
    this.#generation++;
    for (const timer of this.#waiting) timer.cancel();
    this.#waiting.clear();
  }

  /** Call it when the functions have ended. */
  async close(): Promise<void> {
    this.suspend();
    await Promise.all(this.#attempts);
    await this.#store.close();
  }

  #schedule(delivery: Delivery, dueAt: number): void {
    const { clock } = this.#options;
    const timer = clock.after(Math.max(0, dueAt - clock.now()), () => {
      this.#waiting.delete(timer);
      this.#track(delivery, this.#attempt(delivery));
    });
    this.#waiting.add(timer);
  }

  /** @param work rejected only if the store fails: the event remains in the state that the store has */
  #track({ pending }: Delivery, work: Promise<void>): void {
    const tracked = work
      .catch((error) => {
        const line = `The event ${pending.requestId} waits for the next start: ${(error as Error).message}`;
        this.#options.log(pending.functionName, line);
      })
      .finally(() => this.#attempts.delete(tracked));
    this.#attempts.add(tracked);
  }

  async #attempt(delivery: Delivery): Promise<void> {
    const generation = this.#generation;
    const { pending } = delivery;
    const target = this.#options.target(pending.arn);
    if (target === undefined) return this.#drop(delivery, deletedFunction);
    if (this.#options.clock.now() - pending.acceptedAt > target.maximumAgeSeconds * 1000) {
      return this.#drop(delivery, `it is older than ${target.maximumAgeSeconds} seconds`);
    }
    delete pending.dueAt;
    await this.#save(delivery);
    try {
      await target.invoke(pending.event, pending.requestId);
    } catch (error) {
      if (generation === this.#generation) await this.#fail(delivery, error);
      return;
    }
    await this.#delete(delivery);
  }

  /** Schedules the next attempt after one that failed, or drops the event. */
  async #fail(delivery: Delivery, error: unknown): Promise<void> {
    const { pending } = delivery;
    if (error instanceof FunctionThrottled) {
      return this.#scheduleRetry(delivery, throttledSeconds(pending.throttles++));
    }
    const target = this.#options.target(pending.arn);
    if (target === undefined) return this.#drop(delivery, deletedFunction);
    if (pending.failures++ < target.retryAttempts) {
      return this.#scheduleRetry(delivery, this.#retrySeconds[pending.failures - 1]!);
    }
    const reason = error instanceof FunctionError ? error.errorType : String(error);
    await this.#drop(delivery, `${reason} at attempt ${pending.failures}, the last`);
  }

  async #scheduleRetry(delivery: Delivery, seconds: number): Promise<void> {
    const dueAt = this.#options.clock.now() + seconds * 1000;
    delivery.pending.dueAt = dueAt;
    const generation = this.#generation;
    await this.#save(delivery);
    if (generation === this.#generation) this.#schedule(delivery, dueAt);
  }

  async #drop(delivery: Delivery, reason: string): Promise<void> {
    const { functionName, requestId } = delivery.pending;
    this.#options.log(functionName, `The event ${requestId} is dropped: ${reason}`);
    await this.#delete(delivery);
  }

  async #save({ key, pending }: Delivery): Promise<void> {
    this.#store.set(key, pending);
    await this.#store.save();
  }

  async #delete({ key }: Delivery): Promise<void> {
    this.#store.delete(key);
    await this.#store.save();
  }
}

const deletedFunction = 'its function does not exist any more';

/** The failure of an attempt that was under way when the emulator ended. */
const interruption = new EnvironmentEnded('Runtime.ExitError', 'The emulator ended during the attempt');
