import { type AuditLogStore, bucketOf, callName, type ToolCall } from '../../core/audit/tool-call.ts';
import { copy } from './memory-tables.ts';

export function memoryAuditLog(): AuditLogStore {
  /** By session and `callName`. */
  const calls = new Map<string, Map<string, { call: ToolCall; expiresAt: number }>>();

  const latestFirst = (now: number) =>
    [...calls.values()]
      .flatMap((ofSession) => [...ofSession.values()])
      .filter(({ expiresAt }) => expiresAt > now)
      .map(({ call }) => call)
      .toSorted((a, b) => (callName(a) < callName(b) ? 1 : -1));

  return {
    async recordCall(call, expiresAt) {
      const session = calls.get(call.session) ?? new Map();
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
      const found = latestFirst(now).filter(
        (call) =>
          call.session === session &&
          (user ?? call.user) === call.user &&
          (before === undefined || callName(call) < before),
      );
      return copy(found.slice(0, limit));
    },
    async *callsEndedIn(bucket) {
      for (const call of latestFirst(0)) if (bucketOf(call) === bucket) yield copy(call);
    },
    async *latestEndedIn(bucket, { before, now }) {
      for (const call of latestFirst(now)) {
        if (bucketOf(call) === bucket && (before === undefined || callName(call) < before)) yield copy(call);
      }
    },
  };
}
