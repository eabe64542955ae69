import { CfnOutput, Duration, Stack, type StackProps, Token } from 'aws-cdk-lib';
import { Grant, type IGrantable } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { scopes } from '#scopes';
import type {
  AggregationEnvironment,
  AuthorizerEnvironment,
  DashboardEnvironment,
  DiscoveryEnvironment,
  McpEnvironment,
  OAuthEnvironment,
} from '../lambda/shared/environment.ts';
import { defaultScope, hasToolScopes } from '../lambda/shared/scope-set.ts';
import { SealKey, SigningKeys } from './encryption-keys.ts';
import { Firewall } from './firewall.ts';
import { GatewayResponses } from './gateway-responses.ts';
import { HoldfastFunction } from './holdfast-function.ts';
import { CloudFrontHostname, CustomHostname, originSecret } from './hostname.ts';
import { Operations } from './operations/operations.ts';
import { McpRestApi } from './rest-api.ts';
import { SessionTable } from './session-table.ts';
import { admissionEnvironment } from './settings/client-settings.ts';
import { type HoldfastSettings, type ResolvedSettings, resolveSettings } from './settings/holdfast-settings.ts';
import {
  type IdentityProviderSettings,
  identityEnvironment,
  refreshEnvironment,
  withProfile,
} from './settings/identity-provider-settings.ts';
import { checkScopes } from './settings/scope-validation.ts';
import { HoldfastUserPool } from './user-pool.ts';

/** What sign-in is built into. */
type Surroundings = { gateway: McpRestApi; publicUrl: string; settings: ResolvedSettings };
type FacadeSurroundings = Surroundings & { table: SessionTable; sealKey: SealKey };

/** What the rest of the stack needs to know of it. */
type SignIn = {
  /** Whose tokens the authorizer trusts, if not the facade's. */
  issuer: Omit<AuthorizerEnvironment, 'PUBLIC_URL'>;
  /** The function of Holdfast's own authorization server, if there is one. */
  oauth: HoldfastFunction | undefined;
  /** What clients are to ask for first. */
  scope: string;
  /** What the MCP function needs to use the identity provider's tokens, where it may. */
  upstreamTokens: { environment: Partial<McpEnvironment>; grantUse(grantee: IGrantable): void } | undefined;
};

export interface HoldfastStackProps extends StackProps, HoldfastSettings {}

/** An MCP server on the internet, with the sign-in, the sessions and the limits it needs there. */
export class HoldfastStack extends Stack {
  constructor(scope: Construct, id: string, props: HoldfastStackProps = {}) {
    super(scope, id, { terminationProtection: props.stage === 'prod', ...props });
    const settings = resolveSettings(props, Token.isUnresolved(this.region) ? undefined : this.region);
    checkScopes(scopes);
    const { stage, logRetention, lambdaSystemLogs: systemLogs, optimizations, identityProvider } = settings;
    const direct = identityProvider?.mode === 'direct' ? identityProvider : undefined;

    const table = new SessionTable(this, 'Table', { stage });
    const gateway = new McpRestApi(this, 'Gateway', {
      ...settings,
      oauthThrottle: direct ? undefined : settings.oauthThrottle,
      originSecret: settings.domain === undefined ? originSecret : undefined,
    });
    const publicUrl = this.#hostname(gateway, settings);
    const sealKey = new SealKey(this, 'SealKey', { stage });
    const signIn = direct
      ? this.#signInAtProvider(direct, { gateway, publicUrl, settings })
      : this.#signInAtFacade({ gateway, publicUrl, settings, table, sealKey });

    const authorizer = new HoldfastFunction(this, 'Authorizer', {
      entry: 'authorizer.ts',
      environment: { PUBLIC_URL: publicUrl, ...signIn.issuer } satisfies AuthorizerEnvironment,
      memoryMegabytes: 256,
      timeout: Duration.seconds(10),
      stage,
      logRetention,
      systemLogs,
    });

    const toolTimeout = Duration.seconds(Math.round(settings.toolTimeoutMinutes * 60));
    const server = {
      entry: 'mcp.ts',
      providedByLambda: ['@aws-sdk/client-kms', '@aws-sdk/client-lambda'],
      optimizations,
      memoryMegabytes: 512,
      stage,
      logRetention,
      systemLogs,
    };
    const environment = {
      PUBLIC_URL: publicUrl,
      TABLE_NAME: table.name,
      MCP_SESSION_TTL_HOURS: `${settings.sessionTtlHours}`,
      STALE_SESSION: settings.staleSession,
      MCP_SESSION_TTL_HOURS_BY_GROUP: settings.sessionTtlHoursByGroup && queryOf(settings.sessionTtlHoursByGroup),
      ALLOWED_ORIGINS: settings.allowedOrigins?.join(' '),
      LISTEN_SECONDS: settings.listenSeconds > 0 ? `${settings.listenSeconds}` : undefined,
      TASK_TTL_HOURS: `${settings.taskTtlHours}`,
      // Until then a client of the 2025 era waits for a long tool: the rest is for telling it that it takes longer.
      HOLD_SECONDS: `${Math.floor(toolTimeout.toSeconds() * 0.9)}`,
      AUDIT_METHODS: settings.auditMethods,
      AUDIT_ARGUMENTS: settings.auditArguments,
      AUDIT_RETENTION_DAYS: `${settings.auditRetentionDays}`,
      SEAL_KEY_ID: sealKey.id,
      ...signIn.upstreamTokens?.environment,
    } satisfies McpEnvironment;
    const worker = new HoldfastFunction(this, 'Worker', {
      ...server,
      handler: 'work',
      environment,
      // The longest that AWS Lambda has.
      timeout: Duration.minutes(15),
    });
    const mcp = new HoldfastFunction(this, 'Mcp', {
      ...server,
      environment: { ...environment, WORKER_FUNCTION: worker.handler.functionName } satisfies McpEnvironment,
      timeout: toolTimeout,
    });
    worker.grantStart(mcp);
    for (const door of [mcp, worker]) {
      table.grantSessions(door);
      sealKey.grantSeal(door, 'request-state');
      signIn.upstreamTokens?.grantUse(door);
    }

    gateway.addMcp({
      mcp: mcp.handler,
      authorizer: authorizer.handler,
      authorizerCache: Duration.seconds(hasToolScopes(scopes) ? 0 : settings.authorizerCacheSeconds),
      timeout: toolTimeout,
    });
    const { oauth } = signIn;
    const dashboard =
      oauth && settings.dashboard
        ? this.#dashboard(oauth, { gateway, publicUrl, settings, table, sealKey })
        : undefined;
    const rollup = this.#rollup(table, settings);
    new GatewayResponses(this, 'Responses', { api: gateway.api, publicUrl, scope: signIn.scope });
    if (settings.firewall) new Firewall(this, 'Firewall', { api: gateway.api });
    if (settings.operations) {
      new Operations(this, 'Operations', {
        ...settings,
        api: gateway.api,
        accessLog: gateway.accessLog,
        doors: {
          Authorizer: authorizer,
          Mcp: mcp,
          Worker: worker,
          OAuth: oauth,
          Dashboard: dashboard,
          Rollup: rollup,
        },
        tableName: table.name,
      });
    }

    this.#output('McpUrl', `${publicUrl}/mcp`, 'Paste this into an assistant');
    if (dashboard) this.#output('DashboardUrl', `${publicUrl}/dashboard`, 'Who has called what, and how to end it');
    this.#output('TableName', table.name, 'Holds everything: for `npx holdfast`');
  }

  /** Where users see what they have connected, and owners see everyone; and where both end it. */
  #dashboard(
    oauth: HoldfastFunction,
    { gateway, publicUrl, settings, table, sealKey }: FacadeSurroundings,
  ): HoldfastFunction {
    const { stage, logRetention, lambdaSystemLogs: systemLogs, optimizations, showNames } = settings;
    const dashboard = new HoldfastFunction(this, 'Dashboard', {
      entry: 'dashboard.ts',
      page: 'main.tsx',
      providedByLambda: ['@aws-sdk/client-kms'],
      optimizations,
      environment: {
        PUBLIC_URL: publicUrl,
        TABLE_NAME: table.name,
        ADMINS_GROUP: settings.adminsGroup,
        AUDIT_RETENTION_DAYS: `${settings.auditRetentionDays}`,
        GRANT_IDLE_DAYS: `${settings.grantIdleDays}`,
        MCP_SESSION_TTL_HOURS: `${settings.sessionTtlHours}`,
        SEAL_KEY_ID: showNames === 'no' ? undefined : sealKey.id,
      } satisfies DashboardEnvironment,
      memoryMegabytes: 512,
      timeout: Duration.seconds(28),
      stage,
      logRetention,
      systemLogs,
    });
    table.grantDashboard(dashboard);
    if (showNames !== 'no') {
      table.grantNames(dashboard);
      sealKey.grantSeal(dashboard, 'user-names');
    }
    gateway.addDashboard({ dashboard: dashboard.handler, oauth: oauth.handler });
    return dashboard;
  }

  /** Counts calls for the charts, of the dashboard and of the command line. */
  #rollup(
    table: SessionTable,
    { auditRetentionDays, stage, logRetention, lambdaSystemLogs: systemLogs, optimizations }: ResolvedSettings,
  ): HoldfastFunction {
    const rollup = new HoldfastFunction(this, 'Rollup', {
      entry: 'aggregation.ts',
      optimizations,
      environment: {
        TABLE_NAME: table.name,
        AUDIT_RETENTION_DAYS: `${auditRetentionDays}`,
      } satisfies AggregationEnvironment,
      memoryMegabytes: 512,
      timeout: Duration.minutes(4),
      stage,
      logRetention,
      systemLogs,
    });
    rollup.startEvery(Duration.minutes(5));
    table.grantAggregation(rollup);
    return rollup;
  }

  /** Holdfast's own authorization server, and the users or the provider behind it. */
  #signInAtFacade({ gateway, publicUrl, settings, table, sealKey }: FacadeSurroundings): SignIn {
    const { stage, logRetention, lambdaSystemLogs: systemLogs, optimizations } = settings;
    const signingKeys = new SigningKeys(this, settings.signingKeys, { stage });
    const identityProvider = settings.identityProvider ?? this.#users(publicUrl, settings);
    const oauth = new HoldfastFunction(this, 'OAuth', {
      entry: 'oauth.ts',
      optimizations,
      environment: {
        PUBLIC_URL: publicUrl,
        TABLE_NAME: table.name,
        SIGN_KEY_IDS: signingKeys.ids,
        SEAL_KEY_ID: sealKey.id,
        ...identityEnvironment(identityProvider),
        AUDIT_ARGUMENTS: settings.auditArguments,
        NAME_CLAIM: settings.showNames === 'no' ? undefined : settings.showNames,
        ACCESS_TOKEN_MINUTES: `${settings.accessTokenMinutes}`,
        GRANT_IDLE_DAYS: `${settings.grantIdleDays}`,
        GRANT_ABSOLUTE_DAYS: `${settings.grantAbsoluteDays}`,
        REFRESH_WINDOW_SECONDS: `${settings.refreshWindowSeconds}`,
        REDIRECT_SCHEMES: settings.redirectSchemes.join(' '),
        ...admissionEnvironment(settings),
      } satisfies OAuthEnvironment,
      memoryMegabytes: 512,
      // Just inside the 29 seconds after which API Gateway gives up on a buffered answer.
      timeout: Duration.seconds(28),
      stage,
      logRetention,
      systemLogs,
    });
    table.grantSignIn(oauth);
    signingKeys.grantSign(oauth);
    sealKey.grantSeal(
      oauth,
      'upstream',
      'refresh-mac',
      ...(settings.showNames === 'no' ? [] : ['user-names' as const]),
    );
    grantSecret(identityProvider, oauth);
    gateway.addOAuth(oauth.handler);
    if (settings.identityProvider !== undefined) {
      this.#output('CallbackUrl', callbackOf(publicUrl), 'The redirect URI to register at the identity provider');
    }
    return {
      issuer: {},
      oauth,
      scope: defaultScope(scopes),
      upstreamTokens: settings.upstreamTokens
        ? {
            environment: refreshEnvironment(identityProvider),
            grantUse(grantee) {
              table.grantUpstreamTokens(grantee);
              sealKey.grantSeal(grantee, 'upstream');
              grantSecret(identityProvider, grantee);
            },
          }
        : undefined,
    };
  }

  /** Direct mode: the identity provider issues the tokens, and all there is to do here is to say so. */
  #signInAtProvider(provider: IdentityProviderSettings, { gateway, publicUrl, settings }: Surroundings): SignIn {
    const { stage, logRetention, lambdaSystemLogs: systemLogs } = settings;
    const { issuer, scopes: asked, groupClaims, audience, jwksUri } = withProfile(provider);
    const discovery = new HoldfastFunction(this, 'Discovery', {
      entry: 'discovery.ts',
      environment: {
        PUBLIC_URL: publicUrl,
        AUTHORIZATION_SERVER: issuer,
        SCOPES: asked.join(' '),
      } satisfies DiscoveryEnvironment,
      memoryMegabytes: 256,
      timeout: Duration.seconds(10),
      stage,
      logRetention,
      systemLogs,
    });
    gateway.addDiscovery(discovery.handler);
    return {
      issuer: {
        DIRECT_ISSUER: issuer,
        DIRECT_AUDIENCE: audience ?? `${publicUrl}/mcp`,
        DIRECT_GROUP_CLAIMS: groupClaims.join(' '),
        DIRECT_JWKS_URI: jwksUri,
      },
      oauth: undefined,
      scope: asked.join(' '),
      upstreamTokens: undefined,
    };
  }

  #hostname(gateway: McpRestApi, { domain }: ResolvedSettings): string {
    if (domain === undefined) return new CloudFrontHostname(this, 'Hostname', { api: gateway.api, originSecret }).url;
    const hostname = new CustomHostname(this, 'Hostname', { api: gateway.api, domain });
    if (domain.hostedZone === undefined) {
      this.#output('DnsTarget', hostname.dnsTarget, `Where ${domain.domainName} has to point (CNAME)`);
    }
    return hostname.url;
  }

  #users(publicUrl: string, { stage, grantAbsoluteDays }: ResolvedSettings): IdentityProviderSettings {
    const users = new HoldfastUserPool(this, 'Users', {
      stage,
      callbackUrl: callbackOf(publicUrl),
      refreshTokenValidity: Duration.days(grantAbsoluteDays),
    });
    this.#output('UserPoolId', users.userPoolId, 'Holds the users');
    this.#output(
      'AddUser',
      `aws cognito-idp admin-create-user --user-pool-id ${users.userPoolId} --username you@example.com ` +
        '--user-attributes Name=email,Value=you@example.com Name=email_verified,Value=true',
      'Adds a user, who gets an e-mail with a first password',
    );
    return users.identityProvider;
  }

  #output(id: string, value: string, description: string): void {
    new CfnOutput(this, id, { value, description });
  }
}

const queryOf = (values: Readonly<Record<string, number>>) =>
  new URLSearchParams(
    Object.entries(values).map(([name, value]): [string, string] => [name, String(value)]),
  ).toString();

const callbackOf = (publicUrl: string) => `${publicUrl}/callback`;

/** Lets a function read the client secret, if there is one; not by `grantRead` of a Secret, which also lets it describe it. */
function grantSecret({ clientSecretArn }: IdentityProviderSettings, grantee: IGrantable): void {
  if (clientSecretArn === undefined) return;
  const read = { actions: ['secretsmanager:GetSecretValue'], resourceArns: [clientSecretArn] };
  Grant.addToPrincipal({ grantee, ...read }).assertSuccess();
}
