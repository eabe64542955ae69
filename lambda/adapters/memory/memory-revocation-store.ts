import type { RevocationStore } from '../../core/admin/revocation.ts';
import { CURRENT } from '../../core/sessions/session.ts';
import { type MemoryTables, sessionKey } from './memory-tables.ts';

export function memoryRevocationStore({
  grants,
  upstreamTokens,
  endedTokens,
  sessions,
  dashboardSessions,
}: MemoryTables): RevocationStore {
  return {
    async revokeGrant(id, now) {
      const grant = grants.get(id);
      if (!grant || grant.status === 'revoked') return false;
      grants.set(id, { ...grant, status: 'revoked', revokedAt: now });
      const tokens = upstreamTokens.get(id);
      upstreamTokens.delete(id);
      endedTokens.set(id, { grant: id, ...(tokens && { tokens }), endedAt: now, attempts: 0, dueAt: now });
      return true;
    },
    async revokeSession({ grant, id, era }, now) {
      const key = sessionKey(grant, era === 'modern' ? CURRENT : id);
      const found = sessions.get(key);
      if (!found || !('id' in found) || found.id !== id) return false;
      if (found.expiresAt <= now || found.endedAt !== undefined) return false;
      const expiry = era === 'modern' && { expiresAt: now };
      sessions.set(key, { ...found, endedAt: now, endedBy: 'revocation', ...expiry });
      return true;
    },
    async endDashboardSessionsOf(user, kept) {
      const ended = [...dashboardSessions].filter(([hash, session]) => session.user === user && hash !== kept);
      for (const [hash] of ended) dashboardSessions.delete(hash);
      return ended.length;
    },
  };
}
