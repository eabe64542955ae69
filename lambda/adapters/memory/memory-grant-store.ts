import type { AuthorizationCode, GrantStore } from '../../core/oauth/authorization-flow.ts';
import { memoryRevocationStore } from './memory-revocation-store.ts';
import { completeSignIn, copy, type MemoryTables, saveSignIn, writeWithAssertion } from './memory-tables.ts';

export function memoryGrantStore(tables: MemoryTables): GrantStore {
  const { grants, upstreamTokens, users, dashboardSessions } = tables;
  const codes = new Map<string, AuthorizationCode>();
  const revocation = memoryRevocationStore(tables);
  return {
    async revokeGrant(id, now, assertion) {
      const isActive = grants.get(id)?.status === 'active';
      return writeWithAssertion(tables, assertion, isActive, () => void revocation.revokeGrant(id, now));
    },
    /** Approvals are for an audit of the table; memory that ends with its process stores none. */
    async createGrant({ grant, tokens, codeHash, code, sealedName }, stateHash) {
      if (stateHash !== undefined && !completeSignIn(tables, stateHash, grant.createdAt)) return false;
      grants.set(grant.id, copy(grant));
      upstreamTokens.set(grant.id, copy(tokens));
      codes.set(codeHash, copy(code));
      saveSignIn(users, grant.user, sealedName, grant.createdAt);
      return true;
    },
    async keepStandingGrant(grant, now, assertions) {
      const isPossible = grants.get(grant.id)?.status !== 'revoked';
      return writeWithAssertion(tables, assertions, isPossible, () => {
        grants.set(grant.id, copy(grant));
        saveSignIn(users, grant.user, users.get(grant.user)?.sealedName, now);
      });
    },
    async createPersonalGrant(grant, cookieHash) {
      const session = cookieHash === undefined ? undefined : dashboardSessions.get(cookieHash);
      if (cookieHash !== undefined && !(session && session.expiresAt > grant.createdAt)) return false;
      grants.set(grant.id, copy(grant));
      return true;
    },
    async findCode(codeHash) {
      return copy(codes.get(codeHash));
    },
    async redeemCode(codeHash, grant, now, assertion) {
      const code = codes.get(codeHash);
      const isUsable =
        code !== undefined &&
        code.usedAt === undefined &&
        code.expiresAt > now &&
        grants.get(grant)?.status === 'active';
      return writeWithAssertion(tables, assertion, isUsable, () => codes.set(codeHash, { ...code!, usedAt: now }));
    },
    async findGrant(id) {
      return copy({ grant: grants.get(id), tokens: upstreamTokens.get(id) });
    },
    async rotate(id, head, change, assertion) {
      const grant = grants.get(id);
      const isAtHead = grant?.status === 'active' && grant.refresh.head === head;
      const rotated = () => ({ ...grant!, ...copy(change) });
      return writeWithAssertion(tables, assertion, isAtHead, () => grants.set(id, rotated()));
    },
  };
}
