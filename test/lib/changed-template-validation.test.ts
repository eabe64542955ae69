import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, CloudFormationValidatePlugin, type PolicyValidationPluginReport, Stack, Validations } from 'aws-cdk-lib';
import { CfnQueue } from 'aws-cdk-lib/aws-sqs';
import { ChangedTemplateValidation } from '../../lib/changed-template-validation.ts';

/** The report of a wrong property, by the real validation, is in `cdk-app.test.ts`. */

const pass: PolicyValidationPluginReport = { success: true, violations: [] };
const warning: PolicyValidationPluginReport = {
  success: true,
  violations: [{ ruleName: 'W1', description: 'unusual', severity: 'warning', violatingResources: [] }],
};

let folder: string;
let validate: jest.SpyInstance;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-validation-'));
  validate = jest.spyOn(CloudFormationValidatePlugin.prototype, 'validate').mockReturnValue(pass);
});
afterEach(() => {
  validate.mockRestore();
  rmSync(folder, { recursive: true });
});

type Queue = { name?: string; seconds?: number; asset?: string; region?: string };

/** Synthesizes a stack with each queue, as a new process does. @returns the names of the validated stacks */
function synth(...queues: Queue[]): string[] {
  validate.mockClear();
  const app = new App();
  Validations.of(app).addPlugins(new ChangedTemplateValidation(join(folder, 'passes')));
  for (const { name = 'First', seconds = 30, asset = 'a', region } of queues) {
    const queue = new CfnQueue(new Stack(app, name, { env: { region } }), 'Queue', { visibilityTimeout: seconds });
    queue.addMetadata('asset', `${asset.repeat(64)}.zip`);
  }
  app.synth();
  return validate.mock.calls.flatMap(([context]) =>
    context.stackTemplates.map((each: { stackConstructPath: string }) => each.stackConstructPath),
  );
}

test('a template that passed is not validated again, with other code neither', () => {
  expect(synth({ asset: 'a' })).toEqual(['First']);
  expect(synth({ asset: 'a' })).toEqual([]);
  expect(synth({ asset: 'b' })).toEqual([]);
});

test('a template that passed does not load the engine, which alone knows its version', () => {
  const version = jest.spyOn(CloudFormationValidatePlugin.prototype, 'version', 'get').mockReturnValue('1.0.0');
  try {
    synth({});
    synth({});
    expect(version).not.toHaveBeenCalled();
  } finally {
    version.mockRestore();
  }
});

test('a template is validated again after a change, and for another region', () => {
  expect(synth({ seconds: 30 })).toEqual(['First']);
  expect(synth({ seconds: 31 })).toEqual(['First']);
  expect(synth({ seconds: 31, region: 'eu-west-1' })).toEqual(['First']);
});

test('a changed stack is validated without the unchanged stacks of the app', () => {
  synth({ name: 'First' }, { name: 'Second' });
  expect(synth({ name: 'First' }, { name: 'Second', seconds: 31 })).toEqual(['Second']);
});

test('a template with a finding is validated at each synthesis', () => {
  validate.mockReturnValue(warning);
  expect(synth({})).toEqual(['First']);
  expect(synth({})).toEqual(['First']);
});

test('CDK_VALIDATION=false validates no template, and remembers none as valid', () => {
  process.env.CDK_VALIDATION = 'false';
  try {
    expect(synth({})).toEqual([]);
  } finally {
    delete process.env.CDK_VALIDATION;
  }
  expect(synth({})).toEqual(['First']);
});
