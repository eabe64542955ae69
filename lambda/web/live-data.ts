import { useEffect, useRef, useState } from 'preact/hooks';
import { Failure } from './api-client.ts';
import { createStore } from './page-store.ts';

const EVERY = 5_000;
const AT_MOST = 30_000;

/** Whether the reader has stopped the page from changing under their eyes. */
export const paused = createStore(false);

export type Live<T> = {
  /** Those before, while newer ones are on their way. */
  data: T | undefined;
  failure: Failure | undefined;
  /** In which time it is asked again by itself; absent when it is not. */
  retrySeconds: number | undefined;
  /** Whether `data` answer an earlier question. */
  isStale: boolean;
  refresh(): void;
};

type Answer<T> = { key: string; data?: T; failure?: Failure; retrySeconds?: number };

/**
 * Asks at once and whenever `key` changes, and while it is live again every few seconds. Requests for what has been left
 * are aborted.
 * @param key names the question; `load` of the last rendering answers it
 */
export function useLive<T>(
  key: string,
  load: (signal: AbortSignal) => Promise<T>,
  { isLive }: { isLive: boolean },
): Live<T> {
  const [answer, setAnswer] = useState<Answer<T>>({ key });
  const latest = useRef(load);
  latest.current = load;
  const ask = useRef(() => {});

  useEffect(() => {
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isAsking = false;
    let isAskedAgain = false;
    let failures = 0;

    const run = async () => {
      // What is on its way may have been answered before what has just changed.
      isAskedAgain = isAsking;
      if (isAsking) return;
      clearTimeout(timer);
      isAsking = true;
      try {
        const data = await latest.current(abort.signal);
        if (abort.signal.aborted) return;
        failures = 0;
        setAnswer({ key, data });
        if (isLive) wait(EVERY, () => !paused.get());
      } catch (error) {
        if (abort.signal.aborted) return;
        const failure = error instanceof Failure ? error : new Failure(500, String(error));
        const delay = Math.min(AT_MOST, EVERY * 2 ** failures++);
        const retrySeconds = failure.isOutage ? delay / 1000 : undefined;
        setAnswer(({ data }) => ({ key, data, failure, retrySeconds }));
        if (failure.isOutage) wait(delay, () => true);
      } finally {
        isAsking = false;
        if (isAskedAgain && !abort.signal.aborted) run();
      }
    };
    const wait = (delay: number, isWanted: () => boolean) => {
      timer = setTimeout(() => (isWanted() && isLookedAt() ? run() : wait(500, isWanted)), delay);
    };
    ask.current = run;
    run();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [key, isLive]);

  return {
    data: answer.data,
    failure: answer.key === key ? answer.failure : undefined,
    retrySeconds: answer.retrySeconds,
    isStale: answer.key !== key,
    refresh: () => ask.current(),
  };
}

/** An open dialog names what will end: nothing may change behind it. */
const isLookedAt = () => document.visibilityState === 'visible' && !document.querySelector('dialog[open]');
