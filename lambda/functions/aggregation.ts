import type { Context } from 'aws-lambda';
import { dynamoAggregateStore } from '../adapters/dynamodb/audit/aggregate-store.ts';
import { dynamoAuditLogReader } from '../adapters/dynamodb/audit/audit-log-reader.ts';
import { openTable } from '../adapters/dynamodb/table-connection.ts';
import { log, withInvocation } from '../adapters/logging/structured-log.ts';
import { systemClock } from '../adapters/system-clock.ts';
import { aggregateCalls } from '../core/audit/call-aggregation.ts';
import { aggregationVariables, readEnvironment } from '../shared/environment.ts';

/** The aggregation function: aggregates the calls of each complete period of five minutes, for the charts. */

const { TABLE_NAME, AUDIT_RETENTION_DAYS } = readEnvironment(aggregationVariables, process.env);
const table = openTable(TABLE_NAME);
const calls = dynamoAuditLogReader(table);
const aggregates = dynamoAggregateStore(table);

/** Time for the last writes. */
const RESERVE_MILLISECONDS = 10_000;

export const handler = (_event: unknown, { awsRequestId, getRemainingTimeInMillis }: Context): Promise<void> =>
  withInvocation(awsRequestId, async () => {
    const dependencies = { calls, aggregates, retentionDays: AUDIT_RETENTION_DAYS, now: systemClock.now, log };
    try {
      await aggregateCalls(dependencies, () => getRemainingTimeInMillis() - RESERVE_MILLISECONDS);
    } catch (error) {
      // The next run aggregates the rest.
      log('aggregation_failed', { error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    }
  });
