import type { AuthorizationRequest, FlowStore, PendingItem, SignIn } from '../../core/oauth/authorization-flow.ts';
import { copy } from './memory-tables.ts';

export function memoryFlowStore(): FlowStore {
  const requests = new Map<string, AuthorizationRequest & PendingItem>();
  const signIns = new Map<string, SignIn>();
  return {
    async putRequest(handleHash, request) {
      requests.set(handleHash, copy(request));
    },
    async takeRequest(handleHash, browser, now) {
      return take(requests, handleHash, browser, now);
    },
    async putSignIn(stateHash, signIn) {
      signIns.set(stateHash, copy(signIn));
    },
    async takeSignIn(stateHash, browser, now) {
      return take(signIns, stateHash, browser, now);
    },
    async burnSignIn(stateHash) {
      signIns.delete(stateHash);
    },
  };
}

function take<T extends PendingItem>(
  pending: Map<string, T>,
  key: string,
  browser: string,
  now: number,
): T | undefined {
  const found = pending.get(key);
  if (!found || found.browser !== browser || found.expiresAt <= now) return undefined;
  pending.delete(key);
  return found;
}
