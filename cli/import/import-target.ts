import { DynamoDBClient, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';
import { sdkTableClient } from '../../lambda/adapters/dynamodb/client/sdk-table-client.ts';
import { dynamoSessionStore } from '../../lambda/adapters/dynamodb/session-store.ts';
import { dynamoStateStore } from '../../lambda/adapters/dynamodb/state-store.ts';
import { systemClock } from '../../lambda/adapters/system-clock.ts';
import { epochSeconds } from '../../lambda/core/support/clock.ts';
import { ConfigurationError } from '../../lib/settings/configuration-error.ts';
import { UsageError } from '../command-errors.ts';
import type { ImportCommandOptions } from '../commands/parsed-options.ts';
import { locateLocalEmulator } from '../target/local-emulator.ts';
import { discardingTarget, type ImportTarget } from './session-import.ts';

/** The table to import to, and the issuer of the users. */
export async function openImportTarget({
  table,
  local = false,
  issuer,
  dryRun = false,
}: ImportCommandOptions): Promise<{ target: ImportTarget; issuer: string }> {
  if (local) {
    const emulator = locateLocalEmulator();
    const users = issuer ?? emulator.issuer;
    if (users === undefined) throw new UsageError('The users are at an external identity provider; pass --issuer URL');
    return { target: dryRun ? discardingTarget : await openTable(emulator.table, emulator.dynamoDb), issuer: users };
  }
  if (table === undefined) {
    throw new UsageError('No import target; pass --table NAME of a deployment, or --local (--help has examples)');
  }
  if (issuer === undefined) throw new UsageError('--table needs --issuer URL, the issuer (iss) of the users’ tokens');
  return { target: dryRun ? discardingTarget : await openTable(table, {}), issuer };
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
