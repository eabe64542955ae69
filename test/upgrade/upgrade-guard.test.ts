import { type SynthesizedTemplate, synthesize } from '../support/synthesized-template.ts';
import { readReleasePoint } from './release-point.ts';
import { lossesOf, statefulResources } from './stateful-resources.ts';
import { templateVariants } from './template-variants.ts';

/** An upgrade from the last release keeps every resource with state. */

const { variants } = readReleasePoint();

const templates = new Map(templateVariants.map(([name, props]) => [name, synthesize(props)]));

test.each(Object.keys(variants))('an upgrade of a deployment loses no state: %s', (name) => {
  expect(Object.keys(variants[name]!).length).toBeGreaterThan(5);
  expect(lossesOf(variants[name]!, templates.get(name)!.Resources)).toEqual([]);
});

type Template = SynthesizedTemplate['Resources'];

/** The id of the first resource of a type. */
const idOf = (resources: Template, type: string) => Object.keys(resources).find((id) => resources[id]!.Type === type)!;

const changes: [change: string, type: string, edit: (resources: Template, id: string) => void, loss: RegExp][] = [
  [
    'another logical id of the table',
    'AWS::DynamoDB::GlobalTable',
    (resources, id) => {
      resources.Renamed = resources[id]!;
      delete resources[id];
    },
    /^Table\w+ \(AWS::DynamoDB::GlobalTable\) is missing, so an upgrade deletes it$/,
  ],
  [
    'another key of the table',
    'AWS::DynamoDB::GlobalTable',
    (resources, id) => {
      resources[id]!.Properties.KeySchema[0].AttributeName = 'id';
    },
    /: KeySchema is \[{"AttributeName":"id"/,
  ],
  [
    'a missing index of the table',
    'AWS::DynamoDB::GlobalTable',
    (resources, id) => void resources[id]!.Properties.GlobalSecondaryIndexes.pop(),
    /: GlobalSecondaryIndexes lacks {/,
  ],
  [
    'another kind of key',
    'AWS::KMS::Key',
    (resources, id) => {
      resources[id]!.Properties.KeySpec = 'RSA_2048';
    },
    /: KeySpec is "RSA_2048"/,
  ],
  [
    'a user pool that is deleted with its stack',
    'AWS::Cognito::UserPool',
    (resources, id) => {
      resources[id]!.DeletionPolicy = 'Delete';
    },
    /: DeletionPolicy is Delete, was "Retain"$/,
  ],
  [
    'another domain of the user pool',
    'AWS::Cognito::UserPoolDomain',
    (resources, id) => {
      resources[id]!.Properties.Domain = 'other';
    },
    /: Domain is "other"/,
  ],
];

test.each(changes)('the guard reports %s', (_change, type, edit, loss) => {
  const { Resources } = templates.get('prod with Cognito')!;
  const changed = structuredClone(Resources);
  edit(changed, idOf(changed, type));
  const losses = lossesOf(statefulResources(Resources), changed);
  expect(losses).toEqual([expect.stringMatching(loss)]);
});

test('the guard permits a policy that retains the resource except in the deployment that creates it', () => {
  const { Resources } = templates.get('prod with Cognito')!;
  const changed = structuredClone(Resources);
  changed[idOf(changed, 'AWS::KMS::Key')]!.DeletionPolicy = 'Retain';
  expect(lossesOf(statefulResources(changed), Resources)).toEqual([]);
});

test('the guard permits another index of the table', () => {
  const { Resources } = templates.get('dev with Cognito')!;
  const changed = structuredClone(Resources);
  changed[idOf(changed, 'AWS::DynamoDB::GlobalTable')]!.Properties.GlobalSecondaryIndexes.push({
    IndexName: 'another',
  });
  expect(lossesOf(statefulResources(Resources), changed)).toEqual([]);
});

test('a resource of an unknown type needs a decision whether it holds state', () => {
  expect(() => statefulResources({ Files: { Type: 'AWS::S3::Bucket' } })).toThrow('AWS::S3::Bucket is in neither list');
});
