import type { EndedTokenStore } from '../../core/identity/upstream-revocations.ts';
import type { UpstreamTokenStore } from '../../core/identity/upstream-tokens.ts';
import { copy, type MemoryTables } from './memory-tables.ts';

export function memoryUpstreamTokenStore({ upstreamTokens: tokens, endedTokens }: MemoryTables): UpstreamTokenStore {
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
      const ended = endedTokens.get(grant);
      if ((tokens.get(grant) ?? ended?.tokens)?.leaseOwner !== owner) return false;
      if (ended) endedTokens.set(grant, { ...ended, tokens: copy(saved) });
      else tokens.set(grant, copy(saved));
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

export function memoryEndedTokenStore({ endedTokens: ended }: MemoryTables): EndedTokenStore {
  return {
    async dueTokens(now) {
      return copy([...ended.values()].filter(({ dueAt }) => dueAt <= now));
    },
    async takeTokens({ grant, dueAt }, nextDueAt) {
      const found = ended.get(grant);
      if (found?.dueAt !== dueAt) return false;
      ended.set(grant, { ...found, attempts: found.attempts + 1, dueAt: nextDueAt });
      return true;
    },
    async deleteTokens(grant, version, now) {
      const { tokens } = ended.get(grant) ?? {};
      if (tokens && (tokens.version !== version || (tokens.leaseUntil ?? 0) > now)) return false;
      ended.delete(grant);
      return true;
    },
  };
}
