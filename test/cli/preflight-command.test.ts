import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { HoldfastStack } from '../../lib/holdfast-stack.ts';
import { runCli } from '../support/cli-process.ts';
import { FakeAws, SECRET_ACCESS_KEY } from '../support/fake-aws.ts';
import { FakeCloudFormation } from '../support/fake-cloudformation.ts';
import { featureFlags } from '../support/synthesized-template.ts';

/** The command, in a project whose app copies a cloud assembly and notes the environment that it is run with. */

jest.setTimeout(60_000);

const folder = mkdtempSync(join(tmpdir(), 'holdfast-preflight-'));
const project = join(folder, 'project');
let aws: FakeAws;
let cloudFormation: FakeCloudFormation;

const program = `
import { cpSync, writeFileSync } from 'node:fs';
const { CDK_OUTDIR, CDK_CONTEXT_JSON, CDK_DEFAULT_ACCOUNT, CDK_DEFAULT_REGION } = process.env;
const context = JSON.parse(CDK_CONTEXT_JSON);
if (context.stage === 'nonsense') throw new Error('stage must be dev or prod');
writeFileSync('noted.json', JSON.stringify({ context, CDK_DEFAULT_ACCOUNT, CDK_DEFAULT_REGION }));
cpSync('../assembly', CDK_OUTDIR, { recursive: true });
`;

beforeAll(async () => {
  [aws, cloudFormation] = await Promise.all([FakeAws.start(), FakeCloudFormation.start()]);
  const app = new App({
    context: { ...featureFlags, 'aws:cdk:bundling-stacks': [] },
    outdir: join(folder, 'synthesized'),
    builtinCloudFormationValidation: false,
  });
  new HoldfastStack(app, 'Mine', { stackName: 'Mine-dev', manageApiGatewayAccount: false });
  app.synth();
  cpSync(join(folder, 'synthesized'), join(folder, 'assembly'), { recursive: true });
  mkdirSync(project);
  writeFileSync(join(project, 'app.mjs'), program);
  writeFileSync(join(project, 'cdk.json'), JSON.stringify({ app: 'node app.mjs' }));
});
afterAll(() => {
  aws.stop();
  cloudFormation.stop();
  rmSync(folder, { recursive: true });
});
beforeEach(() => aws.reset());

const credentials = { AWS_ACCESS_KEY_ID: 'AKIAEXAMPLE', AWS_SECRET_ACCESS_KEY: SECRET_ACCESS_KEY };

const preflight = (args: string[], environment: Record<string, string> = credentials) =>
  runCli(
    ['preflight', ...args],
    {
      AWS_DEFAULT_REGION: 'eu-west-1',
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_CONFIG_FILE: join(folder, 'none'),
      AWS_SHARED_CREDENTIALS_FILE: join(folder, 'none'),
      AWS_ENDPOINT_URL: aws.endpoint,
      AWS_ENDPOINT_URL_CLOUDFORMATION: cloudFormation.endpoint,
      ...environment,
    },
    project,
  );

test('holdfast preflight synthesizes the app as cdk deploy does, and reports one line for each check', async () => {
  const { code, out, errors } = await preflight(['-c', 'stage=prod', '--stack', 'Mine-dev']);
  expect(errors).toBe('');
  expect(out).toMatch(
    /^Checking Mine-dev\n\n {2}ok {4}credentials +arn:aws:iam::111122223333:user\/ada of 111122223333$/m,
  );
  expect(out).toMatch(/^ {2}ok {4}region +eu-west-1$/m);
  expect(out).toMatch(/^ {2}ok {4}stack +Mine-dev does not exist, and is created$/m);
  expect(out).toMatch(/^\d+ ok, 0 warnings, 0 failed$/m);
  expect(code).toBe(0);
  expect(JSON.parse(readFileSync(join(project, 'noted.json'), 'utf8'))).toMatchObject({
    context: { stage: 'prod', 'aws:cdk:bundling-stacks': [] },
    CDK_DEFAULT_ACCOUNT: '111122223333',
    CDK_DEFAULT_REGION: 'eu-west-1',
  });
});

test('holdfast preflight --json exits with 1 and has the remedy when a check fails', async () => {
  aws.replies['ssm GetParameter'] = { status: 400, code: 'ParameterNotFound', body: {} };
  const { code, out } = await preflight(['--json', '--region', 'eu-north-1']);
  const { stack, ok, findings } = JSON.parse(out);
  expect({ code, stack, ok }).toEqual({ code: 1, stack: 'Mine-dev', ok: false });
  expect(findings).toContainEqual(
    expect.objectContaining({ check: 'bootstrap', mend: 'npx cdk bootstrap aws://111122223333/eu-north-1' }),
  );
});

test('holdfast preflight without credentials exits with 1 and says how to sign in', async () => {
  const { code, out } = await preflight([], {});
  expect(out).toMatch(/FAIL {2}credentials .*\n.*\n {8}Do: {2}Sign in/);
  expect([code, aws.requests]).toEqual([1, []]);
});

test('holdfast preflight exits with 2 and the message of an app that cannot be synthesized', async () => {
  const { code, out, errors } = await preflight(['-c', 'stage=nonsense']);
  expect([code, out]).toEqual([2, '']);
  expect(errors).toContain('stage must be dev or prod');
});
