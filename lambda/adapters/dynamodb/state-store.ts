import type { StateEntry, StateStore } from '../../core/mcp/tool-state.ts';
import { ServiceUnavailableError } from '../../core/support/service-unavailable-error.ts';
import * as itemType from '../../shared/item-types.ts';
import {
  ABSENT_OR_EXPIRED,
  callTable,
  conflicted,
  partition,
  type TableConnection,
  toDomain,
  writeOnce,
} from './table-connection.ts';

const EXPECTED_VERSION = 'version = :expected AND expiresAt > :now';

export function dynamoStateStore(table: TableConnection): StateStore {
  const { client: dynamodb, name: TableName } = table;
  return {
    async get(user, key, now) {
      const Key = { pk: partition.state(user), sk: key };
      const { Item } = await callTable(dynamodb.get({ TableName, Key, ConsistentRead: true }));
      return Item && Item.expiresAt > now ? toDomain<StateEntry>(Item) : undefined;
    },

    put: (user, entry, expected, now) => {
      return writeOnce(table, {
        Put: {
          TableName,
          Item: { pk: partition.state(user), sk: entry.key, type: itemType.state, ...entry, ttl: entry.expiresAt },
          ConditionExpression: expected === 0 ? ABSENT_OR_EXPIRED : EXPECTED_VERSION,
          ExpressionAttributeValues: expected === 0 ? { ':now': now } : { ':now': now, ':expected': expected },
        },
      }).catch((error) => {
        if (error instanceof ServiceUnavailableError && conflicted(error.cause)) return false;
        throw error;
      });
    },

    async overwrite(user, { key, value, expiresAt }) {
      const { Attributes } = await callTable(
        dynamodb.update({
          TableName,
          Key: { pk: partition.state(user), sk: key },
          UpdateExpression:
            'SET #type = :type, #key = :key, #value = :value, version = if_not_exists(version, :none) + :one, expiresAt = :expires, #ttl = :expires',
          ExpressionAttributeNames: { '#type': 'type', '#key': 'key', '#value': 'value', '#ttl': 'ttl' },
          ExpressionAttributeValues: {
            ':type': itemType.state,
            ':key': key,
            ':value': value,
            ':none': 0,
            ':one': 1,
            ':expires': expiresAt,
          },
          ReturnValues: 'UPDATED_NEW',
        }),
      );
      return Attributes!.version as number;
    },

    async list(user, prefix, limit, after, now) {
      const pk = partition.state(user);
      const live: StateEntry[] = [];
      let last = after === undefined ? undefined : { pk, sk: after };
      // One more than the limit shows whether there is a next page.
      do {
        const { Items = [], LastEvaluatedKey } = await callTable(
          dynamodb.query({
            TableName,
            KeyConditionExpression: prefix === '' ? 'pk = :pk' : 'pk = :pk AND begins_with(sk, :prefix)',
            ExpressionAttributeValues: { ':pk': pk, ...(prefix !== '' && { ':prefix': prefix }) },
            ConsistentRead: true,
            Limit: limit + 1 - live.length,
            ExclusiveStartKey: last,
          }),
        );
        live.push(...Items.filter(({ expiresAt }) => expiresAt > now).map((item) => toDomain<StateEntry>(item)));
        last = LastEvaluatedKey as typeof last;
      } while (last && live.length <= limit);
      const entries = live.slice(0, limit);
      return { entries, ...(live.length > limit && { next: entries.at(-1)!.key }) };
    },

    async delete(user, key) {
      await callTable(dynamodb.delete({ TableName, Key: { pk: partition.state(user), sk: key } }));
    },
  };
}
