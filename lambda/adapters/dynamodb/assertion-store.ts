import type { WriteOutcome } from '../../core/oauth/authorization-flow.ts';
import type { AssertionStore, SpentAssertion } from '../../core/oauth/clients/client-assertion.ts';
import * as itemType from '../../shared/item-types.ts';
import { TableError } from './client/table-client.ts';
import {
  ABSENT_OR_EXPIRED,
  callTable,
  conditionFailed,
  partition,
  SINGLE,
  type TableConnection,
  type TransactItems,
  writeOnce,
} from './table-connection.ts';

const assertionWrite = (TableName: string, { hash, now, expiresAt }: SpentAssertion) => ({
  Put: {
    TableName,
    Item: { pk: partition.spentAssertion(hash), sk: SINGLE, type: itemType.spentAssertion, expiresAt, ttl: expiresAt },
    ConditionExpression: ABSENT_OR_EXPIRED,
    ExpressionAttributeValues: { ':now': now },
  },
});

export function dynamoAssertionStore(table: TableConnection): AssertionStore {
  return {
    spendAssertion: (hash, now, expiresAt) => writeOnce(table, assertionWrite(table.name, { hash, now, expiresAt })),
  };
}

/** Runs conditional writes, and marks the assertions as used in the same transaction. */
export async function writeWithAssertion(
  { client, name }: TableConnection,
  writes: TransactItems,
  assertions: SpentAssertion | readonly SpentAssertion[] | undefined,
): Promise<WriteOutcome> {
  const TransactItems = [...writes, ...[assertions ?? []].flat().map((each) => assertionWrite(name, each))];
  try {
    await callTable(client.transactWrite({ TransactItems }));
    return 'written';
  } catch (error) {
    if (!conditionFailed(error)) throw error;
    const isReplayed =
      error instanceof TableError && error.reasons.slice(writes.length).includes('ConditionalCheckFailed');
    return isReplayed ? 'assertion-replayed' : 'conflict';
  }
}
