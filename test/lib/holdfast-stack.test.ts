import { isDeepStrictEqual } from 'node:util';
import { Duration } from 'aws-cdk-lib';
import {
  aggregationVariables,
  authorizerVariables,
  dashboardVariables,
  mcpVariables,
  oauthVariables,
  readEnvironment,
} from '../../lambda/shared/environment.ts';
import { type ItemKind, indexes, indexPrefix, keyPrefix, tableAttributes } from '../../lambda/shared/table-keys.ts';
import type { HoldfastStackProps } from '../../lib/holdfast-stack.ts';
import {
  deployments,
  featureFlags,
  onlyOne,
  resolve,
  resourcesOf,
  type SynthesizedTemplate,
  synthesize,
} from '../support/synthesized-template.ts';

/** The `dynamodb:LeadingKeys` of all items of the kinds. */
const leadingKeys = (...kinds: ItemKind[]) => kinds.map((kind) => `${keyPrefix[kind]}*`);

type Statement = { Effect: string; Action: string | string[]; Resource: unknown; Condition?: unknown };

const listOf = <T>(value: T | T[] | undefined): T[] => (value === undefined ? [] : ([value].flat() as T[]));

/** The policy statements of every role, by the role's logical id. */
function statementsOf(template: SynthesizedTemplate): Record<string, Statement[]> {
  const statements: Record<string, Statement[]> = {};
  for (const [id, { Properties }] of resourcesOf(template, 'AWS::IAM::Role')) {
    statements[id] = listOf(Properties.Policies).flatMap((policy) => policy.PolicyDocument.Statement);
  }
  for (const [, { Properties }] of resourcesOf(template, 'AWS::IAM::Policy')) {
    for (const { Ref } of Properties.Roles) statements[Ref]!.push(...Properties.PolicyDocument.Statement);
  }
  return statements;
}

const functionNamed = (template: SynthesizedTemplate, name: string) =>
  resourcesOf(template, 'AWS::Lambda::Function').find(([id]) => id.startsWith(`${name}Function`))![1].Properties;

const roleStatements = (template: SynthesizedTemplate, name: string) =>
  Object.entries(statementsOf(template)).find(([id]) => id.startsWith(`${name}Role`))![1];

const functionNames = ['Authorizer', 'OAuth', 'Mcp', 'Worker', 'Dashboard', 'Rollup', 'PublicKeys'];

/** The MCP function and its worker share one bundle. */
const servers = ['Mcp', 'Worker'];

/** Every action in the template. IAM accepts any string as an action, so a typo would fail at run time only. */
const validActions = [
  ...['BatchGetItem', 'ConditionCheckItem', 'DeleteItem', 'GetItem', 'PutItem', 'Query', 'UpdateItem'].map(
    (each) => `dynamodb:${each}`,
  ),
  ...['Decrypt', 'GenerateDataKey', 'GetPublicKey', 'Sign'].map((each) => `kms:${each}`),
  'lambda:InvokeFunction',
  ...['CreateLogStream', 'PutLogEvents'].map((each) => `logs:${each}`),
  ...['DescribeSecret', 'GetSecretValue'].map((each) => `secretsmanager:${each}`),
];

/** The same properties hold in an app that sets no feature flag of the CDK. */
const withoutFlags: [string, HoldfastStackProps, object] = ['dev without a feature flag', {}, {}];

describe.each<[name: string, props: HoldfastStackProps, flags?: object]>([...deployments, withoutFlags])(
  '%s',
  (_name, props, flags = featureFlags) => {
    const template = synthesize(props, { ...flags });
    const { stage = 'dev' } = props;

    describe('functions', () => {
      const functions = resourcesOf(template, 'AWS::Lambda::Function');

      test('are one for each entry, the worker and the aggregation job, on Node 24 and arm64', () => {
        const handlers = functions.map(([id, { Properties }]) => [id.replace(/Function\w+$/, ''), Properties.Handler]);
        expect(Object.fromEntries(handlers)).toEqual({
          Authorizer: 'index.handler',
          OAuth: 'index.handler',
          Mcp: 'index.handler',
          Worker: 'index.work',
          Dashboard: 'index.handler',
          Rollup: 'index.handler',
          PublicKeys: 'index.handler',
        });
        for (const [, { Properties }] of functions) {
          expect(Properties).toMatchObject({ Runtime: 'nodejs24.x', Architectures: ['arm64'] });
          expect(Properties.Timeout).toBeLessThanOrEqual(900);
        }
      });

      test('include only the worker as one that another invokes, with the maximum timeout and two retries', () => {
        const invocations = Object.entries(statementsOf(template)).flatMap(([role, statements]) =>
          statements
            .filter(({ Action }) => listOf(Action).some((action) => action.startsWith('lambda:')))
            .map(({ Action, Resource }) => ({ role, Action, Resource })),
        );
        const [worker] = functions.find(([id]) => id.startsWith('WorkerFunction'))!;
        expect(invocations).toEqual([
          {
            role: expect.stringMatching(/^McpRole/),
            Action: 'lambda:InvokeFunction',
            Resource: { 'Fn::GetAtt': [worker, 'Arn'] },
          },
        ]);
        expect(functionNamed(template, 'Mcp').Environment.Variables.WORKER_FUNCTION).toEqual({ Ref: worker });
        expect(functionNamed(template, 'Worker').Environment.Variables).not.toHaveProperty('WORKER_FUNCTION');
        expect(functionNamed(template, 'Worker').Timeout).toBe(900);
        expect(onlyOne(template, 'AWS::Lambda::EventInvokeConfig').Properties).toEqual({
          FunctionName: { Ref: worker },
          Qualifier: '$LATEST',
          MaximumRetryAttempts: 2,
          MaximumEventAgeInSeconds: 3600,
        });
      });

      test('have one role and one log group each', () => {
        const distinct = (path: (properties: Record<string, never>) => unknown) =>
          new Set(functions.map(([, { Properties }]) => JSON.stringify(path(Properties)))).size;
        expect(distinct(({ Role }) => Role)).toBe(functionNames.length);
        expect(distinct(({ LoggingConfig }) => LoggingConfig)).toBe(functionNames.length);
      });

      test('stay within the limits of Lambda for environment variables', () => {
        for (const [, { Properties }] of functions) {
          const variables = resolve(Properties.Environment?.Variables ?? {}) as Record<string, string>;
          expect(Buffer.byteLength(JSON.stringify(variables))).toBeLessThan(4096);
          for (const name of Object.keys(variables)) expect(name).not.toMatch(/^(AWS_|LAMBDA_|_HANDLER|_X_AMZN|TZ$)/);
        }
      });

      test.each([
        ['Authorizer', authorizerVariables],
        ['OAuth', oauthVariables],
        ['Mcp', mcpVariables],
        ['Worker', mcpVariables],
        ['Dashboard', dashboardVariables],
        ['Rollup', aggregationVariables],
      ])('include %s with all environment variables that it reads, and no others', (name, variables) => {
        const environment = resolve(functionNamed(template, name).Environment.Variables) as Record<string, string>;
        expect(() => readEnvironment(variables, environment)).not.toThrow();
        expect(Object.keys(variables)).toEqual(expect.arrayContaining(Object.keys(environment)));
      });
    });

    describe('permissions', () => {
      const statements = statementsOf(template);

      test('use no AWS managed policy', () => {
        expect(JSON.stringify(template)).not.toContain('ManagedPolicyArns');
      });

      test('of the functions list actions and resources without wildcards', () => {
        for (const name of functionNames) {
          for (const { Effect, Action, Resource } of roleStatements(template, name)) {
            expect(Effect).toBe('Allow');
            expect(validActions).toEqual(expect.arrayContaining(listOf(Action)));
            for (const resource of listOf(Resource)) expect(resource).not.toBe('*');
          }
        }
      });

      test('on all resources exist only for API Gateway, to write the access logs of the account', () => {
        const unrestricted = Object.entries(statements).filter(([, all]) =>
          all.some(({ Resource }) => Resource === '*'),
        );
        expect(unrestricted.map(([id]) => id)).toEqual(
          props.manageApiGatewayAccount ? [expect.stringMatching(/^GatewayAccountRole/)] : [],
        );
      });

      test('on the table are restricted to key prefixes', () => {
        const prefixes = (name: string) =>
          roleStatements(template, name)
            .filter(({ Action }) => listOf(Action).some((action) => action.startsWith('dynamodb:')))
            .flatMap(({ Condition }) => {
              const { 'dynamodb:LeadingKeys': keys } = (
                Condition as { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': string | string[] } }
              )['ForAllValues:StringLike'];
              // Without it, a request without the key would satisfy `ForAllValues`.
              expect(Condition).toMatchObject({ Null: { 'dynamodb:LeadingKeys': 'false' } });
              return listOf(keys);
            });
        expect(prefixes('Authorizer')).toEqual([]);
        for (const server of servers) {
          expect(new Set(prefixes(server))).toEqual(
            // Of the sealed keys only this one, without a wildcard.
            new Set([
              ...leadingKeys('grant', 'sessions', 'importedSessions', 'executions', 'changes'),
              ...leadingKeys('calls', 'callMarkers', 'state'),
              `${keyPrefix.sealedKey}request-state`,
              ...(props.upstreamTokens ? leadingKeys('upstreamTokens') : []),
            ]),
          );
        }
        expect(new Set(prefixes('OAuth'))).toEqual(
          new Set([
            ...leadingKeys('client', 'clientDocument', 'rateLimit', 'spentAssertion'),
            ...leadingKeys('authorizationRequest', 'signIn', 'code', 'grant', 'upstreamTokens', 'user'),
            ...leadingKeys('sealedKey', 'dashboardSessions'),
          ]),
        );
        // No sign-in data, except a user's codes, which the function can delete.
        expect(new Set(prefixes('Dashboard'))).toEqual(
          new Set([
            ...leadingKeys('grant', 'sessions', 'calls', 'callMarkers', 'aggregates', 'dashboardSessions', 'user'),
            ...leadingKeys('upstreamTokens', 'importedSessions', 'executions', 'changes', 'state', 'code'),
            // Partition keys of the indexes.
            ...Object.values(indexPrefix).map((prefix) => `${prefix}*`),
            ...(props.showNames ? [`${keyPrefix.sealedKey}user-names`] : []),
          ]),
        );
        expect(new Set(prefixes('Rollup'))).toEqual(new Set(leadingKeys('callMarkers', 'calls', 'aggregates')));
      });

      test.each(['Mcp', 'Worker', 'Rollup'])('of %s do not include an index', (name) => {
        const resources = roleStatements(template, name).map(({ Resource }) => JSON.stringify(Resource));
        expect(resources.filter((each) => each.includes('/index/'))).toEqual([]);
      });

      test.each(servers)('of %s do not include deleting from the audit log', (server) => {
        const actions = roleStatements(template, server)
          .filter(({ Condition }) =>
            leadingKeys('calls', 'callMarkers').some((key) => JSON.stringify(Condition ?? {}).includes(`"${key}"`)),
          )
          .flatMap(({ Action }) => Action);
        expect(actions).toEqual(['dynamodb:PutItem']);
      });

      test.each(servers)('of %s do not include changing a grant, or more than one sealed key', (server) => {
        const on = (prefix: string) =>
          roleStatements(template, server)
            .filter(({ Condition }) => JSON.stringify(Condition ?? {}).includes(`"${prefix}`))
            .flatMap(({ Action }) => Action);
        expect(['dynamodb:BatchGetItem', 'dynamodb:GetItem']).toEqual(expect.arrayContaining(on(keyPrefix.grant)));
        expect(on(keyPrefix.sealedKey)).toEqual(['dynamodb:GetItem', 'dynamodb:PutItem']);
      });

      test('of the worker are those of the MCP function, except invoking the worker', () => {
        const shared = (name: string) =>
          roleStatements(template, name)
            .filter(({ Action }) => !/^(logs|lambda):/.test(listOf(Action)[0]!))
            .map((statement) => JSON.stringify(statement));
        expect(shared('Worker')).toEqual(shared('Mcp'));
      });

      test('to seal are restricted to purposes', () => {
        const purposes = (name: string) =>
          roleStatements(template, name)
            .filter(({ Action }) => listOf(Action).includes('kms:Decrypt'))
            .map(({ Condition }) => Condition);
        const forPurposes = (...names: string[]) => ({ StringEquals: { 'kms:EncryptionContext:purpose': names } });
        expect(purposes('Authorizer')).toEqual([]);
        const names = props.showNames ? ['user-names'] : [];
        expect(purposes('OAuth')).toEqual([forPurposes('upstream', 'refresh-mac', ...names)]);
        expect(purposes('Dashboard')).toEqual(props.showNames ? [forPurposes('user-names')] : []);
        for (const server of servers) {
          expect(purposes(server)).toEqual([
            forPurposes('request-state'),
            ...(props.upstreamTokens ? [forPurposes('upstream')] : []),
          ]);
        }
      });

      test('to sign exist for the OAuth function only', () => {
        const signers = Object.entries(statements).filter(([, all]) =>
          all.some(({ Action }) => listOf(Action).includes('kms:Sign')),
        );
        expect(signers.map(([id]) => id)).toEqual([expect.stringMatching(/^OAuthRole/)]);
      });

      test('of the dashboard to write are those to revoke and to erase', () => {
        const on = (prefix: string) =>
          roleStatements(template, 'Dashboard')
            .filter(({ Condition }) => JSON.stringify(Condition ?? {}).includes(`"${prefix}`))
            .flatMap(({ Action }) => Action);
        const all = roleStatements(template, 'Dashboard').flatMap(({ Action }) => Action);
        expect(all.includes('dynamodb:PutItem')).toBe(props.showNames !== undefined);
        expect(new Set(on(keyPrefix.upstreamTokens))).toEqual(
          new Set(['dynamodb:Query', 'dynamodb:UpdateItem', 'dynamodb:DeleteItem']),
        );
        expect(on(keyPrefix.code)).toEqual(['dynamodb:DeleteItem']);
      });

      test('to invoke exist for API Gateway on the functions of its routes, and for schedules on the aggregation job and the OAuth function', () => {
        const invokable = resourcesOf(template, 'AWS::Lambda::Permission').map(([, { Properties }]) => {
          const { Action, Principal, SourceArn, FunctionName } = Properties;
          const [id] = FunctionName['Fn::GetAtt'];
          const isScheduled = Principal === 'events.amazonaws.com';
          expect(Action).toBe('lambda:InvokeFunction');
          expect(['events.amazonaws.com', 'apigateway.amazonaws.com']).toContain(Principal);
          const caller = isScheduled ? `${/^(Rollup|OAuth)Function/.exec(id)?.[1]}Schedule` : 'GatewayApi';
          expect(JSON.stringify(SourceArn)).toContain(caller);
          if (id.startsWith('Rollup')) expect(isScheduled).toBe(true);
          return id;
        });
        // Several permissions can refer to one function.
        expect([...new Set(invokable)].sort()).toEqual(
          resourcesOf(template, 'AWS::Lambda::Function')
            .map(([id]) => id)
            .filter((id) => !/^(Worker|PublicKeys)Function/.test(id))
            .sort(),
        );
      });
    });

    describe('routes', () => {
      const pathOf = (id: string): string => {
        const { ParentId, PathPart } = template.Resources[id]!.Properties;
        return `${ParentId.Ref === undefined ? '' : pathOf(ParentId.Ref)}/${PathPart}`;
      };
      const methods = resourcesOf(template, 'AWS::ApiGateway::Method').map(([, { Properties }]) => ({
        path: Properties.ResourceId.Ref === undefined ? '/' : pathOf(Properties.ResourceId.Ref),
        verb: Properties.HttpMethod,
        integration: Properties.Integration,
        authorization: Properties.AuthorizationType,
      }));
      const open = [
        '/.well-known/oauth-authorization-server',
        '/.well-known/oauth-protected-resource',
        '/.well-known/oauth-protected-resource/mcp',
        '/.well-known/openid-configuration',
        '/authorize',
        '/callback',
        '/consent',
        '/jwks.json',
        '/register',
        '/revoke',
        '/token',
      ];

      const dashboard = ['/dashboard', '/dashboard/sign-in', '/dashboard/{proxy+}'];

      test('without an authorizer are the server’s page, OAuth, and the dashboard, which authenticates by cookie', () => {
        const calls = methods.filter(({ verb }) => verb !== 'OPTIONS');
        expect(calls.map(({ path, verb, authorization }) => `${verb} ${path} ${authorization}`).sort()).toEqual(
          [
            ...[...open, ...dashboard].map((path) => `ANY ${path} NONE`),
            ...['/', '/favicon.ico'].map((path) => `GET ${path} NONE`),
            'ANY /mcp CUSTOM',
          ].sort(),
        );
      });

      test('stream on /mcp, within the maximum timeout', () => {
        const { integration } = methods.find(({ path, verb }) => path === '/mcp' && verb === 'ANY')!;
        expect(integration).toMatchObject({ Type: 'AWS_PROXY', ResponseTransferMode: 'STREAM' });
        expect(integration.TimeoutInMillis).toBeLessThanOrEqual(900_000);
        expect(resolve(integration.Uri)).toMatch(
          /:lambda:path\/2021-11-15\/functions\/.*\/response-streaming-invocations$/,
        );
      });

      test('buffer on all other paths, within 29 seconds', () => {
        for (const { path, verb, integration } of methods) {
          if (verb === 'OPTIONS' || path === '/mcp') continue;
          expect(integration).toMatchObject({ Type: 'AWS_PROXY', IntegrationHttpMethod: 'POST' });
          // The dashboard's compressed files are binary, which requires streaming.
          if (['/dashboard', '/dashboard/{proxy+}'].includes(path)) continue;
          expect(integration.ResponseTransferMode ?? 'BUFFERED').toBe('BUFFERED');
          expect(integration.TimeoutInMillis ?? 29_000).toBeLessThanOrEqual(29_000);
          expect(resolve(integration.Uri)).toMatch(/:lambda:path\/2015-03-31\/functions\/.*\/invocations$/);
        }
        expect(functionNamed(template, 'OAuth').Timeout).toBeLessThan(29);
      });

      test('answer preflights from any origin, without credentials, except where cookies count', () => {
        const preflights = methods.filter(({ verb }) => verb === 'OPTIONS');
        const pages = ['/authorize', '/callback', '/consent'];
        expect(preflights.map(({ path }) => path).sort()).toEqual(
          [...open.filter((path) => !pages.includes(path)), '/mcp'].sort(),
        );
        for (const { integration } of preflights) {
          expect(integration.Type).toBe('MOCK');
          const [{ ResponseParameters }] = integration.IntegrationResponses;
          expect(ResponseParameters['method.response.header.Access-Control-Allow-Origin']).toBe("'*'");
          expect(ResponseParameters['method.response.header.Access-Control-Allow-Headers']).toMatch(/Mcp-Session-Id/);
        }
        expect(JSON.stringify(template)).not.toContain('Allow-Credentials');
      });

      test('are throttled', () => {
        const Properties = onlyOne(template, 'AWS::ApiGateway::Stage').Properties;
        const settings = Properties.MethodSettings as {
          HttpMethod: string;
          ResourcePath: string;
          ThrottlingRateLimit: number;
        }[];
        const rate = Object.fromEntries(
          settings.map((each) => [`${each.HttpMethod} ${each.ResourcePath}`, each.ThrottlingRateLimit]),
        );
        expect(rate).toEqual({
          '* /*': 500,
          'GET /~1authorize': 25,
          'POST /~1authorize': 25,
          'POST /~1consent': 25,
          'GET /~1callback': 25,
          'POST /~1register': 25,
          'POST /~1token': 25,
          'POST /~1revoke': 25,
          'GET /~1dashboard~1sign-in': 25,
        });
      });

      test('have the Authorization header as the only identity source, cached for at most five minutes', () => {
        const Properties = onlyOne(template, 'AWS::ApiGateway::Authorizer').Properties;
        expect(Properties).toMatchObject({ Type: 'REQUEST', IdentitySource: 'method.request.header.Authorization' });
        expect(Properties.AuthorizerResultTtlInSeconds).toBe(props.authorizerCacheTtl?.toSeconds() ?? 300);
      });
    });

    describe('the API', () => {
      const api = onlyOne(template, 'AWS::ApiGateway::RestApi').Properties;
      const stageResource = onlyOne(template, 'AWS::ApiGateway::Stage');

      test('is regional, and has a default endpoint only behind CloudFront', () => {
        expect(api.EndpointConfiguration.Types).toEqual(['REGIONAL']);
        expect(api.DisableExecuteApiEndpoint).toBe(props.domain !== undefined);
      });

      test('has a stage name that is a valid path segment', () => {
        expect(stageResource.Properties.StageName).toMatch(/^[A-Za-z0-9_]+$/);
      });

      test('logs requests without query strings, headers and tokens', () => {
        const { Format } = stageResource.Properties.AccessLogSetting;
        expect(() => JSON.parse(Format)).not.toThrow();
        expect(Format).not.toMatch(/querystring|resourcePath\?|header|authorization"/i);
        expect(stageResource.Properties.MethodSettings).not.toContainEqual(
          expect.objectContaining({ DataTraceEnabled: true }),
        );
      });

      test('is deployed after the role that writes its access log', () => {
        const accounts = resourcesOf(template, 'AWS::ApiGateway::Account').map(([id]) => id);
        expect(accounts).toHaveLength(props.manageApiGatewayAccount ? 1 : 0);
        expect(stageResource.DependsOn ?? []).toEqual(expect.arrayContaining(accounts));
      });

      test('has gateway responses of valid types, with CORS headers', () => {
        const responseTypes =
          /^(ACCESS_DENIED|API_CONFIGURATION_ERROR|AUTHORIZER_(CONFIGURATION_ERROR|FAILURE)|BAD_REQUEST_(BODY|PARAMETERS)|DEFAULT_[45]XX|EXPIRED_TOKEN|INTEGRATION_(FAILURE|TIMEOUT)|INVALID_(API_KEY|SIGNATURE)|MISSING_AUTHENTICATION_TOKEN|QUOTA_EXCEEDED|REQUEST_TOO_LARGE|RESOURCE_NOT_FOUND|THROTTLED|UNAUTHORIZED|UNSUPPORTED_MEDIA_TYPE|WAF_FILTERED)$/;
        for (const [, { Properties }] of resourcesOf(template, 'AWS::ApiGateway::GatewayResponse')) {
          expect(Properties.ResponseType).toMatch(responseTypes);
          expect(Properties.ResponseParameters).toMatchObject({
            'gatewayresponse.header.Access-Control-Allow-Origin': "'*'",
            'gatewayresponse.header.Access-Control-Expose-Headers': "'WWW-Authenticate, Mcp-Session-Id'",
          });
          const body = Properties.ResponseTemplates['application/json'].replace('$context.error.messageString', '""');
          expect(JSON.parse(body)).toEqual({ error: expect.any(String), error_description: expect.any(String) });
        }
      });

      test('answers 503 with Retry-After while a function cannot be invoked', () => {
        const responses = resourcesOf(template, 'AWS::ApiGateway::GatewayResponse').map(
          ([, { Properties }]) => Properties,
        );
        for (const type of ['INTEGRATION_FAILURE', 'AUTHORIZER_FAILURE', 'AUTHORIZER_CONFIGURATION_ERROR']) {
          expect(responses.find(({ ResponseType }) => ResponseType === type)).toMatchObject({
            StatusCode: '503',
            ResponseParameters: { 'gatewayresponse.header.Retry-After': "'2'" },
          });
        }
      });

      test('sends the challenges, and no other resource does', () => {
        const responses = resourcesOf(template, 'AWS::ApiGateway::GatewayResponse');
        const challengeOf = (type: string) =>
          resolve(
            responses.find(([, { Properties }]) => Properties.ResponseType === type)![1].Properties.ResponseParameters[
              'gatewayresponse.header.WWW-Authenticate'
            ],
          );
        const host = props.domain?.domainName ?? 'd111111abcdef8.cloudfront.net';
        expect(challengeOf('UNAUTHORIZED')).toBe(
          `'Bearer resource_metadata="https://${host}/.well-known/oauth-protected-resource/mcp", scope="mcp"'`,
        );
        expect(challengeOf('ACCESS_DENIED')).toBe('context.authorizer.challenge');
        const others = Object.values(template.Resources).filter(
          ({ Type }) => Type !== 'AWS::ApiGateway::GatewayResponse',
        );
        expect(JSON.stringify(others)).not.toMatch(/www-authenticate/i);
      });

      test('is at the root of its host name', () => {
        if (props.domain === undefined) {
          const Properties = onlyOne(template, 'AWS::CloudFront::Distribution').Properties;
          const { Origins, DefaultCacheBehavior, CustomErrorResponses } = Properties.DistributionConfig;
          expect(Origins).toEqual([expect.objectContaining({ OriginPath: `/${stageResource.Properties.StageName}` })]);
          expect(DefaultCacheBehavior).toMatchObject({ ViewerProtocolPolicy: 'https-only', Compress: false });
          for (const { ErrorCachingMinTTL } of CustomErrorResponses) expect(ErrorCachingMinTTL).toBe(0);
          const [[policyId, policy] = []] = resourcesOf(template, 'AWS::CloudFront::CachePolicy');
          const cached = { CachePolicyId: { Ref: policyId }, ViewerProtocolPolicy: 'https-only', Compress: false };
          const [dashboard, ...documents] = Properties.DistributionConfig.CacheBehaviors.toReversed();
          expect(dashboard.PathPattern).toBe('/dashboard*');
          expect(documents).toEqual([
            expect.objectContaining({ PathPattern: '/.well-known/*', ...cached }),
            expect.objectContaining({ PathPattern: '/jwks.json', ...cached }),
          ]);
          // Nothing that a client sends is part of the response, except the id of the key.
          for (const each of documents) expect(each).not.toHaveProperty('OriginRequestPolicyId');
          expect(policy!.Properties.CachePolicyConfig).toMatchObject({
            MinTTL: 0,
            DefaultTTL: 0,
            ParametersInCacheKeyAndForwardedToOrigin: {
              CookiesConfig: { CookieBehavior: 'none' },
              HeadersConfig: { HeaderBehavior: 'none' },
              QueryStringsConfig: { QueryStringBehavior: 'none' },
            },
          });
        } else {
          const Properties = onlyOne(template, 'AWS::ApiGateway::BasePathMapping').Properties;
          expect(Properties.BasePath).toBeUndefined();
          const domain = onlyOne(template, 'AWS::ApiGateway::DomainName').Properties;
          expect(domain.EndpointConfiguration).toEqual({ Types: ['REGIONAL'], IpAddressType: 'dualstack' });
          const records = resourcesOf(template, 'AWS::Route53::RecordSet').map(([, { Properties }]) => Properties);
          expect(records.map(({ Type }) => Type)).toEqual(['A', 'AAAA']);
          expect(records[1]!.AliasTarget).toEqual(records[0]!.AliasTarget);
        }
      });
    });

    describe('data', () => {
      const table = onlyOne(template, 'AWS::DynamoDB::GlobalTable');
      const retained = [
        ...resourcesOf(template, 'AWS::DynamoDB::GlobalTable'),
        ...resourcesOf(template, 'AWS::KMS::Key'),
        ...resourcesOf(template, 'AWS::Cognito::UserPool'),
      ];

      test('have a table with the keys and indexes of table-keys.ts', () => {
        const { AttributeDefinitions, KeySchema, GlobalSecondaryIndexes, TimeToLiveSpecification } = table.Properties;
        const keys = (schema: { AttributeName: string; KeyType: string }[]) =>
          schema.map(({ AttributeName, KeyType }) => `${KeyType} ${AttributeName}`);
        expect(keys(KeySchema)).toEqual([`HASH ${tableAttributes.partitionKey}`, `RANGE ${tableAttributes.sortKey}`]);
        const secondary = GlobalSecondaryIndexes as { IndexName: string; KeySchema: typeof KeySchema }[];
        expect(Object.fromEntries(secondary.map((index) => [index.IndexName, keys(index.KeySchema)]))).toEqual(
          Object.fromEntries(
            Object.values(indexes).map(({ name, partitionKey, sortKey }) => [
              name,
              [`HASH ${partitionKey}`, `RANGE ${sortKey}`],
            ]),
          ),
        );
        expect(
          AttributeDefinitions.map(({ AttributeName }: { AttributeName: string }) => AttributeName).sort(),
        ).toEqual(
          [tableAttributes, ...Object.values(indexes)]
            .flatMap(({ partitionKey, sortKey }) => [partitionKey, sortKey])
            .sort(),
        );
        expect(TimeToLiveSpecification).toEqual({ AttributeName: tableAttributes.timeToLive, Enabled: true });
      });

      test(stage === 'prod' ? 'are retained with the stack deleted' : 'are deleted with the stack', () => {
        // CloudFormation cannot delete a protected resource when the deployment that creates it fails.
        const policyOf = (type: string) => (type === 'AWS::KMS::Key' ? 'RetainExceptOnCreate' : 'Retain');
        expect(retained.map(([id, { DeletionPolicy }]) => [id, DeletionPolicy])).toEqual(
          retained.map(([id, { Type }]) => [id, stage === 'prod' ? policyOf(Type) : 'Delete']),
        );
        for (const [, { Properties }] of resourcesOf(template, 'AWS::Cognito::UserPool')) {
          expect(Properties.DeletionProtection).toBe(stage === 'prod' ? 'ACTIVE' : 'INACTIVE');
        }
        const [replica] = table.Properties.Replicas;
        expect(replica.DeletionProtectionEnabled).toBe(stage === 'prod');
        expect(replica.PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled).toBe(stage === 'prod');
      });

      test('are in resources with fixed logical ids, because CloudFormation replaces a renamed resource', () => {
        expect(retained.map(([id]) => id)).toEqual([
          'Table710B521B',
          'SealKeyC5072D71',
          'SigningKey49B95470',
          ...(props.identityProvider === undefined ? ['UsersPoolBFC35D3B'] : []),
        ]);
      });

      test('have no physical names that would collide in a second deployment', () => {
        const names = Object.values(template.Resources).flatMap(({ Type, Properties }) =>
          Object.keys(Properties)
            .filter((property) => property.endsWith('Name'))
            .map((property) => `${Type} ${property}`),
        );
        const uniqueWithinParent = [
          'AWS::ApiGateway::Authorizer Name',
          'AWS::ApiGateway::Stage StageName',
          'AWS::Cognito::UserPoolGroup GroupName',
          'AWS::IAM::Policy PolicyName',
          'AWS::Lambda::EventInvokeConfig FunctionName',
          'AWS::Lambda::Permission FunctionName',
        ];
        const namesOfSettings = [
          'AWS::ApiGateway::BasePathMapping DomainName',
          'AWS::ApiGateway::DomainName DomainName',
          'AWS::Route53::RecordSet Name',
        ];
        const otherNames = ['AWS::CloudWatch::Alarm MetricName', 'AWS::SNS::Topic DisplayName'];
        // API Gateway permits several APIs with the same name. The role of the account exists once.
        const others = ['AWS::ApiGateway::RestApi Name', 'AWS::IAM::Role RoleName'];
        const allowed = [...uniqueWithinParent, ...namesOfSettings, ...otherNames, ...others];
        expect(allowed).toEqual(expect.arrayContaining(names));
      });
    });

    test('every log group has a retention', () => {
      const groups = resourcesOf(template, 'AWS::Logs::LogGroup');
      expect(groups).toHaveLength(8);
      for (const [, { Properties }] of groups) expect(Properties.RetentionInDays).toBe(30);
    });

    test('Lambda logs warnings only, and every line of a tool', () => {
      const functions = resourcesOf(template, 'AWS::Lambda::Function');
      expect(functions).toHaveLength(7);
      for (const [, { Properties }] of functions) {
        expect(Properties.LoggingConfig).toMatchObject({
          LogFormat: 'JSON',
          SystemLogLevel: 'WARN',
          ApplicationLogLevel: 'TRACE',
        });
      }
    });

    test('the signing key is for ES256, and the seal key rotates', () => {
      const [seal, signing] = resourcesOf(template, 'AWS::KMS::Key').map(([, { Properties }]) => Properties);
      expect(signing).toMatchObject({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' });
      expect(seal).toMatchObject({ EnableKeyRotation: true });
    });

    test('the firewall is associated with the stage of the API', () => {
      const acls = resourcesOf(template, 'AWS::WAFv2::WebACL').map(([, { Properties }]) => Properties.Scope);
      expect(acls).toEqual(props.firewall ? ['REGIONAL'] : []);
      expect(resourcesOf(template, 'AWS::WAFv2::WebACLAssociation')).toHaveLength(acls.length);
    });
  },
);

describe('the user pool', () => {
  const template = synthesize();
  const only = (type: string) => onlyOne(template, type).Properties;

  test('permits only administrators to add users', () => {
    expect(only('AWS::Cognito::UserPool')).toMatchObject({
      AdminCreateUserConfig: { AllowAdminCreateUserOnly: true },
      UserPoolTier: 'ESSENTIALS',
    });
  });

  test('has a public app client with one redirect URI', () => {
    const client = resolve(only('AWS::Cognito::UserPoolClient'));
    expect(client).toMatchObject({
      CallbackURLs: ['https://d111111abcdef8.cloudfront.net/callback'],
      AllowedOAuthFlows: ['code'],
      AllowedOAuthScopes: ['openid', 'profile', 'email'],
      GenerateSecret: false,
    });
  });

  test('has managed login with a branding', () => {
    expect(only('AWS::Cognito::UserPoolDomain').ManagedLoginVersion).toBe(2);
    expect(only('AWS::Cognito::ManagedLoginBranding').UseCognitoProvidedValues).toBe(true);
  });

  test('has a domain prefix that Cognito permits', () => {
    expect(JSON.stringify(only('AWS::Cognito::UserPoolDomain').Domain)).not.toMatch(/cognito|amazon|aws(?!::)/i);
  });

  test('does not exist with an identity provider', () => {
    const [, props] = deployments[3]!;
    const external = synthesize(props);
    expect(Object.values(external.Resources).filter(({ Type }) => Type.startsWith('AWS::Cognito'))).toEqual([]);
    expect(external.Outputs).toHaveProperty('CallbackUrl');
  });
});

test('settings reach their function', () => {
  const template = synthesize({
    sessionTtl: Duration.hours(8),
    staleSession: 'reject',
    accessTokenTtl: Duration.minutes(10),
    grantIdleTimeout: Duration.days(7),
    grantAbsoluteTimeout: Duration.days(14),
    refreshWindow: Duration.minutes(1),
    redirectSchemes: ['acme'],
    toolTimeout: Duration.minutes(15),
    logRetention: 7,
    lambdaSystemLogs: true,
    adminsGroup: 'operators',
    sessionTtlByGroup: { staff: Duration.days(3) },
    scopes: { scopes: { mcp: { description: 'Use it' } }, tools: { pay: { groups: ['finance', 'staff'] } } },
  });
  expect(functionNamed(template, 'Mcp')).toMatchObject({
    Timeout: 900,
    Environment: {
      Variables: { MCP_SESSION_TTL_HOURS: '8', MCP_SESSION_TTL_HOURS_BY_GROUP: 'staff=72', STALE_SESSION: 'reject' },
    },
  });
  expect(functionNamed(template, 'OAuth').Environment.Variables).toMatchObject({
    ACCESS_TOKEN_MINUTES: '10',
    GRANT_IDLE_DAYS: '7',
    GRANT_ABSOLUTE_DAYS: '14',
    REFRESH_WINDOW_SECONDS: '60',
    REDIRECT_SCHEMES: 'acme',
    IDP_GROUPS: '["operators","staff","finance","*"]',
  });
  for (const [, { Properties }] of resourcesOf(template, 'AWS::Logs::LogGroup')) {
    expect(Properties.RetentionInDays).toBe(7);
  }
  for (const [, { Properties }] of resourcesOf(template, 'AWS::Lambda::Function')) {
    expect(Object.keys(Properties.LoggingConfig)).toEqual(['LogGroup']);
  }
});

describe('the reviewed template', () => {
  /** Without the hashes of assets. */
  const reviewed = (props: HoldfastStackProps): SynthesizedTemplate => {
    const text = JSON.stringify(synthesize(props));
    const masked = text
      .replaceAll(/[0-9a-f]{64}/g, '<asset>')
      .replaceAll(/(GatewayApiDeployment[0-9A-F]{8})[0-9a-f]{32}/g, '$1');
    return JSON.parse(masked);
  };
  const dev = reviewed({ upstreamTokens: true });
  const [, withProvider] = deployments[3]!;
  const [, { domain, firewall, alarmEmail }] = deployments[2]!;

  test('of dev', () => {
    expect(dev).toMatchSnapshot();
  });

  test.each<[string, HoldfastStackProps]>([
    [
      'prod with a domain, a firewall and operations',
      { stage: 'prod', domain, firewall, alarmEmail, upstreamTokens: true },
    ],
    ['an identity provider', { ...withProvider, upstreamTokens: true }],
    ['direct mode', { identityProvider: { mode: 'direct', profile: 'workos', issuer: 'https://example.authkit.app' } }],
  ])('of %s, in the members in which it differs from that of dev', (_name, props) => {
    expect(differences(dev, reviewed(props))).toMatchSnapshot();
  });
});

/** The resources and outputs that the other template lacks, has otherwise, or has in addition. */
function differences(one: SynthesizedTemplate, other: SynthesizedTemplate) {
  const between = <T>(before: Record<string, T>, after: Record<string, T>) => ({
    without: Object.keys(before).filter((id) => !(id in after)),
    with: Object.fromEntries(Object.entries(after).filter(([id, each]) => !isDeepStrictEqual(each, before[id]))),
  });
  return { Resources: between(one.Resources, other.Resources), Outputs: between(one.Outputs, other.Outputs) };
}

describe('logical ids', () => {
  // CloudFormation replaces a resource whose logical id changes. Literal values, so that `jest -u` cannot update them.
  const facadeIds = {
    'AWS::DynamoDB::GlobalTable': ['Table710B521B'],
    'AWS::KMS::Key': ['SealKeyC5072D71', 'SigningKey49B95470'],
    'AWS::Cognito::UserPool': ['UsersPoolBFC35D3B'],
    'AWS::Cognito::UserPoolClient': ['UsersPoolFacadeEB0659B6'],
    'AWS::Cognito::UserPoolDomain': ['UsersPoolDomainEEA57DAC'],
    'AWS::Cognito::UserPoolGroup': ['UsersPoolOwners14A1235B'],
    'AWS::ApiGateway::RestApi': ['GatewayApi4EDF2151'],
    'AWS::ApiGateway::Stage': ['GatewayApiDeploymentStagev14B045721'],
    'AWS::ApiGateway::Authorizer': ['GatewayAuthorizerB1F38BA7'],
    'AWS::CloudFront::Distribution': ['HostnameDistributionB3057CCA'],
    'AWS::Lambda::Function': [
      'AuthorizerFunctionEB19F618',
      'DashboardFunction117EF421',
      'McpFunctionD30E3E93',
      'OAuthFunction48EC2749',
      'PublicKeysFunction33337C5C',
      'RollupFunction0AD43BE6',
      'WorkerFunctionAF8A26AF',
    ],
  };
  const idsOf = (template: SynthesizedTemplate, type: string) => resourcesOf(template, type).map(([id]) => id);

  test.each(Object.entries(facadeIds))('of %s are fixed in facade mode', (type, ids) => {
    expect(idsOf(synthesize(), type).sort()).toEqual(ids);
  });

  test('of functions are fixed in direct mode', () => {
    const identityProvider = { profile: 'workos', mode: 'direct', issuer: 'https://example.authkit.app' } as const;
    expect(idsOf(synthesize({ identityProvider }), 'AWS::Lambda::Function').sort()).toEqual([
      'AuthorizerFunctionEB19F618',
      'DiscoveryFunctionEB86AD59',
      'McpFunctionD30E3E93',
      'RollupFunction0AD43BE6',
      'WorkerFunctionAF8A26AF',
    ]);
  });
});
