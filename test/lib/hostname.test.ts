import { deployments, onlyOne, resourcesOf, synthesize } from '../support/synthesized-template.ts';

const stackUuid = { 'Fn::Select': [2, { 'Fn::Split': ['/', { Ref: 'AWS::StackId' }] }] };

describe('A9: the API answers only requests through its public host name', () => {
  test.each(deployments)('%s', (_name, props) => {
    const template = synthesize(props);
    const { DisableExecuteApiEndpoint, Policy } = onlyOne(template, 'AWS::ApiGateway::RestApi').Properties;
    const distributions = resourcesOf(template, 'AWS::CloudFront::Distribution');
    if (props.domain !== undefined) {
      expect([DisableExecuteApiEndpoint, Policy, distributions]).toEqual([true, undefined, []]);
      return;
    }
    const [[cachePolicy] = []] = resourcesOf(template, 'AWS::CloudFront::CachePolicy');
    const secret = { Ref: cachePolicy };
    const everything = { Principal: '*', Action: 'execute-api:Invoke', Resource: 'execute-api:/*' };
    expect(Policy.Statement).toEqual([
      { Effect: 'Allow', ...everything },
      { Effect: 'Deny', ...everything, Condition: { StringNotEquals: { 'aws:Referer': secret } } },
    ]);
    const [[, distribution] = []] = distributions;
    expect(distribution!.Properties.DistributionConfig.Origins).toEqual([
      expect.objectContaining({ OriginCustomHeaders: [{ HeaderName: 'Referer', HeaderValue: secret }] }),
    ]);
  });

  test('by a secret that has no part of the stack id, which the user pool’s domain publishes', () => {
    const template = synthesize();
    const { Domain } = onlyOne(template, 'AWS::Cognito::UserPoolDomain').Properties;
    expect(Domain).toEqual({
      'Fn::Join': ['', ['holdfast-', { 'Fn::Join': ['', { 'Fn::Split': ['-', stackUuid] }] }]],
    });
    const { Policy } = onlyOne(template, 'AWS::ApiGateway::RestApi').Properties;
    const { DistributionConfig } = onlyOne(template, 'AWS::CloudFront::Distribution').Properties;
    expect(JSON.stringify([Policy, DistributionConfig.Origins])).not.toContain('StackId');
  });
});

describe('the distribution in front of the API', () => {
  const template = synthesize();
  const { DistributionConfig } = onlyOne(template, 'AWS::CloudFront::Distribution').Properties;
  const [[cachePolicyId, cachePolicy] = [], [dashboardPolicyId, dashboardPolicy] = []] = resourcesOf(
    template,
    'AWS::CloudFront::CachePolicy',
  );
  const [apiId] = resourcesOf(template, 'AWS::ApiGateway::RestApi')[0]!;
  const [origin] = DistributionConfig.Origins;
  /** The members that all behaviors have. */
  const everyBehavior = {
    AllowedMethods: ['GET', 'HEAD', 'OPTIONS', 'PUT', 'PATCH', 'POST', 'DELETE'],
    Compress: false,
    TargetOriginId: origin.Id,
    ViewerProtocolPolicy: 'https-only',
  };

  test('forwards every request whole, except for its Host, and caches no response by default', () => {
    expect(DistributionConfig.DefaultCacheBehavior).toEqual({
      ...everyBehavior,
      // CachingDisabled and AllViewerExceptHostHeader, which AWS manages.
      CachePolicyId: '4135ea2d-6df8-44a3-9df3-4b5a84be39ad',
      OriginRequestPolicyId: 'b689b0a8-53d0-40ab-baf2-68738e2966ac',
    });
  });

  test('caches the key set and the discovery documents, and forwards nothing of their requests', () => {
    expect(DistributionConfig.CacheBehaviors.slice(0, 2)).toEqual([
      { ...everyBehavior, PathPattern: '/jwks.json', CachePolicyId: { Ref: cachePolicyId } },
      { ...everyBehavior, PathPattern: '/.well-known/*', CachePolicyId: { Ref: cachePolicyId } },
    ]);
  });

  test('compresses the dashboard, and forwards its requests whole, except for their Host', () => {
    expect(DistributionConfig.CacheBehaviors.slice(2)).toEqual([
      {
        ...everyBehavior,
        Compress: true,
        PathPattern: '/dashboard*',
        CachePolicyId: { Ref: dashboardPolicyId },
        OriginRequestPolicyId: 'b689b0a8-53d0-40ab-baf2-68738e2966ac',
      },
    ]);
  });

  test('caches no response of the dashboard for another user, and none for longer than a second', () => {
    expect(dashboardPolicy!.Properties.CachePolicyConfig).toEqual({
      Name: expect.anything(),
      Comment: expect.any(String),
      MinTTL: 0,
      DefaultTTL: 0,
      MaxTTL: 1,
      ParametersInCacheKeyAndForwardedToOrigin: {
        CookiesConfig: { CookieBehavior: 'all' },
        EnableAcceptEncodingBrotli: true,
        EnableAcceptEncodingGzip: true,
        HeadersConfig: { HeaderBehavior: 'none' },
        QueryStringsConfig: { QueryStringBehavior: 'all' },
      },
    });
  });

  test('has no behavior for a dashboard that does not exist', () => {
    const without = onlyOne(synthesize({ dashboard: false }), 'AWS::CloudFront::Distribution').Properties;
    const patterns = without.DistributionConfig.CacheBehaviors.map((each: { PathPattern: string }) => each.PathPattern);
    expect(patterns).toEqual(['/jwks.json', '/.well-known/*']);
  });

  test('caches documents for as long as their Cache-Control says, a day at most, by path', () => {
    expect(cachePolicy!.Properties.CachePolicyConfig).toEqual({
      Name: expect.anything(),
      Comment: expect.any(String),
      MinTTL: 0,
      DefaultTTL: 0,
      MaxTTL: 86_400,
      ParametersInCacheKeyAndForwardedToOrigin: {
        CookiesConfig: { CookieBehavior: 'none' },
        EnableAcceptEncodingBrotli: false,
        EnableAcceptEncodingGzip: false,
        HeadersConfig: { HeaderBehavior: 'none' },
        QueryStringsConfig: { QueryStringBehavior: 'none' },
      },
    });
  });

  test('requests the stage of the API by https, and waits for a silent response for two minutes', () => {
    expect(DistributionConfig.Origins).toEqual([
      {
        Id: expect.any(String),
        DomainName: {
          'Fn::Join': ['', [{ Ref: apiId }, '.execute-api.', { Ref: 'AWS::Region' }, '.', { Ref: 'AWS::URLSuffix' }]],
        },
        OriginPath: '/v1',
        OriginCustomHeaders: [{ HeaderName: 'Referer', HeaderValue: { Ref: cachePolicyId } }],
        CustomOriginConfig: {
          OriginProtocolPolicy: 'https-only',
          OriginReadTimeout: 120,
          OriginSSLProtocols: ['TLSv1.2'],
        },
      },
    ]);
  });

  test('caches no error', () => {
    // The statuses that CloudFront caches without a Cache-Control: its developer guide, "HTTP 4xx and 5xx status codes".
    const statuses = [404, 405, 414, 500, 501, 502, 503, 504];
    const responses = statuses.map((ErrorCode) => ({ ErrorCode, ErrorCachingMinTTL: 0 }));
    expect(DistributionConfig.CustomErrorResponses).toEqual(responses);
  });

  test('has no other settings', () => {
    const { DefaultCacheBehavior, CacheBehaviors, Origins, CustomErrorResponses, ...others } = DistributionConfig;
    expect(others).toEqual({
      Comment: expect.any(String),
      Enabled: true,
      HttpVersion: 'http2and3',
      IPV6Enabled: true,
    });
  });
});
