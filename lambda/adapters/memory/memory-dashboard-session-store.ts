import type { DashboardSessionStarter, DashboardSessionStore } from '../../core/dashboard/dashboard-session.ts';
import { completeSignIn, copy, type MemoryTables, saveSignIn } from './memory-tables.ts';

export function memoryDashboardSessionStore(tables: MemoryTables): DashboardSessionStore & DashboardSessionStarter {
  const { dashboardSessions: sessions } = tables;
  return {
    async startDashboardSession(cookieHash, session, now, stateHash) {
      if (stateHash !== undefined && !completeSignIn(tables, stateHash, now)) return false;
      sessions.set(cookieHash, copy(session));
      saveSignIn(tables.users, session.user, session.sealedName, now);
      return true;
    },
    async findDashboardSession(cookieHash) {
      return copy(sessions.get(cookieHash));
    },
    async endDashboardSession(cookieHash) {
      sessions.delete(cookieHash);
    },
  };
}
