import type { Context as LambdaContext } from 'aws-lambda';
import { branding } from '#branding';
import { scopes } from '#scopes';
import { createServer } from '#server';
import { openServerStep, openTaskWorker } from '#server-step';
import { type LambdaRuntime, streamResponse, toMcpRequest } from '../adapters/api-gateway.ts';
import { callJournalFile } from '../adapters/call-journal-file.ts';
import { dynamoAuditLogWriter } from '../adapters/dynamodb/audit/audit-log-writer.ts';
import { dynamoSessionStore } from '../adapters/dynamodb/session-store.ts';
import { dynamoStateStore } from '../adapters/dynamodb/state-store.ts';
import { openTable } from '../adapters/dynamodb/table-connection.ts';
import { loggingSessions } from '../adapters/logging/session-failure-log.ts';
import { log, logSession, logTrace, withInvocation, withRequest } from '../adapters/logging/structured-log.ts';
import { systemClock } from '../adapters/system-clock.ts';
import { readCallerContext } from '../core/access/caller.ts';
import type { AuditDependencies } from '../core/audit/audit-recorder.ts';
import { handleMcpRequest, type PipelineDependencies } from '../core/mcp/pipeline.ts';
import type { TaskJob, WorkerStarter } from '../core/mcp/tasks/tasks.ts';
import type { ToolContextDependencies } from '../core/mcp/tool-context.ts';
import { ToolSecrets } from '../core/mcp/tool-secrets.ts';
import { Sessions, sessionRules } from '../core/sessions/sessions.ts';
import { epochSeconds } from '../core/support/clock.ts';
import { onDemand } from '../core/support/on-demand.ts';
import { mcpVariables, readEnvironment, secretArns } from '../shared/environment.ts';

/** The MCP function: steps 2 to 4 of the pipeline around the owner's `createServer`. Its worker runs long-running tools. */

declare const awslambda: LambdaRuntime;

const environment = readEnvironment(mcpVariables, process.env);
const { PUBLIC_URL, TABLE_NAME } = environment;
const table = openTable(TABLE_NAME);
const now = () => epochSeconds(systemClock);

/** The client of Secrets Manager is loaded when a secret is first read. */
const readSecret = async (arn: string) => (await import('../adapters/secret-reader.ts')).readSecret(arn);

const sessions = new Sessions(
  loggingSessions(dynamoSessionStore(table, environment.AUDIT_RETENTION_DAYS * 24 * 3600)),
  sessionRules(
    environment.MCP_SESSION_TTL_HOURS,
    environment.MCP_SESSION_TTL_HOURS_BY_GROUP,
    environment.STALE_SESSION,
  ),
  now,
);

// The code of what few requests need is loaded by the first of them: a cold start neither reads nor parses it.
const executions = onDemand(async () =>
  (await import('../adapters/dynamodb/execution-store.ts')).dynamoExecutionStore(table),
);
let opened: WorkerStarter | undefined;
const server = openServerStep({
  create: createServer,
  branding,
  scopes,
  executions,
  requestStates: onDemand(async () =>
    (await import('./request-state-access.ts')).openRequestStates(table, environment.SEAL_KEY_ID, now),
  ),
  starter: { start: async (job) => (await openWorker()).start(job) },
  changes: onDemand(async () => (await import('../adapters/dynamodb/change-store.ts')).dynamoChangeStore(table)),
  listenSeconds: environment.LISTEN_SECONDS ?? 0,
  taskTtlSeconds: environment.TASK_TTL_HOURS * 3600,
  holdSeconds: environment.HOLD_SECONDS,
  savePreferences: (session, preferences) => sessions.savePreferences(session, preferences),
  clock: systemClock,
  log,
});
const context: ToolContextDependencies = {
  state: dynamoStateStore(table),
  upstream: openUpstream(),
  secrets: new ToolSecrets({ arns: secretArns(process.env), read: readSecret, clock: systemClock, log }),
  clock: systemClock,
  log,
};
const audit: AuditDependencies = {
  store: dynamoAuditLogWriter(table),
  rules: {
    methods: environment.AUDIT_METHODS,
    arguments: environment.AUDIT_ARGUMENTS,
    errors: environment.AUDIT_ERRORS,
    retentionDays: environment.AUDIT_RETENTION_DAYS,
    deployment: TABLE_NAME,
  },
  clock: systemClock,
  log,
};
const journal = callJournalFile(process.env.TMPDIR ?? '/tmp', log);
const unfinished = journal.unfinished();
const interrupted = unfinished.length > 0 ? logInterrupted() : undefined;
const pipeline: PipelineDependencies = {
  sessions,
  server,
  context,
  audit: { ...audit, journal },
  scopes,
  publicUrl: PUBLIC_URL,
  allowedOrigins: environment.ALLOWED_ORIGINS,
  log,
  setTrace: logTrace,
};
const worker = openTaskWorker({
  executions,
  sessions,
  server,
  context,
  audit,
  setTrace: logTrace,
  clock: systemClock,
  log,
});

async function logInterrupted(): Promise<void> {
  const { logInterruptedCalls } = await import('../core/audit/call-journal.ts');
  await logInterruptedCalls(audit, journal, unfinished);
}

/** The client of AWS Lambda is loaded when the first long-running tool is called. The worker itself starts no worker. */
async function openWorker(): Promise<WorkerStarter> {
  if (environment.WORKER_FUNCTION === undefined) throw new Error('WORKER_FUNCTION is not set');
  const { lambdaWorker } = await import('../adapters/lambda/worker-invoker.ts');
  opened ??= lambdaWorker(environment.WORKER_FUNCTION);
  return opened;
}

/** The identity provider's tokens, if the stack lets this function open them. */
function openUpstream(): ToolContextDependencies['upstream'] {
  const { IDP_ISSUER: issuer, IDP_CLIENT_ID: clientId } = environment;
  if (!issuer || !clientId) return undefined;
  let opened: ReturnType<typeof open> | undefined;
  const open = async () =>
    (await import('./upstream-token-access.ts')).openUpstreamTokens(
      environment,
      { issuer, clientId },
      table,
      readSecret,
    );
  const access = () => {
    opened ??= open();
    return opened;
  };
  return {
    issuer: issuer.replace(/\/$/, ''),
    tokens: onDemand(async () => (await access()).tokens),
    exchange: onDemand(async () => (await access()).exchange),
  };
}

/** For the local emulator, which checks the server before it deploys it. */
export { createServer };

export const handler = awslambda.streamifyResponse((event, stream, { getRemainingTimeInMillis }) =>
  withRequest(event, async () => {
    // The request may be the one whose tool ends the process.
    if (interrupted) await interrupted;
    const caller = readCallerContext(event.requestContext.authorizer);
    const request = toMcpRequest(event, PUBLIC_URL);
    const { response, done, afterwards } = await handleMcpRequest(
      pipeline,
      request,
      caller,
      getRemainingTimeInMillis(),
    );
    response.headers.set('Access-Control-Allow-Origin', '*');
    response.headers.set('Access-Control-Expose-Headers', 'Mcp-Session-Id, WWW-Authenticate');
    logSession(response.headers.get('Mcp-Session-Id'));
    await streamResponse(response, stream, awslambda, done, afterwards);
  }),
);

/** The worker function: the same server, in an asynchronous invocation. */
export const work = async (job: TaskJob, { awsRequestId, getRemainingTimeInMillis }: LambdaContext): Promise<void> =>
  withInvocation(awsRequestId, () => worker.work(job, getRemainingTimeInMillis()));
