import { Duration, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
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
} from 'aws-cdk-lib/aws-apigateway';
import { Effect, PolicyDocument, PolicyStatement, Role, ServicePrincipal, StarPrincipal } from 'aws-cdk-lib/aws-iam';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { removalPolicy, type Stage } from './settings/stage.ts';

/** Requests per second, and how many may come at once. Beyond it API Gateway answers 429 to everybody. */
export interface Throttle {
  readonly rate: number;
  readonly burst: number;
}

export interface McpRestApiProps {
  readonly stage: Stage;
  readonly throttle: Throttle;
  /** For each of the paths by which anyone may have a client or a user signed in or out, if they are there. */
  readonly oauthThrottle: Throttle | undefined;
  readonly dashboard: boolean;
  readonly logRetention: RetentionDays;
  readonly manageApiGatewayAccount: boolean;
  /**
   * What a request to the API's own address has to have in `Referer`, so that nothing goes around CloudFront. Undefined
   * when a domain of the owner's leads here: then the API has no address of its own.
   */
  readonly originSecret: string | undefined;
}

/** The stage's name, and so the first segment of the path at the API's own host. */
export const STAGE_NAME = 'v1';

/** What a browser-based client may send to any path. */
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
  // `Mcp-Param-*` of tools, for browsers that know the wildcard. It does not stand for `Authorization`.
  '*',
];

/** The methods of sign-in that cost a read, a write or a signature before it is known who asks. */
const limitedMethods = [
  '/authorize/GET',
  '/authorize/POST',
  '/consent/POST',
  '/callback/GET',
  '/register/POST',
  '/token/POST',
  '/revoke/POST',
];
const dashboardSignIn = '/dashboard/sign-in/GET';

/** Where clients find out who lets them in. */
const discoveryPaths = ['.well-known/oauth-protected-resource', '.well-known/oauth-protected-resource/mcp'];

const oauthPaths = [
  'authorize',
  'consent',
  'callback',
  'token',
  'register',
  'revoke',
  'jwks.json',
  ...discoveryPaths,
  '.well-known/oauth-authorization-server',
  '.well-known/openid-configuration',
];

/**
 * The REST API: its routes, limits and access log. REST because only it can stream a function's answer and send a
 * `WWW-Authenticate` of its own; regional because an edge-optimised API ends a silent stream after 30 seconds.
 */
export class McpRestApi extends Construct {
  readonly api: RestApi;
  readonly accessLog: LogGroup;

  constructor(scope: Construct, id: string, props: McpRestApiProps) {
    super(scope, id);
    this.accessLog = new LogGroup(this, 'AccessLog', {
      retention: props.logRetention,
      removalPolicy: removalPolicy(props.stage),
    });
    const limit = ({ rate, burst }: Throttle) => ({ throttlingRateLimit: rate, throttlingBurstLimit: burst });
    this.api = new RestApi(this, 'Api', {
      restApiName: Stack.of(this).stackName,
      description: 'Holdfast: MCP and the OAuth that guards it',
      endpointConfiguration: { types: [EndpointType.REGIONAL], ipAddressType: IpAddressType.DUAL_STACK },
      disableExecuteApiEndpoint: props.originSecret === undefined,
      policy: props.originSecret === undefined ? undefined : onlyWith(props.originSecret),
      deployOptions: {
        stageName: STAGE_NAME,
        ...limit(props.throttle),
        // By the verbs that do the work: a limit is kept for the verb that is called, and ANY is none.
        methodOptions:
          props.oauthThrottle &&
          Object.fromEntries(
            [...limitedMethods, ...(props.dashboard ? [dashboardSignIn] : [])].map((method) => [
              method,
              limit(props.oauthThrottle!),
            ]),
          ),
        accessLogDestination: new LogGroupLogDestination(this.accessLog),
        accessLogFormat: accessLogFormat(),
      },
    });
    // The API's own address is of no use to anybody: OAuth discovery does not work below a stage's path.
    this.api.node.tryRemoveChild('Endpoint');
    if (props.manageApiGatewayAccount) {
      this.api.deploymentStage.node.addDependency(new ApiGatewayAccount(this, 'Account'));
    }
    Validations.of(this.api).acknowledge(
      {
        id: 'AwsSolutions-APIG2',
        reason:
          'The functions validate: API Gateway models know neither JSON-RPC nor forms, and cannot check a stream.',
      },
      {
        id: 'AwsSolutions-APIG6',
        reason: 'Execution logs can contain tokens and codes. The access log has no query strings and no headers.',
      },
      {
        id: 'AwsSolutions-COG4',
        reason:
          'Assistants bring access tokens of Holdfast, or of a provider that is not Cognito; a Lambda authorizer verifies them.',
      },
    );
    Validations.of(this.api.deploymentStage).acknowledge({
      id: 'AwsSolutions-APIG3',
      reason: 'A firewall costs about $10 a month when idle, so it is the setting `firewall`. Throttling is always on.',
    });
  }

  /** `/mcp`: every verb behind the authorizer, because clients probe with GET and need the challenge; answers stream. */
  addMcp(props: {
    mcp: LambdaFunction;
    authorizer: LambdaFunction;
    authorizerCache: Duration;
    timeout: Duration;
  }): void {
    const authorizer = new RequestAuthorizer(this, 'Authorizer', {
      handler: props.authorizer,
      // The only identity source: an absent one is answered 401 without asking, and no other header is always there.
      identitySources: [IdentitySource.header('Authorization')],
      resultsCacheTtl: props.authorizerCache,
    });
    this.#route(
      'mcp',
      integration(props.mcp, { responseTransferMode: ResponseTransferMode.STREAM, timeout: props.timeout }),
      { authorizer, authorizationType: AuthorizationType.CUSTOM },
    );
  }

  /** Discovery and the OAuth endpoints, open to everybody: they are how one gets in. */
  addOAuth(oauth: LambdaFunction): void {
    this.#open(oauthPaths, oauth);
  }

  /** The dashboard: its sign-in is the OAuth function's, and who may see what is the dashboard function's own to decide. */
  addDashboard({ dashboard, oauth }: { dashboard: LambdaFunction; oauth: LambdaFunction }): void {
    const streaming = integration(dashboard, { responseTransferMode: ResponseTransferMode.STREAM });
    const targets = {
      dashboard: streaming,
      'dashboard/{proxy+}': streaming,
      'dashboard/sign-in': integration(oauth),
    };
    for (const [path, target] of Object.entries(targets)) {
      // No other site's page has any business here, so browsers are told nothing of CORS.
      const resource = this.api.root.resourceForPath(path);
      this.#acknowledgeOpen(resource.addMethod('ANY', target, { authorizationType: AuthorizationType.NONE }));
    }
  }

  /** Discovery alone, where the identity provider lets clients in itself. */
  addDiscovery(discovery: LambdaFunction): void {
    this.#open(discoveryPaths, discovery);
  }

  #open(paths: string[], handler: LambdaFunction): void {
    const target = integration(handler);
    for (const path of paths) {
      this.#acknowledgeOpen(this.#route(path, target, { authorizationType: AuthorizationType.NONE }));
    }
  }

  #acknowledgeOpen(method: Method): void {
    Validations.of(method).acknowledge({
      id: 'AwsSolutions-APIG4',
      reason:
        'Discovery and sign-in come before there is a token; the functions check clients, codes and PKCE, and the dashboard the cookie of its sign-in.',
    });
  }

  #route(path: string, target: Integration, options: MethodOptions): Method {
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

/**
 * Lets everybody in who knows the secret. Both statements are needed: without an Allow API Gateway refuses the methods
 * that have no authorizer, and without a Deny it leaves the others to theirs. Beside the Allow an authorizer has to say
 * Deny to refuse, for its silence is none ("How API Gateway resource policies affect authorization workflow", table A).
 */
function onlyWith(secret: string): PolicyDocument {
  const everything = {
    principals: [new StarPrincipal()],
    actions: ['execute-api:Invoke'],
    resources: ['execute-api:/*'],
  };
  return new PolicyDocument({
    statements: [
      new PolicyStatement({ effect: Effect.ALLOW, ...everything }),
      new PolicyStatement({
        effect: Effect.DENY,
        ...everything,
        conditions: { StringNotEquals: { 'aws:Referer': secret } },
      }),
    ],
  });
}

/** One permission for the API instead of two for each method. */
function integration(handler: LambdaFunction, options: ConstructorParameters<typeof LambdaIntegration>[1] = {}) {
  return new LambdaIntegration(handler, { scopePermissionToMethod: false, ...options });
}

/** One JSON line a request. `path` has no query string, which may hold codes; no header is written. */
function accessLogFormat(): AccessLogFormat {
  return AccessLogFormat.custom(
    JSON.stringify({
      requestId: '$context.requestId',
      time: '$context.requestTimeEpoch',
      ip: '$context.identity.sourceIp',
      method: '$context.httpMethod',
      path: '$context.path',
      status: '$context.status',
      milliseconds: '$context.responseLatency',
      bytes: '$context.responseLength',
      user: '$context.authorizer.user',
      client: '$context.authorizer.client',
      refusal: '$context.error.responseType',
    }),
  );
}

/**
 * The role with which API Gateway writes access logs: one for all APIs of the account in this region, and without it a
 * stage with an access log cannot be created. It stays when the stack goes, because other APIs may depend on it by then.
 */
class ApiGatewayAccount extends Construct {
  constructor(scope: Construct, id: string) {
    super(scope, id);
    const role = new Role(this, 'Role', {
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
    role.applyRemovalPolicy(RemovalPolicy.RETAIN);
    account.applyRemovalPolicy(RemovalPolicy.RETAIN);
    Validations.of(role).acknowledge({
      id: 'AwsSolutions-IAM5[Resource::*]',
      reason: 'API Gateway accepts the role only with these permissions on every log group of the account.',
    });
  }
}
