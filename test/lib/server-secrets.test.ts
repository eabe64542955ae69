import { Template } from 'aws-cdk-lib/assertions';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Holdfast } from '../../lib/holdfast-construct.ts';
import type { HoldfastSettings } from '../../lib/settings/holdfast-settings.ts';
import { ownerStack } from '../support/synthesized-template.ts';

/** The setting `secrets` and `addSecret`. */

const arn = 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:stripe';

function synthesizeWith(secrets: HoldfastSettings['secrets']): Template {
  const stack = ownerStack();
  new Holdfast(stack, 'Default', { secrets });
  return Template.fromStack(stack);
}

const resourcesNamed = (template: Template, type: string, name: RegExp) =>
  Object.entries(template.findResources(type)).filter(([id]) => name.test(id));

const policiesWith = (template: Template, action: string) =>
  resourcesNamed(template, 'AWS::IAM::Policy', /./).flatMap(([id, { Properties }]) =>
    (Properties.PolicyDocument.Statement as { Action: string; Resource: unknown; Condition?: object }[])
      .filter(({ Action }) => Action === action)
      .map((statement) => ({ role: id.replace(/Role.*$/, ''), ...statement })),
  );

test('the MCP function and the worker receive the ARN, and may read this secret and do nothing else with it', () => {
  const template = synthesizeWith({ STRIPE_KEY: `${arn}-AbCdEf` });
  for (const [, { Properties }] of resourcesNamed(template, 'AWS::Lambda::Function', /^(Mcp|Worker)Function/)) {
    expect(Properties.Environment.Variables).toMatchObject({ SECRET_ARN_STRIPE_KEY: `${arn}-AbCdEf` });
  }
  expect(policiesWith(template, 'secretsmanager:GetSecretValue')).toMatchObject([
    { role: 'Worker', Resource: `${arn}-AbCdEf` },
    { role: 'Mcp', Resource: `${arn}-AbCdEf` },
  ]);
  expect(JSON.stringify(template.toJSON())).not.toMatch(/secretsmanager:(?!GetSecretValue|eu-west-1)/);
});

test('the grant for a secret that is imported by its name matches any suffix of its ARN', () => {
  const stack = ownerStack();
  new Holdfast(stack, 'Default', { secrets: { STRIPE_KEY: Secret.fromSecretNameV2(stack, 'Stripe', 'stripe') } });
  const statements = policiesWith(Template.fromStack(stack), 'secretsmanager:GetSecretValue');
  expect(statements.map(({ Resource }) => JSON.stringify(Resource))).toEqual([
    expect.stringContaining(':secret:stripe-??????"'),
    expect.stringContaining(':secret:stripe-??????"'),
  ]);
});

test('a secret of the same app with a customer managed key is passed as an object, and its key decrypts for it alone', () => {
  const stack = ownerStack();
  const secret = new Secret(stack, 'Stripe', { encryptionKey: new Key(stack, 'Key') });
  new Holdfast(stack, 'Default').addSecret('STRIPE_KEY', secret);
  const template = Template.fromStack(stack);
  const [[id]] = resourcesNamed(template, 'AWS::SecretsManager::Secret', /./) as [[string, unknown]];
  const [mcp] = resourcesNamed(template, 'AWS::Lambda::Function', /^McpFunction/);
  expect(mcp![1].Properties.Environment.Variables.SECRET_ARN_STRIPE_KEY).toEqual({ Ref: id });
  expect(policiesWith(template, 'secretsmanager:GetSecretValue')).toMatchObject([
    { Resource: { Ref: id } },
    { Resource: { Ref: id } },
  ]);
  const decrypting = policiesWith(template, 'kms:Decrypt').filter(({ Resource }) =>
    JSON.stringify(Resource).includes('"Key'),
  );
  const Condition = { StringEquals: { 'kms:ViaService': expect.anything() } };
  expect(decrypting).toMatchObject([
    { role: 'Worker', Condition },
    { role: 'Mcp', Condition },
  ]);
});

test.each<[string, HoldfastSettings['secrets'], string]>([
  [
    'a name that is no variable',
    { 'stripe-key': arn },
    'secrets has "stripe-key": choose a name of letters, digits and _',
  ],
  [
    'a value in place of an ARN, without showing it',
    { STRIPE_KEY: 'sk_live_1' },
    'secrets.STRIPE_KEY is not a complete ARN',
  ],
])('rejects %s', (_, secrets, message) => {
  expect(() => new Holdfast(ownerStack(), 'Default', { secrets })).toThrow(message);
  expect(() => new Holdfast(ownerStack(), 'Default', { secrets })).not.toThrow('sk_live_1');
  const [[name, secret]] = Object.entries(secrets!) as [[string, string]];
  expect(() => new Holdfast(ownerStack(), 'Default').addSecret(name, secret)).toThrow(message);
});
