import type { AssertionStore } from '../../core/oauth/clients/client-assertion.ts';
import { type MemoryTables, spend } from './memory-tables.ts';

export function memoryAssertionStore(tables: MemoryTables): AssertionStore {
  return {
    async spendAssertion(hash, now, expiresAt) {
      return spend(tables, { hash, now, expiresAt });
    },
  };
}
