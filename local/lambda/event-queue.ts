import { FunctionError, FunctionThrottled } from './function-pool.ts';

/** A function as the queue of its events sees it. */
export type EventTarget = {
  arn: string;
  functionName: string;
  /** After the first attempt has failed. */
  retryAttempts: number;
  /** How long an event may wait for an attempt, all its waiting included. */
  maximumAgeSeconds: number;
  /** @throws FunctionError, FunctionThrottled */
  invoke(event: unknown, requestId: string): Promise<unknown>;
};

export type EventQueueOptions = {
  /** The function as it is deployed now: an event that is tried again meets the code of its time. */
  target(arn: string): EventTarget | undefined;
  /** How many seconds a minute of waiting takes. */
  secondsPerMinute: number;
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

/** Minutes that Lambda waits before the second attempt and before the third. */
const retryMinutes = [1, 2];

/** What a throttled event waits: a second, then twice as long each time, and five minutes at most. */
const throttledMinutes = (throttles: number) => Math.min(2 ** throttles / 60, 5);

/**
 * The events that functions have been invoked with and nobody waits for (Lambda developer guide, "How Lambda handles
 * errors and retries with asynchronous invocation"): a function that fails is tried again after one minute and after
 * two, one that is throttled until the event is too old. An event that stays without success is dropped, with a line
 * in the log.
 *
 * Not here: what a queue in memory cannot do. Events that wait are gone when the process ends.
 */
export class EventQueue {
  /** While on, every event is delivered twice: Lambda promises "at least once" and no more. */
  deliverTwice = false;
  readonly #options: EventQueueOptions;
  readonly #waiting = new Set<NodeJS.Timeout>();
  /** Raised by `clear`: an attempt that ends under a later number has nobody to be tried again for. */
  #generation = 0;

  constructor(options: EventQueueOptions) {
    this.#options = options;
  }

  accept({ arn, functionName }: EventTarget, event: unknown, requestId: string): void {
    const acceptedAt = Date.now();
    for (let copies = this.deliverTwice ? 2 : 1; copies > 0; copies--) {
      this.#attemptIn(0, { arn, functionName, event, requestId, acceptedAt, failures: 0, throttles: 0 });
    }
  }

  /** Forgets all events: those that wait, and those whose function fails after this. */
  clear(): void {
    this.#generation++;
    for (const timer of this.#waiting) clearTimeout(timer);
    this.#waiting.clear();
  }

  #attemptIn(minutes: number, delivery: Delivery): void {
    const attempt = () => {
      this.#waiting.delete(timer);
      void this.#attempt(delivery);
    };
    const timer = setTimeout(attempt, minutes * this.#options.secondsPerMinute * 1000);
    this.#waiting.add(timer);
  }

  async #attempt(delivery: Delivery): Promise<void> {
    const generation = this.#generation;
    const target = this.#options.target(delivery.arn);
    if (target === undefined) return this.#drop(delivery, 'its function is no longer there');
    if (Date.now() - delivery.acceptedAt > target.maximumAgeSeconds * 1000) {
      return this.#drop(delivery, `it is older than ${target.maximumAgeSeconds} seconds`);
    }
    try {
      await target.invoke(delivery.event, delivery.requestId);
    } catch (error) {
      if (generation === this.#generation) this.#failed(delivery, target, error);
    }
  }

  #failed(delivery: Delivery, target: EventTarget, error: unknown): void {
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
