import { App, Duration, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import type { MathExpression } from 'aws-cdk-lib/aws-cloudwatch';
import { UserPool } from 'aws-cdk-lib/aws-cognito';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import { Holdfast, type HoldfastProps } from '../../lib/holdfast-construct.ts';
import { HoldfastStack } from '../../lib/holdfast-stack.ts';
import { ownerStack, synthesize } from '../support/synthesized-template.ts';

/** Holdfast as a construct in an owner's stack. */

const variablesOf = (template: Template, name: string) => {
  const functions = Object.entries(template.findResources('AWS::Lambda::Function'));
  const [, resource] = functions.find(([id]) => id.startsWith(name))!;
  return resource.Properties.Environment.Variables as Record<string, unknown>;
};

describe('a grant to the construct', () => {
  test('is one to the MCP function and the worker, and to no other function', () => {
    const stack = ownerStack();
    const holdfast = new Holdfast(stack, 'Default');
    new Bucket(stack, 'Documents').grantRead(holdfast);
    const policies = Object.entries(Template.fromStack(stack).findResources('AWS::IAM::Policy'));
    const granted = policies.filter(([, policy]) => JSON.stringify(policy).includes('s3:GetObject*'));
    expect(granted.map(([id]) => id.replace(/[0-9A-F]{8}$/, '')).sort()).toEqual([
      'McpRoleDefaultPolicy',
      'WorkerRoleDefaultPolicy',
    ]);
  });

  test('names both roles in the policy of a resource', () => {
    const stack = ownerStack();
    const holdfast = new Holdfast(stack, 'Default');
    const bucket = new Bucket(stack, 'Documents');
    bucket.grantRead(holdfast);
    expect(holdfast.grantPrincipal.policyFragment.principalJson.AWS).toHaveLength(2);
  });
});

describe('addEnvironment', () => {
  test('sets a variable of the MCP function and of the worker', () => {
    const stack = ownerStack();
    new Holdfast(stack, 'Default').addEnvironment('DOCUMENTS', 'bucket-of-documents');
    const template = Template.fromStack(stack);
    expect(variablesOf(template, 'Mcp').DOCUMENTS).toBe('bucket-of-documents');
    expect(variablesOf(template, 'Worker').DOCUMENTS).toBe('bucket-of-documents');
    expect(variablesOf(template, 'OAuth').DOCUMENTS).toBeUndefined();
  });

  test('rejects a variable of Holdfast', () => {
    const holdfast = new Holdfast(ownerStack(), 'Default');
    expect(() => holdfast.addEnvironment('TABLE_NAME', 'mine')).toThrow('TABLE_NAME is a variable of Holdfast');
  });
});

test('the stack has the resources of the construct under the same logical ids', () => {
  const stack = ownerStack('Holdfast');
  new Holdfast(stack, 'Default');
  const ids = Object.keys(Template.fromStack(stack).toJSON().Resources);
  const isStateful = (id: string) => /^(Table|SealKey|SignKey|Users|Mcp|OAuth|Dashboard)/.test(id);
  expect(ids.filter(isStateful)).toEqual(Object.keys(synthesize().Resources).filter(isStateful));
});

test('two constructs in one stack have separate resources and different names of domains and policies', () => {
  const stack = ownerStack();
  new Holdfast(stack, 'First', { manageApiGatewayAccount: true });
  new Holdfast(stack, 'Second', { manageApiGatewayAccount: true });
  const template = Template.fromStack(stack);
  template.resourceCountIs('AWS::DynamoDB::GlobalTable', 2);
  const domains = Object.values(template.findResources('AWS::Cognito::UserPoolDomain'));
  expect(new Set(domains.map(({ Properties }) => JSON.stringify(Properties.Domain))).size).toBe(2);
  const policies = Object.values(template.findResources('AWS::CloudFront::CachePolicy'));
  expect(new Set(policies.map(({ Properties }) => JSON.stringify(Properties.CachePolicyConfig.Name))).size).toBe(4);
  template.resourceCountIs('AWS::ApiGateway::Account', 1);
});

describe('the members of the construct', () => {
  const holdfastIn = (props: HoldfastProps = {}) => {
    const stack = ownerStack();
    return { stack, holdfast: new Holdfast(stack, 'Default', props), template: () => Template.fromStack(stack) };
  };
  const domain = {
    domainName: 'mcp.example.com',
    certificate: 'arn:aws:acm:eu-west-1:111122223333:certificate/0a1b',
  };
  const identityProvider = { issuer: 'https://login.example.com', clientId: 'holdfast' };
  const directMode = { mode: 'direct', issuer: 'https://example.authkit.app', profile: 'workos' } as const;

  test('are those of the template', () => {
    const { holdfast } = new HoldfastStack(
      new App({ context: { 'aws:cdk:bundling-stacks': [] }, builtinCloudFormationValidation: false }),
      'Owner',
    );
    const stack = Stack.of(holdfast);
    const template = Template.fromStack(stack);
    template.hasOutput('McpUrl', { Value: stack.resolve(holdfast.mcpUrl) });
    template.hasOutput('DashboardUrl', { Value: stack.resolve(holdfast.dashboardUrl) });
    template.hasOutput('TableName', { Value: stack.resolve(holdfast.table.tableName) });
    template.hasResourceProperties('AWS::Lambda::Function', {
      Environment: {
        Variables: Match.objectLike({ WORKER_FUNCTION: stack.resolve(holdfast.workerFunction.functionName) }),
      },
    });
  });

  test('include the distribution, unless the host name is a custom domain', () => {
    const { stack, holdfast, template } = holdfastIn();
    const [[id] = []] = Object.entries(template().findResources('AWS::CloudFront::Distribution'));
    expect(stack.resolve(holdfast.distribution?.distributionId)).toEqual({ Ref: id });
    expect(holdfastIn({ domain }).holdfast.distribution).toBeUndefined();
  });

  test('include the user pool, unless users sign in at another identity provider', () => {
    const { stack, holdfast, template } = holdfastIn();
    const [[id] = []] = Object.entries(template().findResources('AWS::Cognito::UserPool'));
    expect(stack.resolve(holdfast.userPool?.userPoolId)).toEqual({ Ref: id });
    expect(holdfastIn({ identityProvider }).holdfast.userPool).toBeUndefined();
  });

  test('include the alarms by name, and their topic', () => {
    const { stack, holdfast, template } = holdfastIn({ operations: true, alarmEmail: 'ops@example.com' });
    holdfast.alarms.serverErrors!.addAlarmAction({ bind: () => ({ alarmActionArn: 'arn:of:pager' }) });
    const topic = stack.resolve(holdfast.alarmTopic?.topicArn);
    template().hasResourceProperties('AWS::CloudWatch::Alarm', {
      MetricName: '5XXError',
      AlarmActions: [topic, 'arn:of:pager'],
    });
    expect(Object.keys(holdfast.alarms)).not.toContain('latency');
    expect(holdfastIn().holdfast.alarms).toEqual({});
  });

  test('include metrics, which take options', () => {
    const { holdfast } = holdfastIn();
    const metrics = {
      calls: holdfast.metricToolCalls({ period: Duration.hours(1), label: 'calls' }),
      errors: holdfast.metricToolErrors(),
      requests: holdfast.metricRequests(),
      failures: holdfast.metricServerErrors({ statistic: 'Average' }),
      latency: holdfast.metricLatency(),
    };
    expect(metrics.calls).toMatchObject({ namespace: 'Holdfast', metricName: 'calls', label: 'calls' });
    expect(metrics.calls.period.toHours()).toBe(1);
    expect(metrics.errors).toMatchObject({ namespace: 'Holdfast', metricName: 'errors', statistic: 'Sum' });
    expect(metrics.requests).toMatchObject({ namespace: 'AWS/ApiGateway', metricName: 'Count', statistic: 'Sum' });
    expect(metrics.failures).toMatchObject({ metricName: '5XXError', statistic: 'Average' });
    expect(metrics.latency).toMatchObject({ metricName: 'Latency', statistic: 'p99' });
  });

  test('include the metric of an event, summed over the functions that log it', () => {
    const { holdfast } = holdfastIn();
    expect(holdfast.metric('refresh_reuse')).toMatchObject({ metricName: 'refresh_reuse', statistic: 'Sum' });
    const sum = holdfast.metric('service_unavailable') as MathExpression;
    expect(sum.expression).toBe('SUM(METRICS())');
    expect(Object.values(sum.usingMetrics)).toHaveLength(4);
    const direct = holdfastIn({ identityProvider: directMode }).holdfast;
    expect(() => direct.metric('refresh_reuse')).toThrow('refresh_reuse is an event of facade mode');
  });
});

describe('an existing user pool', () => {
  test('receives the app client of the stack, which creates no pool', () => {
    const stack = ownerStack();
    const userPool = UserPool.fromUserPoolId(stack, 'Pool', 'eu-west-1_AbCdEfGhI');
    const holdfast = new Holdfast(stack, 'Default', { userPool });
    const template = Template.fromStack(stack);
    template.resourceCountIs('AWS::Cognito::UserPool', 0);
    template.resourceCountIs('AWS::Cognito::UserPoolDomain', 0);
    const [[client] = []] = Object.entries(
      template.findResources('AWS::Cognito::UserPoolClient', {
        Properties: {
          UserPoolId: 'eu-west-1_AbCdEfGhI',
          RefreshTokenRotation: Match.objectLike({ Feature: 'ENABLED' }),
        },
      }),
    );
    expect(variablesOf(template, 'OAuth').IDP_CLIENT_ID).toEqual({ Ref: client });
    expect(JSON.stringify(variablesOf(template, 'OAuth').IDP_ISSUER)).toContain('eu-west-1_AbCdEfGhI');
    expect(holdfast.userPool).toBe(userPool);
  });

  test('can serve several constructs', () => {
    const stack = ownerStack();
    const userPool = new UserPool(stack, 'Pool');
    new Holdfast(stack, 'First', { userPool });
    new Holdfast(stack, 'Second', { userPool });
    Template.fromStack(stack).resourceCountIs('AWS::Cognito::UserPoolClient', 2);
  });

  test('excludes another identity provider', () => {
    const stack = ownerStack();
    const userPool = new UserPool(stack, 'Pool');
    const identityProvider = { issuer: 'https://login.example.com', clientId: 'holdfast' };
    expect(() => new Holdfast(stack, 'Default', { userPool, identityProvider })).toThrow(
      'identityProvider and userPool are both set',
    );
  });
});
