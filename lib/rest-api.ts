import {
  AccessLogFormat,
  AuthorizationType,
  CfnAccount,
  EndpointType,
  IdentitySource,
  type Integration,
  IpAddressType,
  LambdaIntegration,
  LogGroupLogDestination,
  type Method,
  type MethodOptions,
  RequestAuthorizer,
  ResponseTransferMode,
  RestApi,
  type StageOptions,
} from 'aws-cdk-lib/aws-apigateway';
import { Effect, PolicyDocument, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { IFunction, Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, LogGroupClass, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Annotations, Aws, Duration, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import { AUDIT_TOOLS_PATH } from '../lambda/shared/scope-set.ts';
import { UPSTREAM_KEYS_PATH } from '../lambda/shared/upstream-address.ts';
import type { Throttle } from './settings/api-settings.ts';
import { removalPolicy, type Stage } from './settings/stage.ts';

export interface McpRestApiProps {
  readonly stage: Stage;
  /** The throttle of the stage. */
  readonly throttle: Throttle;
  /** The throttle of each method that signs in or revokes without a token. */
  readonly oauthThrottle: Throttle;
  /** Whether there are the methods of the authorization server. */
  readonly facade: boolean;
  /** Whether there is the dashboard's sign-in. */
  readonly dashboard: boolean;
  /** Whether users make personal access tokens on the dashboard, under that throttle. */
  readonly personalTokens: boolean;
  readonly logRetention: RetentionDays;
  /** The log class of the access log. */
  readonly accessLogClass: 'standard' | 'infrequent-access';
  /** The customer managed key of the access log. */
  readonly encryptionKey: IKey | undefined;
  /** Whether X-Ray traces the stage. */
  readonly tracing: boolean;
  /** Whether to set the account's role for access logs. */
  readonly manageApiGatewayAccount: boolean;
  /** Whether the API has its default endpoint, which CloudFront needs. With a custom domain it is disabled. */
  readonly defaultEndpoint: boolean;
}

/** The stage's name, which is the first path segment at the API's default endpoint. */
export const STAGE_NAME = 'v1';

/** Request headers that a browser-based client may send. */
const corsHeaders = [
  'Authorization',
  'Content-Type',
  'Accept',
  'Mcp-Session-Id',
  'X-MCP-Session-ID',
  'MCP-Protocol-Version',
  'Mcp-Method',
  'Mcp-Name',
  'Last-Event-ID',
  'traceparent',
  // For `Mcp-Param-*` of tools, in browsers that support the wildcard, which does not include `Authorization`.
  '*',
];

/** The methods that read, write or sign before the caller is authenticated. */
const throttledMethods = [
  '/authorize/GET',
  '/authorize/POST',
  '/consent/POST',
  '/callback/GET',
  '/register/POST',
  '/token/POST',
  '/revoke/POST',
];
const dashboardSignInMethods = ['/callback/GET', '/dashboard/sign-in/GET'];
const personalTokenMethod = '/dashboard/tokens/POST';

const discoveryPaths = ['.well-known/oauth-protected-resource', '.well-known/oauth-protected-resource/mcp'];

/** Paths that browsers navigate to and where cookies count: no page of another origin may request them. */
const pagePaths = ['authorize', 'consent', 'callback'];

/** Paths of the server's page for people. Only GET exists: a client that sends MCP there learns that it is another address. */
const serverPaths = ['', 'favicon.ico'];

/** Paths that clients request, in web pages too. */
const oauthPaths = [
  'token',
  'register',
  'revoke',
  'jwks.json',
  ...discoveryPaths,
  '.well-known/oauth-authorization-server',
  '.well-known/openid-configuration',
];

/**
 * The REST API with its routes, throttles and access log. Only a REST API supports response streaming and gateway
 * responses with `WWW-Authenticate`. It is regional, because an edge-optimized API ends a silent stream after 30 seconds.
 */
export class McpRestApi extends Construct {
  readonly api: RestApi;
  readonly accessLog: LogGroup;

  constructor(scope: Construct, id: string, props: McpRestApiProps) {
    super(scope, id);
    this.accessLog = new LogGroup(this, 'AccessLog', {
      retention: props.logRetention,
      ...(props.accessLogClass === 'infrequent-access' && { logGroupClass: LogGroupClass.INFREQUENT_ACCESS }),
      removalPolicy: removalPolicy(props.stage),
      encryptionKey: props.encryptionKey,
    });
    this.api = new RestApi(this, 'Api', {
      restApiName: Stack.of(this).stackName,
      description: 'Holdfast: the MCP endpoint and its OAuth authorization server',
      endpointConfiguration: { types: [EndpointType.REGIONAL], ipAddressType: IpAddressType.DUAL_STACK },
      // `ApiGatewayAccount` sets it, whatever the feature flag of the app says.
      cloudWatchRole: false,
      disableExecuteApiEndpoint: !props.defaultEndpoint,
      deployOptions: {
        stageName: STAGE_NAME,
        ...throttling(props.throttle),
        methodOptions: methodThrottles(props),
        accessLogDestination: new LogGroupLogDestination(this.accessLog),
        accessLogFormat: accessLogFormat(props),
        ...(props.tracing && { tracingEnabled: true }),
      },
    });
    // The output of the default endpoint would be misleading: OAuth discovery does not work below a stage's path.
    this.api.node.tryRemoveChild('Endpoint');
    if (props.manageApiGatewayAccount) {
      // One for all APIs of the stack, because the setting is the account's.
      const existing = Stack.of(this)
        .node.findAll()
        .find((each) => each instanceof ApiGatewayAccount);
      this.api.deploymentStage.node.addDependency(existing ?? new ApiGatewayAccount(this, 'Account'));
    }
    acknowledgeApiFindings(this.api);
  }

  /** Routes every method of `/mcp` through the authorizer, because clients probe with GET for the challenge. Streams. */
  addMcp(props: { mcp: IFunction; authorizer: LambdaFunction; authorizerCache: Duration; timeout: Duration }): void {
    const authorizer = new RequestAuthorizer(this, 'Authorizer', {
      handler: props.authorizer,
      // The only identity source: API Gateway answers 401 if one is absent, and no other header is always present.
      identitySources: [IdentitySource.header('Authorization')],
      resultsCacheTtl: props.authorizerCache,
    });
    this.#addRoute(
      'mcp',
      integration(props.mcp, { responseTransferMode: ResponseTransferMode.STREAM, timeout: props.timeout }),
      { authorizer, authorizationType: AuthorizationType.CUSTOM },
    );
  }

  /**
   * Routes the audit tools through an authorizer without a cache: a cached result of `/mcp` would admit a token that lacks
   * their scope.
   */
  addAuditTools({ auditTools, authorizer: handler }: { auditTools: LambdaFunction; authorizer: LambdaFunction }): void {
    const authorizer = new RequestAuthorizer(this, 'AuditAuthorizer', {
      handler,
      identitySources: [IdentitySource.header('Authorization')],
      resultsCacheTtl: Duration.seconds(0),
    });
    this.#addRoute(
      AUDIT_TOOLS_PATH.slice(1),
      integration(auditTools, { responseTransferMode: ResponseTransferMode.STREAM, timeout: auditTools.timeout! }),
      { authorizer, authorizationType: AuthorizationType.CUSTOM },
    );
  }

  /** Routes discovery and the OAuth endpoints, without an authorizer. */
  addOAuth(oauth: LambdaFunction): void {
    const target = integration(oauth);
    for (const path of pagePaths) this.#addPageRoute(path, target);
    this.#addOpenRoutes(oauthPaths, target);
    this.#addServerPage(target);
  }

  /**
   * Routes the dashboard, whose function authorizes requests itself, its sign-in, and the making of personal access tokens,
   * which belongs to the function of the sign-in.
   */
  addDashboard(props: { dashboard: LambdaFunction; signIn: LambdaFunction; personalTokens: boolean }): void {
    const { dashboard, signIn, personalTokens } = props;
    const target = integration(dashboard);
    const targets = {
      dashboard: target,
      'dashboard/{proxy+}': target,
      'dashboard/sign-in': integration(signIn),
      ...(personalTokens && { 'dashboard/tokens': integration(signIn) }),
    };
    for (const [path, each] of Object.entries(targets)) this.#addPageRoute(path, each);
  }

  /** Routes the return of the dashboard's users from the identity provider, for direct mode. */
  addCallback(signIn: LambdaFunction): void {
    this.#addPageRoute('callback', integration(signIn));
  }

  /** Routes discovery and the server's page only, for direct mode. */
  addDiscovery(discovery: LambdaFunction): void {
    const target = integration(discovery);
    this.#addOpenRoutes(discoveryPaths, target);
    this.#addServerPage(target);
  }

  /** Routes the keys of the assertions for upstream servers. */
  addUpstreamKeys(keys: LambdaFunction): void {
    this.#addOpenRoutes([UPSTREAM_KEYS_PATH], integration(keys));
  }

  #addOpenRoutes(paths: string[], target: Integration): void {
    for (const path of paths) {
      this.#acknowledgeOpen(this.#addRoute(path, target, { authorizationType: AuthorizationType.NONE }));
    }
  }

  #addServerPage(target: Integration): void {
    for (const path of serverPaths) this.#addPageRoute(path, target, 'GET');
  }

  /** A route without CORS: the function rejects a preflight like every method that it does not support. */
  #addPageRoute(path: string, target: Integration, method: 'ANY' | 'GET' = 'ANY'): void {
    const resource = this.api.root.resourceForPath(path);
    this.#acknowledgeOpen(resource.addMethod(method, target, { authorizationType: AuthorizationType.NONE }));
  }

  #acknowledgeOpen(method: Method): void {
    Validations.of(method).acknowledge({
      id: 'AwsSolutions-APIG4',
      reason:
        'Discovery and sign-in precede the access token. The functions verify clients, codes and PKCE, and the dashboard its session cookie.',
    });
  }

  #addRoute(path: string, target: Integration, options: MethodOptions): Method {
    const resource = this.api.root.resourceForPath(path);
    const method = resource.addMethod('ANY', target, options);
    resource.addCorsPreflight({
      allowOrigins: ['*'],
      allowCredentials: false,
      allowMethods: ['GET', 'POST', 'DELETE', 'HEAD', 'OPTIONS'],
      allowHeaders: corsHeaders,
      maxAge: Duration.hours(2),
    });
    return method;
  }
}

/** By the methods that do the work: API Gateway applies a throttle to the method that is called, not to ANY. */
function methodThrottles(props: McpRestApiProps): StageOptions['methodOptions'] {
  const { oauthThrottle, facade, dashboard, personalTokens } = props;
  const methods = new Set([
    ...(facade ? throttledMethods : []),
    ...(dashboard ? dashboardSignInMethods : []),
    ...(dashboard && personalTokens ? [personalTokenMethod] : []),
  ]);
  if (methods.size === 0) return undefined;
  return Object.fromEntries(Array.from(methods, (method) => [method, throttling(oauthThrottle)]));
}

const throttling = ({ rate, burst }: Throttle) => ({ throttlingRateLimit: rate, throttlingBurstLimit: burst });

function acknowledgeApiFindings(api: RestApi): void {
  Validations.of(api).acknowledge(
    {
      id: 'AwsSolutions-APIG2',
      reason:
        'The functions validate requests. API Gateway models support neither JSON-RPC nor forms, and cannot validate a stream.',
    },
    {
      id: 'AwsSolutions-APIG6',
      reason: 'Execution logs can contain tokens and codes. The access log has no query strings and no headers.',
    },
    {
      id: 'AwsSolutions-COG4',
      reason:
        'Access tokens are issued by Holdfast, or by a provider other than Cognito. A Lambda authorizer verifies them.',
    },
  );
  Validations.of(api.deploymentStage).acknowledge({
    id: 'AwsSolutions-APIG3',
    reason:
      'AWS WAF costs about $10 a month when idle. The setting `firewall` enables it. Throttling is always enabled.',
  });
}

/** With one Lambda permission for the API, instead of two for each method. */
function integration(handler: IFunction, options: ConstructorParameters<typeof LambdaIntegration>[1] = {}) {
  return new LambdaIntegration(handler, { scopePermissionToMethod: false, ...options });
}

/**
 * One line of JSON per request, without headers. `path` excludes the query string, which can contain codes. Each 100 bytes
 * cost $0.05 per million requests: CloudWatch has the time of the line, the audit log has the client of a call, and behind
 * CloudFront the address is CloudFront's.
 */
function accessLogFormat({ defaultEndpoint }: Pick<McpRestApiProps, 'defaultEndpoint'>): AccessLogFormat {
  return AccessLogFormat.custom(
    JSON.stringify({
      requestId: '$context.requestId',
      ...(!defaultEndpoint && { ip: '$context.identity.sourceIp' }),
      method: '$context.httpMethod',
      path: '$context.path',
      status: '$context.status',
      milliseconds: '$context.responseLatency',
      bytes: '$context.responseLength',
      user: '$context.authorizer.user',
      refusal: '$context.error.responseType',
    }),
  );
}

/**
 * The role with which API Gateway writes access logs: one for all APIs of the account in a region, required to create a
 * stage with an access log. It is retained when the stack is deleted, because other APIs may use it.
 *
 * The name is fixed, so that a second stack that sets the role fails, before it replaces the first one's and leaves another
 * role behind.
 */
class ApiGatewayAccount extends Construct {
  constructor(scope: Construct, id: string) {
    super(scope, id);
    const role = new Role(this, 'Role', {
      roleName: `holdfast-api-gateway-logs-${Aws.REGION}`,
      assumedBy: new ServicePrincipal('apigateway.amazonaws.com'),
      inlinePolicies: {
        logs: new PolicyDocument({
          statements: [
            new PolicyStatement({
              effect: Effect.ALLOW,
              actions: [
                'logs:CreateLogGroup',
                'logs:CreateLogStream',
                'logs:DescribeLogGroups',
                'logs:DescribeLogStreams',
                'logs:FilterLogEvents',
                'logs:GetLogEvents',
                'logs:PutLogEvents',
              ],
              resources: ['*'],
            }),
          ],
        }),
      },
    });
    const account = new CfnAccount(this, 'Settings', { cloudWatchRoleArn: role.roleArn });
    role.applyRemovalPolicy(RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE);
    account.applyRemovalPolicy(RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE);
    Annotations.of(this).addInfo(
      'manageApiGatewayAccount replaces the role for access logs of this account and region, if it has one: run aws apigateway get-account',
    );
    Validations.of(role).acknowledge({
      id: 'AwsSolutions-IAM5[Resource::*]',
      reason: 'API Gateway requires these permissions on every log group of the account.',
    });
  }
}
