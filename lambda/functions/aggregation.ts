import type { Context } from 'aws-lambda';
import { dynamoStatisticsStore } from '../adapters/dynamodb/aggregate-store.ts';
import { dynamoCallHistory } from '../adapters/dynamodb/audit-log-reader.ts';
import { openTable } from '../adapters/dynamodb/table-connection.ts';
import { invoked, log } from '../adapters/logging/structured-log.ts';
import { rollUp } from '../core/audit/call-aggregation.ts';
import { epochMilliseconds } from '../core/support/clock.ts';
import { readEnvironment, rollupVariables } from '../shared/environment.ts';

/** The rollup function: every five minutes it counts the calls of those that are over, for the charts. */

const { TABLE_NAME, RECORD_RETENTION_DAYS } = readEnvironment(rollupVariables, process.env);
const table = openTable(TABLE_NAME);
const calls = dynamoCallHistory(table);
const statistics = dynamoStatisticsStore(table);

/** Left for writing what has been counted. */
const RESERVE_MILLISECONDS = 10_000;

export const handler = (_event: unknown, { awsRequestId, getRemainingTimeInMillis }: Context): Promise<void> =>
  invoked(awsRequestId, async () => {
    const parts = { calls, statistics, retentionDays: RECORD_RETENTION_DAYS, now: epochMilliseconds, log };
    try {
      await rollUp(parts, () => getRemainingTimeInMillis() - RESERVE_MILLISECONDS);
    } catch (error) {
      // Nothing is lost by it: what has not been counted is counted next time.
      log('rollup_failed', { error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    }
  });
