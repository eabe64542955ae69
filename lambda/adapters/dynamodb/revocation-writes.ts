import * as itemType from '../../shared/item-types.ts';
import { partition, recentPartitionOf, SINGLE, type TransactItems } from './table-connection.ts';
import { endedTokensDue } from './upstream-token-store.ts';

/** The OAuth function gives the revocation at the provider up before that. */
const ENDED_TOKENS_SECONDS = 8 * 24 * 3600;

const NOT_REVOKED = 'attribute_exists(pk) AND #status <> :revoked';

/**
 * The writes that revoke a grant. Its upstream tokens are listed as ended: the OAuth function revokes them at the provider,
 * and deletes them then.
 */
export const revocationWrites = (TableName: string, id: string, now: number): TransactItems => [
  {
    Update: {
      TableName,
      Key: { pk: partition.grant(id), sk: SINGLE },
      // A standing grant states how long it denies access.
      UpdateExpression: 'SET #status = :revoked, revokedAt = :now, #ttl = if_not_exists(revokedTtl, #ttl)',
      ConditionExpression: NOT_REVOKED,
      ExpressionAttributeNames: { '#status': 'status', '#ttl': 'ttl' },
      ExpressionAttributeValues: { ':revoked': 'revoked', ':now': now },
    },
  },
  {
    // Without a condition, which would leave a grant without tokens alive. It gets an item that the OAuth function deletes.
    Update: {
      TableName,
      Key: { pk: partition.upstreamTokens(id), sk: SINGLE },
      UpdateExpression: 'SET #type = :type, endedAt = :now, gsi2pk = :list, gsi2sk = :due, #ttl = :ttl',
      ExpressionAttributeNames: { '#type': 'type', '#ttl': 'ttl' },
      ExpressionAttributeValues: {
        ':type': itemType.upstreamTokens,
        ':now': now,
        ':list': recentPartitionOf.endedTokens(id),
        ':due': endedTokensDue(now, id),
        ':ttl': now + ENDED_TOKENS_SECONDS,
      },
    },
  },
];
