import { BatchGetCommand, GetCommand, TransactWriteCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { sha256 } from '../../core/digest.ts';
import type { Grant } from '../../core/grant.ts';
import type { SealedTokens } from '../../core/identity-tokens.ts';
import type { AuthorizationCode, GrantStore } from '../../core/oauth/flow.ts';
import { Outage } from '../../core/outage.ts';
import { ALONE, domain, happened, partition, reaching, type Table } from './table.ts';

/** A used code is kept this long, so that a replay is recognised. */
const USED_CODE_SECONDS = 3600;
const APPROVAL_SECONDS = 400 * 24 * 3600;

const NOT_USED_NOR_EXPIRED = 'attribute_not_exists(usedAt) AND expiresAt > :now';
const ACTIVE_AT_THIS_HEAD = '#status = :active AND refresh.head = :head';

export function dynamoGrantStore({ client: dynamodb, name: TableName }: Table): GrantStore {
  const putNew = (pk: string, type: string, content: object, ttl: number) => ({
    Put: {
      TableName,
      Item: { pk, sk: ALONE, type, ...content, ttl },
      ConditionExpression: 'attribute_not_exists(pk)',
    },
  });

  return {
    async createGrant({ grant, tokens, codeHash, code, approval }) {
      const listed = { ...grant, gsi1pk: `U#${grant.user}`, gsi1sk: `G#${grant.createdAt}#${grant.id}` };
      const approvalItem = {
        pk: partition.approvals(approval.user),
        sk: `C#${await sha256(`${approval.client}\n${approval.redirectHost}`)}`,
        type: 'approval',
        ...approval,
        ttl: approval.at + APPROVAL_SECONDS,
      };
      await reaching(
        dynamodb.send(
          new TransactWriteCommand({
            TransactItems: [
              putNew(partition.grant(grant.id), 'grant', listed, grant.absoluteExpiresAt),
              putNew(partition.identityTokens(grant.id), 'identity-tokens', tokens, grant.absoluteExpiresAt),
              putNew(partition.code(codeHash), 'code', code, code.expiresAt + USED_CODE_SECONDS),
              { Put: { TableName, Item: approvalItem } },
            ],
          }),
        ),
      );
    },

    async findCode(codeHash) {
      const Key = { pk: partition.code(codeHash), sk: ALONE };
      const { Item } = await reaching(dynamodb.send(new GetCommand({ TableName, Key, ConsistentRead: true })));
      return Item && domain<AuthorizationCode>(Item);
    },

    redeemCode: (codeHash, now) =>
      happened(
        dynamodb.send(
          new UpdateCommand({
            TableName,
            Key: { pk: partition.code(codeHash), sk: ALONE },
            UpdateExpression: 'SET usedAt = :now',
            ConditionExpression: NOT_USED_NOR_EXPIRED,
            ExpressionAttributeValues: { ':now': now },
          }),
        ),
      ),

    async findGrant(id) {
      const Keys = [partition.grant(id), partition.identityTokens(id)].map((pk) => ({ pk, sk: ALONE }));
      const { Responses, UnprocessedKeys } = await reaching(
        dynamodb.send(new BatchGetCommand({ RequestItems: { [TableName]: { Keys, ConsistentRead: true } } })),
      );
      if (UnprocessedKeys?.[TableName]) throw new Outage('The session table', new Error('it left keys unprocessed'));
      const item = (type: string) => Responses?.[TableName]?.find((each) => each.type === type);
      const [grant, tokens] = [item('grant'), item('identity-tokens')];
      return { ...(grant && { grant: domain<Grant>(grant) }), ...(tokens && { tokens: domain<SealedTokens>(tokens) }) };
    },

    rotate: (id, head, refresh, idleExpiresAt) =>
      happened(
        dynamodb.send(
          new UpdateCommand({
            TableName,
            Key: { pk: partition.grant(id), sk: ALONE },
            UpdateExpression: 'SET refresh = :refresh, idleExpiresAt = :idle',
            ConditionExpression: ACTIVE_AT_THIS_HEAD,
            ExpressionAttributeNames: { '#status': 'status' },
            ExpressionAttributeValues: {
              ':refresh': refresh,
              ':idle': idleExpiresAt,
              ':active': 'active',
              ':head': head,
            },
          }),
        ),
      ),

    async revokeGrant(id) {
      await happened(
        dynamodb.send(
          new TransactWriteCommand({
            TransactItems: [
              {
                Update: {
                  TableName,
                  Key: { pk: partition.grant(id), sk: ALONE },
                  UpdateExpression: 'SET #status = :revoked',
                  ConditionExpression: 'attribute_exists(pk)',
                  ExpressionAttributeNames: { '#status': 'status' },
                  ExpressionAttributeValues: { ':revoked': 'revoked' },
                },
              },
              { Delete: { TableName, Key: { pk: partition.identityTokens(id), sk: ALONE } } },
            ],
          }),
        ),
      );
    },
  };
}
