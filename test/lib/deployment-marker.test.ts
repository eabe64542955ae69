import { App, Duration, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { Construct } from 'constructs';
import { MARKER_DESCRIPTION, parseMarker } from '../../lib/deployment-marker.ts';
import { Holdfast } from '../../lib/holdfast-construct.ts';
import { resolve } from '../support/synthesized-template.ts';

test('each construct has an output that describes its deployment in at most 1,024 bytes', () => {
  const app = new App({ context: { 'aws:cdk:bundling-stacks': [] }, builtinCloudFormationValidation: false });
  const stack = new Stack(app, 'Owner');
  new Holdfast(stack, 'Default', { auditRetention: Duration.days(60) });
  new Holdfast(new Construct(stack, 'Tools'), 'Mcp', {
    identityProvider: { issuer: 'https://workos.example.com', mode: 'direct' },
  });
  const outputs: { Value: unknown; Description?: string }[] = Object.values(Template.fromStack(stack).toJSON().Outputs);
  const values = outputs
    .filter(({ Description }) => Description === MARKER_DESCRIPTION)
    .map(({ Value }) => resolve(Value));
  expect(values.map((value) => parseMarker(String(value)))).toEqual([
    {
      version: 1,
      construct: '',
      table: expect.stringMatching(/^ref-Table/),
      mcpUrl: 'https://d111111abcdef8.cloudfront.net/mcp',
      dashboardUrl: 'https://d111111abcdef8.cloudfront.net/dashboard',
      issuer: expect.stringMatching(/^UsersPool\w+\.ProviderURL$/),
      isDirect: false,
      retentionDays: 60,
      grantIdleDays: 30,
      sessionTtlHours: 24,
    },
    expect.objectContaining({ construct: 'Tools/Mcp', issuer: 'https://workos.example.com', isDirect: true }),
  ]);
  expect(values.filter((value) => Buffer.byteLength(String(value)) > 1024)).toEqual([]);
});
