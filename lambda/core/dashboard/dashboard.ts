import type { CallHistory } from '../call.ts';
import type { CallSearch } from '../call-search.ts';
import type { Directory } from '../directory.ts';
import type { ErasureStore } from '../erasure.ts';
import type { Names } from '../names.ts';
import type { RevocationStore } from '../revocation.ts';
import type { StatisticsReader } from '../statistics.ts';
import type { VisitStore } from '../visit.ts';
import type { PageFiles } from './page.ts';

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
