/**
 * How items are keyed in the session table: the functions build keys from it, and the stack grants each role the prefixes
 * that its function needs (`dynamodb:LeadingKeys`). Everything here is stored, so a change of a value orphans data.
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

export type ItemKind = keyof typeof keyPrefix;

/** Attributes of the table that no item's content uses. */
export const tableAttributes = { partitionKey: 'pk', sortKey: 'sk', timeToLive: 'ttl' } as const;

/** Secondary indexes: `byUser` has the items of one user, `recent` the items of everyone by time. */
export const indexes = {
  byUser: { name: 'byUser', partitionKey: 'gsi1pk', sortKey: 'gsi1sk' },
  recent: { name: 'recent', partitionKey: 'gsi2pk', sortKey: 'gsi2sk' },
} as const;

/** First characters of an index's partition key, by what is listed there. */
export const indexPrefix = {
  byUser: 'U#',
  recentSessions: 'R#',
  recentGrants: 'G#',
  recentUsers: 'U#',
} as const;

/** How many partitions a list of everyone is spread over, so that none of them is hot. */
export const shards = { sessions: 16, calls: 4, grants: 4, users: 4 } as const;
