import type { Context as LambdaContext } from 'aws-lambda';
import { branding } from '#branding';
import { scopes } from '#scopes';
import { createServer } from '#server';
import { openServerStep, openTaskWorker } from '#server-step';
import { type LambdaRuntime, streamResponse, toMcpRequest } from '../adapters/api-gateway.ts';
import { dynamoAuditLogWriter } from '../adapters/dynamodb/audit/audit-log-writer.ts';
import { dynamoChangeStore } from '../adapters/dynamodb/change-store.ts';
import { dynamoExecutionStore } from '../adapters/dynamodb/execution-store.ts';
import { dynamoRequestStateStore } from '../adapters/dynamodb/request-state-store.ts';
import { dynamoSealedKeyStore } from '../adapters/dynamodb/sealed-key-store.ts';
import { dynamoSessionStore } from '../adapters/dynamodb/session-store.ts';
import { dynamoStateStore } from '../adapters/dynamodb/state-store.ts';
import { openTable } from '../adapters/dynamodb/table-connection.ts';
import { dynamoUpstreamTokenStore } from '../adapters/dynamodb/upstream-token-store.ts';
import { openKms } from '../adapters/kms/kms-client.ts';
import { kmsSealer } from '../adapters/kms/kms-sealer.ts';
import { loggingSessions } from '../adapters/logging/session-failure-log.ts';
import { log, logSession, logTrace, withInvocation, withRequest } from '../adapters/logging/structured-log.ts';
import { type OpenIdClientOptions, openIdRefresher } from '../adapters/openid.ts';
import { systemClock } from '../adapters/system-clock.ts';
import { readCallerContext } from '../core/access/caller.ts';
import type { AuditDependencies } from '../core/audit/audit-recorder.ts';
import type { TokenExchange } from '../core/identity/token-exchange.ts';
import { groupReader } from '../core/identity/upstream-provider.ts';
import { UpstreamTokenManager } from '../core/identity/upstream-tokens.ts';
import { RequestStates } from '../core/mcp/modern/request-state.ts';
import { handleMcpRequest, type PipelineDependencies } from '../core/mcp/pipeline.ts';
import type { TaskJob, WorkerStarter } from '../core/mcp/tasks/tasks.ts';
import type { ToolContextDependencies } from '../core/mcp/tool-context.ts';
import { ToolSecrets } from '../core/mcp/tool-secrets.ts';
import { Sessions, sessionRules } from '../core/sessions/sessions.ts';
import { epochSeconds } from '../core/support/clock.ts';
import { sealedKey } from '../core/support/sealed-key.ts';
import { mcpVariables, readEnvironment, secretArns } from '../shared/environment.ts';

/** The MCP function: steps 2 to 4 of the pipeline around the owner's `createServer`. Its worker runs long-running tools. */

declare const awslambda: LambdaRuntime;

const environment = readEnvironment(mcpVariables, process.env);
const { PUBLIC_URL, TABLE_NAME } = environment;
const table = openTable(TABLE_NAME);
const now = () => epochSeconds(systemClock);

/** The client of Secrets Manager is loaded when a secret is first read. */
const readSecret = async (arn: string) => (await import('../adapters/secret-reader.ts')).readSecret(arn);

const sealer = kmsSealer(openKms(), environment.SEAL_KEY_ID, TABLE_NAME);
const sessions = new Sessions(
  loggingSessions(dynamoSessionStore(table, environment.AUDIT_RETENTION_DAYS * 24 * 3600)),
  sessionRules(
    environment.MCP_SESSION_TTL_HOURS,
    environment.MCP_SESSION_TTL_HOURS_BY_GROUP,
    environment.STALE_SESSION,
  ),
  now,
);

const executions = dynamoExecutionStore(table);
let opened: WorkerStarter | undefined;
const server = openServerStep({
  create: createServer,
  branding,
  scopes,
  executions,
  requestStates: new RequestStates(
    sealedKey(dynamoSealedKeyStore(table), sealer, 'request-state'),
    dynamoRequestStateStore(table),
    now,
  ),
  starter: { start: async (job) => (await openWorker()).start(job) },
  changes: dynamoChangeStore(table),
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
const pipeline: PipelineDependencies = {
  sessions,
  server,
  context,
  audit,
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

/** The client of AWS Lambda is loaded when the first long-running tool is called. The worker itself starts no worker. */
async function openWorker(): Promise<WorkerStarter> {
  if (environment.WORKER_FUNCTION === undefined) throw new Error('WORKER_FUNCTION is not set');
  const { lambdaWorker } = await import('../adapters/lambda/worker-invoker.ts');
  opened ??= lambdaWorker(environment.WORKER_FUNCTION);
  return opened;
}

/** The identity provider's tokens, if the stack lets this function open them. */
function openUpstream(): ToolContextDependencies['upstream'] {
  const { IDP_ISSUER, IDP_CLIENT_ID, IDP_CLIENT_SECRET_ARN, IDP_AUTHENTICATION } = environment;
  const { IDP_GROUP_CLAIMS = [], IDP_GROUP_PREFIX, IDP_GROUPS = [], IDP_USER_INFO } = environment;
  if (!IDP_ISSUER || !IDP_CLIENT_ID) return undefined;
  const client: OpenIdClientOptions = {
    issuer: IDP_ISSUER,
    clientId: IDP_CLIENT_ID,
    ...(IDP_CLIENT_SECRET_ARN && {
      clientSecret: () => readSecret(IDP_CLIENT_SECRET_ARN),
    }),
    authentication: IDP_AUTHENTICATION,
    assertionAudience: environment.IDP_ASSERTION_AUDIENCE,
    groupsIn: groupReader({ claims: IDP_GROUP_CLAIMS, prefix: IDP_GROUP_PREFIX, kept: IDP_GROUPS }, log),
    userInfo: IDP_USER_INFO === 'true',
    now,
  };
  const tokens = new UpstreamTokenManager({
    store: dynamoUpstreamTokenStore(table),
    sealer,
    upstreamProvider: openIdRefresher(client),
    clock: systemClock,
    random: Math.random,
  });
  let exchange: Promise<TokenExchange> | undefined;
  const openExchange = async () => {
    const [{ TokenExchange }, { openIdExchanger }, { dynamoExchangedTokenStore }] = await Promise.all([
      import('../core/identity/token-exchange.ts'),
      import('../adapters/openid-exchange.ts'),
      import('../adapters/dynamodb/exchanged-token-store.ts'),
    ]);
    const { IDP_EXCHANGE: form, IDP_EXCHANGE_CLIENT_ID: clientId, IDP_EXCHANGE_CLIENT_SECRET_ARN: arn } = environment;
    // It has a secret, also where the client of the sign-in is public.
    const authentication = IDP_AUTHENTICATION === 'none' ? undefined : IDP_AUTHENTICATION;
    const own = clientId && arn && { clientId, clientSecret: () => readSecret(arn), authentication };
    const exchanger = openIdExchanger({ ...client, ...own, form });
    const store = dynamoExchangedTokenStore(table);
    return new TokenExchange({ store, tokens, exchanger, sealer, clock: systemClock, random: Math.random });
  };
  return {
    issuer: IDP_ISSUER.replace(/\/$/, ''),
    tokens,
    exchange: () => {
      exchange ??= openExchange();
      return exchange;
    },
  };
}

/** For the local emulator, which checks the server before it deploys it. */
export { createServer };

export const handler = awslambda.streamifyResponse((event, stream, { getRemainingTimeInMillis }) =>
  withRequest(event, async () => {
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
