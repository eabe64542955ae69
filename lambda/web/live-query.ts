import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiRequestError } from './api-client.ts';
import { createStore } from './page-store.ts';

const REFRESH_MS = 5_000;
const MAX_RETRY_MS = 30_000;
/** How often to check again while refreshes are paused or the page is inactive. */
const RECHECK_MS = 500;

/** Whether the user has paused live updates. */
export const paused = createStore(false);

export type LiveQuery<T> = {
  /** The latest response; while a new key loads, that of the previous key. */
  data: T | undefined;
  error: ApiRequestError | undefined;
  /** Seconds until the automatic retry; `undefined` without one. */
  retrySeconds: number | undefined;
  /** Whether `data` belongs to a previous key. */
  isStale: boolean;
  refresh(): void;
};

type QueryState<T> = { key: string; data?: T | undefined; error?: ApiRequestError; retrySeconds?: number | undefined };

/**
 * Loads data immediately and when `key` changes, and every few seconds while it is live. Aborts the requests of a
 * previous key.
 * @param key identifies the query; `load` of the latest rendering executes it
 */
export function useLiveQuery<T>(
  key: string,
  load: (signal: AbortSignal) => Promise<T>,
  { isLive }: { isLive: boolean },
): LiveQuery<T> {
  const [state, setState] = useState<QueryState<T>>({ key });
  const latestLoad = useRef(load);
  latestLoad.current = load;
  const refresh = useRef(() => {});

  useEffect(() => {
    const poller = new Poller<T>((signal) => latestLoad.current(signal), isLive, {
      onData: (data) => setState({ key, data }),
      onError: (error, retrySeconds) => setState(({ data }) => ({ key, data, error, retrySeconds })),
    });
    refresh.current = () => poller.run();
    poller.run();
    return () => poller.stop();
  }, [key, isLive]);

  return {
    data: state.data,
    error: state.key === key ? state.error : undefined,
    retrySeconds: state.retrySeconds,
    isStale: state.key !== key,
    refresh: () => refresh.current(),
  };
}

type PollerEvents<T> = { onData(data: T): void; onError(error: ApiRequestError, retrySeconds?: number): void };

/** Runs one query at a time: repeatedly while live, and again after an outage, with a delay that doubles. */
class Poller<T> {
  readonly #load: (signal: AbortSignal) => Promise<T>;
  readonly #isLive: boolean;
  readonly #events: PollerEvents<T>;
  readonly #abort = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isRunning = false;
  #runsAgain = false;
  #failures = 0;

  constructor(load: (signal: AbortSignal) => Promise<T>, isLive: boolean, events: PollerEvents<T>) {
    this.#load = load;
    this.#isLive = isLive;
    this.#events = events;
  }

  async run(): Promise<void> {
    // The running request may have read the data before the change that this run is for.
    this.#runsAgain = this.#isRunning;
    if (this.#isRunning) return;
    clearTimeout(this.#timer);
    this.#isRunning = true;
    try {
      await this.#attempt();
    } finally {
      this.#isRunning = false;
      if (this.#runsAgain && !this.#abort.signal.aborted) this.run();
    }
  }

  stop(): void {
    this.#abort.abort();
    clearTimeout(this.#timer);
  }

  async #attempt(): Promise<void> {
    const { signal } = this.#abort;
    try {
      const data = await this.#load(signal);
      if (signal.aborted) return;
      this.#failures = 0;
      this.#events.onData(data);
      if (this.#isLive) this.#schedule(REFRESH_MS, () => !paused.get());
    } catch (cause) {
      if (signal.aborted) return;
      const error = cause instanceof ApiRequestError ? cause : new ApiRequestError(500, String(cause));
      const delay = Math.min(MAX_RETRY_MS, REFRESH_MS * 2 ** this.#failures++);
      this.#events.onError(error, error.isRetryable ? delay / 1000 : undefined);
      if (error.isRetryable) this.#schedule(delay, () => true);
    }
  }

  #schedule(delay: number, isDue: () => boolean): void {
    this.#timer = setTimeout(() => {
      if (isDue() && isPageActive()) this.run();
      else this.#schedule(RECHECK_MS, isDue);
    }, delay);
  }
}

/** Whether the page is visible and has no open dialog, behind which nothing may change. */
const isPageActive = () => document.visibilityState === 'visible' && !document.querySelector('dialog[open]');
