import { App, CfnOutput, Stack, Stage } from 'aws-cdk-lib';
import { AttributeType, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { Code, Function as LambdaFunction, Runtime } from 'aws-cdk-lib/aws-lambda';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { Holdfast } from '../../lib/holdfast-construct.ts';
import { HoldfastStack } from '../../lib/holdfast-stack.ts';
import { readApi } from '../../local/api-gateway/api-definition.ts';
import { userPoolOf } from '../../local/cognito/user-pool-definition.ts';
import { tablesOf } from '../../local/emulated-services.ts';
import { roleStatements } from '../../local/iam/role-statements.ts';
import { readAssembly } from '../../local/template/cloud-assembly.ts';
import { missingResources } from '../../local/template/emulated-resources.ts';
import { deploymentIn, stackTemplate } from '../../local/template/stack-template.ts';
import type { Template } from '../../local/template/template.ts';

/** The deployments of an app with a stage, several stacks, and an owner's stack with other resources. */

jest.setTimeout(60_000);

const newApp = () => new App({ context: { 'aws:cdk:bundling-stacks': [] }, builtinCloudFormationValidation: false });

/** The construct `Tools/Second` of `Prod-Owner` uses resources of its stack and of another one. */
function appOfOwner(): string {
  const app = newApp();
  new HoldfastStack(app, 'Plain', { stackName: 'Renamed' });
  const stage = new Stage(app, 'Prod');
  const data = new Stack(stage, 'Data');
  const documents = new Bucket(data, 'Documents');
  const owner = new Stack(stage, 'Owner');
  new Holdfast(owner, 'First');
  const second = new Holdfast(new Construct(owner, 'Tools'), 'Second');
  const notes = new TableV2(owner, 'Notes', { partitionKey: { name: 'id', type: AttributeType.STRING } });
  notes.grantReadData(second);
  const files = new Bucket(owner, 'Files');
  new Queue(owner, 'Jobs');
  new Queue(owner, 'Dead');
  new LambdaFunction(owner, 'Reporter', {
    runtime: Runtime.PYTHON_3_13,
    handler: 'index.main',
    code: Code.fromInline('def main(event, context): pass'),
  });
  second
    .addEnvironment('NOTES', notes.tableName)
    .addEnvironment('FILES_URL', files.bucketWebsiteUrl)
    .addEnvironment('DOCUMENTS', documents.bucketName);
  new CfnOutput(owner, 'FilesDomain', { value: files.bucketDualStackDomainName });
  return app.synth().directory;
}

const origins = { gateway: 'http://127.0.0.1:1', identityProvider: 'http://localhost:2' };
const createKey = (logicalId: string) => ({
  keyId: logicalId,
  arn: `arn:aws:kms:us-east-1:000000000000:key/${logicalId}`,
});

function read(assembly: string, selection?: string) {
  const stack = readAssembly(assembly, selection);
  const template = stackTemplate(stack, origins, createKey);
  for (const { logicalId } of template.declarations('Custom::PublicKeys'))
    template.provide(logicalId, { KeySet: '{}' });
  return { stack, template };
}

const functionIds = (template: Template) =>
  template.declarations('AWS::Lambda::Function').map(({ logicalId }) => logicalId.replace(/Function[0-9A-F]{8}$/, ''));

const variablesOf = (template: Template, name: string) => {
  const [{ logicalId } = { logicalId: '' }] = template
    .declarations('AWS::Lambda::Function')
    .filter((each) => each.logicalId.startsWith(name));
  const { Variables } = template.resource(logicalId).properties.Environment as { Variables: Record<string, string> };
  return Variables;
};

describe('an app with several deployments', () => {
  let assembly: string;
  beforeAll(() => {
    assembly = appOfOwner();
  });

  test('is rejected without a selection, with the command for each deployment', () => {
    expect(() => read(assembly)).toThrow(
      [
        'The app has several deployments; choose one:',
        '  npx holdfast dev --stack Prod-Owner/First',
        '  npx holdfast dev --stack Prod-Owner/Tools/Second',
        '  npx holdfast dev --stack Renamed',
      ].join('\n'),
    );
    expect(() => read(assembly, 'Prod-Owner')).toThrow(/First\n.*Second$/);
    expect(() => read(assembly, 'Other')).toThrow(
      'no deployment Other; --stack takes one of Prod-Owner/First, Prod-Owner/Tools/Second, Renamed',
    );
  });

  test('runs the only deployment of a stack by the name of the stack', () => {
    const { stack, template } = read(assembly, 'Renamed');
    expect(deploymentIn({ stack, template })).toMatchObject({
      marker: { construct: '', mcpUrl: 'http://127.0.0.1:1/mcp', isDirect: false },
      outputs: { McpUrl: 'http://127.0.0.1:1/mcp', DashboardUrl: 'http://127.0.0.1:1/dashboard' },
    });
    expect(missingResources(stack)).toBeUndefined();
  });

  test('runs one construct of a stack with its API, functions, table and user pool alone', () => {
    const { stack, template } = read(assembly, 'Prod-Owner/Tools/Second');
    const { outputs, marker } = deploymentIn({ stack, template });
    expect(marker).toMatchObject({ construct: 'Tools/Second', table: template.ref(tablesOf(template)[0]!.logicalId) });
    expect(Object.keys(outputs).sort()).toEqual([
      'AddUser',
      'DashboardUrl',
      'Deployment',
      'McpUrl',
      'TableName',
      'UserPoolId',
    ]);
    expect(functionIds(template).every((id) => id.startsWith('ToolsSecond'))).toBe(true);
    expect(readApi(template).route('POST', '/mcp')).toMatchObject({ integration: { stream: true } });
    expect(userPoolOf(template, marker.issuer)?.clients).toHaveLength(1);
  });

  test('has the owner’s table, and says in one line which other resources it does not have', () => {
    const { stack, template } = read(assembly, 'Prod-Owner/Tools/Second');
    expect(tablesOf(template).map(({ logicalId }) => logicalId)).toEqual([
      expect.stringMatching(/^ToolsSecondTable/),
      expect.stringMatching(/^Notes/),
    ]);
    expect(variablesOf(template, 'ToolsSecondMcp').NOTES).toMatch(/^Holdfast-Notes/);
    const [role] = template
      .declarations('AWS::IAM::Role')
      .filter(({ logicalId }) => logicalId.startsWith('ToolsSecondMcp'));
    expect(JSON.stringify(roleStatements(template, role!.logicalId))).toContain(':table/Holdfast-Notes');
    expect(missingResources(stack)).toBe(
      'Not emulated, of Prod-Owner: 2 AWS::SQS::Queue, AWS::Lambda::Function, AWS::S3::Bucket',
    );
  });

  test('resolves references to resources that it does not have to placeholders', () => {
    const { stack, template } = read(assembly, 'Prod-Owner/Tools/Second');
    expect(variablesOf(template, 'ToolsSecondMcp').FILES_URL).toMatch(/^not-emulated-Files\w+\.WebsiteURL$/);
    expect(deploymentIn({ stack, template }).outputs).not.toHaveProperty('FilesDomain');
  });

  test('resolves a reference to another stack of the app', () => {
    const { stack, template } = read(assembly, 'Prod-Owner/Tools/Second');
    expect(variablesOf(template, 'ToolsSecondMcp').DOCUMENTS).toMatch(/^Holdfast-Documents/);
    const alone = { ...stack, app: stack.app.filter(({ stackName }) => stackName !== 'Prod-Data') };
    expect(() => variablesOf(stackTemplate(alone, origins, createKey), 'ToolsSecondMcp')).toThrow(
      /^ToolsSecond\w+ imports Prod-Data:ExportsOutputRefDocuments\w+, which no stack of the app exports/,
    );
  });
});

test('an app without a deployment is rejected with the names of its stacks', () => {
  const app = newApp();
  new Bucket(new Stack(app, 'Data'), 'Documents');
  const { directory } = app.synth();
  expect(() => readAssembly(directory)).toThrow(/^No stack of the app has a Holdfast construct \(stacks: Data\)/);
});
