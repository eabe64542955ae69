import type { ExchangedTokenStore, SealedExchangedToken } from '../../core/identity/token-exchange.ts';

export function memoryExchangedTokenStore(): ExchangedTokenStore {
  const tokens = new Map<string, SealedExchangedToken>();
  const leases = new Map<string, { owner: string; until: number }>();
  const keyOf = (grant: string, slot: string) => `${grant} ${slot}`;
  const isOwned = (key: string, owner: string) => leases.get(key)?.owner === owner;
  return {
    async loadToken(grant, slot) {
      const token = tokens.get(keyOf(grant, slot));
      return token && { ...token };
    },
    async leaseToken(grant, slot, owner, now, until) {
      const key = keyOf(grant, slot);
      const lease = leases.get(key);
      if (lease && lease.until > now && lease.owner !== owner) return false;
      leases.set(key, { owner, until });
      return true;
    },
    async saveToken(grant, slot, owner, token) {
      const key = keyOf(grant, slot);
      if (!isOwned(key, owner)) return false;
      leases.delete(key);
      tokens.set(key, { ...token });
      return true;
    },
    async releaseToken(grant, slot, owner) {
      const key = keyOf(grant, slot);
      if (isOwned(key, owner)) leases.delete(key);
    },
  };
}
