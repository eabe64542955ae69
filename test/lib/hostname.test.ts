import { deployments, onlyOne, resourcesOf, synthesize } from '../support/synthesized-template.ts';

const secret = { 'Fn::Select': [2, { 'Fn::Split': ['/', { Ref: 'AWS::StackId' }] }] };

describe('A9: the API answers only requests through its public host name', () => {
  test.each(deployments)('%s', (_name, props) => {
    const template = synthesize(props);
    const { DisableExecuteApiEndpoint, Policy } = onlyOne(template, 'AWS::ApiGateway::RestApi').Properties;
    const distributions = resourcesOf(template, 'AWS::CloudFront::Distribution');
    if (props.domain !== undefined) {
      expect([DisableExecuteApiEndpoint, Policy, distributions]).toEqual([true, undefined, []]);
      return;
    }
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
});
