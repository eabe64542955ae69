import type { AssertionStore } from '../../core/oauth/clients/client-assertion.ts';

export function memoryAssertionStore(): AssertionStore {
  const spentUntil = new Map<string, number>();
  return {
    async spendAssertion(assertionHash, now, expiresAt) {
      if ((spentUntil.get(assertionHash) ?? 0) > now) return false;
      spentUntil.set(assertionHash, expiresAt);
      return true;
    },
  };
}
