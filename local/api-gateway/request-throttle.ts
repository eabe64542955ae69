import type { Resource } from '../template/template.ts';
import type { ThrottleLimit } from './api-model.ts';

type MethodSetting = {
  HttpMethod?: string;
  ResourcePath?: string;
  ThrottlingRateLimit?: number;
  ThrottlingBurstLimit?: number;
};

/** Reads a stage's limits. @returns finds the limit of a method: its own setting, else that of the whole stage */
export function readLimits(stage: Resource): (resourcePath: string, httpMethod: string) => ThrottleLimit | undefined {
  const limits = new Map<string, ThrottleLimit>();
  for (const setting of (stage.properties.MethodSettings ?? []) as MethodSetting[]) {
    const { ThrottlingRateLimit: ratePerSecond, ThrottlingBurstLimit: burst } = setting;
    if (ratePerSecond === undefined || burst === undefined) continue;
    // The path has the notation of a JSON pointer, `/~1token` for /token, and `/*` for any path.
    const path = String(setting.ResourcePath).slice(1).replaceAll('~1', '/');
    limits.set(`${setting.HttpMethod} ${path}`, { ratePerSecond, burst });
  }
  return (resourcePath, httpMethod) => limits.get(`${httpMethod} ${resourcePath}`) ?? limits.get('* *');
}

/**
 * Token buckets, one for each setting of the stage. All methods that the stage's own setting covers share its bucket: API
 * Gateway's documentation does not say whether each method has one, and this is the stricter interpretation.
 */
export class RequestThrottle {
  readonly #buckets = new Map<ThrottleLimit, { tokens: number; filledAt: number }>();

  /** Takes a token. @param now epoch milliseconds @returns false if the bucket is empty */
  admits(limit: ThrottleLimit, now: number): boolean {
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
