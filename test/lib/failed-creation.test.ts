import { App, type Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { Holdfast } from '../../lib/holdfast-construct.ts';
import { HoldfastStack, type HoldfastStackProps } from '../../lib/holdfast-stack.ts';
import { deployments, ownerStack, type Resource, synthesize } from '../support/synthesized-template.ts';

/** A deployment that fails while it creates the stack: CloudFormation deletes the resources that it has created. */

/** `Retain` keeps a resource in a rollback too, `RetainExceptOnCreate` does not. */
const remainsAfterRollback = ({ DeletionPolicy }: Resource) => DeletionPolicy === 'Retain';

const isProtected = ({ Properties }: Resource) =>
  /"DeletionProtection(Enabled)?":("ACTIVE"|true)/.test(JSON.stringify(Properties ?? {}));

/** AWS charges for their content alone. */
const freeWhenEmpty = ['AWS::Cognito::UserPool', 'AWS::DynamoDB::GlobalTable'];

const variants: [name: string, props: HoldfastStackProps][] = [
  ...deployments,
  ['prod that sets the role of the account', { stage: 'prod', manageApiGatewayAccount: true, operations: true }],
];

describe.each(variants)('the failed creation of %s', (_name, props) => {
  const resources = Object.values(synthesize(props).Resources);

  test('leaves only resources without a charge', () => {
    const remaining = resources.filter(remainsAfterRollback).map(({ Type }) => Type);
    expect(freeWhenEmpty).toEqual(expect.arrayContaining(remaining));
  });

  test('deletes no protected resource, which would fail', () => {
    const deleted = resources.filter((each) => !remainsAfterRollback(each));
    expect(deleted.filter(isProtected)).toEqual([]);
  });

  test(`leaves ${props.stage === 'prod' ? 'the data of a later deployment' : 'no data'} when the stack is deleted`, () => {
    const kept = ['AWS::DynamoDB::GlobalTable', 'AWS::KMS::Key', 'AWS::Logs::LogGroup', 'AWS::Cognito::UserPool'];
    const policies = resources.filter(({ Type }) => kept.includes(Type)).map(({ DeletionPolicy }) => DeletionPolicy);
    expect(policies.length).toBeGreaterThan(8);
    for (const policy of policies) expect(policy).toMatch(props.stage === 'prod' ? /^Retain/ : /^Delete$/);
  });
});

test.each<[props: HoldfastStackProps, isProtected: boolean]>([
  [{}, false],
  [{ stage: 'prod' }, true],
  [{ stage: 'prod', terminationProtection: undefined }, true],
  [{ stage: 'prod', terminationProtection: false }, false],
  [{ terminationProtection: true }, true],
])('the termination protection of a stack with %j is %p', (props, expected) => {
  const app = new App({ context: { 'aws:cdk:bundling-stacks': [] }, builtinCloudFormationValidation: false });
  expect(new HoldfastStack(app, 'Holdfast', props).terminationProtection).toBe(expected);
});

describe('the role for access logs of an account and region', () => {
  const rolesOf = (stack: Stack) =>
    Object.values(Template.fromStack(stack).findResources('AWS::IAM::Role')).filter(({ Properties }) =>
      JSON.stringify(Properties.AssumeRolePolicyDocument).includes('apigateway.amazonaws.com'),
    );

  test('is set by no stack without the setting manageApiGatewayAccount', () => {
    const stack = ownerStack();
    new Holdfast(stack, 'Default', { stage: 'prod' });
    expect(rolesOf(stack)).toEqual([]);
    Template.fromStack(stack).resourceCountIs('AWS::ApiGateway::Account', 0);
  });

  test('has one name, so that a second stack cannot replace it and leave another role', () => {
    const names = ['First', 'Second'].map((name) => {
      const stack = ownerStack(name);
      new Holdfast(stack, name, { manageApiGatewayAccount: true });
      const [role, ...others] = rolesOf(stack);
      expect(others).toEqual([]);
      expect(role!.DeletionPolicy).toBe('RetainExceptOnCreate');
      return role!.Properties.RoleName;
    });
    expect(names[0]).toEqual({ 'Fn::Join': ['', ['holdfast-api-gateway-logs-', { Ref: 'AWS::Region' }]] });
    expect(names[1]).toEqual(names[0]);
  });
});
