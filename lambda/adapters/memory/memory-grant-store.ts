import type { AuthorizationCode, GrantStore } from '../../core/oauth/authorization-flow.ts';
import { memoryRevocationStore } from './memory-revocation-store.ts';
import { copy, type MemoryTables, saveSignIn } from './memory-tables.ts';

export function memoryGrantStore(tables: MemoryTables): GrantStore {
  const { grants, upstreamTokens, users } = tables;
  const codes = new Map<string, AuthorizationCode>();
  return {
    revokeGrant: memoryRevocationStore(tables).revokeGrant,
    /** Approvals are for an audit of the table; memory that ends with its process stores none. */
    async createGrant({ grant, tokens, codeHash, code, sealedName }) {
      grants.set(grant.id, copy(grant));
      upstreamTokens.set(grant.id, copy(tokens));
      codes.set(codeHash, copy(code));
      saveSignIn(users, grant.user, sealedName, grant.createdAt);
    },
    async findCode(codeHash) {
      return copy(codes.get(codeHash));
    },
    async redeemCode(codeHash, now) {
      const code = codes.get(codeHash);
      if (!code || code.usedAt !== undefined || code.expiresAt <= now) return false;
      codes.set(codeHash, { ...code, usedAt: now });
      return true;
    },
    async findGrant(id) {
      return copy({ grant: grants.get(id), tokens: upstreamTokens.get(id) });
    },
    async rotate(id, head, refresh, idleExpiresAt) {
      const grant = grants.get(id);
      if (grant?.status !== 'active' || grant.refresh.head !== head) return false;
      grants.set(id, { ...grant, refresh: copy(refresh), idleExpiresAt });
      return true;
    },
  };
}
