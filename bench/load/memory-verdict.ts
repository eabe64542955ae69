import { mean, type Point, slopeOf } from './load-figures.ts';
import type { Memory } from './load-server.ts';

/**
 * The bound for the growth of an environment's live heap per request. A server that leaks after its request has 15 KB.
 * Smaller growth cannot be distinguished from noise with a hundred thousand requests.
 */
export const GROWTH_BOUND_BYTES = 1024;
/**
 * Earlier samples do not count: code is still being compiled, and once, between the 500th and the 1500th request, V8
 * discards 5 MB of compiled code that has not run for a while, which would hide slow growth.
 */
const WARM_REQUESTS = 1_500;
/** The slope is above or below the bound only if it is so by this many standard errors. */
const STANDARD_ERRORS = 2;

export type Sample = Pick<Memory, 'environment' | 'requests' | 'heapBytes' | 'rssBytes'> & {
  /** Since the start of the load. */
  seconds: number;
  /** Requests answered by all environments until then. */
  answered: number;
};

export type Growth = {
  /** Samples of the second half, of warm environments. */
  samples: number;
  /** Bytes per request of an environment, and the standard error. Absent if there are too few samples. */
  slopeBytes?: number;
  errorBytes?: number;
  boundBytes: number;
  verdict: 'no growth' | 'growth' | 'too few requests to decide';
};

/**
 * Decides whether the heap grows with the requests of an environment, by the samples of the second half. Each environment
 * is compared with itself, because the amount of compiled code differs.
 */
export function growthOf(samples: Sample[], answered: number): Growth {
  const late = samples.filter((each) => each.answered >= answered / 2 && each.requests >= WARM_REQUESTS);
  const line = slopeOf([...Map.groupBy(late, ({ environment }) => environment).values()].flatMap(centred));
  const boundBytes = GROWTH_BOUND_BYTES;
  if (!line) return { samples: late.length, boundBytes, verdict: 'too few requests to decide' };
  const { slope, error } = line;
  const isBelow = slope + STANDARD_ERRORS * error <= boundBytes;
  const isAbove = slope - STANDARD_ERRORS * error > boundBytes;
  return {
    samples: late.length,
    slopeBytes: Math.round(slope),
    errorBytes: Math.round(error),
    boundBytes,
    verdict: isBelow ? 'no growth' : isAbove ? 'growth' : 'too few requests to decide',
  };
}

/** The differences of the samples from their mean. */
function centred(samples: Sample[]): Point[] {
  const [requests, heap] = [mean(samples.map((each) => each.requests)), mean(samples.map((each) => each.heapBytes))];
  return samples.map((each) => ({ x: each.requests - requests, y: each.heapBytes - heap }));
}
