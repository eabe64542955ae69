import type { CallSearch } from '../admin/call-search.ts';
import type { Directory } from '../admin/directory.ts';
import type { ErasureStore } from '../admin/erasure.ts';
import type { RevocationStore } from '../admin/revocation.ts';
import type { StatisticsReader } from '../audit/aggregates.ts';
import type { CallHistory } from '../audit/tool-call.ts';
import type { Names } from '../identity/user-names.ts';
import type { PageFiles } from './dashboard-page.ts';
import type { VisitStore } from './dashboard-session.ts';

/** Everything the dashboard works with. */
export type Dashboard = {
  /** The origin that browsers know. */
  publicUrl: string;
  /** The group whose members see everyone. */
  ownersGroup: string;
  retentionDays: number;
  grantIdleSeconds: number;
  sessionTtlSeconds: number;
  visits: VisitStore;
  calls: CallHistory;
  search: CallSearch;
  statistics: StatisticsReader;
  directory: Directory;
  revocation: RevocationStore;
  erasure: ErasureStore;
  /** Absent unless the owner wants to see what users are called. */
  names?: Names | undefined;
  page: PageFiles;
  /** Epoch milliseconds. */
  now: () => number;
  /** Epoch seconds. */
  seconds: () => number;
  log: (event: string, details?: Record<string, unknown>) => void;
};
