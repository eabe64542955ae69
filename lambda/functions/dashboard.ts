import type { APIGatewayProxyEvent, APIGatewayProxyResult } from 'aws-lambda';
import { branding } from '#branding';
import { toRequest, toResult } from '../adapters/api-gateway.ts';
import { dynamoAggregateReader } from '../adapters/dynamodb/audit/aggregate-reader.ts';
import { dynamoAuditLogReader } from '../adapters/dynamodb/audit/audit-log-reader.ts';
import { dynamoDashboardSessionStore } from '../adapters/dynamodb/dashboard-session-store.ts';
import { dynamoDirectory } from '../adapters/dynamodb/directory-queries.ts';
import { dynamoErasureStore } from '../adapters/dynamodb/erasure-store.ts';
import { blockingRevocation, dynamoGrantBlock } from '../adapters/dynamodb/grant-block.ts';
import { dynamoRevocationStore } from '../adapters/dynamodb/revocation-store.ts';
import { dynamoSealedKeyStore } from '../adapters/dynamodb/sealed-key-store.ts';
import { openTable } from '../adapters/dynamodb/table-connection.ts';
import { openKms } from '../adapters/kms/kms-client.ts';
import { kmsSealer } from '../adapters/kms/kms-sealer.ts';
import { log, withRequest } from '../adapters/logging/structured-log.ts';
import { pageFiles } from '../adapters/page-files.ts';
import { systemClock } from '../adapters/system-clock.ts';
import { CallSearch } from '../core/admin/call-search.ts';
import { directDirectory } from '../core/admin/direct-directory.ts';
import type { Dashboard } from '../core/dashboard/dashboard-dependencies.ts';
import { handleDashboardRequest } from '../core/dashboard/dashboard-routes.ts';
import { UserNames } from '../core/identity/user-names.ts';
import { epochSeconds } from '../core/support/clock.ts';
import { sealedKey } from '../core/support/sealed-key.ts';
import { dashboardVariables, readEnvironment } from '../shared/environment.ts';

/** The dashboard function: its page and the API of the page. */

const environment = readEnvironment(dashboardVariables, process.env);
const { PUBLIC_URL, TABLE_NAME, SEAL_KEY_ID } = environment;
const table = openTable(TABLE_NAME);
const calls = dynamoAuditLogReader(table);
const seconds = () => epochSeconds(systemClock);
/** Direct mode: the table holds sessions, and a grant only where it blocks one. */
const direct = environment.DIRECT === 'true' ? dynamoGrantBlock(table) : undefined;
const stored = dynamoDirectory(table);
const directory = direct ? directDirectory({ ...direct, directory: stored, calls, seconds }) : stored;
const revocation = dynamoRevocationStore(table);
const aggregates = dynamoAggregateReader(table);
const retentionDays = environment.AUDIT_RETENTION_DAYS;

const dashboard: Dashboard = {
  publicUrl: PUBLIC_URL,
  branding,
  adminsGroup: environment.ADMINS_GROUP,
  retentionDays,
  isDirect: direct !== undefined,
  grantIdleSeconds: environment.GRANT_IDLE_DAYS * 86400,
  sessionTtlSeconds: environment.MCP_SESSION_TTL_HOURS * 3600,
  personalTokens: environment.PERSONAL_TOKENS as Dashboard['personalTokens'],
  dashboardSessions: dynamoDashboardSessionStore(table),
  calls,
  search: new CallSearch({ calls, aggregates, directory, retentionDays, now: systemClock.now }),
  aggregates,
  directory,
  revocation: direct ? blockingRevocation(revocation, direct) : revocation,
  erasure: dynamoErasureStore(table),
  userNames:
    SEAL_KEY_ID === undefined
      ? undefined
      : new UserNames(
          sealedKey(dynamoSealedKeyStore(table), kmsSealer(openKms(), SEAL_KEY_ID, TABLE_NAME), 'user-names'),
        ),
  page: pageFiles(process.env.LAMBDA_TASK_ROOT ?? '.'),
  now: systemClock.now,
  seconds,
  log,
};

/** Responds without compression, with a known length: CloudFront compresses. */
export const handler = (event: APIGatewayProxyEvent): Promise<APIGatewayProxyResult> =>
  withRequest(event, async () => toResult(await handleDashboardRequest(dashboard, toRequest(event, PUBLIC_URL))));
