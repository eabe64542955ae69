import type { UpstreamTokenStore } from '../../core/identity/upstream-tokens.ts';
import { copy, type MemoryTables } from './memory-tables.ts';

export function memoryUpstreamTokenStore({ upstreamTokens: tokens }: MemoryTables): UpstreamTokenStore {
  return {
    async loadTokens(grant) {
      return copy(tokens.get(grant));
    },
    async leaseTokens(grant, version, owner, now, until) {
      const found = tokens.get(grant);
      if (found?.version !== version || (found.leaseUntil ?? 0) > now) return false;
      tokens.set(grant, { ...found, leaseOwner: owner, leaseUntil: until });
      return true;
    },
    async saveTokens(grant, owner, saved) {
      if (tokens.get(grant)?.leaseOwner !== owner) return false;
      tokens.set(grant, copy(saved));
      return true;
    },
    async releaseTokens(grant, owner) {
      const found = tokens.get(grant);
      if (found?.leaseOwner !== owner) return;
      const { leaseOwner, leaseUntil, ...free } = found;
      tokens.set(grant, free);
    },
  };
}
