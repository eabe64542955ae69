import type { IRestApi } from 'aws-cdk-lib/aws-apigateway';
import type { IDistribution } from 'aws-cdk-lib/aws-cloudfront';
import { type IMetric, type Metric, type MetricOptions, Stats } from 'aws-cdk-lib/aws-cloudwatch';
import type { IUserPool } from 'aws-cdk-lib/aws-cognito';
import type { ITableV2 } from 'aws-cdk-lib/aws-dynamodb';
import type { Connections, IConnectable } from 'aws-cdk-lib/aws-ec2';
import type { IGrantable, IPrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { type FunctionOptions, type IFunction, Tracing } from 'aws-cdk-lib/aws-lambda';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { CfnOutput, CustomResource, Duration, Stack, Token } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import type { AuditToolsEnvironment } from '../lambda/shared/audit-tools-environment.ts';
import type { Branding } from '../lambda/shared/branding.ts';
import type { DashboardSignInEnvironment } from '../lambda/shared/dashboard-sign-in-environment.ts';
import {
  type AggregationEnvironment,
  type AuthorizerEnvironment,
  type DashboardEnvironment,
  type DiscoveryEnvironment,
  type McpEnvironment,
  type OAuthEnvironment,
  secretVariable,
  type UpstreamKeysEnvironment,
} from '../lambda/shared/environment.ts';
import type { CountedEvent } from '../lambda/shared/metric-names.ts';
import {
  AUDIT_TOOLS_PATH,
  defaultScope,
  hasToolScopes,
  toolGroups,
  withAuditScope,
} from '../lambda/shared/scope-set.ts';
import type { TelemetryEnvironment } from '../lambda/shared/telemetry-environment.ts';
import { recordContent } from './bundle/content-recorder.ts';
import { constructName, deploymentMarker, MARKER_DESCRIPTION, MARKER_ID } from './deployment-marker.ts';
import { customerManagedKey, SealKey, SigningKeys } from './encryption-keys.ts';
import { checkFeatureFlags } from './feature-flags.ts';
import { Firewall } from './firewall.ts';
import { GatewayResponses } from './gateway-responses.ts';
import { HoldfastFunction, type HoldfastFunctionProps, serverSecurityGroup } from './holdfast-function.ts';
import { CloudFrontHostname, CustomHostname } from './hostname.ts';
import type { Alarms } from './operations/cloudwatch-alarms.ts';
import { Operations } from './operations/operations.ts';
import { countedEventMetric, eventMetric, METRIC_PERIOD, type MonitoredResources } from './operations/stack-metrics.ts';
import { rejectMisspeltProps } from './prop-names.ts';
import { McpRestApi } from './rest-api.ts';
import { grantReadSecret } from './secret-grant.ts';
import { ServerPrincipal } from './server-principal.ts';
import { SessionTable } from './session-table.ts';
import { brandingOf } from './settings/branding-settings.ts';
import { admissionEnvironment } from './settings/client-settings.ts';
import { ConfigurationError } from './settings/configuration-error.ts';
import { type HoldfastSettings, type ResolvedSettings, resolveSettings } from './settings/holdfast-settings.ts';
import {
  dashboardSignInEnvironment,
  directScopes,
  type IdentityProviderSettings,
  identityEnvironment,
  toolTokenEnvironment,
  withProfile,
} from './settings/identity-provider-settings.ts';
import { admitsAssertions } from './settings/machines/assertion-settings.ts';
import { machineEnvironment } from './settings/machines/machine-environment.ts';
import { type SecretSource, validateSecret } from './settings/secret-settings.ts';
import { validateVariable } from './settings/server-function-settings.ts';
import { isLonger } from './settings/setting-validation.ts';
import { personalTokenLifetime } from './settings/sign-in-settings.ts';
import { durationText, queryText } from './settings/token-text.ts';
import { telemetryDestination } from './telemetry-destination.ts';
import { UpstreamServers } from './upstream-servers.ts';
import { HoldfastUserPool } from './user-pool.ts';

/** How users sign in, as far as the rest of the stack depends on it. */
type SignIn = {
  /** The authorizer's variables about the issuer. */
  issuer: Omit<AuthorizerEnvironment, 'PUBLIC_URL'>;
  /** The issuer of the users, at the identity provider. */
  usersIssuer: string;
  /** The OAuth function; `undefined` in direct mode. */
  oauth: HoldfastFunction | undefined;
  /** In direct mode with a dashboard: the function that signs its users in. */
  dashboardSignIn: HoldfastFunction | undefined;
  /** The scope in the 401 challenge. */
  scope: string;
  /** Access to upstream tokens; `undefined` unless the setting `upstreamTokens` enables it. */
  upstreamTokens: { environment: Partial<McpEnvironment>; grantUse(grantee: IGrantable): void } | undefined;
};

/** The function of your server, and the worker that continues its long-running tools. */
type ServerFunctions = { mcp: HoldfastFunction; worker: HoldfastFunction };

export interface HoldfastProps extends HoldfastSettings {}

/**
 * A remote MCP server: API, functions, table, keys, sign-in, and operations.
 *
 * A grant to this construct, such as `bucket.grantRead(holdfast)`, is one to the functions that run the server's tools.
 */
export class Holdfast extends Construct implements IGrantable, IConnectable {
  /** The MCP endpoint. */
  readonly mcpUrl: string;
  /** The dashboard; `undefined` if it is switched off, and in direct mode without a client id. */
  readonly dashboardUrl: string | undefined;
  /** The function that handles requests to the MCP endpoint. */
  readonly mcpFunction: IFunction;
  /** The function that continues long-running tools. */
  readonly workerFunction: IFunction;
  /** The table of sessions, grants, and the audit log. */
  readonly table: ITableV2;
  readonly api: IRestApi;
  /** The CloudFront distribution in front of the API; `undefined` with a host name of your own. */
  readonly distribution: IDistribution | undefined;
  /** The Cognito user pool that users sign in with; `undefined` with another identity provider. */
  readonly userPool: IUserPool | undefined;
  /** The alarms by name; empty unless the setting `operations` is true. */
  readonly alarms: Alarms;
  /** The topic that receives the alarms; `undefined` without notifications. */
  readonly alarmTopic: ITopic | undefined;
  /**
   * The issuer of the assertions for upstream servers, which publishes their keys at `/jwks.json` below it; `undefined`
   * without the setting `upstreams`.
   */
  readonly upstreamIssuer: string | undefined;
  /** The principal of the MCP function and the worker. */
  readonly grantPrincipal: IPrincipal;
  readonly #settings: ResolvedSettings;
  readonly #encryptionKey: IKey | undefined;
  readonly #branding: Branding;
  readonly #table: SessionTable;
  readonly #api: McpRestApi;
  readonly #publicUrl: string;
  readonly #sealKey: SealKey;
  readonly #server: ServerFunctions;
  readonly #monitored: MonitoredResources;

  constructor(scope: Construct, id: string, props: HoldfastProps = {}) {
    super(scope, id);
    const { region } = Stack.of(this);
    rejectMisspeltProps(props);
    const settings = resolveSettings(props, Token.isUnresolved(region) ? undefined : region);
    const { stage, identityProvider, domain } = settings;
    const directProvider = identityProvider?.mode === 'direct' ? identityProvider : undefined;

    this.#settings = settings;
    recordContent(this, settings);
    checkFeatureFlags(this, { hasVersions: settings.provisionedConcurrentExecutions !== undefined });
    this.#branding = brandingOf(settings);
    const encryptionKey = customerManagedKey(this, settings.encryptionKey);
    this.#encryptionKey = encryptionKey;
    this.#table = new SessionTable(this, 'Table', { stage, encryptionKey });
    this.#api = new McpRestApi(this, 'Gateway', {
      ...settings,
      encryptionKey,
      facade: directProvider === undefined,
      dashboard: hasDashboard(settings),
      personalTokens: settings.personalTokens !== undefined,
      defaultEndpoint: domain === undefined,
    });
    const hostname = this.#createHostname();
    this.distribution = hostname.distribution;
    this.#publicUrl = hostname.url;
    this.#sealKey = new SealKey(this, 'SealKey', { stage });

    const users = identityProvider === undefined ? this.#createUserPool() : undefined;
    this.userPool = users?.userPool;
    const signIn = directProvider
      ? this.#createDirectSignIn(directProvider)
      : this.#createFacadeSignIn(identityProvider ?? users!.identityProvider);
    const authorizer = this.#createAuthorizer(signIn);
    // A deployment with another signing key updates the authorizer first, so that it knows the key of each new token.
    signIn.oauth?.handler.node.addDependency(authorizer.handler.node.defaultChild!);
    const upstreams = this.#createUpstreams();
    this.upstreamIssuer = upstreams?.issuer;
    const server = this.#createServer(signIn, authorizer, upstreams);
    const { oauth, dashboardSignIn } = signIn;
    const dashboard = hasDashboard(settings) ? this.#createDashboard(oauth ?? dashboardSignIn!) : undefined;
    const auditTools = this.#createAuditTools(authorizer);
    const aggregation = this.#createAggregation();
    const telemetry = this.#createTelemetry();
    new GatewayResponses(this, 'Responses', {
      api: this.#api.api,
      publicUrl: this.#publicUrl,
      scope: signIn.scope,
    });
    if (settings.firewall) new Firewall(this, 'Firewall', { ...settings, api: this.#api.api });
    this.#monitored = {
      api: this.#api.api,
      accessLog: this.#api.accessLog,
      functions: {
        Authorizer: authorizer,
        Mcp: server.mcp,
        Worker: server.worker,
        AuditTools: auditTools,
        OAuth: oauth,
        SignIn: dashboardSignIn,
        Dashboard: dashboard,
        Rollup: aggregation,
        Telemetry: telemetry,
      },
      admitsAssertions: admitsAssertions(settings),
      tableName: this.#table.name,
    };
    const operations = settings.operations
      ? new Operations(this, 'Operations', { ...settings, ...this.#monitored })
      : undefined;
    this.alarms = operations?.alarms ?? {};
    this.alarmTopic = operations?.alarmTopic;

    this.#server = server;
    for (const [name, secret] of Object.entries(settings.secrets ?? {})) this.addSecret(name, secret);
    this.mcpFunction = server.mcp.handler;
    this.workerFunction = server.worker.handler;
    this.grantPrincipal = new ServerPrincipal([server.mcp.role, server.worker.role]);
    this.table = this.#table.resource;
    this.api = this.#api.api;
    this.mcpUrl = `${this.#publicUrl}/mcp`;
    this.#output('McpUrl', this.mcpUrl, 'The MCP endpoint: add it to an MCP client');
    if (dashboard) {
      this.dashboardUrl = `${this.#publicUrl}/dashboard`;
      this.#output('DashboardUrl', this.dashboardUrl, 'The dashboard of tool calls and connected apps');
    }
    this.#output('TableName', this.#table.name, 'The table, which `npx holdfast` reads');
    this.#output(MARKER_ID, this.#marker(signIn), MARKER_DESCRIPTION);
    if (operations) this.#output('OperationsDashboard', operations.dashboardName, 'The CloudWatch dashboard');
  }

  /**
   * The count of an event in the logs of all functions. docs/operate.md explains the events.
   * @throws ConfigurationError for an event of facade mode in direct mode
   * @default - the sum of five minutes
   */
  metric(event: CountedEvent, options?: MetricOptions): IMetric {
    return countedEventMetric(this.#monitored, event, options);
  }

  /**
   * The tool calls in the audit log. The aggregation job writes this metric up to ten minutes after a call.
   * @default - the sum of five minutes
   */
  metricToolCalls(options?: MetricOptions): Metric {
    return eventMetric(this.#monitored, 'calls', 'Rollup', options)!;
  }

  /**
   * The tool calls in the audit log whose outcome is an error. Written as `metricToolCalls` is.
   * @default - the sum of five minutes
   */
  metricToolErrors(options?: MetricOptions): Metric {
    return eventMetric(this.#monitored, 'errors', 'Rollup', options)!;
  }

  /**
   * The requests to the API, of every route.
   * @default - the sum of five minutes
   */
  metricRequests(options?: MetricOptions): Metric {
    return this.#api.api.metricCount({ statistic: Stats.SUM, period: METRIC_PERIOD, ...options });
  }

  /**
   * The requests that the API answered with a status of 500 or above.
   * @default - the sum of five minutes
   */
  metricServerErrors(options?: MetricOptions): Metric {
    return this.#api.api.metricServerError({ statistic: Stats.SUM, period: METRIC_PERIOD, ...options });
  }

  /**
   * The time in milliseconds from a request to the end of its response, which is the duration of a stream.
   * @default - the 99th percentile of five minutes
   */
  metricLatency(options?: MetricOptions): Metric {
    return this.#api.api.metricLatency({ statistic: Stats.p(99), period: METRIC_PERIOD, ...options });
  }

  /**
   * The network connections of the MCP function and the worker: `database.connections.allowDefaultPortFrom(holdfast)`.
   * @throws ValidationError without the setting `vpc`
   */
  get connections(): Connections {
    return this.#server.mcp.handler.connections;
  }

  /**
   * Sets an environment variable of the MCP function and the worker, such as the name of a bucket.
   *
   * @throws ConfigurationError for an invalid name, and for a variable that Holdfast or Lambda sets
   */
  addEnvironment(name: string, value: string): this {
    const [error] = validateVariable(name);
    if (error !== undefined) throw new ConfigurationError(error);
    for (const { handler } of [this.#server.mcp, this.#server.worker]) handler.addEnvironment(name, value);
    return this;
  }

  /**
   * Gives the tools of the server a secret, which they read by `context.secret(name)`: as the setting `secrets` does.
   *
   * @param name letters, digits and `_`, such as `STRIPE_KEY`
   * @throws ConfigurationError for an invalid name or ARN
   */
  addSecret(name: string, secret: SecretSource): this {
    const [error] = validateSecret(name, secret);
    if (error !== undefined) throw new ConfigurationError(error);
    const arn = typeof secret === 'string' ? secret : secret.secretArn;
    for (const target of [this.#server.mcp, this.#server.worker]) {
      target.handler.addEnvironment(secretVariable(name), arn);
      grantReadSecret(secret, target);
    }
    return this;
  }

  #marker({ usersIssuer, oauth }: SignIn): string {
    const stack = Stack.of(this);
    const { auditRetention, grantIdleTimeout, sessionTtl, personalTokens } = this.#settings;
    const path = this.node.scopes.slice(stack.node.scopes.length);
    return stack.toJsonString(
      deploymentMarker({
        construct: constructName(path.map(({ node }) => node.id)),
        table: this.#table.name,
        mcpUrl: this.mcpUrl,
        dashboardUrl: this.dashboardUrl,
        issuer: usersIssuer,
        isDirect: oauth === undefined,
        retentionDays: auditRetention.toDays({ integral: false }),
        grantIdleDays: grantIdleTimeout.toDays({ integral: false }),
        sessionTtlHours: sessionTtl.toHours({ integral: false }),
        tokenFunction: personalTokens && oauth?.handler.functionName,
      }),
    );
  }

  /** Creates a function with the settings that all functions have in common. */
  #createFunction(
    id: string,
    props: Omit<
      HoldfastFunctionProps,
      'stage' | 'scopes' | 'branding' | 'logRetention' | 'encryptionKey' | 'systemLogs' | 'optimizations' | 'fastPath'
    >,
  ): HoldfastFunction {
    const { stage, logRetention, lambdaSystemLogs: systemLogs, optimizations, fastPath, auditTools } = this.#settings;
    const scopes = auditTools ? withAuditScope(this.#settings.scopes) : this.#settings.scopes;
    const common = { stage, scopes, branding: this.#branding, logRetention, systemLogs, optimizations, fastPath };
    return new HoldfastFunction(this, id, { ...common, encryptionKey: this.#encryptionKey, ...props });
  }

  #createAuthorizer({ issuer }: SignIn): HoldfastFunction {
    return this.#createFunction('Authorizer', {
      entry: 'authorizer',
      environment: {
        PUBLIC_URL: this.#publicUrl,
        ...issuer,
        PERSONAL_TOKENS: this.#settings.personalTokens && 'true',
      } satisfies AuthorizerEnvironment,
      memorySize: 256,
      timeout: Duration.seconds(10),
    });
  }

  /** Your server: the MCP function, and its worker for long-running tools. */
  #createServer(
    { upstreamTokens }: SignIn,
    authorizer: HoldfastFunction,
    upstreams: UpstreamServers | undefined,
  ): ServerFunctions {
    const { server, scopes, memorySize, toolTimeout: timeout, authorizerCacheTtl } = this.#settings;
    const { assets = [], external = [], layers = [] } = this.#settings;
    const environment = {
      ...this.#settings.environment,
      ...this.#serverEnvironment(timeout),
      ...upstreamTokens?.environment,
      ...upstreams?.environment,
    } satisfies McpEnvironment;
    const serverContent = { assets: [assets].flat(), external, hasLayers: layers.length > 0 };
    const shared = { entry: 'mcp' as const, server, serverContent, memorySize, lambda: this.#serverFunctionOptions() };
    const worker = this.#createFunction('Worker', {
      ...shared,
      handler: 'work',
      environment,
      // The maximum of Lambda.
      timeout: Duration.minutes(15),
    });
    const mcp = this.#createFunction('Mcp', {
      ...shared,
      environment: { ...environment, WORKER_FUNCTION: worker.handler.functionName } satisfies McpEnvironment,
      timeout,
      provisionedConcurrentExecutions: this.#settings.provisionedConcurrentExecutions,
    });
    worker.grantAsyncInvoke(mcp);
    for (const grantee of [mcp, worker]) {
      this.#table.grantSessions(grantee);
      this.#sealKey.grantSeal(grantee, 'request-state');
      upstreamTokens?.grantUse(grantee);
      upstreams?.grantUse(grantee);
    }
    this.#api.addMcp({
      mcp: mcp.invoked,
      authorizer: authorizer.handler,
      authorizerCache: hasToolScopes(scopes) ? Duration.seconds(0) : authorizerCacheTtl,
      timeout,
    });
    return { mcp, worker };
  }

  #serverFunctionOptions(): Pick<FunctionOptions, 'layers' | 'vpc' | 'reservedConcurrentExecutions' | 'tracing'> {
    const { layers, vpc, vpcSubnets, tracing, reservedConcurrentExecutions, ...settings } = this.#settings;
    return {
      ...(layers && { layers: [...layers] }),
      reservedConcurrentExecutions,
      ...(tracing && { tracing: Tracing.ACTIVE }),
      ...(vpc && {
        vpc,
        vpcSubnets,
        securityGroups: settings.securityGroups ?? [serverSecurityGroup(this, vpc)],
      }),
    };
  }

  /** The servers behind this one, and the function that publishes the keys of the assertions for them. */
  #createUpstreams(): UpstreamServers | undefined {
    const { stage, upstreams, upstreamSigningKeys: keyNames } = this.#settings;
    if (upstreams === undefined) return undefined;
    const servers = new UpstreamServers(this, 'Upstreams', { stage, upstreams, keyNames, publicUrl: this.#publicUrl });
    const keys = this.#createFunction('UpstreamKeys', {
      entry: 'upstream-keys',
      environment: { UPSTREAM_KEY_IDS: servers.keys.ids.join(' ') } satisfies UpstreamKeysEnvironment,
      memorySize: 256,
      timeout: Duration.seconds(10),
    });
    servers.keys.grantPublicKeys(keys);
    this.#api.addUpstreamKeys(keys.handler);
    return servers;
  }

  #serverEnvironment(timeout: Duration): McpEnvironment {
    const settings = this.#settings;
    return {
      PUBLIC_URL: this.#publicUrl,
      TABLE_NAME: this.#table.name,
      MCP_SESSION_TTL_HOURS: durationText(settings.sessionTtl, 'Hours'),
      STALE_SESSION: settings.staleSession,
      MCP_SESSION_TTL_HOURS_BY_GROUP: settings.sessionTtlByGroup && hoursByGroup(settings.sessionTtlByGroup),
      ALLOWED_ORIGINS: settings.allowedOrigins?.join(' '),
      LISTEN_SECONDS: isZero(settings.listenTimeout) ? undefined : durationText(settings.listenTimeout, 'Seconds'),
      TASK_TTL_HOURS: durationText(settings.taskTtl, 'Hours'),
      // A legacy client waits this long for a long-running tool. The rest of the timeout is for ending its request.
      HOLD_SECONDS: `${Math.floor(timeout.toSeconds() * 0.9)}`,
      AUDIT_METHODS: settings.auditMethods,
      AUDIT_ARGUMENTS: settings.auditArguments,
      AUDIT_ERRORS: settings.auditErrors,
      AUDIT_RETENTION_DAYS: durationText(settings.auditRetention, 'Days'),
      SEAL_KEY_ID: this.#sealKey.id,
    };
  }

  #personalTokenDays(): string | undefined {
    const lifetime = personalTokenLifetime(this.#settings);
    return lifetime && durationText(lifetime, 'Days');
  }

  /** The limits that the page of the dashboard shows. */
  #personalTokens(): string | undefined {
    const lifetime = personalTokenLifetime(this.#settings);
    const declared = this.#settings.auditTools ? withAuditScope(this.#settings.scopes) : this.#settings.scopes;
    const scopes = Object.entries(declared.scopes).map(([name, { description }]) => ({ name, description }));
    return lifetime && Stack.of(this).toJsonString({ mostDays: lifetime.toDays({ integral: false }), scopes });
  }

  /** The dashboard function, on which users see and revoke their connected apps, and admins those of everyone. */
  #createDashboard(signIn: HoldfastFunction): HoldfastFunction {
    const settings = this.#settings;
    const isDirect = settings.identityProvider?.mode === 'direct';
    const hasNames = settings.showNames !== 'no';
    const dashboard = this.#createFunction('Dashboard', {
      entry: 'dashboard',
      environment: {
        PUBLIC_URL: this.#publicUrl,
        TABLE_NAME: this.#table.name,
        ADMINS_GROUP: settings.adminsGroup,
        AUDIT_RETENTION_DAYS: durationText(settings.auditRetention, 'Days'),
        GRANT_IDLE_DAYS: durationText(settings.grantIdleTimeout, 'Days'),
        MCP_SESSION_TTL_HOURS: durationText(settings.sessionTtl, 'Hours'),
        SEAL_KEY_ID: hasNames ? this.#sealKey.id : undefined,
        DIRECT: isDirect ? 'true' : undefined,
        PERSONAL_TOKENS: this.#personalTokens(),
      } satisfies DashboardEnvironment,
      memorySize: 512,
      timeout: Duration.seconds(28),
    });
    this.#table.grantDashboard(dashboard);
    if (isDirect) this.#table.grantBlocking(dashboard);
    if (hasNames) {
      this.#table.grantNames(dashboard);
      this.#sealKey.grantSeal(dashboard, 'user-names');
    }
    const personalTokens = settings.personalTokens !== undefined;
    this.#api.addDashboard({ dashboard: dashboard.handler, signIn: signIn.handler, personalTokens });
    return dashboard;
  }

  /** The function of the MCP endpoint with the audit tools; `undefined` without the setting `auditTools`. */
  #createAuditTools(authorizer: HoldfastFunction): HoldfastFunction | undefined {
    const settings = this.#settings;
    if (!settings.auditTools) return undefined;
    const auditTools = this.#createFunction('AuditTools', {
      entry: 'audit-tools',
      environment: {
        PUBLIC_URL: this.#publicUrl,
        TABLE_NAME: this.#table.name,
        ADMINS_GROUP: settings.adminsGroup,
        MCP_SESSION_TTL_HOURS: durationText(settings.sessionTtl, 'Hours'),
        MCP_SESSION_TTL_HOURS_BY_GROUP: settings.sessionTtlByGroup && hoursByGroup(settings.sessionTtlByGroup),
        STALE_SESSION: settings.staleSession,
        ALLOWED_ORIGINS: settings.allowedOrigins?.join(' '),
        AUDIT_ARGUMENTS: settings.auditArguments,
        AUDIT_ERRORS: settings.auditErrors,
        AUDIT_RETENTION_DAYS: durationText(settings.auditRetention, 'Days'),
      } satisfies AuditToolsEnvironment,
      memorySize: 512,
      timeout: Duration.seconds(60),
    });
    this.#table.grantAuditTools(auditTools);
    this.#api.addAuditTools({ auditTools: auditTools.handler, authorizer: authorizer.handler });
    this.#output(
      'AuditToolsUrl',
      `${this.#publicUrl}${AUDIT_TOOLS_PATH}`,
      'The audit tools, an MCP endpoint for admins',
    );
    return auditTools;
  }

  /** The aggregation job, whose aggregates the charts and the CLI read. */
  #createAggregation(): HoldfastFunction {
    const aggregation = this.#createFunction('Rollup', {
      entry: 'aggregation',
      environment: {
        TABLE_NAME: this.#table.name,
        AUDIT_RETENTION_DAYS: durationText(this.#settings.auditRetention, 'Days'),
      } satisfies AggregationEnvironment,
      memorySize: 512,
      timeout: Duration.minutes(4),
    });
    aggregation.scheduleEvery(Duration.minutes(5));
    this.#table.grantAggregation(aggregation);
    return aggregation;
  }

  /** The job that exports the calls to an OTLP endpoint; `undefined` without the setting `telemetry`. */
  #createTelemetry(): HoldfastFunction | undefined {
    const destination = telemetryDestination(this, this.#settings);
    if (destination === undefined) return undefined;
    const telemetry = this.#createFunction('Telemetry', {
      entry: 'telemetry',
      environment: {
        TABLE_NAME: this.#table.name,
        MCP_SESSION_TTL_HOURS: durationText(longestSessionTtl(this.#settings), 'Hours'),
        ...destination.environment,
      } satisfies TelemetryEnvironment,
      memorySize: 256,
      timeout: Duration.minutes(4),
    });
    telemetry.scheduleEvery(Duration.minutes(5));
    this.#table.grantTelemetry(telemetry);
    destination.grantUse(telemetry);
    return telemetry;
  }

  /** Facade mode: Holdfast is the authorization server, and users sign in at a provider or the stack's user pool. */
  #createFacadeSignIn(identityProvider: IdentityProviderSettings): SignIn {
    const settings = this.#settings;
    const signingKeys = new SigningKeys(this, settings.signingKeys, {
      prefix: 'SigningKey',
      description: (name) => `Signs the access tokens of Holdfast (${name})`,
      stage: settings.stage,
    });
    const keySet = this.#readPublicKeys(signingKeys);
    const oauth = this.#createFunction('OAuth', {
      entry: 'oauth',
      environment: this.#oauthEnvironment(signingKeys, keySet, identityProvider),
      memorySize: 512,
      // API Gateway ends a buffered request after 29 seconds.
      timeout: Duration.seconds(28),
    });
    this.#table.grantSignIn(oauth);
    if (settings.personalTokens) this.#table.grantPersonalTokens(oauth);
    signingKeys.grantSign(oauth);
    this.#sealKey.grantSeal(
      oauth,
      'upstream',
      'refresh-mac',
      ...(settings.showNames === 'no' ? [] : ['user-names' as const]),
    );
    grantClientSecret(identityProvider, oauth);
    // Revokes the upstream tokens of grants that others ended: the dashboard, the command line.
    oauth.scheduleEvery(Duration.minutes(1));
    this.#api.addOAuth(oauth.handler);
    if (settings.identityProvider !== undefined) this.#outputCallbackUrl();
    return {
      issuer: { ACCESS_TOKEN_KEYS: keySet },
      usersIssuer: withProfile(identityProvider).issuer,
      oauth,
      dashboardSignIn: undefined,
      scope: defaultScope(this.#settings.scopes),
      upstreamTokens: settings.upstreamTokens
        ? {
            environment: toolTokenEnvironment(identityProvider, groupsNamedBy(settings)),
            grantUse: (grantee) => {
              this.#table.grantUpstreamTokens(grantee);
              this.#sealKey.grantSeal(grantee, 'upstream');
              grantClientSecret(identityProvider, grantee);
              grantClientSecret(identityProvider.exchangeClient ?? {}, grantee);
            },
          }
        : undefined,
    };
  }

  /** @returns the key set of access tokens, which CloudFormation requests from a function when the keys change */
  #readPublicKeys(signingKeys: SigningKeys): string {
    const reader = this.#createFunction('PublicKeys', {
      entry: 'public-key-reader',
      environment: {},
      memorySize: 256,
      timeout: Duration.minutes(1),
    });
    signingKeys.grantPublicKeys(reader);
    const resource = new CustomResource(this, 'AccessTokenKeys', {
      resourceType: 'Custom::PublicKeys',
      serviceToken: reader.handler.functionArn,
      properties: { KeyIds: signingKeys.ids },
      // Of CloudFormation, for a function that does not respond.
      serviceTimeout: Duration.minutes(5),
    });
    resource.node.addDependency(reader);
    return resource.getAttString('KeySet');
  }

  #oauthEnvironment(
    signingKeys: SigningKeys,
    keySet: string,
    identityProvider: IdentityProviderSettings,
  ): OAuthEnvironment {
    const settings = this.#settings;
    return {
      PUBLIC_URL: this.#publicUrl,
      TABLE_NAME: this.#table.name,
      SIGN_KEY_ID: signingKeys.signing,
      ACCESS_TOKEN_KEYS: keySet,
      SEAL_KEY_ID: this.#sealKey.id,
      ...identityEnvironment(identityProvider, settings.upstreamTokens, groupsNamedBy(settings)),
      AUDIT_ARGUMENTS: settings.auditArguments,
      AUDIT_ERRORS: settings.auditErrors,
      AUDIT_METHODS: settings.auditMethods === 'all' ? 'all' : undefined,
      DASHBOARD: settings.dashboard ? 'true' : undefined,
      PERSONAL_TOKEN_DAYS: this.#personalTokenDays(),
      NAME_CLAIM: settings.showNames === 'no' ? undefined : settings.showNames,
      ACCESS_TOKEN_MINUTES: durationText(settings.accessTokenTtl, 'Minutes'),
      GRANT_IDLE_DAYS: durationText(settings.grantIdleTimeout, 'Days'),
      GRANT_ABSOLUTE_DAYS: durationText(settings.grantAbsoluteTimeout, 'Days'),
      REFRESH_WINDOW_SECONDS: durationText(settings.refreshWindow, 'Seconds'),
      REDIRECT_SCHEMES: settings.redirectSchemes.join(' '),
      ...admissionEnvironment(settings),
      ...machineEnvironment(settings),
    };
  }

  /** Direct mode: the provider is the authorization server, and Holdfast serves the protected resource metadata. */
  #createDirectSignIn(provider: IdentityProviderSettings): SignIn {
    const { issuer, groupClaims, groupPrefix, groups, audience, jwksUri } = withProfile(provider);
    const scope = directScopes(provider).join(' ');
    const discovery = this.#createFunction('Discovery', {
      entry: 'discovery',
      environment: {
        PUBLIC_URL: this.#publicUrl,
        AUTHORIZATION_SERVER: issuer,
        SCOPES: scope,
        DASHBOARD: hasDashboard(this.#settings) ? 'true' : undefined,
      } satisfies DiscoveryEnvironment,
      memorySize: 256,
      timeout: Duration.seconds(10),
    });
    this.#api.addDiscovery(discovery.handler);
    return {
      issuer: {
        DIRECT_ISSUER: issuer,
        DIRECT_AUDIENCE: audience ?? `${this.#publicUrl}/mcp`,
        DIRECT_GROUP_CLAIMS: groupClaims.join(' '),
        DIRECT_GROUP_PREFIX: groupPrefix,
        DIRECT_GROUPS: JSON.stringify([...groupsNamedBy(this.#settings), ...groups]),
        DIRECT_JWKS_URI: jwksUri,
      },
      usersIssuer: issuer,
      oauth: undefined,
      dashboardSignIn: hasDashboard(this.#settings) ? this.#createDashboardSignIn(provider) : undefined,
      scope,
      upstreamTokens: undefined,
    };
  }

  /** Direct mode: the function that signs users of the dashboard in, as an ordinary client of the provider. */
  #createDashboardSignIn(provider: IdentityProviderSettings): HoldfastFunction {
    const { showNames } = this.#settings;
    const signIn = this.#createFunction('SignIn', {
      entry: 'dashboard-sign-in',
      environment: {
        PUBLIC_URL: this.#publicUrl,
        TABLE_NAME: this.#table.name,
        ...dashboardSignInEnvironment(provider, groupsNamedBy(this.#settings)),
        ...(showNames !== 'no' && { NAME_CLAIM: showNames, SEAL_KEY_ID: this.#sealKey.id }),
      } satisfies DashboardSignInEnvironment,
      memorySize: 512,
      timeout: Duration.seconds(28),
    });
    this.#table.grantDashboardSignIn(signIn);
    if (showNames !== 'no') {
      this.#table.grantNames(signIn);
      this.#sealKey.grantSeal(signIn, 'user-names');
    }
    grantClientSecret(provider, signIn);
    this.#api.addCallback(signIn.handler);
    this.#outputCallbackUrl();
    return signIn;
  }

  #outputCallbackUrl(): void {
    const callbackUrl = callbackUrlOf(this.#publicUrl);
    this.#output('CallbackUrl', callbackUrl, 'The redirect URI to register at the identity provider');
  }

  /** @returns the public origin, and the distribution that it leads to, unless it is a domain of the owner */
  #createHostname(): { url: string; distribution?: IDistribution } {
    const { domain } = this.#settings;
    const { api } = this.#api;
    const dashboard = hasDashboard(this.#settings);
    if (domain === undefined) return new CloudFrontHostname(this, 'Hostname', { api, dashboard });
    const hostname = new CustomHostname(this, 'Hostname', { api, domain });
    if (domain.hostedZone === undefined) {
      this.#output('DnsTarget', hostname.dnsTarget, `The target of the CNAME record of ${domain.domainName}`);
    }
    return hostname;
  }

  #createUserPool(): HoldfastUserPool {
    const { stage, userPool: existing, grantAbsoluteTimeout } = this.#settings;
    const users = new HoldfastUserPool(this, 'Users', {
      stage,
      existing,
      callbackUrl: callbackUrlOf(this.#publicUrl),
      refreshTokenValidity: grantAbsoluteTimeout,
    });
    const { userPoolId } = users.userPool;
    this.#output('UserPoolId', userPoolId, 'The Cognito user pool');
    this.#output(
      'AddUser',
      `aws cognito-idp admin-create-user --user-pool-id ${userPoolId} --username you@example.com ` +
        '--user-attributes Name=email,Value=you@example.com Name=email_verified,Value=true',
      'Adds a user, who receives an e-mail with a temporary password',
    );
    return users;
  }

  #output(id: string, value: string, description: string): void {
    new CfnOutput(this, id, { value, description });
  }
}

const hoursByGroup = (ttls: Readonly<Record<string, Duration>>) =>
  queryText(Object.fromEntries(Object.entries(ttls).map(([group, ttl]) => [group, durationText(ttl, 'Hours')])));

/** In direct mode, users sign in to the dashboard by the client id of Holdfast. */
const hasDashboard = ({ dashboard, identityProvider }: ResolvedSettings): boolean =>
  dashboard && (identityProvider?.mode !== 'direct' || identityProvider.clientId !== undefined);

const longestSessionTtl = ({ sessionTtl, sessionTtlByGroup = {} }: ResolvedSettings): Duration =>
  Object.values(sessionTtlByGroup).reduce((longest, each) => (isLonger(each, longest) ? each : longest), sessionTtl);

const isZero = (duration: Duration) => !duration.isUnresolved() && duration.toMilliseconds() === 0;

/** Groups that give power by a setting, and are kept in any case. */
const groupsNamedBy = ({ adminsGroup, sessionTtlByGroup = {}, scopes }: ResolvedSettings): string[] => [
  ...new Set([adminsGroup, ...Object.keys(sessionTtlByGroup), ...toolGroups(scopes)]),
];

const callbackUrlOf = (publicUrl: string) => `${publicUrl}/callback`;

function grantClientSecret(
  { clientSecret }: Pick<IdentityProviderSettings, 'clientSecret'>,
  grantee: IGrantable,
): void {
  if (clientSecret !== undefined) grantReadSecret(clientSecret, grantee);
}
