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
