import { openTableClient } from '#table-client';
import { ServiceUnavailableError } from '../../core/support/service-unavailable-error.ts';
import { indexPrefix, keyPrefix, shards } from '../../shared/table-keys.ts';
import { type TableClient, TableError, type TransactWriteInput } from './client/table-client.ts';

/** The table that holds every item (`docs/data-model.md`). */
export type TableConnection = { client: TableClient; name: string };

/** Opens the table with the function's credentials. A request without response fails after three seconds. */
export const openTable = (name: string): TableConnection => ({ name, client: openTableClient() });

/** Partition keys, by kind of item. */
export const partition = {
  client: (id: string) => `${keyPrefix.client}${id}`,
  clientDocument: (urlHash: string) => `${keyPrefix.clientDocument}${urlHash}`,
  rateLimit: (name: string) => `${keyPrefix.rateLimit}${name}`,
  spentAssertion: (assertionHash: string) => `${keyPrefix.spentAssertion}${assertionHash}`,
  authorizationRequest: (handleHash: string) => `${keyPrefix.authorizationRequest}${handleHash}`,
  signIn: (stateHash: string) => `${keyPrefix.signIn}${stateHash}`,
  code: (codeHash: string) => `${keyPrefix.code}${codeHash}`,
  grant: (id: string) => `${keyPrefix.grant}${id}`,
  upstreamTokens: (grant: string) => `${keyPrefix.upstreamTokens}${grant}`,
  sessions: (grant: string) => `${keyPrefix.sessions}${grant}`,
  importedSessions: (user: string) => `${keyPrefix.importedSessions}${user}`,
  executions: (grant: string) => `${keyPrefix.executions}${grant}`,
  executionTexts: (grant: string, execution: string) => `${keyPrefix.executions}${grant}#${execution}`,
  /** Short-lived marks of requests. No execution has this id. */
  requestMarks: (grant: string) => `${keyPrefix.executions}${grant}#marks`,
  changes: (user: string) => `${keyPrefix.changes}${user}`,
  calls: (session: string) => `${keyPrefix.calls}${session}`,
  callMarkers: (bucket: number, session: string) => partition.callMarkersIn(bucket, shardOf(session, shards.calls)),
  callMarkersIn: (bucket: number, shard: number) => `${keyPrefix.callMarkers}${bucket}#${shard}`,
  user: (user: string) => `${keyPrefix.user}${user}`,
  state: (user: string) => `${keyPrefix.state}${user}`,
  sealedKey: (name: string) => `${keyPrefix.sealedKey}${name}`,
  dashboardSession: (cookieHash: string) => `${keyPrefix.dashboardSessions}${cookieHash}`,
  aggregates: (name: string) => `${keyPrefix.aggregates}${name}`,
  /** In the index `byUser`. */
  byUser: (user: string) => `${indexPrefix.byUser}${user}`,
};

/** Partitions of the index `recent`, by shard. */
export const recentPartition = {
  sessions: (shard: number) => `${indexPrefix.recentSessions}${shard}`,
  grants: (shard: number) => `${indexPrefix.recentGrants}${shard}`,
  users: (shard: number) => `${indexPrefix.recentUsers}${shard}`,
  endedTokens: (shard: number) => `${indexPrefix.endedTokens}${shard}`,
};

/** The partition of the index `recent` that lists the item. */
export const recentPartitionOf = {
  sessions: (id: string) => recentPartition.sessions(shardOf(id, shards.sessions)),
  grants: (id: string) => recentPartition.grants(shardOf(id, shards.grants)),
  users: (user: string) => recentPartition.users(shardOf(user, shards.users)),
  endedTokens: (grant: string) => recentPartition.endedTokens(shardOf(grant, shards.endedTokens)),
};

const shardOf = (id: string, count: number) => id.charCodeAt(0) % count;

/** Sort key of an item that is alone in its partition. */
export const SINGLE = '-';

const unavailable = new Set(['InternalServerError', 'ServiceUnavailable', 'TimeoutError', 'RequestTimeout']);

/** Throttling and contention, after the client's retries. */
const busy = new Set([
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'ThrottlingException',
  'TransactionConflictException',
  'TransactionInProgressException',
]);

/**
 * Runs a request. A store that does not answer becomes a `ServiceUnavailableError`; failed conditions, and errors of the
 * configuration such as a missing permission, pass unchanged.
 */
export const callTable = <T>(request: Promise<T>): Promise<T> => request.catch(rethrow);

function rethrow(error: unknown): never {
  if (error instanceof TableError) {
    const contended = error.name === 'TransactionCanceledException' && !conditionFailed(error);
    if (!contended && error.status < 500 && !busy.has(error.name) && !unavailable.has(error.name)) throw error;
  }
  throw new ServiceUnavailableError('The session table', error);
}

/** Whether the condition of a write failed, alone or in a transaction. */
export const conditionFailed = (error: unknown): boolean =>
  error instanceof TableError &&
  (error.name === 'ConditionalCheckFailedException' || error.reasons.includes('ConditionalCheckFailed'));

/** Whether a transaction was cancelled because other requests were writing the same items, at every attempt of the client. */
export const conflicted = (error: unknown): boolean =>
  error instanceof TableError && error.reasons.includes('TransactionConflict');

/** Runs a conditional write. @returns false when its condition failed */
export const succeeded = (write: Promise<unknown>): Promise<boolean> => write.then(() => true, falseIfConditionFailed);

function falseIfConditionFailed(error: unknown): false {
  if (conditionFailed(error)) return false;
  return rethrow(error);
}

/**
 * Runs conditional writes as one transaction, whose token tells a repeated request from a new one: sent again after its
 * response was lost, it takes effect once and has the same outcome, whatever was written in between (Amazon DynamoDB API
 * Reference, TransactWriteItems, ClientRequestToken: ten minutes). A single write costs twice the write units.
 *
 * @returns false when a condition failed
 */
export const writeOnce = ({ client }: TableConnection, ...writes: TransactItems): Promise<boolean> =>
  succeeded(client.transactWrite({ TransactItems: writes }));

/** Writes of one transaction. */
export type TransactItems = NonNullable<TransactWriteInput['TransactItems']>;

/** The item without its type, its expiry in the table, and the attributes of table and indexes. */
export function toDomain<T>(item: Record<string, unknown>): T {
  const { pk, sk, type, ttl, revokedTtl, gsi1pk, gsi1sk, gsi2pk, gsi2sk, ...rest } = item;
  return rest as T;
}

/** Condition of a put: no item, or one that has expired and is not deleted yet. */
export const ABSENT_OR_EXPIRED = 'attribute_not_exists(pk) OR expiresAt <= :now';
