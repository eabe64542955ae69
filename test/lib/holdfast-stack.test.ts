import {
  aggregationVariables,
  authorizerVariables,
  dashboardVariables,
  mcpVariables,
  oauthVariables,
  readEnvironment,
} from '../../lambda/shared/environment.ts';
import {
  deployments,
  onlyOne,
  resolve,
  resourcesOf,
  type SynthesizedTemplate,
  synthesize,
} from '../support/synthesized-template.ts';

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

const functionNamed = (template: SynthesizedTemplate, door: string) =>
  resourcesOf(template, 'AWS::Lambda::Function').find(([id]) => id.startsWith(`${door}Function`))![1].Properties;

const roleStatements = (template: SynthesizedTemplate, door: string) =>
  Object.entries(statementsOf(template)).find(([id]) => id.startsWith(`${door}Role`))![1];

const doors = ['Authorizer', 'OAuth', 'Mcp', 'Worker', 'Dashboard', 'Rollup'];

/** The MCP function and its worker have one bundle, and do the same work. */
const servers = ['Mcp', 'Worker'];

/** Every action the stack may ask for. IAM takes any word for an action, so a misspelt one would only fail at run time. */
const knownActions = [
  ...['BatchGetItem', 'ConditionCheckItem', 'DeleteItem', 'GetItem', 'PutItem', 'Query', 'UpdateItem'].map(
    (each) => `dynamodb:${each}`,
  ),
  ...['Decrypt', 'GenerateDataKey', 'GetPublicKey', 'Sign'].map((each) => `kms:${each}`),
  'lambda:InvokeFunction',
  ...['CreateLogStream', 'PutLogEvents'].map((each) => `logs:${each}`),
  ...['DescribeSecret', 'GetSecretValue'].map((each) => `secretsmanager:${each}`),
];

describe.each(deployments)('%s', (_name, props) => {
  const template = synthesize(props);
  const { stage = 'dev' } = props;

  describe('functions', () => {
    const functions = resourcesOf(template, 'AWS::Lambda::Function');

    test('are the doors, the worker behind one of them and what counts calls, on Node 24 and arm64', () => {
      const handlers = functions.map(([id, { Properties }]) => [id.replace(/Function\w+$/, ''), Properties.Handler]);
      expect(Object.fromEntries(handlers)).toEqual({
        Authorizer: 'index.handler',
        OAuth: 'index.handler',
        Mcp: 'index.handler',
        Worker: 'index.work',
        Dashboard: 'index.handler',
        Rollup: 'index.handler',
      });
      for (const [, { Properties }] of functions) {
        expect(Properties).toMatchObject({ Runtime: 'nodejs24.x', Architectures: ['arm64'] });
        expect(Properties.Timeout).toBeLessThanOrEqual(900);
      }
    });

    test('are started by another one only where it is the worker, which has all the time there is and is tried thrice', () => {
      const starting = Object.entries(statementsOf(template)).flatMap(([role, statements]) =>
        statements
          .filter(({ Action }) => listOf(Action).some((action) => action.startsWith('lambda:')))
          .map(({ Action, Resource }) => ({ role, Action, Resource })),
      );
      const [worker] = functions.find(([id]) => id.startsWith('WorkerFunction'))!;
      expect(starting).toEqual([
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

    test('each have a role and a log group of their own', () => {
      const own = (path: (properties: Record<string, never>) => unknown) =>
        new Set(functions.map(([, { Properties }]) => JSON.stringify(path(Properties)))).size;
      expect(own(({ Role }) => Role)).toBe(doors.length);
      expect(own(({ LoggingConfig }) => LoggingConfig)).toBe(doors.length);
    });

    test('keep to the limits of Lambda for variables', () => {
      for (const [, { Properties }] of functions) {
        const variables = resolve(Properties.Environment.Variables) as Record<string, string>;
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
    ])('%s finds the environment it reads, and nothing else', (door, variables) => {
      const environment = resolve(functionNamed(template, door).Environment.Variables) as Record<string, string>;
      expect(() => readEnvironment(variables, environment)).not.toThrow();
      expect(Object.keys(variables)).toEqual(expect.arrayContaining(Object.keys(environment)));
    });
  });

  describe('permissions', () => {
    const statements = statementsOf(template);

    test('come from no policy of AWS', () => {
      expect(JSON.stringify(template)).not.toContain('ManagedPolicyArns');
    });

    test('of the functions name their actions and resources', () => {
      for (const door of doors) {
        for (const { Effect, Action, Resource } of roleStatements(template, door)) {
          expect(Effect).toBe('Allow');
          expect(knownActions).toEqual(expect.arrayContaining(listOf(Action)));
          for (const resource of listOf(Resource)) expect(resource).not.toBe('*');
        }
      }
    });

    test('on every resource are given to API Gateway alone, for the access logs of the account', () => {
      const everywhere = Object.entries(statements).filter(([, all]) => all.some(({ Resource }) => Resource === '*'));
      expect(everywhere.map(([id]) => id)).toEqual(
        props.manageApiGatewayAccount === false ? [] : [expect.stringMatching(/^GatewayAccountRole/)],
      );
    });

    test('on the table are bound to prefixes of its keys', () => {
      const prefixes = (door: string) =>
        roleStatements(template, door)
          .filter(({ Action }) => listOf(Action).some((action) => action.startsWith('dynamodb:')))
          .flatMap(({ Condition }) => {
            const { 'dynamodb:LeadingKeys': keys } = (
              Condition as { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': string | string[] } }
            )['ForAllValues:StringLike'];
            return listOf(keys);
          });
      expect(prefixes('Authorizer')).toEqual([]);
      for (const server of servers) {
        expect(new Set(prefixes(server))).toEqual(
          // Of the sealed keys this one alone, to the letter.
          new Set([
            ...['G#*', 'S#*', 'I#*', 'E#*', 'X#*', 'D#*', 'C#*', 'N#*', 'K#request-state'],
            ...(props.upstreamTokens ? ['T#*'] : []),
          ]),
        );
      }
      expect(new Set(prefixes('OAuth'))).toEqual(
        new Set(['CL#*', 'CM#*', 'RL#*', 'JT#*', 'AR#*', 'UP#*', 'CO#*', 'G#*', 'T#*', 'U#*', 'K#*', 'B#*']),
      );
      // What somebody could sign in with is not among them, but for a user's codes, which it may delete.
      expect(new Set(prefixes('Dashboard'))).toEqual(
        new Set([
          ...['G#*', 'S#*', 'D#*', 'A#*', 'B#*', 'U#*', 'T#*', 'I#*', 'E#*', 'X#*', 'N#*', 'CO#*'],
          ...['C#*', 'R#*'],
          ...(props.showNames ? ['K#user-names'] : []),
        ]),
      );
      expect(new Set(prefixes('Rollup'))).toEqual(new Set(['C#*', 'D#*', 'A#*']));
    });

    test.each(['Mcp', 'Worker', 'Rollup'])('of %s do not reach to an index', (door) => {
      const resources = roleStatements(template, door).map(({ Resource }) => JSON.stringify(Resource));
      expect(resources.filter((each) => each.includes('/index/'))).toEqual([]);
    });

    test.each(servers)('of %s do not reach to deleting what is on record', (server) => {
      const actions = roleStatements(template, server)
        .filter(({ Condition }) => /"[CD]#/.test(JSON.stringify(Condition ?? {})))
        .flatMap(({ Action }) => Action);
      expect(actions).toEqual(['dynamodb:PutItem']);
    });

    test.each(servers)('of %s do not reach to changing a grant, nor to more than one of the sealed keys', (server) => {
      const on = (prefix: string) =>
        roleStatements(template, server)
          .filter(({ Condition }) => JSON.stringify(Condition ?? {}).includes(`"${prefix}`))
          .flatMap(({ Action }) => Action);
      expect(['dynamodb:BatchGetItem', 'dynamodb:GetItem']).toEqual(expect.arrayContaining(on('G#')));
      expect(on('K#')).toEqual(['dynamodb:GetItem', 'dynamodb:PutItem']);
    });

    test('of the worker are those of the MCP function, but for starting it', () => {
      const shared = (door: string) =>
        roleStatements(template, door)
          .filter(({ Action }) => !/^(logs|lambda):/.test(listOf(Action)[0]!))
          .map((statement) => JSON.stringify(statement));
      expect(shared('Worker')).toEqual(shared('Mcp'));
    });

    test('to seal are bound to a purpose', () => {
      const purposes = (door: string) =>
        roleStatements(template, door)
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

    test('to sign belong to the OAuth function', () => {
      const signers = Object.entries(statements).filter(([, all]) =>
        all.some(({ Action }) => listOf(Action).includes('kms:Sign')),
      );
      expect(signers.map(([id]) => id)).toEqual([expect.stringMatching(/^OAuthRole/)]);
    });

    test('of the dashboard to change anything are to end and to erase', () => {
      const on = (prefix: string) =>
        roleStatements(template, 'Dashboard')
          .filter(({ Condition }) => JSON.stringify(Condition ?? {}).includes(`"${prefix}`))
          .flatMap(({ Action }) => Action);
      const all = roleStatements(template, 'Dashboard').flatMap(({ Action }) => Action);
      expect(all.includes('dynamodb:PutItem')).toBe(props.showNames !== undefined);
      expect(new Set(on('T#'))).toEqual(new Set(['dynamodb:Query', 'dynamodb:DeleteItem']));
      expect(on('CO#')).toEqual(['dynamodb:DeleteItem']);
    });

    test('to invoke are given to API Gateway for every function that it calls, and to the schedule for its own', () => {
      const callable = resourcesOf(template, 'AWS::Lambda::Permission').map(([, { Properties }]) => {
        const { Action, Principal, SourceArn, FunctionName } = Properties;
        const [id] = FunctionName['Fn::GetAtt'];
        const isScheduled = id.startsWith('Rollup');
        expect([Action, Principal]).toEqual([
          'lambda:InvokeFunction',
          isScheduled ? 'events.amazonaws.com' : 'apigateway.amazonaws.com',
        ]);
        expect(JSON.stringify(SourceArn)).toContain(isScheduled ? 'RollupSchedule' : 'GatewayApi');
        return id;
      });
      // Two of the OAuth function's paths may be one permission or more.
      expect([...new Set(callable)].sort()).toEqual(
        resourcesOf(template, 'AWS::Lambda::Function')
          .map(([id]) => id)
          .filter((id) => !id.startsWith('WorkerFunction'))
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
      path: pathOf(Properties.ResourceId.Ref),
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

    test('without an authorizer are those of OAuth and of the dashboard, which has its own sign-in', () => {
      const calls = methods.filter(({ verb }) => verb !== 'OPTIONS');
      expect(calls.map(({ path, verb, authorization }) => `${verb} ${path} ${authorization}`).sort()).toEqual(
        [...[...open, ...dashboard].map((path) => `ANY ${path} NONE`), 'ANY /mcp CUSTOM'].sort(),
      );
    });

    test('stream to /mcp, in time', () => {
      const { integration } = methods.find(({ path, verb }) => path === '/mcp' && verb === 'ANY')!;
      expect(integration).toMatchObject({ Type: 'AWS_PROXY', ResponseTransferMode: 'STREAM' });
      expect(integration.TimeoutInMillis).toBeLessThanOrEqual(900_000);
      expect(resolve(integration.Uri)).toMatch(
        /:lambda:path\/2021-11-15\/functions\/.*\/response-streaming-invocations$/,
      );
    });

    test('buffer everywhere else, within 29 seconds', () => {
      for (const { path, verb, integration } of methods) {
        if (verb === 'OPTIONS' || path === '/mcp') continue;
        expect(integration).toMatchObject({ Type: 'AWS_PROXY', IntegrationHttpMethod: 'POST' });
        // What is compressed is no text, and only a stream carries that.
        if (['/dashboard', '/dashboard/{proxy+}'].includes(path)) continue;
        expect(integration.ResponseTransferMode ?? 'BUFFERED').toBe('BUFFERED');
        expect(integration.TimeoutInMillis ?? 29_000).toBeLessThanOrEqual(29_000);
        expect(resolve(integration.Uri)).toMatch(/:lambda:path\/2015-03-31\/functions\/.*\/invocations$/);
      }
      expect(functionNamed(template, 'OAuth').Timeout).toBeLessThan(29);
    });

    test('answer preflights from any origin and never with credentials', () => {
      const preflights = methods.filter(({ verb }) => verb === 'OPTIONS');
      expect(preflights.map(({ path }) => path).sort()).toEqual([...open, '/mcp'].sort());
      for (const { integration } of preflights) {
        expect(integration.Type).toBe('MOCK');
        const [{ ResponseParameters }] = integration.IntegrationResponses;
        expect(ResponseParameters['method.response.header.Access-Control-Allow-Origin']).toBe("'*'");
        expect(ResponseParameters['method.response.header.Access-Control-Allow-Headers']).toMatch(/Mcp-Session-Id/);
      }
      expect(JSON.stringify(template)).not.toContain('Allow-Credentials');
    });

    test('are limited', () => {
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

    test('ask the authorizer about the Authorization header alone, and remember for five minutes at most', () => {
      const Properties = onlyOne(template, 'AWS::ApiGateway::Authorizer').Properties;
      expect(Properties).toMatchObject({ Type: 'REQUEST', IdentitySource: 'method.request.header.Authorization' });
      expect(Properties.AuthorizerResultTtlInSeconds).toBe(props.authorizerCacheSeconds ?? 300);
    });
  });

  describe('the gateway', () => {
    const api = onlyOne(template, 'AWS::ApiGateway::RestApi').Properties;
    const stageResource = onlyOne(template, 'AWS::ApiGateway::Stage');

    test('is regional, and open at its own address only where CloudFront needs it', () => {
      expect(api.EndpointConfiguration.Types).toEqual(['REGIONAL']);
      expect(api.DisableExecuteApiEndpoint).toBe(props.domain !== undefined);
    });

    test('has a stage whose name can stand in a path', () => {
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

    test('gets the role to log with before it logs', () => {
      const accounts = resourcesOf(template, 'AWS::ApiGateway::Account').map(([id]) => id);
      expect(accounts).toHaveLength(props.manageApiGatewayAccount === false ? 0 : 1);
      expect(stageResource.DependsOn ?? []).toEqual(expect.arrayContaining(accounts));
    });

    test('has responses that API Gateway knows, readable by browsers', () => {
      const known =
        /^(ACCESS_DENIED|API_CONFIGURATION_ERROR|AUTHORIZER_(CONFIGURATION_ERROR|FAILURE)|BAD_REQUEST_(BODY|PARAMETERS)|DEFAULT_[45]XX|EXPIRED_TOKEN|INTEGRATION_(FAILURE|TIMEOUT)|INVALID_(API_KEY|SIGNATURE)|MISSING_AUTHENTICATION_TOKEN|QUOTA_EXCEEDED|REQUEST_TOO_LARGE|RESOURCE_NOT_FOUND|THROTTLED|UNAUTHORIZED|UNSUPPORTED_MEDIA_TYPE|WAF_FILTERED)$/;
      for (const [, { Properties }] of resourcesOf(template, 'AWS::ApiGateway::GatewayResponse')) {
        expect(Properties.ResponseType).toMatch(known);
        expect(Properties.ResponseParameters).toMatchObject({
          'gatewayresponse.header.Access-Control-Allow-Origin': "'*'",
          'gatewayresponse.header.Access-Control-Expose-Headers': "'WWW-Authenticate, Mcp-Session-Id'",
        });
        const body = Properties.ResponseTemplates['application/json'].replace('$context.error.messageString', '""');
        expect(JSON.parse(body)).toEqual({ error: expect.any(String), error_description: expect.any(String) });
      }
    });

    test('challenges, and nothing else in the stack does', () => {
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

    test('stands at the root of its host name', () => {
      if (props.domain === undefined) {
        const Properties = onlyOne(template, 'AWS::CloudFront::Distribution').Properties;
        const { Origins, DefaultCacheBehavior, CustomErrorResponses } = Properties.DistributionConfig;
        expect(Origins).toEqual([expect.objectContaining({ OriginPath: `/${stageResource.Properties.StageName}` })]);
        expect(DefaultCacheBehavior).toMatchObject({ ViewerProtocolPolicy: 'https-only', Compress: false });
        for (const { ErrorCachingMinTTL } of CustomErrorResponses) expect(ErrorCachingMinTTL).toBe(0);
      } else {
        const Properties = onlyOne(template, 'AWS::ApiGateway::BasePathMapping').Properties;
        expect(Properties.BasePath).toBeUndefined();
      }
    });
  });

  describe('data', () => {
    const table = onlyOne(template, 'AWS::DynamoDB::GlobalTable');
    const kept = [
      ...resourcesOf(template, 'AWS::DynamoDB::GlobalTable'),
      ...resourcesOf(template, 'AWS::KMS::Key'),
      ...resourcesOf(template, 'AWS::Cognito::UserPool'),
    ];

    test('have a table whose keys are all defined', () => {
      const { AttributeDefinitions, KeySchema, GlobalSecondaryIndexes, TimeToLiveSpecification } = table.Properties;
      const keys = (schema: { AttributeName: string; KeyType: string }[]) =>
        schema.map(({ AttributeName, KeyType }) => `${KeyType} ${AttributeName}`);
      expect(keys(KeySchema)).toEqual(['HASH pk', 'RANGE sk']);
      const indexes = GlobalSecondaryIndexes as { IndexName: string; KeySchema: typeof KeySchema }[];
      expect(Object.fromEntries(indexes.map((index) => [index.IndexName, keys(index.KeySchema)]))).toEqual({
        byUser: ['HASH gsi1pk', 'RANGE gsi1sk'],
        recent: ['HASH gsi2pk', 'RANGE gsi2sk'],
      });
      expect(AttributeDefinitions.map(({ AttributeName }: { AttributeName: string }) => AttributeName).sort()).toEqual([
        'gsi1pk',
        'gsi1sk',
        'gsi2pk',
        'gsi2sk',
        'pk',
        'sk',
      ]);
      expect(TimeToLiveSpecification).toEqual({ AttributeName: 'ttl', Enabled: true });
    });

    test(stage === 'prod' ? 'outlive the stack' : 'go with the stack', () => {
      const policy = stage === 'prod' ? 'Retain' : 'Delete';
      expect(kept.map(([id, { DeletionPolicy }]) => [id, DeletionPolicy])).toEqual(kept.map(([id]) => [id, policy]));
      const [replica] = table.Properties.Replicas;
      expect(replica.DeletionProtectionEnabled).toBe(stage === 'prod');
      expect(replica.PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled).toBe(stage === 'prod');
    });

    test('are in resources whose names do not change, because a new name is a new, empty resource', () => {
      expect(kept.map(([id]) => id)).toEqual([
        'Table710B521B',
        'SealKeyC5072D71',
        'SigningKey49B95470',
        ...(props.identityProvider === undefined ? ['UsersPoolBFC35D3B'] : []),
      ]);
    });

    test('have no names that a second deployment would collide with', () => {
      const names = Object.values(template.Resources).flatMap(({ Type, Properties }) =>
        Object.keys(Properties)
          .filter((property) => property.endsWith('Name'))
          .map((property) => `${Type} ${property}`),
      );
      const namedWithinTheirParent = [
        'AWS::ApiGateway::Authorizer Name',
        'AWS::ApiGateway::Stage StageName',
        'AWS::Cognito::UserPoolGroup GroupName',
        'AWS::IAM::Policy PolicyName',
        'AWS::Lambda::EventInvokeConfig FunctionName',
        'AWS::Lambda::Permission FunctionName',
      ];
      const namedByTheOwner = [
        'AWS::ApiGateway::BasePathMapping DomainName',
        'AWS::ApiGateway::DomainName DomainName',
        'AWS::Route53::RecordSet Name',
      ];
      const namesOfOthers = ['AWS::CloudWatch::Alarm MetricName', 'AWS::SNS::Topic DisplayName'];
      // API Gateway is content with two APIs of one name.
      const harmless = [
        ...namedWithinTheirParent,
        ...namedByTheOwner,
        ...namesOfOthers,
        'AWS::ApiGateway::RestApi Name',
      ];
      expect(harmless).toEqual(expect.arrayContaining(names));
    });
  });

  test('logs are kept for a time, not for ever', () => {
    const groups = resourcesOf(template, 'AWS::Logs::LogGroup');
    expect(groups).toHaveLength(7);
    for (const [, { Properties }] of groups) expect(Properties.RetentionInDays).toBe(30);
  });

  test('Lambda writes no lines of its own where nothing has failed, and leaves out none of a tool’s', () => {
    const functions = resourcesOf(template, 'AWS::Lambda::Function');
    expect(functions).toHaveLength(6);
    for (const [, { Properties }] of functions) {
      expect(Properties.LoggingConfig).toMatchObject({
        LogFormat: 'JSON',
        SystemLogLevel: 'WARN',
        ApplicationLogLevel: 'TRACE',
      });
    }
  });

  test('keys sign with ES256 and rotate where they can', () => {
    const [seal, signing] = resourcesOf(template, 'AWS::KMS::Key').map(([, { Properties }]) => Properties);
    expect(signing).toMatchObject({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' });
    expect(seal).toMatchObject({ EnableKeyRotation: true });
  });

  test('a firewall stands before the stage of the API', () => {
    const acls = resourcesOf(template, 'AWS::WAFv2::WebACL').map(([, { Properties }]) => Properties.Scope);
    expect(acls).toEqual(props.firewall ? ['REGIONAL'] : []);
    expect(resourcesOf(template, 'AWS::WAFv2::WebACLAssociation')).toHaveLength(acls.length);
  });
});

describe('users', () => {
  const template = synthesize();
  const only = (type: string) => onlyOne(template, type).Properties;

  test('are added by the owner alone', () => {
    expect(only('AWS::Cognito::UserPool')).toMatchObject({
      AdminCreateUserConfig: { AllowAdminCreateUserOnly: true },
      UserPoolTier: 'ESSENTIALS',
    });
  });

  test('come back from the login page to one address, to a client without a secret', () => {
    const client = resolve(only('AWS::Cognito::UserPoolClient'));
    expect(client).toMatchObject({
      CallbackURLs: ['https://d111111abcdef8.cloudfront.net/callback'],
      AllowedOAuthFlows: ['code'],
      AllowedOAuthScopes: ['openid', 'profile', 'email'],
      GenerateSecret: false,
    });
  });

  test('find a login page: the new version needs a branding', () => {
    expect(only('AWS::Cognito::UserPoolDomain').ManagedLoginVersion).toBe(2);
    expect(only('AWS::Cognito::ManagedLoginBranding').UseCognitoProvidedValues).toBe(true);
  });

  test('find it under a prefix that Cognito permits', () => {
    expect(JSON.stringify(only('AWS::Cognito::UserPoolDomain').Domain)).not.toMatch(/cognito|amazon|aws(?!::)/i);
  });

  test('of an identity provider need no user pool', () => {
    const [, props] = deployments[3]!;
    const external = synthesize(props);
    expect(Object.values(external.Resources).filter(({ Type }) => Type.startsWith('AWS::Cognito'))).toEqual([]);
    expect(external.Outputs).toHaveProperty('CallbackUrl');
  });
});

test('every setting of a function reaches it', () => {
  const template = synthesize({
    sessionTtlHours: 8,
    staleSession: 'reject',
    accessTokenMinutes: 10,
    grantIdleDays: 7,
    grantAbsoluteDays: 14,
    refreshWindowSeconds: 60,
    redirectSchemes: ['acme'],
    toolTimeoutMinutes: 15,
    logRetention: 7,
    lambdaSystemLogs: true,
  });
  expect(functionNamed(template, 'Mcp')).toMatchObject({
    Timeout: 900,
    Environment: { Variables: { MCP_SESSION_TTL_HOURS: '8', STALE_SESSION: 'reject' } },
  });
  expect(functionNamed(template, 'OAuth').Environment.Variables).toMatchObject({
    ACCESS_TOKEN_MINUTES: '10',
    GRANT_IDLE_DAYS: '7',
    GRANT_ABSOLUTE_DAYS: '14',
    REFRESH_WINDOW_SECONDS: '60',
    REDIRECT_SCHEMES: 'acme',
  });
  for (const [, { Properties }] of resourcesOf(template, 'AWS::Logs::LogGroup')) {
    expect(Properties.RetentionInDays).toBe(7);
  }
  for (const [, { Properties }] of resourcesOf(template, 'AWS::Lambda::Function')) {
    expect(Object.keys(Properties.LoggingConfig)).toEqual(['LogGroup']);
  }
});

test('the template changes only when somebody means it', () => {
  const text = JSON.stringify(synthesize({ upstreamTokens: true }), null, 1);
  const masked = text
    .replaceAll(/[0-9a-f]{64}/g, '<asset>')
    .replaceAll(/(GatewayApiDeployment[0-9A-F]{8})[0-9a-f]{32}/g, '$1');
  expect(JSON.parse(masked)).toMatchSnapshot();
});
