import { type AuditLogStore, bucketOf, callName, type ToolCall } from '../../core/audit/tool-call.ts';
import { copy } from './memory-tables.ts';

export function memoryAuditLog(): AuditLogStore {
  /** By session and `callName`. */
  const calls = new Map<string, Map<string, { call: ToolCall; expiresAt: number }>>();

  const all = (now: number) =>
    [...calls.values()].flatMap((ofSession) =>
      [...ofSession].filter(([, { expiresAt }]) => expiresAt > now).map(([name, { call }]) => ({ name, call })),
    );
  const latestFirst = (found: ReturnType<typeof all>, before: string | undefined) =>
    found
      .filter(({ name }) => before === undefined || name < before)
      .toSorted((a, b) => (a.name < b.name ? 1 : -1))
      .map(({ call }) => call);

  return {
    async recordCall(call, expiresAt, { unlessLogged } = { unlessLogged: false }) {
      const session = calls.get(call.session) ?? new Map();
      if (unlessLogged && session.has(callName(call))) return;
      calls.set(call.session, session.set(callName(call), { call: copy(call), expiresAt }));
    },
    async callsOf(session, { limit, after = '', now, user }) {
      const live = [...(calls.get(session) ?? [])]
        .filter(([name, { call, expiresAt }]) => name > after && expiresAt > now && (user ?? call.user) === call.user)
        .toSorted(([a], [b]) => (a < b ? -1 : 1));
      const page = live.slice(0, limit).map(([, { call }]) => call);
      return copy({ calls: page, ...(live.length > limit && { next: callName(page.at(-1)!) }) });
    },
    async latestOf(session, { limit, before, now, user }) {
      const found = all(now).filter(({ call }) => call.session === session && (user ?? call.user) === call.user);
      return copy(latestFirst(found, before).slice(0, limit));
    },
    async *callsEndedIn(bucket) {
      for (const { call } of all(0)) if (bucketOf(call) === bucket) yield copy(call);
    },
    async callsOfKeys(keys, now) {
      const found = keys.map(({ session, call }) => calls.get(session)?.get(call));
      return copy(found.flatMap((each) => (each && each.expiresAt > now ? [each.call] : [])));
    },
    async *latestEndedIn(bucket, { before, now }) {
      const found = all(now).filter(({ call }) => bucketOf(call) === bucket);
      for (const call of latestFirst(found, before)) yield copy(call);
    },
  };
}
