import type {
  AuthorizationRequest,
  BrowserBinding,
  FlowStore,
  UpstreamState,
} from '../../core/oauth/authorization-flow.ts';
import { callTable, conditionFailed, partition, SINGLE, type TableConnection, toDomain } from './table-connection.ts';

const BOUND_TO_THIS_BROWSER = 'browser = :browser AND expiresAt > :now';

export function dynamoFlowStore({ client: dynamodb, name: TableName }: TableConnection): FlowStore {
  const put = async (pk: string, type: string, content: BrowserBinding) => {
    const Item = { pk, sk: SINGLE, type, ...content, ttl: content.expiresAt };
    await callTable(dynamodb.put({ TableName, Item, ConditionExpression: 'attribute_not_exists(pk)' }));
  };

  async function take<T>(pk: string, browser: string, now: number): Promise<T | undefined> {
    try {
      const { Attributes } = await callTable(
        dynamodb.delete({
          TableName,
          Key: { pk, sk: SINGLE },
          ConditionExpression: BOUND_TO_THIS_BROWSER,
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
      put(partition.authorizationRequest(handleHash), 'authorization-request', request),
    takeAuthorizationRequest: (handleHash, browser, now) =>
      take<AuthorizationRequest>(partition.authorizationRequest(handleHash), browser, now),
    putUpstreamState: (stateHash, state) => put(partition.signIn(stateHash), 'sign-in', state),
    takeUpstreamState: (stateHash, browser, now) => take<UpstreamState>(partition.signIn(stateHash), browser, now),
    async deleteUpstreamState(stateHash) {
      await callTable(dynamodb.delete({ TableName, Key: { pk: partition.signIn(stateHash), sk: SINGLE } }));
    },
  };
}
