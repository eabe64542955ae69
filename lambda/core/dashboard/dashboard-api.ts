import type { PrincipalKind } from '../access/grant.ts';
import type { SessionSummary } from '../admin/session-summary.ts';
import type { CallOutcome, ToolCall } from '../audit/tool-call.ts';

export type { CallFilter as Filter } from '../audit/call-filter.ts';
export { callOutcomes, ERRORS, methodIn, OTHERS, toolOf } from '../audit/tool-call.ts';
export { quotedName } from '../support/untrusted-text.ts';

/**
 * The API between the dashboard's page and its function: JSON at `/dashboard/api/…`, times in epoch milliseconds, users
 * by their keys. The function alone decides on access (`dashboard-guard.ts`): a user who is not an admin gets every
 * response about themselves, whatever `user` the request names.
 *
 * | request                          | response           |                                                            |
 * | -------------------------------- | ------------------ | ---------------------------------------------------------- |
 * | `GET  sign-in`                   | `SignInState`      | also for users who are not signed in                       |
 * | `GET  me`                        | `Me`               |                                                            |
 * | `GET  overview?…Filter`          | `Overview`         |                                                            |
 * | `GET  errors?…Filter`            | `ErrorOverview`    | no client, no grant                                        |
 * | `GET  calls?…Filter&…Paging`     | `Page<CallRow>`    | newest first; also by `error`                              |
 * | `GET  sessions?…Filter&…Paging`  | `Page<SessionRow>` | newest first; no tool, no outcome; `from`, `to` optional   |
 * | `GET  sessions/{id}?…Paging`     | `SessionDetail`    | its calls in the order of their start                      |
 * | `GET  grants?user&…Paging`       | `Page<GrantRow>`   | newest first                                               |
 * | `GET  tokens?user&…Paging`       | `Page<TokenRow>`   | personal access tokens, newest first                       |
 * | `GET  users?activity&…Paging`    | `Page<UserRow>`    | admins only; latest sign-in first. With `activity=true`, `UserActivityRow` |
 * | `GET  find?id`                   | `Found`            | 404 for an unknown id and for another user's               |
 * | `POST grants/{id}/revoke`        | `Revoked`          |                                                            |
 * | `POST sessions/{id}/revoke`      | `Revoked`          |                                                            |
 * | `POST revoke-all` `{user}`       | `Revoked`          | every grant of a user; absent: the caller's                |
 * | `POST erase` `{user}`            | `Erased`           | all data of a user; absent: the caller's. Until `done`     |
 * | `POST sign-out`                  | `{}`               |                                                            |
 *
 * `POST /dashboard/tokens` with `PersonalTokenRequest` makes a token and answers `PersonalToken`: the OAuth function serves it.
 *
 * Each `POST` has a JSON body and the header `X-CSRF-Token` with `Me.csrf`. Errors are `ApiError` with a status: 400, 401
 * (sign in again), 403, 404, 405, 500, 503 (repeat the request).
 */
export const API_PATH = '/dashboard/api/';
export const TOKENS_PATH = '/dashboard/tokens';

export type ApiError = { error: { code: string; message: string } };

/** Lets the page ask without an error in the browser's console. */
export type SignInState = { isSignedIn: boolean };

export type Me = {
  /** Key of the user. */
  user: string;
  /** The name at the identity provider; only with the setting `showNames`. */
  name?: string;
  /** Sees all users. */
  isAdmin: boolean;
  csrf: string;
  /** Expiry of the dashboard session. */
  expiresAt: number;
  /** Retention of the audit log. */
  retentionDays: number;
  /** Whether names of users are stored (setting `showNames`). */
  showsNames: boolean;
  /** Whether the identity provider keeps the grants, so that a revoked app cannot be connected again by a sign-in. */
  isDirect: boolean;
  /** Limits of personal access tokens; absent where users cannot make them. */
  personalTokens?: { mostDays: number; scopes: { name: string; description: string }[] };
};

/** `after`: `next` of the page before. `limit`: 50 by default, 1 to 200. */
export type Paging = { after?: string; limit?: number };

export type ResultPage<T> = {
  items: T[];
  /** Absent on the last page. Another page may have fewer items than its limit, even none. */
  next?: string;
  /** Set when the page ended at its limit of work: the calls until then are searched. */
  searchedTo?: number;
};

/** Properties by which calls are grouped. Groups are listed most frequent first, then `OTHERS` for the rest. */
export const breakdowns = ['outcome', 'tool', 'client'] as const;
export type Breakdown = (typeof breakdowns)[number];

/**
 * Further ones of the bars: a client with its version, and the version of the protocol, empty where the request has none.
 * They have no groups when the filter has a tool, an outcome or a `clientInfo`.
 */
export const versionBreakdowns = ['version', 'protocol'] as const;
export type BarBreakdown = Breakdown | (typeof versionBreakdowns)[number];

export type Durations = { p50: number; p95: number; p99: number };

/** Bytes of responses. A token is about `BYTES_PER_TOKEN` of them. */
export type Answers = { average: number; largest: number };

/** A rule of thumb of model providers for English text and JSON. */
export const BYTES_PER_TOKEN = 4;

/** One bar of the charts: the calls that ended from `at` until the next bar. */
export type Bar = {
  at: number;
  calls: number;
  errors: number;
  /** In milliseconds, within 10 percent; absent without calls. */
  durations?: Durations;
  /** Absent where no response was measured: earlier versions did not. */
  answers?: Answers;
  /** Users and sessions with calls; absent when the filter has more than a user. */
  users?: number;
  sessions?: number;
} & {
  /** Calls of each group in `Overview.groups`. */
  [B in BarBreakdown]: number[];
};

export type Overview = {
  from: number;
  to: number;
  stepMilliseconds: number;
  groups: Record<BarBreakdown, string[]>;
  bars: Bar[];
  totals: Omit<Bar, 'at' | BarBreakdown>;
  /**
   * The totals of as long a time before; of all users a week or more in whole days. Absent if that time had no calls, and at
   * the limit of work.
   */
  previous?: Omit<Bar, 'at' | BarBreakdown>;
  /** Sessions with calls in the time; absent when the filter has more than a user. */
  sessions?: {
    total: number;
    /** Their last call is less than a session's TTL ago. */
    active: number;
    expired: number;
    /** From the first call to the last. */
    averageMilliseconds: number;
    /** Whether the numbers are estimates from a random sample, because there are many sessions. */
    isEstimate: boolean;
  };
  /** The most frequent groups, at most 100 of each breakdown. */
  rows: Record<Breakdown, GroupRow[]>;
  /** Calls by duration. The last class has no upper limit. */
  histogram: { belowMilliseconds?: number; calls: number }[];
  /** The users with the most calls, at most 10; absent when the filter has more than the time. */
  topUsers?: { user: string; userName?: string; calls: number; errors: number }[];
  /**
   * Names that the log has in the same session before and after a call of the tool, in the same five minutes; absent when the
   * filter has no tool, or a client.
   */
  neighbours?: Record<'before' | 'after', { name: string; calls: number }[]>;
  /** Set at the limit of work: only calls since then are counted. */
  completeSince?: number;
};

export type GroupRow = {
  name: string;
  calls: number;
  errors: number;
  durations?: Durations | undefined;
  answers?: Answers | undefined;
};

/** Errors of one fingerprint, or else of one tool and outcome. */
export type ErrorRow = {
  /** `OTHERS` for the less frequent groups. */
  tool: string;
  outcome: CallOutcome;
  /** Fingerprint, by which the calls are listed. */
  error?: string;
  errorClass?: string;
  /** File and line of the owner's code. */
  errorPlace?: string;
  /** Of the last call; only with the setting `auditErrors: 'message'`. */
  errorMessage?: string;
  calls: number;
  users: number;
  /** Whether the number of users is an estimate. */
  isEstimate: boolean;
  /** The most frequent first. */
  clients: string[];
  /** Ends of the first and the last call in the time. */
  firstAt: number;
  lastAt: number;
  last: { session: string; call: string };
  /** Calls in each bar. */
  bars: number[];
};

export type ErrorOverview = {
  from: number;
  to: number;
  stepMilliseconds: number;
  /** Starts of the bars. */
  bars: number[];
  /** The latest first, at most 100. */
  groups: ErrorRow[];
  /** As in `Overview`. */
  completeSince?: number;
};

export type CallRow = ToolCall & {
  /** The registered name of the client; `clientName` is the name that it states in `clientInfo`. */
  clientLabel: string;
  userName?: string;
};

export type SessionRow = SessionSummary & { clientLabel: string; userName?: string };

export type SessionDetail = { session: SessionRow; calls: ResultPage<CallRow> };

export type GrantRow = {
  id: string;
  user: string;
  userName?: string;
  kind: PrincipalKind;
  /** `client_id`. */
  client: string;
  clientName: string;
  /** Whether it is the grant of a personal access token, whose name is `clientName`. */
  isToken: boolean;
  scopes: string[];
  /** `expired`: idle for too long, or past its absolute lifetime. */
  status: 'active' | 'revoked' | 'expired';
  createdAt: number;
  /** The last token refresh; in direct mode the last request. */
  renewedAt: number;
  /** The latest expiry. Absent in direct mode, where the identity provider decides. */
  endsAt?: number;
  revokedAt?: number;
};

export type TokenRow = GrantRow & {
  endsAt: number;
  /** The last request; absent for a token without one in the latest 200 sessions of its user. */
  lastUsedAt?: number;
};

export type UserRow = { user: string; userName?: string; firstSignInAt: number; lastSignInAt: number };

/** A user with the activity of 30 days, which is absent where it is not known: beyond 256 active users, for some. */
export type UserActivityRow = UserRow & {
  calls?: number;
  errors?: number;
  /** The last request of the latest session. */
  lastSeenAt?: number;
  /** Names of the clients of active grants, without repetitions. */
  clients: string[];
};

export type IdSearchResult =
  | { kind: 'session'; session: string }
  | { kind: 'grant'; grant: string; user: string }
  | { kind: 'user'; user: string }
  | { kind: 'call'; session: string; call: string };

/** Number of grants or sessions that the request has ended. */
export type RevokedCount = { revoked: number };

/** `done`: nothing is left. Otherwise repeat the request. */
export type ErasedCount = { items: number; done: boolean };
