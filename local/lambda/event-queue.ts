import { after, type Clock, type Timer } from '../../lambda/core/support/clock.ts';
import { FunctionError, FunctionThrottled } from './function-error.ts';

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
  /** The currently deployed function: a retry runs the current code. */
  target(arn: string): EventTarget | undefined;
  clock: Clock;
  log(functionName: string, line: string): void;
};

/** One delivery of an event. */
type Delivery = Pick<EventTarget, 'arn' | 'functionName'> & {
  event: unknown;
  requestId: string;
  acceptedAt: number;
  failures: number;
  throttles: number;
};

/**
 * The time that stands for one minute of Lambda's delays. A developer does not wait for minutes, so a failed event is
 * retried after one second and after two.
 */
const MINUTE_MS = 1000;

/** Lambda's delays before the second and the third attempt, in minutes. */
const retryMinutes = [1, 2];

/** The delay of a throttled event, in minutes: one second, then doubled each time, at most five minutes. */
const throttledMinutes = (throttles: number) => Math.min(2 ** throttles / 60, 5);

/**
 * The queue of asynchronous invocations (Lambda developer guide, "How Lambda handles errors and retries with asynchronous
 * invocation"): a failed event is retried after one minute and after two, a throttled one until it is too old. An event
 * whose last attempt fails is dropped, with a line in the log.
 *
 * Not emulated: durability. Waiting events are lost when the process ends.
 */
export class EventQueue {
  /** While on, every event is delivered twice: Lambda guarantees "at least once". */
  deliverTwice = false;
  readonly #options: EventQueueOptions;
  readonly #waiting = new Set<Timer>();
  /** Incremented by `clear`: an attempt of an earlier generation is not retried. */
  #generation = 0;

  constructor(options: EventQueueOptions) {
    this.#options = options;
  }

  accept({ arn, functionName }: EventTarget, event: unknown, requestId: string): void {
    const acceptedAt = this.#options.clock.now();
    for (let copies = this.deliverTwice ? 2 : 1; copies > 0; copies--) {
      this.#attemptIn(0, { arn, functionName, event, requestId, acceptedAt, failures: 0, throttles: 0 });
    }
  }

  /** Discards all events: those that wait, and those whose current attempt fails. */
  clear(): void {
    this.#generation++;
    for (const timer of this.#waiting) timer.cancel();
    this.#waiting.clear();
  }

  #attemptIn(minutes: number, delivery: Delivery): void {
    const timer = after(this.#options.clock, minutes * MINUTE_MS, () => {
      this.#waiting.delete(timer);
      void this.#attempt(delivery);
    });
    this.#waiting.add(timer);
  }

  async #attempt(delivery: Delivery): Promise<void> {
    const generation = this.#generation;
    const target = this.#options.target(delivery.arn);
    if (target === undefined) return this.#drop(delivery, 'its function does not exist any more');
    if (this.#options.clock.now() - delivery.acceptedAt > target.maximumAgeSeconds * 1000) {
      return this.#drop(delivery, `it is older than ${target.maximumAgeSeconds} seconds`);
    }
    try {
      await target.invoke(delivery.event, delivery.requestId);
    } catch (error) {
      if (generation === this.#generation) this.#retryOrDrop(delivery, target, error);
    }
  }

  #retryOrDrop(delivery: Delivery, target: EventTarget, error: unknown): void {
    if (error instanceof FunctionThrottled) {
      this.#attemptIn(throttledMinutes(delivery.throttles++), delivery);
    } else if (delivery.failures++ < target.retryAttempts) {
      this.#attemptIn(retryMinutes[delivery.failures - 1]!, delivery);
    } else {
      const reason = error instanceof FunctionError ? error.errorType : String(error);
      this.#drop(delivery, `${reason} at attempt ${delivery.failures}, the last`);
    }
  }

  #drop({ functionName, requestId }: Delivery, reason: string): void {
    this.#options.log(functionName, `The event ${requestId} is dropped: ${reason}`);
  }
}
