import { DynamoDBClient, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';
import { sdkTableClient } from '../../lambda/adapters/dynamodb/sdk-table-client.ts';
import { dynamoSessionStore } from '../../lambda/adapters/dynamodb/session-store.ts';
import { dynamoStateStore } from '../../lambda/adapters/dynamodb/state-store.ts';
import { systemClock } from '../../lambda/adapters/system-clock.ts';
import { epochSeconds } from '../../lambda/core/support/clock.ts';
import { ConfigurationError } from '../../lib/settings/configuration-error.ts';
import type { ImportTarget } from './session-import.ts';

/**
 * Opens a table with the credentials of whoever runs this, as the AWS CLI finds them, or those that are given.
 *
 * @throws Mistake when it cannot be read: before the first session, not at it
 */
export async function openTarget(name: string, access: DynamoDBClientConfig = {}): Promise<ImportTarget> {
  // Patient with throttling: a table on demand grows with what it is asked for.
  const dynamodb = new DynamoDBClient({ maxAttempts: 10, ...access });
  const table = { client: sdkTableClient(dynamodb), name };
  const target = { sessions: dynamoSessionStore(table), state: dynamoStateStore(table) };
  try {
    await target.state.get('nobody', 'nothing', epochSeconds(systemClock));
  } catch (error) {
    const { message, cause } = error as Error;
    throw new ConfigurationError(`The table ${name}: ${(cause as Error | undefined)?.message ?? message}`, {
      cause: error,
    });
  }
  return target;
}
