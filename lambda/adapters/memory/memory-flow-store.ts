import type {
  AuthorizationRequest,
  BrowserBinding,
  FlowStore,
  UpstreamState,
} from '../../core/oauth/authorization-flow.ts';
import { copy } from './memory-tables.ts';

export function memoryFlowStore(): FlowStore {
  const requests = new Map<string, AuthorizationRequest & BrowserBinding>();
  const upstreamStates = new Map<string, UpstreamState>();
  return {
    async putAuthorizationRequest(handleHash, request) {
      requests.set(handleHash, copy(request));
    },
    async takeAuthorizationRequest(handleHash, browser, now) {
      return take(requests, handleHash, browser, now);
    },
    async putUpstreamState(stateHash, state) {
      upstreamStates.set(stateHash, copy(state));
    },
    async takeUpstreamState(stateHash, browser, now) {
      return take(upstreamStates, stateHash, browser, now);
    },
    async deleteUpstreamState(stateHash) {
      upstreamStates.delete(stateHash);
    },
  };
}

function take<T extends BrowserBinding>(
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
