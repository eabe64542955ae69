import { type AuditLogReader, clientOf } from '../audit/tool-call.ts';
import type { Session } from '../sessions/session.ts';
import type { Directory, ListedGrant, ListedPage, ListOptions, User } from './directory.ts';

type Dependencies = {
  directory: Directory;
  calls: Pick<AuditLogReader, 'callsOf'>;
  /** A session of the grant; undefined when the table holds none. Throws `ServiceUnavailableError`. */
  sessionUnder: (grant: string) => Promise<Session | undefined>;
  /** Epoch seconds. */
  seconds: () => number;
};

/** Pages of sessions that one page of a list reads. */
const MOST_PAGES = 10;
const LARGEST_LOOKUP = 100;

/**
 * Direct mode: the identity provider keeps the grants, and users need not sign in here, so grants and users are those of the
 * sessions. One with sessions on several pages of sessions may be on several pages of its list. A grant that the table holds
 * is blocked here.
 */
export function directDirectory({ directory, calls, sessionUnder, seconds }: Dependencies): Directory {
  async function grantOf([id, sessions]: [string, Session[]], revokedAt: number | undefined): Promise<ListedGrant> {
    const { id: session, user } = sessions[0]!;
    const page = await calls.callsOf(session, { limit: 1, now: seconds(), user });
    const [call] = page.calls;
    return {
      id,
      user,
      // Only a call states the client.
      client: call?.client ?? 'unknown',
      clientName: call === undefined ? 'unknown' : clientOf(call),
      scopes: [],
      groups: [],
      status: revokedAt === undefined ? 'active' : 'revoked',
      ...(revokedAt !== undefined && { revokedAt }),
      createdAt: Math.min(...sessions.map(({ startedAt }) => startedAt)),
      lastSeenAt: Math.max(...sessions.map(({ lastSeenAt }) => lastSeenAt)),
      absoluteExpiresAt: Number.POSITIVE_INFINITY,
      idleExpiresAt: Number.POSITIVE_INFINITY,
    };
  }

  async function grantsOf(sessions: Session[]): Promise<ListedGrant[]> {
    const grants = [...Map.groupBy(sessions, ({ grant }) => grant)];
    const revoked = new Map<string, number>();
    for (let first = 0; first < grants.length; first += LARGEST_LOOKUP) {
      const ids = grants.slice(first, first + LARGEST_LOOKUP).map(([id]) => id);
      for (const { id, revokedAt = 0 } of await directory.grants(ids)) revoked.set(id, revokedAt);
    }
    return Promise.all(grants.map((each) => grantOf(each, revoked.get(each[0]))));
  }

  async function usersOf(sessions: Session[]): Promise<User[]> {
    const users = [...Map.groupBy(sessions, ({ user }) => user)];
    const signedIn = new Map<string, User>();
    for (let first = 0; first < users.length; first += LARGEST_LOOKUP) {
      const keys = users.slice(first, first + LARGEST_LOOKUP).map(([user]) => user);
      for (const user of await directory.users(keys)) signedIn.set(user.user, user);
    }
    return users.map(([user, each]) => ({
      ...signedIn.get(user),
      user,
      firstSignInAt: Math.min(...each.map(({ startedAt }) => startedAt)),
      lastSignInAt: Math.max(...each.map(({ startedAt }) => startedAt)),
    }));
  }

  return {
    ...directory,
    grantsOf: async (user, options) =>
      listed(
        (each) => directory.sessionsOf(user, each),
        ({ grant }) => grant,
        grantsOf,
        options,
      ),
    recentGrants: (options) => listed(directory.recentSessions, ({ grant }) => grant, grantsOf, options),
    recentUsers: (options) => listed(directory.recentSessions, ({ user }) => user, usersOf, options),
    async grants(ids) {
      const sessions = await Promise.all(ids.map(sessionUnder));
      return grantsOf(sessions.filter((session) => session !== undefined));
    },
  };
}

/** The items of a page of sessions. It ends at the limit of items, or of pages that are read. */
async function listed<T>(
  sessions: Directory['recentSessions'],
  ownerOf: (session: Session) => string,
  itemsOf: (sessions: Session[]) => Promise<T[]>,
  { limit, after }: ListOptions,
): Promise<ListedPage<T>> {
  const found: Session[] = [];
  const owners = new Set<string>();
  let next = after;
  for (let pages = 0; pages < MOST_PAGES && owners.size < limit; pages++) {
    const page = await sessions({ limit: limit - owners.size, after: next });
    found.push(...page.items);
    for (const session of page.items) owners.add(ownerOf(session));
    next = page.next;
    if (next === undefined) break;
  }
  return { items: await itemsOf(found), ...(next !== undefined && { next }) };
}
