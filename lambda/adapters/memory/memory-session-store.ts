import {
  formerName,
  type ImportedSession,
  MOST_SUBSCRIPTIONS,
  type Session,
  type SessionStore,
} from '../../core/sessions/session.ts';
import { copy, keyOfSession, type MemoryTables, sessionKey } from './memory-tables.ts';

export function memorySessionStore({ grants, sessions }: MemoryTables): SessionStore {
  const importedSessions = new Map<string, ImportedSession>();
  const importedKey = (user: string, id: string) => `${user}\n${id}`;
  const isFree = (key: string, now: number) => (sessions.get(key)?.expiresAt ?? 0) <= now;
  const liveSession = (key: string, now: number): Session | undefined => {
    const found = sessions.get(key);
    return found && 'id' in found && found.expiresAt > now && found.endedAt === undefined ? found : undefined;
  };
  return {
    async find(grant, name) {
      return copy({ grant: grants.get(grant), stored: sessions.get(sessionKey(grant, name)) });
    },
    async start(session, now, former) {
      if (!isFree(keyOfSession(session), now)) return false;
      if (former) sessions.set(sessionKey(former.grant, formerName(former)), copy(former));
      sessions.set(keyOfSession(session), copy(session));
      return true;
    },
    async renew(session, staleName, now, former) {
      const stale = sessionKey(session.grant, staleName);
      const found = sessions.get(stale);
      const isFormer = found !== undefined && 'renewedAs' in found && found.renewedAs === former;
      if (!isFormer && !isFree(stale, now)) return false;
      sessions.set(keyOfSession(session), copy(session));
      sessions.set(stale, { renewedAs: session.id, expiresAt: session.expiresAt });
      return true;
    },
    async slide(session, lastSeenAt, expiresAt, pointer) {
      const found = liveSession(keyOfSession(session), lastSeenAt);
      if (found?.id === session.id) sessions.set(keyOfSession(session), { ...found, lastSeenAt, expiresAt });
      const key = pointer === undefined ? undefined : sessionKey(session.grant, pointer);
      const stored = key === undefined ? undefined : sessions.get(key);
      if (key !== undefined && stored && 'renewedAs' in stored) sessions.set(key, { ...stored, expiresAt });
    },
    async savePreferences(session, preferences, now) {
      const found = liveSession(keyOfSession(session), now);
      if (!found) return;
      const subscriptions = new Set(found.subscriptions);
      if ('subscribed' in preferences && subscriptions.size < MOST_SUBSCRIPTIONS) {
        subscriptions.add(preferences.subscribed);
      }
      if ('unsubscribed' in preferences) subscriptions.delete(preferences.unsubscribed);
      const logLevel = 'logLevel' in preferences ? preferences.logLevel : found.logLevel;
      sessions.set(keyOfSession(session), {
        ...found,
        ...(logLevel !== undefined && { logLevel }),
        subscriptions: subscriptions.size > 0 ? subscriptions : undefined,
      });
    },
    async end(grant, id, now) {
      const found = liveSession(sessionKey(grant, id), now);
      if (found) sessions.set(sessionKey(grant, id), { ...found, endedAt: now });
    },
    async addImported(imported, now) {
      const key = importedKey(imported.user, imported.id);
      if ((importedSessions.get(key)?.expiresAt ?? 0) > now) return false;
      importedSessions.set(key, copy(imported));
      return true;
    },
    async findImported(user, id) {
      return copy(importedSessions.get(importedKey(user, id)));
    },
    async adoptImported(session, importedId, now) {
      const key = importedKey(session.user, importedId);
      const pointer = sessionKey(session.grant, importedId);
      if ((importedSessions.get(key)?.expiresAt ?? 0) <= now || !isFree(pointer, now)) return false;
      importedSessions.delete(key);
      sessions.set(keyOfSession(session), copy(session));
      sessions.set(pointer, { renewedAs: session.id, expiresAt: session.expiresAt });
      return true;
    },
  };
}
