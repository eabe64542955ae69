import type { Grant } from '../access/grant.ts';
import type { Session } from '../sessions/session.ts';

/** A user who has signed in. Times are epoch seconds. */
export type User = {
  user: string;
  /** What the identity provider calls the user, sealed (`names.ts`); absent unless the owner has chosen to keep it. */
  sealedName?: string;
  firstSignInAt: number;
  lastSignInAt: number;
};

/** Some of a list, and where the next ones are. */
export type ListedPage<T> = {
  items: T[];
  /** To be handed in for the next page; absent on the last. */
  next?: string;
};

export type ListOptions = { limit: number; after?: string | undefined };

/** What there is, for those who show it. It may be a moment behind. Every method throws `Outage`. */
export interface Directory {
  /** Sessions of a user, those that began last come first; what has expired is among them as long as its calls are kept. */
  sessionsOf(user: string, options: ListOptions): Promise<ListedPage<Session>>;
  /** Sessions of everyone, those that were seen last come first. */
  recentSessions(options: ListOptions): Promise<ListedPage<Session>>;
  /** Grants of a user, ended ones too, the latest first. */
  grantsOf(user: string, options: ListOptions): Promise<ListedPage<Grant>>;
  recentGrants(options: ListOptions): Promise<ListedPage<Grant>>;
  /** Users by their last sign-in. */
  recentUsers(options: ListOptions): Promise<ListedPage<User>>;
  /** A session under its own name, `CURRENT` or `formerName`; absent when it has gone. */
  session(grant: string, id: string, era: Session['era']): Promise<Session | undefined>;
  /** Those of the grants that are there, at most 100. */
  grants(ids: string[]): Promise<Grant[]>;
  /** Those of the users that are there, at most 100. */
  users(keys: string[]): Promise<User[]>;
}
