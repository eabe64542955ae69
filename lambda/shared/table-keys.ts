/**
 * Keys of the items in the session table. The functions build keys from it, and the stack grants each role the
 * prefixes that its function needs (`dynamodb:LeadingKeys`). All values are stored, so a change of one orphans data.
 */

/** First characters of the partition key, by kind of item. */
export const keyPrefix = {
  client: 'CL#',
  clientDocument: 'CM#',
  rateLimit: 'RL#',
  spentAssertion: 'JT#',
  authorizationRequest: 'AR#',
  signIn: 'UP#',
  code: 'CO#',
  grant: 'G#',
  upstreamTokens: 'T#',
  sessions: 'S#',
  importedSessions: 'I#',
  executions: 'E#',
  changes: 'X#',
  calls: 'D#',
  callMarkers: 'C#',
  user: 'U#',
  state: 'N#',
  sealedKey: 'K#',
  dashboardSessions: 'B#',
  aggregates: 'A#',
} as const;

/** Follows `keyPrefix.aggregates` in the key of the progress of the export of telemetry. */
export const EXPORT_PROGRESS = 'export';

export type ItemKind = keyof typeof keyPrefix;

/** Reserved attributes of every item. */
export const tableAttributes = { partitionKey: 'pk', sortKey: 'sk', timeToLive: 'ttl' } as const;

/** Secondary indexes: `byUser` lists the items of one user, `recent` the items of all users by time. */
export const indexes = {
  byUser: { name: 'byUser', partitionKey: 'gsi1pk', sortKey: 'gsi1sk' },
  recent: { name: 'recent', partitionKey: 'gsi2pk', sortKey: 'gsi2sk' },
} as const;

/** First characters of an index's partition key, by the list. */
export const indexPrefix = {
  byUser: 'U#',
  recentSessions: 'R#',
  recentGrants: 'G#',
  recentUsers: 'U#',
  /** Upstream tokens of ended grants, by the time at which the provider has to revoke them. */
  endedTokens: 'T#',
} as const;

/** First characters of the sort key in the index `byUser`, by kind of item. */
export const byUserPrefix = { sessions: 'S#', grants: 'G#', codes: 'O#', dashboardSessions: 'B#' } as const;

/** Partitions of each list of all users' items, so that no partition is hot. */
export const shards = { sessions: 16, calls: 4, grants: 4, users: 4, endedTokens: 4 } as const;

/** Partition key of the list of machine clients in the index `recent`: operators add few. */
export const MACHINE_CLIENTS = 'M#0';
