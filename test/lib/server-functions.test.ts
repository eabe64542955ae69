import type { Stack } from 'aws-cdk-lib';
import { Annotations, Match, Template } from 'aws-cdk-lib/assertions';
import { Port, SecurityGroup, SubnetType, Vpc } from 'aws-cdk-lib/aws-ec2';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Holdfast, type HoldfastProps } from '../../lib/holdfast-construct.ts';
import { ownerStack, type Resource } from '../support/synthesized-template.ts';

/** Settings of the functions that run the tools, as deployed. */

/** @param props of the construct, from its stack */
function deploy(props: HoldfastProps | ((stack: Stack) => HoldfastProps)) {
  const stack = ownerStack();
  const holdfast = new Holdfast(stack, 'Default', typeof props === 'function' ? props(stack) : props);
  return { stack, holdfast, template: Template.fromStack(stack) };
}

const named = (template: Template, type: string, name: string): [id: string, resource: Resource] =>
  Object.entries(template.findResources(type)).find(([id]) => id.startsWith(name))! as [string, Resource];

const functionNamed = (template: Template, name: string) =>
  named(template, 'AWS::Lambda::Function', `${name}Function`)[1].Properties;

const statementsOf = (template: Template, name: string) =>
  named(template, 'AWS::IAM::Policy', `${name}Role`)[1].Properties.PolicyDocument.Statement as object[];

const tools = ['Mcp', 'Worker'];

test('memory, environment, reserved concurrency and tracing apply to the MCP function and the worker', () => {
  const { template } = deploy({
    memorySize: 1024,
    environment: { DOCUMENTS: 'bucket' },
    reservedConcurrentExecutions: 7,
    tracing: true,
  });
  for (const name of tools) {
    expect(functionNamed(template, name)).toMatchObject({
      MemorySize: 1024,
      Environment: { Variables: { DOCUMENTS: 'bucket' } },
      ReservedConcurrentExecutions: 7,
      TracingConfig: { Mode: 'Active' },
    });
  }
  const oauth = functionNamed(template, 'OAuth');
  expect(oauth.MemorySize).toBe(512);
  expect(oauth.Environment.Variables).not.toHaveProperty('DOCUMENTS');
  expect(oauth).not.toHaveProperty('ReservedConcurrentExecutions');
  expect(oauth).not.toHaveProperty('TracingConfig');
  template.hasResourceProperties('AWS::ApiGateway::Stage', { TracingEnabled: true });
});

describe('a VPC', () => {
  const inVpc = (stack: Stack): HoldfastProps => ({ vpc: new Vpc(stack, 'Vpc', { maxAzs: 2 }) });

  test('contains the MCP function and the worker alone, with one security group', () => {
    const { template } = deploy(inVpc);
    const [group] = named(template, 'AWS::EC2::SecurityGroup', 'ServerSecurityGroup');
    for (const name of tools) {
      const { VpcConfig } = functionNamed(template, name);
      expect(VpcConfig.SecurityGroupIds).toEqual([{ 'Fn::GetAtt': [group, 'GroupId'] }]);
      expect(VpcConfig.SubnetIds).toHaveLength(2);
    }
    for (const name of ['Authorizer', 'OAuth', 'Dashboard', 'Rollup']) {
      expect(functionNamed(template, name)).not.toHaveProperty('VpcConfig');
    }
  });

  test('permits Lambda to create network interfaces, and denies it to the code', () => {
    const { template } = deploy(inVpc);
    for (const name of tools) {
      const actions = expect.arrayContaining(['ec2:CreateNetworkInterface', 'ec2:DescribeSubnets']);
      expect(statementsOf(template, name)).toEqual(
        expect.arrayContaining([
          { Effect: 'Allow', Action: actions, Resource: '*' },
          {
            Effect: 'Deny',
            Action: actions,
            Resource: '*',
            Condition: { Null: { 'lambda:SourceFunctionArn': 'false' } },
          },
        ]),
      );
    }
  });

  test('can have chosen subnets and security groups', () => {
    const { template } = deploy((stack) => {
      const vpc = new Vpc(stack, 'Vpc', {
        maxAzs: 1,
        subnetConfiguration: [
          { name: 'Private', subnetType: SubnetType.PRIVATE_ISOLATED },
          { name: 'Data', subnetType: SubnetType.PRIVATE_ISOLATED },
        ],
      });
      const securityGroups = [new SecurityGroup(stack, 'Chosen', { vpc })];
      return { vpc, vpcSubnets: { subnetGroupName: 'Data' }, securityGroups };
    });
    const [group] = named(template, 'AWS::EC2::SecurityGroup', 'Chosen');
    const [subnet] = named(template, 'AWS::EC2::Subnet', 'VpcDataSubnet');
    expect(functionNamed(template, 'Worker').VpcConfig).toEqual({
      SecurityGroupIds: [{ 'Fn::GetAtt': [group, 'GroupId'] }],
      SubnetIds: [{ Ref: subnet }],
    });
    template.resourceCountIs('AWS::EC2::SecurityGroup', 1);
  });

  test('lets a database admit the tools', () => {
    const stack = ownerStack();
    const vpc = new Vpc(stack, 'Vpc', { maxAzs: 1 });
    const database = new SecurityGroup(stack, 'Database', { vpc });
    database.connections.allowFrom(new Holdfast(stack, 'Default', { vpc }), Port.tcp(5432));
    Template.fromStack(stack).hasResourceProperties('AWS::EC2::SecurityGroupIngress', {
      FromPort: 5432,
      SourceSecurityGroupId: Match.objectLike({
        'Fn::GetAtt': [Match.stringLikeRegexp('^ServerSecurityGroup'), 'GroupId'],
      }),
    });
  });
});

describe('provisioned concurrency', () => {
  test('belongs to an alias of the MCP function, which the API invokes', () => {
    const { template } = deploy({ provisionedConcurrentExecutions: 2 });
    const [version] = named(template, 'AWS::Lambda::Version', 'McpFunction');
    const [alias, { Properties }] = named(template, 'AWS::Lambda::Alias', 'McpFunction');
    expect(Properties).toMatchObject({
      FunctionVersion: { 'Fn::GetAtt': [version, 'Version'] },
      ProvisionedConcurrencyConfig: { ProvisionedConcurrentExecutions: 2 },
    });
    const invoked = Object.values(template.findResources('AWS::ApiGateway::Method'))
      .map(({ Properties: { Integration } }) => JSON.stringify(Integration.Uri ?? ''))
      .filter((uri) => uri.includes('Mcp'));
    expect(invoked).toEqual([expect.stringContaining(`{"Ref":"${alias}"}`)]);
    template.hasResourceProperties('AWS::Lambda::Permission', {
      FunctionName: { Ref: alias },
      Principal: 'apigateway.amazonaws.com',
    });
    template.resourceCountIs('AWS::Lambda::Alias', 1);
  });

  test('adds neither a version nor an alias when it is not set', () => {
    const { template } = deploy({});
    template.resourceCountIs('AWS::Lambda::Version', 0);
    template.resourceCountIs('AWS::Lambda::Alias', 0);
  });
});

describe('a customer managed key', () => {
  test('encrypts the table and every log group', () => {
    const { template } = deploy((stack) => ({ encryptionKey: new Key(stack, 'Own') }));
    const [key] = named(template, 'AWS::KMS::Key', 'Own');
    const arn = { 'Fn::GetAtt': [key, 'Arn'] };
    template.hasResourceProperties('AWS::DynamoDB::GlobalTable', {
      SSESpecification: { SSEEnabled: true, SSEType: 'KMS' },
      Replicas: [Match.objectLike({ SSESpecification: { KMSMasterKeyId: arn } })],
    });
    const groups = Object.values(template.findResources('AWS::Logs::LogGroup'));
    expect(groups.length).toBeGreaterThan(5);
    for (const { Properties } of groups) expect(Properties.KmsKeyId).toEqual(arn);
  });

  test('is usable by the functions through DynamoDB alone, and not by the authorizer', () => {
    const { template } = deploy((stack) => ({ encryptionKey: new Key(stack, 'Own') }));
    const [key] = named(template, 'AWS::KMS::Key', 'Own');
    const onKey = (name: string) =>
      statementsOf(template, name).filter((statement) => JSON.stringify(statement).includes(`"${key}"`));
    for (const name of [...tools, 'OAuth', 'Dashboard', 'Rollup']) {
      expect(onKey(name)).toEqual([
        {
          Effect: 'Allow',
          Action: expect.arrayContaining(['kms:Decrypt', 'kms:GenerateDataKey']),
          Resource: { 'Fn::GetAtt': [key, 'Arn'] },
          Condition: {
            StringEquals: {
              'kms:ViaService': {
                'Fn::Join': ['', ['dynamodb.', { Ref: 'AWS::Region' }, '.', { Ref: 'AWS::URLSuffix' }]],
              },
            },
          },
        },
      ]);
    }
    expect(onKey('Authorizer')).toEqual([]);
  });

  test('permits CloudWatch Logs to encrypt log groups of the stack only', () => {
    const { template } = deploy((stack) => ({ encryptionKey: new Key(stack, 'Own') }));
    const [, { Properties }] = named(template, 'AWS::KMS::Key', 'Own');
    const statements: { Principal: object; Condition?: object }[] = Properties.KeyPolicy.Statement;
    const logs = statements.filter(({ Principal }) => JSON.stringify(Principal).includes('logs.'));
    expect(logs).toHaveLength(1);
    expect(JSON.stringify(logs[0]!.Condition)).toContain(':log-group:Owner-*');
  });

  test('that is imported brings a warning about its policy', () => {
    const arn = 'arn:aws:kms:eu-west-1:111122223333:key/0a1b2c3d';
    const { stack, template } = deploy({ encryptionKey: arn });
    expect(Object.values(template.findResources('AWS::Logs::LogGroup'))[0]!.Properties.KmsKeyId).toBe(arn);
    Annotations.fromStack(stack).hasWarning('/Owner/Default', Match.stringLikeRegexp('encryptionKey is imported'));
  });
});

test.each<[message: string, props: HoldfastProps]>([
  ['memorySize is 64', { memorySize: 64 }],
  ['securityGroups is set without vpc', { securityGroups: [] }],
  ['reservedConcurrentExecutions is 0', { reservedConcurrentExecutions: 0 }],
  ['provisionedConcurrentExecutions is 3', { provisionedConcurrentExecutions: 3, reservedConcurrentExecutions: 2 }],
  ['TABLE_NAME is a variable of Holdfast', { environment: { TABLE_NAME: 'mine' } }],
  ['AWS_REGION is a variable of Lambda', { environment: { AWS_REGION: 'mine' } }],
  ['environment has "1ST"', { environment: { '1ST': 'mine' } }],
  ['encryptionKey is "my-key"', { encryptionKey: 'my-key' }],
])('a setting that cannot work is rejected: %s', (message, props) => {
  expect(() => new Holdfast(ownerStack(), 'Default', props)).toThrow(message);
});
