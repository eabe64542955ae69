import type { SealedKeyStore } from '../../core/support/sealed-key.ts';

export function memorySealedKeyStore(): SealedKeyStore {
  const keys = new Map<string, string>();
  return {
    async loadKey(name) {
      return keys.get(name);
    },
    async createKey(name, sealed) {
      if (!keys.has(name)) keys.set(name, sealed);
      return keys.get(name)!;
    },
  };
}
