import { App, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import { Holdfast } from '../../lib/holdfast-construct.ts';
import { HoldfastStack } from '../../lib/holdfast-stack.ts';
import { synthesize } from '../support/synthesized-template.ts';

/** Holdfast as a construct in an owner's stack. */

const newStack = (name = 'Owner') =>
  new Stack(new App({ context: { 'aws:cdk:bundling-stacks': [] }, builtinCloudFormationValidation: false }), name);

const variablesOf = (template: Template, name: string) => {
  const functions = Object.entries(template.findResources('AWS::Lambda::Function'));
  const [, resource] = functions.find(([id]) => id.startsWith(name))!;
  return resource.Properties.Environment.Variables as Record<string, unknown>;
};

describe('a grant to the construct', () => {
  test('is one to the MCP function and the worker, and to no other function', () => {
    const stack = newStack();
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
    const stack = newStack();
    const holdfast = new Holdfast(stack, 'Default');
    const bucket = new Bucket(stack, 'Documents');
    bucket.grantRead(holdfast);
    expect(holdfast.grantPrincipal.policyFragment.principalJson.AWS).toHaveLength(2);
  });
});

describe('addEnvironment', () => {
  test('sets a variable of the MCP function and of the worker', () => {
    const stack = newStack();
    new Holdfast(stack, 'Default').addEnvironment('DOCUMENTS', 'bucket-of-documents');
    const template = Template.fromStack(stack);
    expect(variablesOf(template, 'Mcp').DOCUMENTS).toBe('bucket-of-documents');
    expect(variablesOf(template, 'Worker').DOCUMENTS).toBe('bucket-of-documents');
    expect(variablesOf(template, 'OAuth').DOCUMENTS).toBeUndefined();
  });

  test('rejects a variable of Holdfast', () => {
    const holdfast = new Holdfast(newStack(), 'Default');
    expect(() => holdfast.addEnvironment('TABLE_NAME', 'mine')).toThrow('TABLE_NAME is a variable of Holdfast');
  });
});

test('the stack has the resources of the construct under the same logical ids', () => {
  const stack = newStack('Holdfast');
  new Holdfast(stack, 'Default');
  const ids = Object.keys(Template.fromStack(stack).toJSON().Resources);
  const isStateful = (id: string) => /^(Table|SealKey|SignKey|Users|Mcp|OAuth|Dashboard)/.test(id);
  expect(ids.filter(isStateful)).toEqual(Object.keys(synthesize().Resources).filter(isStateful));
});

test('two constructs in one stack have separate resources and different user pool domains', () => {
  const stack = newStack();
  new Holdfast(stack, 'First');
  new Holdfast(stack, 'Second');
  const template = Template.fromStack(stack);
  template.resourceCountIs('AWS::DynamoDB::GlobalTable', 2);
  const domains = Object.values(template.findResources('AWS::Cognito::UserPoolDomain'));
  expect(new Set(domains.map(({ Properties }) => JSON.stringify(Properties.Domain))).size).toBe(2);
  template.resourceCountIs('AWS::ApiGateway::Account', 1);
});

test('the members of the construct are those of the template', () => {
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
