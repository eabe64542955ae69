import type { SessionSummary } from '../admin/session-summary.ts';
import type { CallOutcome, ToolCall } from '../audit/tool-call.ts';

/**
 * What the dashboard's page and its function say to each other: JSON at `/dashboard/api/…`, times in epoch milliseconds.
 * Users are their keys. Who may see whom is decided by the function alone (`guard.ts`): whoever is no owner has every
 * answer about themselves, whatever `user` they ask for.
 *
 * | request                          | answer             |                                                            |
 * | -------------------------------- | ------------------ | ---------------------------------------------------------- |
 * | `GET  me`                        | `Me`               |                                                            |
 * | `GET  overview?…Filter`          | `Overview`         |                                                            |
 * | `GET  calls?…Filter&…Paging`     | `Page<CallRow>`    | newest first                                               |
 * | `GET  sessions?…Filter&…Paging`  | `Page<SessionRow>` | newest first; no tool, no outcome; the time is optional    |
 * | `GET  sessions/{id}?…Paging`     | `SessionDetail`    | its calls in the order they began                          |
 * | `GET  grants?user&…Paging`       | `Page<GrantRow>`   | newest first                                               |
 * | `GET  users?…Paging`             | `Page<UserRow>`    | owners only; who signed in last comes first                |
 * | `GET  find?id`                   | `Found`            | 404 for what is unknown, and for what is another's         |
 * | `POST grants/{id}/revoke`        | `Revoked`          |                                                            |
 * | `POST sessions/{id}/revoke`      | `Revoked`          |                                                            |
 * | `POST revoke-all` `{user}`       | `Revoked`          | every grant of a user; absent: one's own                   |
 * | `POST erase` `{user}`            | `Erased`           | everything about a user; absent: oneself. Again until done |
 * | `POST sign-out`                  | `{}`               |                                                            |
 *
 * Each `POST` has a JSON body and the header `X-CSRF-Token` with `Me.csrf`. Errors are `ApiError` under a fitting status:
 * 400, 401 (sign in again), 403, 404, 405, 503 (try again: nothing has changed).
 */
export const API_PATH = '/dashboard/api/';

export type ApiError = { error: { code: string; message: string } };

export type Me = {
  /** Key of the user. */
  user: string;
  /** As the identity provider has it, where the owner has chosen to show names. */
  name?: string;
  /** Sees everyone. */
  isAdmin: boolean;
  csrf: string;
  /** When this sign-in ends. */
  expiresAt: number;
  /** How long calls stay on record. */
  retentionDays: number;
};

/** What is looked at. An absent member excludes nothing. */
export type Filter = {
  from: number;
  to: number;
  user?: string;
  /** Id of a grant. */
  grant?: string;
  /** As `clientOf` names it. */
  client?: string;
  tool?: string;
  outcome?: CallOutcome | typeof ERRORS;
};

/** In place of an outcome: each but `success`. */
export const ERRORS = 'error';

/** `after`: `next` of the page before. `limit`: 50 by default, 1 to 200. */
export type Paging = { after?: string; limit?: number };

export type ResultPage<T> = {
  items: T[];
  /** Absent on the last page. A page that has one may have fewer items than asked for, even none. */
  next?: string;
  /** How far back the page has looked, where it looks through time. */
  searchedTo?: number;
};

/** How calls are counted apart. Each list is the most frequent first, and at its end `OTHERS` if there are more. */
export const breakdowns = ['outcome', 'tool', 'client'] as const;
export type Breakdown = (typeof breakdowns)[number];

/** Stands for all that are not told apart. No tool is named so: it has no visible character. */
export const OTHERS = ' ';

export type Durations = { p50: number; p95: number; p99: number };

/** One bar of the charts: the calls that ended from `at` until the next bar. */
export type Bar = {
  at: number;
  calls: number;
  errors: number;
  /** In milliseconds, within a tenth; absent without calls. */
  durations?: Durations;
  /** How many were there; absent while calls are filtered by anything but user. */
  users?: number;
  sessions?: number;
} & {
  /** Calls by what `Overview.groups` lists. */
  [B in Breakdown]: number[];
};

export type Overview = {
  from: number;
  to: number;
  stepMilliseconds: number;
  groups: Record<Breakdown, string[]>;
  bars: Bar[];
  totals: Omit<Bar, 'at' | Breakdown>;
  /** Of those that had calls in the time; absent while calls are filtered by anything but user. */
  sessions?: {
    total: number;
    /** Their last call is less than a session's TTL ago. */
    active: number;
    expired: number;
    /** From the first call to the last. */
    averageMilliseconds: number;
    /** Whether these are estimates from a random sample, since they are too many to be counted. */
    isEstimate: boolean;
  };
  /** The most frequent ones with their errors and durations, at most 50 of each. */
  rows: Record<Breakdown, { name: string; calls: number; errors: number; durations?: Durations }[]>;
  /** Set when not all calls could be looked at: those since then are counted. */
  completeSince?: number;
};

export type CallRow = ToolCall & {
  /** The client as charts and filters name it. */
  clientLabel: string;
  userName?: string;
};

export type SessionRow = SessionSummary & { clientLabel: string; userName?: string };

export type SessionDetail = { session: SessionRow; calls: ResultPage<CallRow> };

export type GrantRow = {
  id: string;
  user: string;
  userName?: string;
  /** `client_id`. */
  client: string;
  clientName: string;
  scopes: string[];
  /** `expired`: not used for too long, or older than a grant may be. */
  status: 'active' | 'revoked' | 'expired';
  createdAt: number;
  /** When its client was last given a token. */
  renewedAt: number;
  /** When it ends at the latest. */
  endsAt: number;
  revokedAt?: number;
};

export type UserRow = { user: string; userName?: string; firstSignInAt: number; lastSignInAt: number };

export type IdSearchResult =
  | { kind: 'session'; session: string }
  | { kind: 'grant'; grant: string; user: string }
  | { kind: 'user'; user: string }
  | { kind: 'call'; session: string; call: string };

/** How many grants or sessions have ended that had not before. */
export type RevokedCount = { revoked: number };

/** `done`: nothing is left. Otherwise ask again. */
export type ErasedCount = { items: number; done: boolean };

/** The client as people know it: the name it gives itself, or else its id. One program has many ids, one for each copy. */
export const clientOf = ({ clientName, client }: Pick<ToolCall, 'clientName' | 'client'>): string =>
  clientName ?? client;
