import type { RateLimitStore } from '../../core/oauth/clients/rate-limit.ts';

export function memoryRateLimitStore(): RateLimitStore {
  const dueTimes = new Map<string, number>();
  return {
    async due(name) {
      return dueTimes.get(name);
    },
    async advance(name, from, to) {
      if (dueTimes.get(name) !== from) return false;
      dueTimes.set(name, to);
      return true;
    },
  };
}
