import { openTableClient } from '#table-client';
import { Outage } from '../../core/support/service-unavailable-error.ts';
import { type TableClient, TableError } from './table-client.ts';

/** One table holds everything; `docs/data-model.md` lists its items. */
export type Table = { client: TableClient; name: string };

/** Opens the table with the function's own credentials. A request that hangs is an outage after three seconds. */
export const openTable = (name: string): Table => ({ name, client: openTableClient() });

/**
 * Partition keys. Their prefixes are what the functions' roles are told apart by (`dynamodb:LeadingKeys`), so `lib`
 * grants by prefix and a function that reaches for another's items is refused.
 */
export const partition = {
  client: (id: string) => `CL#${id}`,
  clientDocument: (urlHash: string) => `CM#${urlHash}`,
  pace: (name: string) => `RL#${name}`,
  spentAssertion: (assertionHash: string) => `JT#${assertionHash}`,
  authorizationRequest: (handleHash: string) => `AR#${handleHash}`,
  signIn: (stateHash: string) => `UP#${stateHash}`,
  code: (codeHash: string) => `CO#${codeHash}`,
  grant: (id: string) => `G#${id}`,
  identityTokens: (grant: string) => `T#${grant}`,
  sessions: (grant: string) => `S#${grant}`,
  importedSessions: (user: string) => `I#${user}`,
  runs: (grant: string) => `E#${grant}`,
  runTexts: (grant: string, run: string) => `E#${grant}#${run}`,
  changes: (user: string) => `X#${user}`,
  calls: (session: string) => `D#${session}`,
  callMarkers: (bucket: number, session: string) => partition.callMarkersIn(bucket, shardOf(session, shards.calls)),
  callMarkersIn: (bucket: number, shard: number) => `C#${bucket}#${shard}`,
  user: (user: string) => `U#${user}`,
  state: (user: string) => `N#${user}`,
  sealedKey: (name: string) => `K#${name}`,
  visit: (cookieHash: string) => `B#${cookieHash}`,
  statistics: (what: string) => `A#${what}`,
  /** In the index `byUser`. */
  byUser: (user: string) => `U#${user}`,
};

/** How many partitions a list of everyone is spread over, so that none of them is hot. */
export const shards = { sessions: 16, calls: 4, grants: 4, users: 4 };

/** The partition of the index `recent` that something is listed in. */
export const spread = {
  sessions: (id: string) => `R#${shardOf(id, shards.sessions)}`,
  grants: (id: string) => `G#${shardOf(id, shards.grants)}`,
  users: (user: string) => `U#${shardOf(user, shards.users)}`,
};

const shardOf = (id: string, count: number) => id.charCodeAt(0) % count;

/** Sort key of items that stand alone in their partition. */
export const ALONE = '-';

const outages = new Set(['InternalServerError', 'ServiceUnavailable', 'TimeoutError', 'RequestTimeout']);

/** Errors of throttling and contention, which the client has already retried. */
const busy = new Set([
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'ThrottlingException',
  'TransactionConflictException',
  'TransactionInProgressException',
]);

/**
 * Runs a request, turning a store that does not answer into `Outage`. Outcomes of conditions, and mistakes such as a
 * permission that is missing, pass through as they are.
 */
export async function reaching<T>(request: Promise<T>): Promise<T> {
  try {
    return await request;
  } catch (error) {
    if (error instanceof TableError) {
      const contended = error.name === 'TransactionCanceledException' && !conditionFailed(error);
      if (!contended && error.status < 500 && !busy.has(error.name) && !outages.has(error.name)) throw error;
    }
    throw new Outage('The session table', error);
  }
}

/** Whether a write was refused by its own condition, alone or as a part of a transaction. */
export const conditionFailed = (error: unknown): boolean =>
  error instanceof TableError &&
  (error.name === 'ConditionalCheckFailedException' || error.reasons.includes('ConditionalCheckFailed'));

/**
 * Whether a transaction was given up because another one, still under way, writes the same items. Unlike other contention
 * the client does not try it again.
 */
export const conflicted = (error: unknown): boolean =>
  error instanceof TableError && error.reasons.includes('TransactionConflict');

/** Runs a conditional write: true when it happened, false when its condition refused it. */
export async function happened(write: Promise<unknown>): Promise<boolean> {
  try {
    await reaching(write);
    return true;
  } catch (error) {
    if (conditionFailed(error)) return false;
    throw error;
  }
}

/** Items carry their type and the table's own attributes; the domain sees neither. */
export function domain<T>(item: Record<string, unknown>): T {
  const { pk, sk, type, ttl, gsi1pk, gsi1sk, gsi2pk, gsi2sk, ...rest } = item;
  return rest as T;
}

/** Clause of a conditional put or delete: nothing stands here, or what stands here has expired but not yet been deleted. */
export const ABSENT_OR_EXPIRED = 'attribute_not_exists(pk) OR expiresAt <= :now';
