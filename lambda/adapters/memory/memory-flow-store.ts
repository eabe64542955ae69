import type { FlowStore, PendingAuthorization } from '../../core/oauth/authorization-flow.ts';
import { copy, type MemoryTables } from './memory-tables.ts';

export function memoryFlowStore({ upstreamStates }: MemoryTables): FlowStore {
  const requests = new Map<string, PendingAuthorization>();
  return {
    async putAuthorizationRequest(handleHash, pending) {
      requests.set(handleHash, copy(pending));
    },
    async findAuthorizationRequest(handleHash) {
      return copy(requests.get(handleHash));
    },
    async answerAuthorizationRequest(handleHash, { answer, at }, upstream) {
      const pending = requests.get(handleHash);
      if (!pending || pending.answer !== undefined || pending.expiresAt <= at) return false;
      requests.set(handleHash, { ...pending, answer, answeredAt: at });
      if (upstream) upstreamStates.set(upstream.stateHash, copy(upstream.state));
      return true;
    },
    async putUpstreamState(stateHash, state) {
      upstreamStates.set(stateHash, copy(state));
    },
    async findUpstreamState(stateHash) {
      const found = upstreamStates.get(stateHash);
      if (!found) return undefined;
      const { attempts, ...state } = found;
      return copy(state);
    },
    async beginRedemption(stateHash, codeHash, now) {
      const state = upstreamStates.get(stateHash);
      if (!state || state.expiresAt <= now || state.attempts?.has(codeHash)) return false;
      upstreamStates.set(stateHash, { ...state, attempts: new Set([...(state.attempts ?? []), codeHash]) });
      return true;
    },
    async deleteUpstreamState(stateHash) {
      upstreamStates.delete(stateHash);
    },
  };
}
