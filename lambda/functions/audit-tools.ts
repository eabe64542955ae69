import { branding } from '#branding';
import { scopes } from '#scopes';
import { type LambdaRuntime, streamResponse, toMcpRequest } from '../adapters/api-gateway.ts';
import { dynamoAggregateReader } from '../adapters/dynamodb/audit/aggregate-reader.ts';
import { dynamoAuditLogReader } from '../adapters/dynamodb/audit/audit-log-reader.ts';
import { dynamoAuditLogWriter } from '../adapters/dynamodb/audit/audit-log-writer.ts';
import { dynamoChangeStore } from '../adapters/dynamodb/change-store.ts';
import { dynamoDirectory } from '../adapters/dynamodb/directory-queries.ts';
import { dynamoExecutionStore } from '../adapters/dynamodb/execution-store.ts';
import { dynamoRequestStateStore } from '../adapters/dynamodb/request-state-store.ts';
import { dynamoSessionStore } from '../adapters/dynamodb/session-store.ts';
import { dynamoStateStore } from '../adapters/dynamodb/state-store.ts';
import { openTable } from '../adapters/dynamodb/table-connection.ts';
import { loggingSessions } from '../adapters/logging/session-failure-log.ts';
import { log, logSession, logTrace, withRequest } from '../adapters/logging/structured-log.ts';
import { systemClock } from '../adapters/system-clock.ts';
import { readCallerContext } from '../core/access/caller.ts';
import { auditToolsEndpoint } from '../core/admin/audit-tools-endpoint.ts';
import { CallSearch } from '../core/admin/call-search.ts';
import { sessionRules } from '../core/sessions/sessions.ts';
import { epochSeconds } from '../core/support/clock.ts';
import { auditToolsVariables } from '../shared/audit-tools-environment.ts';
import { readEnvironment } from '../shared/environment.ts';

/** The function of the audit tools: steps 2 to 4 of the pipeline around tools that read the audit log. */

declare const awslambda: LambdaRuntime;

const environment = readEnvironment(auditToolsVariables, process.env);
const { PUBLIC_URL, TABLE_NAME } = environment;
const table = openTable(TABLE_NAME);
const calls = dynamoAuditLogReader(table);
const aggregates = dynamoAggregateReader(table);
const directory = dynamoDirectory(table);
const retentionDays = environment.AUDIT_RETENTION_DAYS;

const endpoint = auditToolsEndpoint({
  adminsGroup: environment.ADMINS_GROUP,
  sessionRules: sessionRules(
    environment.MCP_SESSION_TTL_HOURS,
    environment.MCP_SESSION_TTL_HOURS_BY_GROUP,
    environment.STALE_SESSION,
  ),
  auditRules: {
    methods: 'tools',
    arguments: environment.AUDIT_ARGUMENTS,
    errors: environment.AUDIT_ERRORS,
    retentionDays,
    deployment: TABLE_NAME,
  },
  log: {
    calls,
    search: new CallSearch({ calls, aggregates, directory, retentionDays, now: systemClock.now }),
    aggregates,
    directory,
    now: systemClock.now,
  },
  stores: {
    sessions: loggingSessions(dynamoSessionStore(table, retentionDays * 24 * 3600)),
    executions: dynamoExecutionStore(table),
    requestStates: dynamoRequestStateStore(table),
    changes: dynamoChangeStore(table),
    state: dynamoStateStore(table),
    calls: dynamoAuditLogWriter(table),
  },
  branding,
  scopes,
  publicUrl: PUBLIC_URL,
  allowedOrigins: environment.ALLOWED_ORIGINS,
  clock: systemClock,
  seconds: () => epochSeconds(systemClock),
  logger: log,
  setTrace: logTrace,
});

export const handler = awslambda.streamifyResponse((event, stream, { getRemainingTimeInMillis }) =>
  withRequest(event, async () => {
    const caller = readCallerContext(event.requestContext.authorizer);
    const request = toMcpRequest(event, PUBLIC_URL);
    const { response, done, afterwards } = await endpoint(request, caller, getRemainingTimeInMillis());
    response.headers.set('Access-Control-Allow-Origin', '*');
    response.headers.set('Access-Control-Expose-Headers', 'Mcp-Session-Id, WWW-Authenticate');
    logSession(response.headers.get('Mcp-Session-Id'));
    await streamResponse(response, stream, awslambda, done, afterwards);
  }),
);
