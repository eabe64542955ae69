import { partition, SINGLE, type TransactItems } from './table-connection.ts';

const NOT_REVOKED = 'attribute_exists(pk) AND #status <> :revoked';

/** The writes that revoke a grant. */
export const revocationWrites = (TableName: string, id: string, now: number): TransactItems => [
  {
    Update: {
      TableName,
      Key: { pk: partition.grant(id), sk: SINGLE },
      UpdateExpression: 'SET #status = :revoked, revokedAt = :now',
      ConditionExpression: NOT_REVOKED,
      ExpressionAttributeNames: { '#status': 'status' },
      ExpressionAttributeValues: { ':revoked': 'revoked', ':now': now },
    },
  },
  { Delete: { TableName, Key: { pk: partition.upstreamTokens(id), sk: SINGLE } } },
];
