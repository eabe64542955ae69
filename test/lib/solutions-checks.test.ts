import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, Stack, Validations } from 'aws-cdk-lib';
import { CfnQueue } from 'aws-cdk-lib/aws-sqs';
import { AwsSolutionsChecks } from 'cdk-nag';
import { ChangedAppChecks } from '../../bin/solutions-checks.ts';

let folder: string;
let validate: jest.SpyInstance;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-solutions-'));
  validate = jest.spyOn(AwsSolutionsChecks.prototype, 'validate');
});
afterEach(() => {
  validate.mockRestore();
  rmSync(folder, { recursive: true });
});

type Queue = { seconds?: number; asset?: string; region?: string; acknowledged?: string[] };

/** Synthesizes a queue without the policy that AWS Solutions require, as a new process does. @returns how often it was checked */
function synth({ seconds = 30, asset = 'a', region, acknowledged = ['SQS3', 'SQS4'] }: Queue = {}): number {
  validate.mockClear();
  const app = new App({ builtinCloudFormationValidation: false });
  Validations.of(app).addPlugins(new ChangedAppChecks(join(folder, 'passes')));
  const queue = new CfnQueue(new Stack(app, 'First', { env: { region } }), 'Queue', { visibilityTimeout: seconds });
  queue.addMetadata('asset', `${asset.repeat(64)}.zip`);
  for (const rule of acknowledged) {
    Validations.of(queue).acknowledge({ id: `AwsSolutions-${rule}`, reason: 'the subject of a test' });
  }
  app.synth();
  return validate.mock.calls.length;
}

test('an app that passed is not checked again, with other code neither', () => {
  expect(synth({ asset: 'a' })).toBe(1);
  expect(synth({ asset: 'a' })).toBe(0);
  expect(synth({ asset: 'b' })).toBe(0);
});

test('an app is checked again after a change of a template, and for another region', () => {
  synth();
  expect(synth({ seconds: 31 })).toBe(1);
  expect(synth({ seconds: 31, region: 'eu-west-1' })).toBe(1);
});

test('an app that passed is checked again without one of its exemptions', () => {
  synth();
  expect(() => synth({ acknowledged: [] })).toThrow('AwsSolutions-SQS');
});

test('an app with a finding is checked at each synthesis', () => {
  const careless = () => synth({ acknowledged: [] });
  expect(careless).toThrow('AwsSolutions-SQS');
  expect(careless).toThrow('AwsSolutions-SQS');
});
