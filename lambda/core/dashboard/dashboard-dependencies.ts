import type { Branding } from '../../shared/branding.ts';
import type { CallSearch } from '../admin/call-search.ts';
import type { Directory } from '../admin/directory.ts';
import type { ErasureStore } from '../admin/erasure.ts';
import type { RevocationStore } from '../admin/revocation.ts';
import type { AggregateReader } from '../audit/aggregate-kinds.ts';
import type { AuditLogReader } from '../audit/tool-call.ts';
import type { UserNames } from '../identity/user-names.ts';
import type { Logger } from '../support/logger.ts';
import type { Me } from './dashboard-api.ts';
import type { PageFiles } from './dashboard-page.ts';
import type { DashboardSessionStore } from './dashboard-session.ts';

export type Dashboard = {
  /** The public origin. */
  publicUrl: string;
  branding: Branding;
  /** The group whose members see all users. */
  adminsGroup: string;
  retentionDays: number;
  /** Whether the identity provider keeps the grants. */
  isDirect: boolean;
  grantIdleSeconds: number;
  sessionTtlSeconds: number;
  /** Personal access tokens; absent where users cannot make them. */
  personalTokens?: Me['personalTokens'] | undefined;
  dashboardSessions: DashboardSessionStore;
  calls: AuditLogReader;
  search: CallSearch;
  aggregates: AggregateReader;
  directory: Directory;
  revocation: RevocationStore;
  erasure: ErasureStore;
  /** Only with the setting `showNames`. */
  userNames?: UserNames | undefined;
  page: PageFiles;
  /** Epoch milliseconds. */
  now: () => number;
  /** Epoch seconds. */
  seconds: () => number;
  log: Logger;
};
