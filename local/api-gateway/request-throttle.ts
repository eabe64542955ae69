import type { Limit } from './api-definition.ts';

/**
 * Token buckets, one for each setting of the stage. The bucket of the stage's own setting is shared by all methods it
 * covers: API Gateway's documentation leaves open whether each method has one, and this is the stricter reading.
 */
export class Throttle {
  readonly #buckets = new Map<Limit, { tokens: number; filledAt: number }>();

  /** @param now in milliseconds @returns whether the request is within the limit, and counts it if so */
  admits(limit: Limit, now: number): boolean {
    const bucket = this.#buckets.get(limit) ?? { tokens: limit.burst, filledAt: now };
    this.#buckets.set(limit, bucket);
    const gained = ((now - bucket.filledAt) / 1000) * limit.ratePerSecond;
    bucket.tokens = Math.min(limit.burst, bucket.tokens + gained);
    bucket.filledAt = now;
    if (bucket.tokens < 1) return false;
    bucket.tokens--;
    return true;
  }
}
