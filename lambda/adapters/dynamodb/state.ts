import { DeleteCommand, GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import type { Entry, StateStore } from '../../core/state.ts';
import { ABSENT_OR_EXPIRED, domain, happened, partition, reaching, type Table } from './table.ts';

const THIS_VERSION = 'version = :expected AND expiresAt > :now';

export function dynamoStateStore({ client: dynamodb, name: TableName }: Table): StateStore {
  return {
    async get(user, key, now) {
      const Key = { pk: partition.state(user), sk: key };
      const { Item } = await reaching(dynamodb.send(new GetCommand({ TableName, Key, ConsistentRead: true })));
      return Item && Item.expiresAt > now ? domain<Entry>(Item) : undefined;
    },

    put: (user, entry, expected, now) =>
      happened(
        dynamodb.send(
          new PutCommand({
            TableName,
            Item: { pk: partition.state(user), sk: entry.key, type: 'state', ...entry, ttl: entry.expiresAt },
            ConditionExpression: expected === 0 ? ABSENT_OR_EXPIRED : THIS_VERSION,
            ExpressionAttributeValues: expected === 0 ? { ':now': now } : { ':now': now, ':expected': expected },
          }),
        ),
      ),

    async delete(user, key) {
      await reaching(dynamodb.send(new DeleteCommand({ TableName, Key: { pk: partition.state(user), sk: key } })));
    },
  };
}
