import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { dynamoCallHistory } from '../lambda/adapters/dynamodb/call-history.ts';
import { dynamoDirectory } from '../lambda/adapters/dynamodb/directory.ts';
import { dynamoErasureStore } from '../lambda/adapters/dynamodb/erasure.ts';
import { dynamoGrantBlock, type GrantBlock } from '../lambda/adapters/dynamodb/grant-block.ts';
import { dynamoRevocationStore } from '../lambda/adapters/dynamodb/revocation.ts';
import { sdkTableClient } from '../lambda/adapters/dynamodb/sdk-table-client.ts';
import { dynamoStatisticsReader } from '../lambda/adapters/dynamodb/statistics.ts';
import { CallSearch } from '../lambda/core/call-search.ts';
import { epochMilliseconds, epochSeconds } from '../lambda/core/clock.ts';
import type { Dashboard } from '../lambda/core/dashboard/dashboard.ts';
import { openNames } from './names.ts';
import { findPlace, type Where } from './place.ts';

/** A deployment as its owner works with it: what the dashboard has, past its door. */
export type Deployment = Pick<
  Dashboard,
  | 'calls'
  | 'search'
  | 'statistics'
  | 'directory'
  | 'revocation'
  | 'erasure'
  | 'names'
  | 'retentionDays'
  | 'grantIdleSeconds'
  | 'sessionTtlSeconds'
  | 'now'
  | 'seconds'
> & {
  grantBlock: GrantBlock;
  /** Whether grants are the identity provider's; absent when it is not known. */
  isDirect?: boolean | undefined;
};

/** @throws Mistake when there is none */
export async function openDeployment(where: Where): Promise<Deployment> {
  const { table: name, dynamoDb, kms, settings } = await findPlace(where);
  // Patient with throttling: a command may read more in a minute than all users do.
  const requestHandler = { connectionTimeout: 5000, requestTimeout: 20_000, throwOnRequestTimeout: true };
  const client = sdkTableClient(new DynamoDBClient({ maxAttempts: 10, requestHandler, ...dynamoDb }));
  const table = { client, name };
  const { retentionDays } = settings;
  const calls = dynamoCallHistory(table);
  const directory = dynamoDirectory(table);
  const statistics = dynamoStatisticsReader(table);
  return {
    ...settings,
    calls,
    directory,
    statistics,
    search: new CallSearch({ calls, statistics, directory, retentionDays, now: epochMilliseconds }),
    revocation: dynamoRevocationStore(table),
    erasure: dynamoErasureStore(table),
    grantBlock: dynamoGrantBlock(table),
    names: await openNames(table, kms),
    now: epochMilliseconds,
    seconds: epochSeconds,
  };
}
