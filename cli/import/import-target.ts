import { DynamoDBClient, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';
import { sdkTableClient } from '../../lambda/adapters/dynamodb/client/sdk-table-client.ts';
import { dynamoSessionStore } from '../../lambda/adapters/dynamodb/session-store.ts';
import { dynamoStateStore } from '../../lambda/adapters/dynamodb/state-store.ts';
import { systemClock } from '../../lambda/adapters/system-clock.ts';
import { epochSeconds } from '../../lambda/core/support/clock.ts';
import { ConfigurationError } from '../../lib/settings/configuration-error.ts';
import { UsageError } from '../command-errors.ts';
import type { ImportCommandOptions } from '../commands/parsed-options.ts';
import { locateDeployment } from '../target/deployment-location.ts';
import { discardingTarget, type ImportTarget } from './session-import.ts';

/** The table to import to, and the issuer of the users. */
export async function openImportTarget({
  table,
  issuer,
  dryRun = false,
  ...selection
}: ImportCommandOptions): Promise<{ target: ImportTarget; issuer: string }> {
  if (table === undefined && selection.stack === undefined && !selection.local) {
    throw new UsageError(
      'No import target; pass --table NAME of a deployment, or --local, or --stack NAME (--help has examples)',
    );
  }
  if (table !== undefined) {
    if (issuer === undefined) throw new UsageError('--table needs --issuer URL, the issuer (iss) of the users’ tokens');
    return { target: dryRun ? discardingTarget : await openTable(table, {}), issuer };
  }
  const { marker, dynamoDb } = await locateDeployment(selection);
  const target = dryRun ? discardingTarget : await openTable(marker.table, dynamoDb);
  return { target, issuer: issuer ?? marker.issuer };
}

/** @throws ConfigurationError before the first session when the table is not readable */
async function openTable(name: string, access: DynamoDBClientConfig): Promise<ImportTarget> {
  // Many retries: an on-demand table throttles until it has grown with the load.
  const dynamodb = new DynamoDBClient({ maxAttempts: 10, ...access });
  const table = { client: sdkTableClient(dynamodb), name };
  const target = { sessions: dynamoSessionStore(table), state: dynamoStateStore(table) };
  try {
    await target.state.get('no-user', 'no-key', epochSeconds(systemClock));
  } catch (error) {
    const { message, cause } = error as Error;
    throw new ConfigurationError(`Table ${name}: ${(cause as Error | undefined)?.message ?? message}`, {
      cause: error,
    });
  }
  return target;
}
