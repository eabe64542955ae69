import type { DocumentStore } from '../../core/oauth/clients/client-documents.ts';
import type { CachedDocument } from '../../core/oauth/clients/document-freshness.ts';
import { callTable, partition, SINGLE, succeeded, type TableConnection, toDomain } from './table-connection.ts';

/** What is kept after its freshness: the entity tag saves a transfer when the client comes back. */
const KEPT_SECONDS = 7 * 24 * 3600;

const NOBODY_FETCHES = 'attribute_not_exists(leaseUntil) OR leaseUntil <= :now';
const LEASE_IS_OURS = 'leaseOwner = :owner';

export function dynamoDocumentStore({ client: dynamodb, name: TableName }: TableConnection): DocumentStore {
  const keyOf = (urlHash: string) => ({ pk: partition.clientDocument(urlHash), sk: SINGLE });

  return {
    async findDocument(urlHash) {
      const { Item } = await callTable(dynamodb.get({ TableName, Key: keyOf(urlHash), ConsistentRead: true }));
      if (!Item) return undefined;
      const { url, leaseOwner, ...cached } = toDomain<CachedDocument & { url?: string; leaseOwner?: string }>(Item);
      return cached;
    },

    leaseDocument: (urlHash, owner, now, until) =>
      succeeded(
        dynamodb.update({
          TableName,
          Key: keyOf(urlHash),
          UpdateExpression:
            'SET #type = :type, leaseOwner = :owner, leaseUntil = :until, #ttl = if_not_exists(#ttl, :until)',
          ConditionExpression: NOBODY_FETCHES,
          ExpressionAttributeNames: { '#type': 'type', '#ttl': 'ttl' },
          ExpressionAttributeValues: { ':type': 'client-document', ':owner': owner, ':now': now, ':until': until },
        }),
      ),

    saveDocument(urlHash, url, owner, cached) {
      const { document, failure } = cached;
      const ttl = Math.max(document ? document.freshUntil + KEPT_SECONDS : 0, failure?.until ?? 0);
      const Item = { ...keyOf(urlHash), type: 'client-document', url, document, failure, ttl };
      return succeeded(
        dynamodb.put({
          TableName,
          Item,
          ConditionExpression: LEASE_IS_OURS,
          ExpressionAttributeValues: { ':owner': owner },
        }),
      );
    },
  };
}
