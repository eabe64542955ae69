import type { DocumentStore } from '../../../core/oauth/clients/client-documents.ts';
import type { CachedDocument } from '../../../core/oauth/clients/document-freshness.ts';
import * as itemType from '../../../shared/item-types.ts';
import { LEASE_FREE, LEASE_OWNED, leaseValues, SET_LEASE } from '../lease-clauses.ts';
import {
  callTable,
  partition,
  SINGLE,
  succeeded,
  type TableConnection,
  toDomain,
  writeOnce,
} from '../table-connection.ts';

/** How long a stale document stays: its entity tag saves a transfer when the client returns. */
const STALE_SECONDS = 7 * 24 * 3600;

export function dynamoDocumentStore(table: TableConnection): DocumentStore {
  const { client: dynamodb, name: TableName } = table;
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
          UpdateExpression: `SET #type = :type, ${SET_LEASE}, #ttl = if_not_exists(#ttl, :until)`,
          ConditionExpression: LEASE_FREE,
          ExpressionAttributeNames: { '#type': 'type', '#ttl': 'ttl' },
          ExpressionAttributeValues: { ':type': itemType.clientDocument, ...leaseValues(owner, now, until) },
        }),
      ),

    saveDocument(urlHash, url, owner, cached) {
      const { document, failure } = cached;
      const ttl = Math.max(document ? document.freshUntil + STALE_SECONDS : 0, failure?.until ?? 0);
      const Item = { ...keyOf(urlHash), type: itemType.clientDocument, url, document, failure, ttl };
      return writeOnce(table, {
        Put: { TableName, Item, ConditionExpression: LEASE_OWNED, ExpressionAttributeValues: { ':owner': owner } },
      });
    },
  };
}
