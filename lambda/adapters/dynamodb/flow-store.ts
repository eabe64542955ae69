import type { AuthorizationRequest, FlowStore, SignIn, Waiting } from '../../core/oauth/authorization-flow.ts';
import { ALONE, conditionFailed, domain, partition, reaching, type Table } from './table-connection.ts';

const WAITING_FOR_THIS_BROWSER = 'browser = :browser AND expiresAt > :now';

export function dynamoFlowStore({ client: dynamodb, name: TableName }: Table): FlowStore {
  const put = async (pk: string, type: string, waiting: Waiting) => {
    const Item = { pk, sk: ALONE, type, ...waiting, ttl: waiting.expiresAt };
    await reaching(dynamodb.put({ TableName, Item, ConditionExpression: 'attribute_not_exists(pk)' }));
  };

  async function take<T>(pk: string, browser: string, now: number): Promise<T | undefined> {
    try {
      const { Attributes } = await reaching(
        dynamodb.delete({
          TableName,
          Key: { pk, sk: ALONE },
          ConditionExpression: WAITING_FOR_THIS_BROWSER,
          ExpressionAttributeValues: { ':browser': browser, ':now': now },
          ReturnValues: 'ALL_OLD',
        }),
      );
      return Attributes && domain<T>(Attributes);
    } catch (error) {
      if (conditionFailed(error)) return undefined;
      throw error;
    }
  }

  return {
    putRequest: (handleHash, request) =>
      put(partition.authorizationRequest(handleHash), 'authorization-request', request),
    takeRequest: (handleHash, browser, now) =>
      take<AuthorizationRequest>(partition.authorizationRequest(handleHash), browser, now),
    putSignIn: (stateHash, signIn) => put(partition.signIn(stateHash), 'sign-in', signIn),
    takeSignIn: (stateHash, browser, now) => take<SignIn>(partition.signIn(stateHash), browser, now),
    async burnSignIn(stateHash) {
      await reaching(dynamodb.delete({ TableName, Key: { pk: partition.signIn(stateHash), sk: ALONE } }));
    },
  };
}
