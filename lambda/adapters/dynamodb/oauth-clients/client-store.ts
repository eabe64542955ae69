import type { ClientStore, RegisteredClient } from '../../../core/oauth/clients/client-registration.ts';
import { bytes } from '../../../core/support/crypto.ts';
import * as itemType from '../../../shared/item-types.ts';
import { callTable, partition, SINGLE, succeeded, type TableConnection, toDomain } from '../table-connection.ts';

/** In bytes: a partition key has at most 2048, and DynamoDB rejects a longer one. */
const LONGEST_ID = 2048 - partition.client('').length;

/** Also false without an item. */
const NOT_EXPIRED = 'expiresAt > :now';

export function dynamoClientStore({ client: dynamodb, name: TableName }: TableConnection): ClientStore {
  const extend = (
    id: string,
    expiresAt: number,
    { condition, values }: { condition: string; values?: Record<string, number> },
  ) =>
    succeeded(
      dynamodb.update({
        TableName,
        Key: { pk: partition.client(id), sk: SINGLE },
        UpdateExpression: 'SET expiresAt = :expires, #ttl = :expires',
        ConditionExpression: condition,
        ExpressionAttributeNames: { '#ttl': 'ttl' },
        ExpressionAttributeValues: { ':expires': expiresAt, ...values },
      }),
    );

  return {
    async register({ id, name, redirectUris, createdAt, expiresAt }) {
      // One update creates the client or returns the existing one. Of an expired item that is not yet deleted only
      // `createdAt` stays.
      const { Attributes } = await callTable(
        dynamodb.update({
          TableName,
          Key: { pk: partition.client(id), sk: SINGLE },
          UpdateExpression:
            'SET #type = :type, id = :id, #name = :name, redirectUris = :uris, createdAt = if_not_exists(createdAt, :at), expiresAt = if_not_exists(expiresAt, :expires), #ttl = if_not_exists(#ttl, :expires)',
          ExpressionAttributeNames: { '#type': 'type', '#name': 'name', '#ttl': 'ttl' },
          ExpressionAttributeValues: {
            ':type': itemType.client,
            ':id': id,
            ':name': name,
            ':uris': redirectUris,
            ':at': createdAt,
            ':expires': expiresAt,
          },
          ReturnValues: 'ALL_NEW',
        }),
      );
      const registered = toDomain<RegisteredClient>(Attributes!);
      if (registered.expiresAt >= expiresAt) return registered;
      await extend(id, expiresAt, { condition: 'expiresAt < :expires' });
      return { ...registered, expiresAt };
    },

    async find(id, now) {
      if (bytes(id).length > LONGEST_ID) return undefined;
      const { Item } = await callTable(dynamodb.get({ TableName, Key: { pk: partition.client(id), sk: SINGLE } }));
      return Item && Item.expiresAt > now ? toDomain<RegisteredClient>(Item) : undefined;
    },

    extend: (id, now, expiresAt) => extend(id, expiresAt, { condition: NOT_EXPIRED, values: { ':now': now } }),
  };
}
