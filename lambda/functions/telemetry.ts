import type { Context } from 'aws-lambda';
import { dynamoAuditLogReader } from '../adapters/dynamodb/audit/audit-log-reader.ts';
import { dynamoExportProgress } from '../adapters/dynamodb/audit/call-progress.ts';
import { openTable } from '../adapters/dynamodb/table-connection.ts';
import { log, withInvocation } from '../adapters/logging/structured-log.ts';
import { otlpEndpoint, signedForXRay, type TelemetryAuthorization } from '../adapters/otlp-endpoint.ts';
import { systemClock } from '../adapters/system-clock.ts';
import { parseHeaderList } from '../core/telemetry/header-list.ts';
import { exportCalls } from '../core/telemetry/telemetry-export.ts';
import { readEnvironment } from '../shared/environment.ts';
import { telemetryVariables } from '../shared/telemetry-environment.ts';

/** The telemetry function: exports the calls of each complete period of five minutes to an OTLP endpoint. */

const environment = readEnvironment(telemetryVariables, process.env);
const table = openTable(environment.TABLE_NAME);

const withSecretHeaders = (arn: string): TelemetryAuthorization => {
  let secret: Promise<Record<string, string>> | undefined;
  const read = async () => {
    const { readSecret } = await import('../adapters/secret-reader.ts');
    return parseHeaderList(await readSecret(arn));
  };
  return async (_url, headers) => {
    secret ??= read();
    return { ...(await secret), ...headers };
  };
};

/** Of one run, so that the next one reads a changed secret. */
function authorization(): TelemetryAuthorization {
  const { TELEMETRY_HEADERS_ARN: arn, TELEMETRY_SIGNATURE: signature } = environment;
  if (signature === 'xray') return signedForXRay;
  return arn === undefined ? async (_url, headers) => headers : withSecretHeaders(arn);
}

/** Time for the last request. */
const RESERVE_MILLISECONDS = 30_000;

export const handler = (_event: unknown, { awsRequestId, getRemainingTimeInMillis }: Context): Promise<void> =>
  withInvocation(awsRequestId, async () => {
    const { TELEMETRY_SERVICE_NAME: name, TELEMETRY_SIGNALS: signals, TELEMETRY_USERS: users } = environment;
    const dependencies = {
      calls: dynamoAuditLogReader(table),
      sessionTtlSeconds: environment.MCP_SESSION_TTL_HOURS * 3600,
      progress: dynamoExportProgress(table),
      endpoint: otlpEndpoint(environment.TELEMETRY_ENDPOINT, authorization()),
      signals,
      rules: { users: users === 'true' },
      resource: { 'service.name': name, 'cloud.provider': 'aws', 'cloud.region': process.env.AWS_REGION },
      now: systemClock.now,
      log,
    };
    try {
      await exportCalls(dependencies, () => getRemainingTimeInMillis() - RESERVE_MILLISECONDS);
    } catch (error) {
      // The next run repeats the period.
      log('telemetry_export_failed', { reason: error instanceof Error ? error.message : String(error) });
    }
  });
