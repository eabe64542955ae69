import type {
  DashboardSession,
  DashboardSessionStarter,
  DashboardSessionStore,
} from '../../core/dashboard/dashboard-session.ts';
import { copy, type MemoryTables, saveSignIn } from './memory-tables.ts';

export function memoryDashboardSessionStore({ users }: MemoryTables): DashboardSessionStore & DashboardSessionStarter {
  const sessions = new Map<string, DashboardSession>();
  return {
    async startDashboardSession(cookieHash, session, now) {
      sessions.set(cookieHash, copy(session));
      saveSignIn(users, session.user, session.sealedName, now);
    },
    async findDashboardSession(cookieHash) {
      return copy(sessions.get(cookieHash));
    },
    async endDashboardSession(cookieHash) {
      sessions.delete(cookieHash);
    },
  };
}
