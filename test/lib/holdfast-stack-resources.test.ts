import {
  deployments,
  onlyOne,
  resolve,
  resourcesOf,
  type SynthesizedTemplate,
  synthesize,
} from '../support/synthesized-template.ts';

/** Resources as a whole: a property that is added, lost or changed fails, whatever it is. */

const [cognito, , external] = deployments.map(([, props]) => synthesize(props)) as [
  SynthesizedTemplate,
  SynthesizedTemplate,
  SynthesizedTemplate,
];

const propertiesOf = (template: SynthesizedTemplate, type: string) => resolve(onlyOne(template, type).Properties);
const idsOf = (template: SynthesizedTemplate, type: string) => resourcesOf(template, type).map(([id]) => id);
const idOf = (template: SynthesizedTemplate, type: string) => resourcesOf(template, type)[0]![0];

describe('the firewall', () => {
  const visible = (MetricName: string) => ({
    CloudWatchMetricsEnabled: true,
    MetricName,
    SampledRequestsEnabled: false,
  });
  const counted = (...names: string[]) => names.map((Name) => ({ ActionToUse: { Count: {} }, Name }));
  const managed = (
    Priority: number,
    Name: string,
    group: string,
    RuleActionOverrides: object[],
    scopeDown?: { ScopeDownStatement: object },
  ) => ({
    Name,
    Priority,
    OverrideAction: { None: {} },
    Statement: { ManagedRuleGroupStatement: { Name: group, RuleActionOverrides, VendorName: 'AWS', ...scopeDown } },
    VisibilityConfig: visible(Name),
  });
  const isMcp = {
    RegexMatchStatement: {
      FieldToMatch: { UriPath: {} },
      RegexString: '^(/v1)?/mcp$',
      TextTransformations: [{ Priority: 0, Type: 'NONE' }],
    },
  };

  test('blocks addresses beyond the rate, and requests by the managed rules', () => {
    expect(propertiesOf(external, 'AWS::WAFv2::WebACL')).toEqual({
      Scope: 'REGIONAL',
      DefaultAction: { Allow: {} },
      VisibilityConfig: visible('Holdfast'),
      Rules: [
        {
          Name: 'PerAddress',
          Priority: 0,
          Action: { Block: {} },
          Statement: { RateBasedStatement: { AggregateKeyType: 'IP', EvaluationWindowSec: 300, Limit: 2000 } },
          VisibilityConfig: visible('PerAddress'),
        },
        managed(1, 'Reputation', 'AWSManagedRulesAmazonIpReputationList', []),
        managed(2, 'KnownBadInputs', 'AWSManagedRulesKnownBadInputsRuleSet', [], {
          ScopeDownStatement: { NotStatement: { Statement: isMcp } },
        }),
        managed(
          3,
          'KnownBadInputsMcp',
          'AWSManagedRulesKnownBadInputsRuleSet',
          counted('JavaDeserializationRCE_BODY', 'Log4JRCE_BODY', 'ReactJSRCE_BODY'),
          { ScopeDownStatement: isMcp },
        ),
        managed(
          4,
          'Common',
          'AWSManagedRulesCommonRuleSet',
          counted(
            'SizeRestrictions_BODY',
            'EC2MetaDataSSRF_BODY',
            'GenericLFI_BODY',
            'GenericRFI_BODY',
            'CrossSiteScripting_BODY',
            'NoUserAgent_HEADER',
            'GenericRFI_QUERYARGUMENTS',
            'SizeRestrictions_QUERYSTRING',
          ),
        ),
      ],
    });
  });

  test('is in front of the stage of the API', () => {
    expect(propertiesOf(external, 'AWS::WAFv2::WebACLAssociation')).toEqual({
      ResourceArn: `arn:ref-AWS::Partition:apigateway:ref-AWS::Region::/restapis/ref-${idOf(external, 'AWS::ApiGateway::RestApi')}/stages/ref-${idOf(external, 'AWS::ApiGateway::Stage')}`,
      WebACLArn: `${idOf(external, 'AWS::WAFv2::WebACL')}.Arn`,
    });
  });
});

describe('Cognito', () => {
  test('has a pool to which administrators add users, who sign in by e-mail and a strong password', () => {
    const verification = {
      EmailVerificationMessage: expect.any(String),
      EmailVerificationSubject: expect.any(String),
      SmsVerificationMessage: expect.any(String),
      VerificationMessageTemplate: expect.objectContaining({ DefaultEmailOption: 'CONFIRM_WITH_CODE' }),
    };
    expect(propertiesOf(cognito, 'AWS::Cognito::UserPool')).toEqual({
      ...verification,
      AccountRecoverySetting: { RecoveryMechanisms: [{ Name: 'verified_email', Priority: 1 }] },
      AdminCreateUserConfig: { AllowAdminCreateUserOnly: true },
      AutoVerifiedAttributes: ['email'],
      DeletionProtection: 'INACTIVE',
      EnabledMfas: ['SOFTWARE_TOKEN_MFA'],
      MfaConfiguration: 'OPTIONAL',
      Policies: {
        PasswordPolicy: {
          MinimumLength: 12,
          RequireLowercase: true,
          RequireNumbers: true,
          RequireSymbols: true,
          RequireUppercase: true,
        },
      },
      UserPoolTier: 'ESSENTIALS',
      UsernameAttributes: ['email'],
      UsernameConfiguration: { CaseSensitive: false },
    });
  });

  test('has a public client for codes, whose refresh tokens rotate and live as long as a grant', () => {
    expect(propertiesOf(cognito, 'AWS::Cognito::UserPoolClient')).toEqual({
      AllowedOAuthFlows: ['code'],
      AllowedOAuthFlowsUserPoolClient: true,
      AllowedOAuthScopes: ['openid', 'profile', 'email'],
      CallbackURLs: ['https://d111111abcdef8.cloudfront.net/callback'],
      ExplicitAuthFlows: ['ALLOW_USER_SRP_AUTH'],
      GenerateSecret: false,
      PreventUserExistenceErrors: 'ENABLED',
      RefreshTokenRotation: { Feature: 'ENABLED', RetryGracePeriodSeconds: 60 },
      // 90 days.
      RefreshTokenValidity: 129_600,
      SupportedIdentityProviders: ['COGNITO'],
      TokenValidityUnits: { RefreshToken: 'minutes' },
      UserPoolId: `ref-${idOf(cognito, 'AWS::Cognito::UserPool')}`,
    });
  });

  test('has managed login at a domain of the stack, with a branding of the client', () => {
    const pool = { UserPoolId: `ref-${idOf(cognito, 'AWS::Cognito::UserPool')}` };
    // Only the whole UUID is unique in a region, across all accounts.
    const uuid = { 'Fn::Select': [2, { 'Fn::Split': ['/', { Ref: 'AWS::StackId' }] }] };
    expect(onlyOne(cognito, 'AWS::Cognito::UserPoolDomain').Properties).toEqual({
      Domain: { 'Fn::Join': ['', ['holdfast-', { 'Fn::Join': ['', { 'Fn::Split': ['-', uuid] }] }]] },
      ManagedLoginVersion: 2,
      UserPoolId: { Ref: idOf(cognito, 'AWS::Cognito::UserPool') },
    });
    expect(propertiesOf(cognito, 'AWS::Cognito::ManagedLoginBranding')).toEqual({
      ...pool,
      ClientId: `ref-${idOf(cognito, 'AWS::Cognito::UserPoolClient')}`,
      UseCognitoProvidedValues: true,
    });
    expect(propertiesOf(cognito, 'AWS::Cognito::UserPoolGroup')).toEqual({
      ...pool,
      Description: expect.any(String),
      GroupName: 'admins',
    });
  });
});

describe('a role', () => {
  test.each(deployments)('is assumed by its service alone in %s', (_name, props) => {
    const roles = resourcesOf(synthesize(props), 'AWS::IAM::Role');
    expect(roles.length).toBeGreaterThanOrEqual(6);
    for (const [id, { Properties }] of roles) {
      const Service = id.startsWith('GatewayAccount') ? 'apigateway.amazonaws.com' : 'lambda.amazonaws.com';
      expect([id, Properties.AssumeRolePolicyDocument]).toEqual([
        id,
        {
          Version: '2012-10-17',
          Statement: [{ Action: 'sts:AssumeRole', Effect: 'Allow', Principal: { Service } }],
        },
      ]);
    }
  });
});

describe('the stage of the API', () => {
  const throttled = (HttpMethod: string, ResourcePath: string, rate: number, burst: number) => ({
    DataTraceEnabled: false,
    HttpMethod,
    ResourcePath,
    ThrottlingBurstLimit: burst,
    ThrottlingRateLimit: rate,
  });

  test('deploys the API, throttles its methods, and writes the access log', () => {
    const properties = propertiesOf(cognito, 'AWS::ApiGateway::Stage') as { AccessLogSetting: { Format: string } };
    expect(properties).toEqual({
      AccessLogSetting: {
        DestinationArn: `arn:ref-AWS::Partition:logs:ref-AWS::Region:ref-AWS::AccountId:log-group:ref-${
          resourcesOf(cognito, 'AWS::Logs::LogGroup').find(([id]) => id.startsWith('GatewayAccessLog'))![0]
        }`,
        Format: expect.any(String),
      },
      DeploymentId: `ref-${idOf(cognito, 'AWS::ApiGateway::Deployment')}`,
      MethodSettings: [
        throttled('*', '/*', 500, 1000),
        throttled('GET', '/~1authorize', 25, 50),
        throttled('POST', '/~1authorize', 25, 50),
        throttled('POST', '/~1consent', 25, 50),
        throttled('GET', '/~1callback', 25, 50),
        throttled('POST', '/~1register', 25, 50),
        throttled('POST', '/~1token', 25, 50),
        throttled('POST', '/~1revoke', 25, 50),
        throttled('GET', '/~1dashboard~1sign-in', 25, 50),
      ],
      RestApiId: `ref-${idOf(cognito, 'AWS::ApiGateway::RestApi')}`,
      StageName: 'v1',
    });
    expect(JSON.parse(properties.AccessLogSetting.Format)).toEqual({
      requestId: '$context.requestId',
      method: '$context.httpMethod',
      path: '$context.path',
      status: '$context.status',
      milliseconds: '$context.responseLatency',
      bytes: '$context.responseLength',
      user: '$context.authorizer.user',
      refusal: '$context.error.responseType',
    });
  });
});

test('the access log has the addresses of clients with a domain, without which CloudFront connects in their place', () => {
  const hasAddress = (template: SynthesizedTemplate) =>
    onlyOne(template, 'AWS::ApiGateway::Stage').Properties.AccessLogSetting.Format.includes(
      '$context.identity.sourceIp',
    );
  expect([hasAddress(external), hasAddress(cognito)]).toEqual([true, false]);
});

test('X-Ray traces the stage of the API with the setting tracing', () => {
  expect(propertiesOf(synthesize({ tracing: true }), 'AWS::ApiGateway::Stage')).toMatchObject({ TracingEnabled: true });
});

test('the table is on demand, without a maximum throughput', () => {
  const table = onlyOne(cognito, 'AWS::DynamoDB::GlobalTable').Properties;
  expect(table.BillingMode).toBe('PAY_PER_REQUEST');
  expect(JSON.stringify(table)).not.toContain('ThroughputSettings');
});

test('schedules invoke the OAuth function each minute, and the aggregation job every five minutes', () => {
  const rules = resourcesOf(cognito, 'AWS::Events::Rule').map(([id, { Properties }]) => [
    id.replace(/[0-9A-F]{8}$/, ''),
    Properties.ScheduleExpression,
    Properties.State,
  ]);
  expect(rules.sort()).toEqual([
    ['OAuthSchedule', 'rate(1 minute)', 'ENABLED'],
    ['RollupSchedule', 'rate(5 minutes)', 'ENABLED'],
  ]);
});

test('the public keys of access tokens are read by a function when the stack is deployed', () => {
  const id = idOf(cognito, 'Custom::PublicKeys');
  const { Properties, DependsOn } = onlyOne(cognito, 'Custom::PublicKeys') as {
    Properties: object;
    DependsOn: string[];
  };
  expect(Properties).toEqual({
    ServiceToken: { 'Fn::GetAtt': ['PublicKeysFunction33337C5C', 'Arn'] },
    ServiceTimeout: '300',
    KeyIds: [{ Ref: idsOf(cognito, 'AWS::KMS::Key').find((each) => each.startsWith('SigningKey')) }],
  });
  // Its permission exists before CloudFormation invokes it.
  expect(DependsOn).toContain('PublicKeysRoleDefaultPolicy583F7CD2');
  const variablesOf = (name: string) =>
    resourcesOf(cognito, 'AWS::Lambda::Function').find(([each]) => each.startsWith(name))![1].Properties.Environment
      .Variables;
  for (const name of ['Authorizer', 'OAuth']) {
    expect(variablesOf(name).ACCESS_TOKEN_KEYS).toEqual({ 'Fn::GetAtt': [id, 'KeySet'] });
  }
});

test('a deployment with another signing key updates the authorizer before the OAuth function', () => {
  const [authorizer] = idsOf(cognito, 'AWS::Lambda::Function').filter((id) => id.startsWith('Authorizer'));
  const oauth = resourcesOf(cognito, 'AWS::Lambda::Function').find(([id]) => id.startsWith('OAuth'))![1];
  expect(oauth.DependsOn).toContain(authorizer);
});

test('the OAuth function signs with the first of the signing keys, and publishes each', () => {
  const template = synthesize({ signingKeys: ['2', '1'] });
  const statements = resourcesOf(template, 'AWS::IAM::Policy').flatMap(
    ([, { Properties }]) => Properties.PolicyDocument.Statement,
  );
  const keysOf = (action: string) =>
    statements
      .filter(({ Action }) => [Action].flat().includes(action))
      .flatMap(({ Resource }) => [Resource].flat())
      .map((arn) => String(arn['Fn::GetAtt'][0]).replace(/[0-9A-F]{8}$/, ''));
  expect(keysOf('kms:Sign')).toEqual(['SigningKey2Key']);
  expect(keysOf('kms:GetPublicKey').sort()).toEqual(['SigningKey', 'SigningKey2Key']);
});

describe('a domain', () => {
  test('serves the API at its root, with TLS 1.2', () => {
    expect(propertiesOf(external, 'AWS::ApiGateway::DomainName')).toEqual({
      DomainName: 'mcp.example.com',
      EndpointConfiguration: { Types: ['REGIONAL'], IpAddressType: 'dualstack' },
      RegionalCertificateArn: 'arn:aws:acm:eu-west-1:111122223333:certificate/0a1b',
      SecurityPolicy: 'TLS_1_2',
    });
    expect(propertiesOf(external, 'AWS::ApiGateway::BasePathMapping')).toEqual({
      DomainName: `ref-${idOf(external, 'AWS::ApiGateway::DomainName')}`,
      RestApiId: `ref-${idOf(external, 'AWS::ApiGateway::RestApi')}`,
      Stage: `ref-${idOf(external, 'AWS::ApiGateway::Stage')}`,
    });
  });

  test('has a record for IPv4 and one for IPv6, which are aliases of the API', () => {
    const domain = idOf(external, 'AWS::ApiGateway::DomainName');
    const records = resourcesOf(external, 'AWS::Route53::RecordSet').map(([, { Properties }]) => resolve(Properties));
    const alias = {
      AliasTarget: { DNSName: `${domain}.RegionalDomainName`, HostedZoneId: `${domain}.RegionalHostedZoneId` },
      HostedZoneId: 'Z0123456789',
      Name: 'mcp.example.com.',
    };
    expect(records).toEqual([
      { ...alias, Type: 'A' },
      { ...alias, Type: 'AAAA' },
    ]);
  });
});
