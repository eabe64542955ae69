import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { App, Stack, Validations } from 'aws-cdk-lib';
import { Vpc } from 'aws-cdk-lib/aws-ec2';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import { AwsSolutionsChecks } from 'cdk-nag';
import { FunctionBundle } from '../../lib/bundle/function-bundle.ts';
import { Holdfast } from '../../lib/holdfast-construct.ts';
import { HoldfastStack } from '../../lib/holdfast-stack.ts';
import { ConfigurationError } from '../../lib/settings/configuration-error.ts';
import { deployments, type Resource } from '../support/synthesized-template.ts';

const root = join(__dirname, '../..');
const { context } = JSON.parse(readFileSync(join(root, 'cdk.json'), 'utf8'));
const withoutBundling = { 'aws:cdk:bundling-stacks': [] };

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-synth-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const inFolder = (...names: string[]) => join(folder, ...names);
const jsonOf = (name: string) => JSON.parse(readFileSync(inFolder(name), 'utf8'));

describe('CloudFormation and AWS Solutions', () => {
  function inspect(define: (app: App) => void): unknown[] {
    const app = new App({ outdir: folder, context: { ...context, ...withoutBundling } });
    Validations.of(app).addPlugins(new AwsSolutionsChecks());
    define(app);
    app.synth();
    return jsonOf('validation-report.json').pluginReports;
  }

  test.each(deployments)('report no findings in %s', (_name, props) => {
    expect(inspect((app) => new HoldfastStack(app, 'Holdfast', props))).toEqual([]);
  });

  test('report no findings in the functions of a VPC with a key, traces and provisioned concurrency', () => {
    const define = (app: App) => {
      const owner = new Stack(app, 'Owner');
      // Findings in the owner's VPC are the owner's.
      const vpc = Vpc.fromVpcAttributes(owner, 'Vpc', {
        vpcId: 'vpc-0123456789abcdef0',
        availabilityZones: ['a'],
        privateSubnetIds: ['subnet-0123456789abcdef0'],
        privateSubnetRouteTableIds: ['rtb-0123456789abcdef0'],
      });
      const encryptionKey = new Key(owner, 'Key', { enableKeyRotation: true });
      new Holdfast(owner, 'Server', { vpc, encryptionKey, tracing: true, provisionedConcurrentExecutions: 1 });
    };
    expect(inspect(define)).toEqual([]);
  });

  test('report a bucket with default settings', () => {
    expect(() => inspect((app) => new Bucket(new Stack(app, 'Careless'), 'Bucket'))).toThrow(/AwsSolutions-S10/);
  });
});

describe('a function bundle', () => {
  test('exists for each function, and is small enough for a fast cold start', () => {
    const app = new App({
      outdir: folder,
      context: { ...context, 'aws:cdk:enable-asset-metadata': true },
      builtinCloudFormationValidation: false,
    });
    new HoldfastStack(app, 'Holdfast', { upstreamTokens: true });
    app.synth();
    const resources = Object.entries<Resource>(jsonOf('Holdfast.template.json').Resources);
    const kilobytesOf = (name: string) => {
      const [, { Metadata }] = resources.find(([id]) => id.startsWith(`${name}Function`))!;
      return statSync(inFolder(Metadata!['aws:asset:path']!, 'index.cjs')).size / 1024;
    };
    expect(kilobytesOf('Authorizer')).toBeLessThanOrEqual(40);
    expect(kilobytesOf('Mcp')).toBeLessThanOrEqual(600);
    expect(new Set(['Authorizer', 'OAuth', 'Mcp'].map(kilobytesOf)).size).toBe(3);
  });

  test('reports a build error with its location only', () => {
    const entry = inFolder('entry.ts');
    writeFileSync(entry, `export const handler = 1;\nimport { gone } from './gone.ts';\nexport { gone };\n`);
    const name = relative(join(root, 'lambda/functions'), entry).replace('.ts', '') as 'oauth';
    const bind = () =>
      new FunctionBundle(name, { scopes: { scopes: {}, tools: {} }, branding: {} }).bind(
        new Stack(new App(), 'Broken'),
      );
    expect(bind).toThrow(ConfigurationError);
    expect(bind).toThrow(/^\S+entry\.ts:2:22: Could not resolve ".\/gone.ts"$/);
  });
});

/** Runs the CDK app of the clone. @returns its messages */
function messagesOf(given: Record<string, string>, environment: Record<string, string>): string {
  const program = spawnSync(process.execPath, ['bin/holdfast.ts'], {
    cwd: root,
    env: { ...process.env, CDK_CONTEXT_JSON: JSON.stringify({ ...context, ...given }), ...environment },
    encoding: 'utf8',
  });
  expect(program.status).toBe(1);
  return program.stderr;
}

const wrongCertificate = {
  // An error in any case, so that no functions are bundled.
  stage: 'staging',
  domainName: 'mcp.example.com',
  certificateArn: 'arn:aws:acm:us-east-1:111122223333:certificate/0a1b',
};

test('the app rejects a certificate that is not in the region of the credentials', () => {
  const environment = { CDK_DEFAULT_ACCOUNT: '111122223333', CDK_DEFAULT_REGION: 'eu-west-1' };
  expect(messagesOf(wrongCertificate, environment)).toContain(
    'domain.certificate is in us-east-1: use a certificate in eu-west-1, the region of the API',
  );
});

test('the app ignores the region that the CDK assumes without credentials', () => {
  expect(messagesOf(wrongCertificate, { CDK_DEFAULT_REGION: 'eu-west-1' })).not.toContain('certificate');
});

test('a configuration error is printed without a stack trace', () => {
  expect(messagesOf({ stage: 'staging' }, {})).toBe(
    'Invalid Holdfast settings:\nstage is "staging": choose dev or prod\n',
  );
});
