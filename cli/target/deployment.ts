import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { dynamoAggregateReader } from '../../lambda/adapters/dynamodb/audit/aggregate-reader.ts';
import { dynamoAuditLogReader } from '../../lambda/adapters/dynamodb/audit/audit-log-reader.ts';
import { sdkTableClient } from '../../lambda/adapters/dynamodb/client/sdk-table-client.ts';
import { dynamoDirectory } from '../../lambda/adapters/dynamodb/directory-queries.ts';
import { dynamoErasureStore } from '../../lambda/adapters/dynamodb/erasure-store.ts';
import { dynamoGrantBlock, type GrantBlock } from '../../lambda/adapters/dynamodb/grant-block.ts';
import { dynamoMachineClientRegistry } from '../../lambda/adapters/dynamodb/oauth-clients/machine-client-store.ts';
import { dynamoRevocationStore } from '../../lambda/adapters/dynamodb/revocation-store.ts';
import { systemClock } from '../../lambda/adapters/system-clock.ts';
import { CallSearch } from '../../lambda/core/admin/call-search.ts';
import type { MachineClientRegistry } from '../../lambda/core/admin/machine-client-registry.ts';
import type { Dashboard } from '../../lambda/core/dashboard/dashboard-dependencies.ts';
import { epochSeconds } from '../../lambda/core/support/clock.ts';
import { type DeploymentSelection, locateDeployment } from './deployment-location.ts';
import { readUserNames } from './user-name-reader.ts';

/** The ports of a deployment: those of the dashboard, with the credentials of the operator in place of a sign-in. */
export type Deployment = Pick<
  Dashboard,
  | 'calls'
  | 'search'
  | 'aggregates'
  | 'directory'
  | 'revocation'
  | 'erasure'
  | 'userNames'
  | 'retentionDays'
  | 'grantIdleSeconds'
  | 'sessionTtlSeconds'
  | 'now'
  | 'seconds'
> & {
  grantBlock: GrantBlock;
  machineClients: MachineClientRegistry;
  /** The origin of the server, which is the issuer of its machine clients. */
  origin: string;
  /** Whether the identity provider keeps the grants. */
  isDirect: boolean;
};

/** @throws ConfigurationError when it does not exist */
export async function openDeployment(selection: DeploymentSelection): Promise<Deployment> {
  const { marker, dynamoDb, kms } = await locateDeployment(selection);
  // Many retries: a command can read more per minute than all users together, and is then throttled.
  const requestHandler = { connectionTimeout: 5000, requestTimeout: 20_000, throwOnRequestTimeout: true };
  const client = sdkTableClient(new DynamoDBClient({ maxAttempts: 10, requestHandler, ...dynamoDb }));
  const table = { client, name: marker.table };
  const { retentionDays, isDirect } = marker;
  const calls = dynamoAuditLogReader(table);
  const directory = dynamoDirectory(table);
  const aggregates = dynamoAggregateReader(table);
  return {
    isDirect,
    retentionDays,
    grantIdleSeconds: marker.grantIdleDays * 86_400,
    sessionTtlSeconds: marker.sessionTtlHours * 3600,
    calls,
    directory,
    aggregates,
    search: new CallSearch({ calls, aggregates, directory, retentionDays, now: systemClock.now }),
    revocation: dynamoRevocationStore(table),
    erasure: dynamoErasureStore(table),
    grantBlock: dynamoGrantBlock(table),
    machineClients: dynamoMachineClientRegistry(table),
    origin: new URL(marker.mcpUrl).origin,
    userNames: await readUserNames(table, kms),
    now: systemClock.now,
    seconds: () => epochSeconds(systemClock),
  };
}
