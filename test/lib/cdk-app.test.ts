import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ProjectCopy } from '../../bench/harness/project-copy.ts';
import type { SynthesizedTemplate } from '../support/synthesized-template.ts';

/** `bin/holdfast.ts` as the CDK starts it: the stacks of the stages, and the checks that end a deployment. */

jest.setTimeout(120_000);

const root = join(__dirname, '../..');

type Run = { status: number | null; output: string; assembly: string };

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** Runs the app without function bundles. */
async function runApp(context: Record<string, string>, cwd = root): Promise<Run> {
  const assembly = mkdtempSync(join(tmpdir(), 'holdfast-app-'));
  folders.push(assembly);
  const flags: object = JSON.parse(readFileSync(join(cwd, 'cdk.json'), 'utf8')).context;
  const child = spawn(process.execPath, ['bin/holdfast.ts'], {
    cwd,
    env: {
      ...process.env,
      CDK_OUTDIR: assembly,
      CDK_CONTEXT_JSON: JSON.stringify({ ...flags, 'aws:cdk:bundling-stacks': [], ...context }),
    },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += data));
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { status, output, assembly };
}

const jsonOf = ({ assembly }: Run, name: string) => JSON.parse(readFileSync(join(assembly, name), 'utf8'));

type Artifact = { type: string; properties: { stackName?: string; terminationProtection?: boolean } };

/** The names of the stacks, and whether CloudFormation protects them from deletion. */
const stacksOf = (run: Run) =>
  Object.values<Artifact>(jsonOf(run, 'manifest.json').artifacts)
    .filter(({ type }) => type === 'aws:cloudformation:stack')
    .map(({ properties: { stackName, terminationProtection = false } }) => ({ stackName, terminationProtection }));

const templateOf = (run: Run): SynthesizedTemplate => jsonOf(run, 'Holdfast.template.json');

/** The rules of AWS Solutions that constructs may be exempt from, with the constructs. */
const exemptions: [rule: string, construct: RegExp][] = [
  ['AwsSolutions-APIG2', /^Gateway\/Api$/],
  ['AwsSolutions-APIG3', /^Gateway\/Api\/DeploymentStage\.v1$/],
  ['AwsSolutions-APIG4', /^Gateway\/Api\/Default\/[^/]+(\/[^/]+)*\/ANY$/],
  // The page at the root, and its icon.
  ['AwsSolutions-APIG4', /^Gateway\/Api\/Default\/(favicon\.ico\/)?GET$/],
  ['AwsSolutions-APIG6', /^Gateway\/Api$/],
  ['AwsSolutions-CFR1', /^Hostname\/Distribution$/],
  ['AwsSolutions-CFR2', /^Hostname\/Distribution$/],
  ['AwsSolutions-CFR3', /^Hostname\/Distribution$/],
  ['AwsSolutions-CFR4', /^Hostname\/Distribution$/],
  ['AwsSolutions-COG2', /^Users\/Pool$/],
  ['AwsSolutions-COG4', /^Gateway\/Api$/],
  ['AwsSolutions-COG8', /^Users\/Pool$/],
  ['AwsSolutions-IAM5[Resource::*]', /^Gateway\/Account\/Role$/],
];

/** Every exemption in the app, as rule and construct. */
function exemptionsOf(run: Run): [rule: string, construct: string][] {
  const metadata: Record<string, { type: string; data: object }[]> = jsonOf(run, 'Holdfast.metadata.json');
  return Object.entries(metadata).flatMap(([path, entries]) =>
    entries
      .filter(({ type }) => type === 'aws:cdk:acknowledged-rules')
      .flatMap(({ data }) => Object.keys(data))
      .map((id): [string, string] => [id.replace('Annotation::', ''), path.replace(/^\/Holdfast\/(Default\/)?/, '')]),
  );
}

describe('the app', () => {
  let [prod, dev]: Run[] = [];
  beforeAll(async () => {
    [prod, dev] = await Promise.all([runApp({ stage: 'prod' }), runApp({})]);
  });

  test('creates a prod stack that CloudFormation protects from deletion', () => {
    expect(prod!.output).toBe('');
    expect(prod!.status).toBe(0);
    expect(stacksOf(prod!)).toEqual([{ stackName: 'Holdfast-prod', terminationProtection: true }]);
  });

  test('does not touch the prod stack without the stage prod', () => {
    expect(dev!.status).toBe(0);
    expect(stacksOf(dev!)).toEqual([{ stackName: 'Holdfast-dev', terminationProtection: false }]);
  });

  test('retains the data, keys and logs of prod, and nothing of dev', () => {
    const kept = (run: Run) => {
      const policies = Object.values(templateOf(run).Resources).flatMap(
        ({ Type, DeletionPolicy, UpdateReplacePolicy }) =>
          DeletionPolicy?.startsWith('Retain') || UpdateReplacePolicy === 'Retain'
            ? [`${Type} ${DeletionPolicy?.startsWith('Retain')} ${UpdateReplacePolicy}`]
            : [],
      );
      // The role of API Gateway is a setting of the account, which other stacks may use.
      return [...new Set(policies)].filter(
        (each) => !each.startsWith('AWS::ApiGateway') && !each.startsWith('AWS::IAM'),
      );
    };
    expect(kept(prod!).sort()).toEqual([
      'AWS::Cognito::UserPool true Retain',
      'AWS::DynamoDB::GlobalTable true Retain',
      'AWS::KMS::Key true Retain',
      'AWS::Logs::LogGroup true Retain',
    ]);
    expect(kept(dev!)).toEqual([]);
  });

  test('protects the table and the user pool of prod from deletion, and those of dev not', () => {
    const protection = (run: Run) =>
      Object.values(templateOf(run).Resources).flatMap(({ Type, Properties }) => {
        if (Type === 'AWS::DynamoDB::GlobalTable') {
          return Properties.Replicas.map(
            (each: { DeletionProtectionEnabled: boolean }) => each.DeletionProtectionEnabled,
          );
        }
        return Type === 'AWS::Cognito::UserPool' ? [Properties.DeletionProtection] : [];
      });
    expect(protection(prod!).sort()).toEqual(['ACTIVE', true]);
    expect(protection(dev!).sort()).toEqual(['INACTIVE', false]);
  });

  test('exempts the listed constructs alone from rules of AWS Solutions', () => {
    const found = exemptionsOf(prod!);
    const isListed = ([rule, construct]: [string, string]) =>
      exemptions.some(([listed, form]) => listed === rule && form.test(construct));
    expect(found.length).toBeGreaterThan(10);
    expect(found.filter((each) => !isListed(each))).toEqual([]);
  });

  test('fails with the findings of AWS Solutions and of CloudFormation', async () => {
    const project = new ProjectCopy();
    project.edit(
      'bin/holdfast.ts',
      'import { App,',
      "import { aws_lambda, aws_s3, Stack } from 'aws-cdk-lib';\nimport { App,",
    );
    project.edit(
      'bin/holdfast.ts',
      '} catch (error) {',
      `  const planted = new Stack(app, 'Planted');
  new aws_s3.Bucket(planted, 'Bucket');
  new aws_lambda.CfnFunction(planted, 'Function', { code: { zipFile: '1' }, role: 'arn:aws:iam::1:role/r', timeout: 901 });
} catch (error) {`,
    );
    const { status, output } = await runApp({}, project.root);
    project.remove();
    expect(status).toBe(1);
    // A public bucket would be found by the first, a timeout above that of Lambda by the second.
    expect(output).toContain('AwsSolutions-S10');
    expect(output).toContain('E3717');
  });
});
