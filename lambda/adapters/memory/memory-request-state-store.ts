import type { RequestStateStore, UsedRequestState } from '../../core/mcp/modern/request-state.ts';
import { copy } from './memory-tables.ts';

export function memoryRequestStateStore(): RequestStateStore {
  const uses = new Map<string, UsedRequestState>();
  return {
    async useRequestState(grant, use) {
      const key = `${grant}\n${use.nonce}`;
      if (!uses.has(key)) uses.set(key, copy(use));
      return copy(uses.get(key)!);
    },
  };
}
