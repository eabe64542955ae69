import type { EndedTokenStore, EndedTokens } from '../../core/identity/upstream-revocations.ts';
import type { SealedUpstreamTokens, UpstreamTokenStore } from '../../core/identity/upstream-tokens.ts';
import { keyPrefix, shards } from '../../shared/table-keys.ts';
import { LEASE_FREE, LEASE_OWNED, leaseValues, REMOVE_LEASE, SET_LEASE } from './lease-clauses.ts';
import { queryItems, takeItems } from './paged-query.ts';
import {
  callTable,
  partition,
  recentPartition,
  SINGLE,
  succeeded,
  type TableConnection,
  toDomain,
  writeOnce,
} from './table-connection.ts';

const SAME_VERSION = 'version = :version';
const NOT_ENDED = 'attribute_not_exists(endedAt)';
const STILL_DUE = 'gsi2sk = :due';
/** No refresh has stored, or is about to store, a newer refresh token. A repeated deletion finds no item. */
const NOT_REFRESHED =
  '(attribute_not_exists(version) OR version = :version) AND (attribute_not_exists(leaseUntil) OR leaseUntil <= :now)';

/** The most items of one list that a process revokes at once. */
const MOST_DUE = 5;

/** Whether the grant of these upstream tokens has ended. */
export const haveEnded = (tokens: Readonly<Record<string, unknown>>): boolean => tokens.endedAt !== undefined;

/** The sort key in the index `recent` of upstream tokens that are to be revoked. */
export const endedTokensDue = (at: number, grant: string): string => `${at}#${grant}`;

const keyOf = (grant: string) => ({ pk: partition.upstreamTokens(grant), sk: SINGLE });

export function dynamoUpstreamTokenStore(table: TableConnection): UpstreamTokenStore {
  const { client: dynamodb, name: TableName } = table;
  return {
    async loadTokens(grant) {
      const { Item } = await callTable(dynamodb.get({ TableName, Key: keyOf(grant), ConsistentRead: true }));
      return Item && !haveEnded(Item) ? toDomain<SealedUpstreamTokens>(Item) : undefined;
    },

    leaseTokens: (grant, version, owner, now, until) =>
      succeeded(
        dynamodb.update({
          TableName,
          Key: keyOf(grant),
          UpdateExpression: `SET ${SET_LEASE}`,
          ConditionExpression: `${SAME_VERSION} AND ${NOT_ENDED} AND ${LEASE_FREE}`,
          ExpressionAttributeValues: { ':version': version, ...leaseValues(owner, now, until) },
        }),
      ),

    saveTokens: (grant, owner, { sealed, version, expiresAt, refreshedAt, groups }) =>
      writeOnce(table, {
        Update: {
          TableName,
          Key: keyOf(grant),
          UpdateExpression: `SET sealed = :sealed, version = :version, expiresAt = :expires, refreshedAt = :refreshed${groups ? ', groups = :groups' : ''} ${REMOVE_LEASE}${groups ? '' : ', groups'}`,
          ConditionExpression: LEASE_OWNED,
          ExpressionAttributeValues: {
            ':owner': owner,
            ':sealed': sealed,
            ':version': version,
            ':expires': expiresAt,
            ':refreshed': refreshedAt,
            ...(groups && { ':groups': groups }),
          },
        },
      }),

    async releaseTokens(grant, owner) {
      await succeeded(
        dynamodb.update({
          TableName,
          Key: keyOf(grant),
          UpdateExpression: REMOVE_LEASE,
          ConditionExpression: LEASE_OWNED,
          ExpressionAttributeValues: { ':owner': owner },
        }),
      );
    },
  };
}

type EndedItem = SealedUpstreamTokens & { endedAt: number; attempts?: number };

export function dynamoEndedTokenStore(table: TableConnection): EndedTokenStore {
  const { client: dynamodb, name: TableName } = table;
  return {
    async dueTokens(now) {
      const lists = Array.from({ length: shards.endedTokens }, (_, shard) =>
        takeItems(
          queryItems(
            table,
            {
              IndexName: 'recent',
              KeyConditionExpression: 'gsi2pk = :list AND gsi2sk < :later',
              ExpressionAttributeValues: { ':list': recentPartition.endedTokens(shard), ':later': String(now + 1) },
            },
            MOST_DUE,
          ),
          MOST_DUE,
        ),
      );
      return (await Promise.all(lists)).flat().map((item): EndedTokens => {
        const { endedAt, attempts = 0, ...tokens } = toDomain<EndedItem>(item);
        const dueAt = Number.parseInt(String(item.gsi2sk), 10);
        const grant = item.pk.slice(keyPrefix.upstreamTokens.length);
        return { grant, endedAt, attempts, dueAt, ...(tokens.sealed !== undefined && { tokens }) };
      });
    },

    takeTokens: ({ grant, attempts, dueAt }, nextDueAt) =>
      writeOnce(table, {
        Update: {
          TableName,
          Key: keyOf(grant),
          UpdateExpression: 'SET attempts = :attempts, gsi2sk = :next',
          ConditionExpression: STILL_DUE,
          ExpressionAttributeValues: {
            ':due': endedTokensDue(dueAt, grant),
            ':attempts': attempts + 1,
            ':next': endedTokensDue(nextDueAt, grant),
          },
        },
      }),

    deleteTokens: (grant, version, now) =>
      succeeded(
        dynamodb.delete({
          TableName,
          Key: keyOf(grant),
          ConditionExpression: NOT_REFRESHED,
          ExpressionAttributeValues: { ':version': version, ':now': now },
        }),
      ),
  };
}
