import { Store } from '../../local/dynamodb/dynamodb-store.ts';
import { tableDefinition } from '../../local/dynamodb/table-definition.ts';

const keys = (hash: string, range: string) => [
  { AttributeName: hash, KeyType: 'HASH' },
  { AttributeName: range, KeyType: 'RANGE' },
];
const index = (IndexName: string, hash: string, range: string) => ({
  IndexName,
  KeySchema: keys(hash, range),
  Projection: { ProjectionType: 'ALL' },
});

/** The table of the stack (`lib/session-table.ts`). */
export const definition = {
  AttributeDefinitions: ['pk', 'sk', 'gsi1pk', 'gsi1sk', 'gsi2pk', 'gsi2sk'].map((AttributeName) => ({
    AttributeName,
    AttributeType: 'S',
  })),
  KeySchema: keys('pk', 'sk'),
  BillingMode: 'PAY_PER_REQUEST',
  GlobalSecondaryIndexes: [index('byUser', 'gsi1pk', 'gsi1sk'), index('recent', 'gsi2pk', 'gsi2sk')],
};

/** An empty table in memory. */
export async function emptyStore(TableName: string): Promise<Store> {
  const store = await Store.open(undefined);
  store.define(tableDefinition({ TableName, ...definition }));
  return store;
}
