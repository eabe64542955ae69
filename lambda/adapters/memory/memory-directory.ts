import type { Directory, ListedPage, ListOptions } from '../../core/admin/directory.ts';
import { CURRENT, formerName, type Session } from '../../core/sessions/session.ts';
import { copy, type MemoryTables, sessionKey } from './memory-tables.ts';

export function memoryDirectory({ grants, sessions, users }: MemoryTables): Directory {
  const allSessions = () => [...sessions.values()].filter((stored): stored is Session => 'id' in stored);
  return {
    sessionsOf: async (user, options) =>
      listed(
        allSessions().filter((each) => each.user === user),
        ({ startedAt, id }) => `${startedAt}#${id}`,
        options,
      ),
    recentSessions: async (options) => listed(allSessions(), ({ lastSeenAt, id }) => `${lastSeenAt}#${id}`, options),
    grantsOf: async (user, options) =>
      listed(
        [...grants.values()].filter((each) => each.user === user),
        ({ createdAt, id }) => `${createdAt}#${id}`,
        options,
      ),
    recentGrants: async (options) => listed([...grants.values()], ({ createdAt, id }) => `${createdAt}#${id}`, options),
    recentUsers: async (options) =>
      listed([...users.values()], ({ lastSignInAt, user }) => `${lastSignInAt}#${user}`, options),
    session: async (grant, id, era) => {
      const names = era === 'modern' ? [CURRENT, formerName({ id })] : [id];
      const stored = names.map((name) => sessions.get(sessionKey(grant, name)));
      return copy(stored.find((each): each is Session => each !== undefined && 'id' in each && each.id === id));
    },
    grants: async (ids) => copy(ids.map((id) => grants.get(id)).filter((each) => each !== undefined)),
    users: async (keys) => copy(keys.map((key) => users.get(key)).filter((each) => each !== undefined)),
  };
}

function listed<T>(all: T[], nameOf: (each: T) => string, { limit, after }: ListOptions): ListedPage<T> {
  const rest = all
    .map((each) => ({ each, name: nameOf(each) }))
    .filter(({ name }) => after === undefined || name < after)
    .toSorted((a, b) => (a.name < b.name ? 1 : -1));
  const page = rest.slice(0, limit);
  return copy({ items: page.map(({ each }) => each), ...(rest.length > limit && { next: page.at(-1)!.name }) });
}
