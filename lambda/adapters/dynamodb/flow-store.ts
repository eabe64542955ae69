import type {
  AuthorizationRequest,
  BrowserBinding,
  FlowStore,
  UpstreamState,
} from '../../core/oauth/authorization-flow.ts';
import * as itemType from '../../shared/item-types.ts';
import { callTable, conditionFailed, partition, SINGLE, type TableConnection, toDomain } from './table-connection.ts';

const PENDING_FOR_BROWSER = 'browser = :browser AND expiresAt > :now';

export function dynamoFlowStore({ client: dynamodb, name: TableName }: TableConnection): FlowStore {
  const put = async (pk: string, type: string, pending: BrowserBinding) => {
    const Item = { pk, sk: SINGLE, type, ...pending, ttl: pending.expiresAt };
    await callTable(dynamodb.put({ TableName, Item, ConditionExpression: 'attribute_not_exists(pk)' }));
  };

  async function take<T>(pk: string, browser: string, now: number): Promise<T | undefined> {
    try {
      const { Attributes } = await callTable(
        dynamodb.delete({
          TableName,
          Key: { pk, sk: SINGLE },
          ConditionExpression: PENDING_FOR_BROWSER,
          ExpressionAttributeValues: { ':browser': browser, ':now': now },
          ReturnValues: 'ALL_OLD',
        }),
      );
      return Attributes && toDomain<T>(Attributes);
    } catch (error) {
      if (conditionFailed(error)) return undefined;
      throw error;
    }
  }

  return {
    putAuthorizationRequest: (handleHash, request) =>
      put(partition.authorizationRequest(handleHash), itemType.authorizationRequest, request),
    takeAuthorizationRequest: (handleHash, browser, now) =>
      take<AuthorizationRequest>(partition.authorizationRequest(handleHash), browser, now),
    putUpstreamState: (stateHash, state) => put(partition.signIn(stateHash), itemType.signIn, state),
    takeUpstreamState: (stateHash, browser, now) => take<UpstreamState>(partition.signIn(stateHash), browser, now),
    async deleteUpstreamState(stateHash) {
      await callTable(dynamodb.delete({ TableName, Key: { pk: partition.signIn(stateHash), sk: SINGLE } }));
    },
  };
}
