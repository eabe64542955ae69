import type {
  DashboardRequest,
  FlowStore,
  PendingAuthorization,
  UpstreamState,
} from '../../core/oauth/authorization-flow.ts';
import * as itemType from '../../shared/item-types.ts';
import { callTable, partition, SINGLE, type TableConnection, toDomain, writeOnce } from './table-connection.ts';

const PENDING = 'attribute_not_exists(answer) AND expiresAt > :now';
const CODE_IS_NEW = 'expiresAt > :now AND (attribute_not_exists(attempts) OR NOT contains(attempts, :code))';
const NOT_COMPLETED = 'attribute_not_exists(completedAt) AND expiresAt > :now';

/** The write that completes a sign-in, for the transaction of what it creates. */
export const completionWrite = (TableName: string, stateHash: string, now: number) => ({
  Update: {
    TableName,
    Key: { pk: partition.signIn(stateHash), sk: SINGLE },
    UpdateExpression: 'SET completedAt = :now',
    ConditionExpression: NOT_COMPLETED,
    ExpressionAttributeValues: { ':now': now },
  },
});

export function dynamoFlowStore(table: TableConnection): FlowStore {
  const { client: dynamodb, name: TableName } = table;

  // Handle and state are random, so that a put needs no condition and can be repeated.
  const authorizationItem = (handleHash: string, pending: PendingAuthorization) => ({
    pk: partition.authorizationRequest(handleHash),
    sk: SINGLE,
    type: itemType.authorizationRequest,
    ...pending,
    ttl: pending.expiresAt,
  });
  const upstreamItem = (stateHash: string, state: UpstreamState) => ({
    pk: partition.signIn(stateHash),
    sk: SINGLE,
    type: itemType.signIn,
    ...state,
    ttl: state.expiresAt,
  });

  const find = async <T>(pk: string): Promise<T | undefined> => {
    const { Item } = await callTable(dynamodb.get({ TableName, Key: { pk, sk: SINGLE }, ConsistentRead: true }));
    return Item && toDomain<T>(Item);
  };

  return {
    async putAuthorizationRequest(handleHash, pending) {
      await callTable(dynamodb.put({ TableName, Item: authorizationItem(handleHash, pending) }));
    },

    findAuthorizationRequest: (handleHash) => find<PendingAuthorization>(partition.authorizationRequest(handleHash)),

    answerAuthorizationRequest: (handleHash, { answer, at }, upstream) =>
      writeOnce(
        table,
        {
          Update: {
            TableName,
            Key: { pk: partition.authorizationRequest(handleHash), sk: SINGLE },
            UpdateExpression: 'SET answer = :answer, answeredAt = :now',
            ConditionExpression: PENDING,
            ExpressionAttributeValues: { ':answer': answer, ':now': at },
          },
        },
        ...(upstream ? [{ Put: { TableName, Item: upstreamItem(upstream.stateHash, upstream.state) } }] : []),
      ),

    async putUpstreamState(stateHash, state: UpstreamState & DashboardRequest) {
      await callTable(dynamodb.put({ TableName, Item: upstreamItem(stateHash, state) }));
    },

    async findUpstreamState(stateHash) {
      const found = await find<UpstreamState & { attempts?: unknown }>(partition.signIn(stateHash));
      if (!found) return undefined;
      const { attempts, ...state } = found;
      return state as UpstreamState;
    },

    beginRedemption: (stateHash, codeHash, now) =>
      writeOnce(table, {
        Update: {
          TableName,
          Key: { pk: partition.signIn(stateHash), sk: SINGLE },
          UpdateExpression: 'ADD attempts :codes',
          ConditionExpression: CODE_IS_NEW,
          ExpressionAttributeValues: { ':codes': new Set([codeHash]), ':code': codeHash, ':now': now },
        },
      }),

    async deleteUpstreamState(stateHash) {
      await callTable(dynamodb.delete({ TableName, Key: { pk: partition.signIn(stateHash), sk: SINGLE } }));
    },
  };
}
