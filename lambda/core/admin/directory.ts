import type { Grant } from '../access/grant.ts';
import type { Session } from '../sessions/session.ts';

/** A user who has signed in. Times are epoch seconds. */
export type User = {
  user: string;
  /** The user's name at the identity provider, sealed (`identity/user-names.ts`); only with the setting `showNames`. */
  sealedName?: string;
  firstSignInAt: number;
  lastSignInAt: number;
};

/** A grant in a list. */
export type ListedGrant = Omit<Grant, 'issuer' | 'subject' | 'refresh'> & {
  /** The last request of its sessions. Only in direct mode, where a refresh is not seen here. */
  lastSeenAt?: number;
};

/** A page of a list. */
export type ListedPage<T> = {
  items: T[];
  /** `after` of the next page; absent on the last. */
  next?: string;
};

export type ListOptions = { limit: number; after?: string | undefined };

/**
 * Lists of users, grants and sessions for dashboard and command line, eventually consistent. Every method throws
 * `ServiceUnavailableError`.
 */
export interface Directory {
  /** Sessions of a user, latest start first; expired ones are included for the retention of their calls. */
  sessionsOf(user: string, options: ListOptions): Promise<ListedPage<Session>>;
  /** Sessions of all users, latest `lastSeenAt` first. */
  recentSessions(options: ListOptions): Promise<ListedPage<Session>>;
  /** Grants of a user, ended ones included, latest first. */
  grantsOf(user: string, options: ListOptions): Promise<ListedPage<ListedGrant>>;
  recentGrants(options: ListOptions): Promise<ListedPage<ListedGrant>>;
  /** Users, latest sign-in first. */
  recentUsers(options: ListOptions): Promise<ListedPage<User>>;
  /** A session under its id, `CURRENT` or `formerName`; undefined when it is deleted. */
  session(grant: string, id: string, era: Session['era']): Promise<Session | undefined>;
  /** The grants of these ids, at most 100, that exist. */
  grants(ids: string[]): Promise<ListedGrant[]>;
  /** The users of these keys, at most 100, that exist. */
  users(keys: string[]): Promise<User[]>;
}
