import type { Memory } from './load-bench-server.ts';
import { mean, type Point, slopeOf } from './load-figures.ts';

/**
 * How much the live heap of an environment may grow with each of its requests. A server that is kept after its request
 * has 15 KB. Less than this is not told from the noise of a hundred thousand requests.
 */
export const MOST_GROWTH_BYTES = 1024;
/**
 * Until then code is still being compiled; and once, between the 500th request and the 1500th, V8 throws away what has not
 * run for a while, which is 5 MB and would hide what grows slowly.
 */
const WARM_REQUESTS = 1_500;
/** The slope is known to so many standard errors: it is above or below the bound even if it is off by that much. */
const ERRORS = 2;

export type Sample = Memory & {
  /** Since the beginning. */
  seconds: number;
  /** Requests that had been answered by then, by all environments. */
  answered: number;
};

export type Growth = {
  /** Samples of the second half, of environments that were warm. */
  samples: number;
  /** Bytes with each request of an environment, and the standard error of that; absent where there were too few. */
  slopeBytes?: number;
  errorBytes?: number;
  boundBytes: number;
  verdict: 'no growth' | 'growth' | 'too few requests to tell';
};

/**
 * Whether the heap grows with the requests of an environment, by the samples of the second half. Each environment is held
 * against itself, since some have more code compiled than others.
 */
export function growthOf(samples: Sample[], answered: number): Growth {
  const late = samples.filter((each) => each.answered >= answered / 2 && each.requests >= WARM_REQUESTS);
  const line = slopeOf([...Map.groupBy(late, ({ environment }) => environment).values()].flatMap(centred));
  const boundBytes = MOST_GROWTH_BYTES;
  if (!line) return { samples: late.length, boundBytes, verdict: 'too few requests to tell' };
  const { slope, error } = line;
  const isBelow = slope + ERRORS * error <= boundBytes;
  const isAbove = slope - ERRORS * error > boundBytes;
  return {
    samples: late.length,
    slopeBytes: Math.round(slope),
    errorBytes: Math.round(error),
    boundBytes,
    verdict: isBelow ? 'no growth' : isAbove ? 'growth' : 'too few requests to tell',
  };
}

/** By how much each sample differs from the mean of all. */
function centred(samples: Sample[]): Point[] {
  const [requests, heap] = [mean(samples.map((each) => each.requests)), mean(samples.map((each) => each.heapBytes))];
  return samples.map((each) => ({ x: each.requests - requests, y: each.heapBytes - heap }));
}
