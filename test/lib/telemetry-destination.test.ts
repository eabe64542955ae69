import { Duration } from 'aws-cdk-lib';
import { EMULATOR_VARIABLE } from '../../lib/package-files.ts';
import { resolveSettings } from '../../lib/settings/holdfast-settings.ts';
import { resourcesOf, type SynthesizedTemplate, synthesize } from '../support/synthesized-template.ts';

const ofTelemetry = (template: SynthesizedTemplate) =>
  Object.entries(template.Resources).filter(([id]) => id.startsWith('Telemetry'));

const variables = (template: SynthesizedTemplate) =>
  ofTelemetry(template).find(([, { Type }]) => Type === 'AWS::Lambda::Function')![1].Properties.Environment.Variables;

test('a deployment without the setting has nothing of the export', () => {
  const template = synthesize();
  expect(ofTelemetry(template)).toEqual([]);
  expect(JSON.stringify(template)).not.toMatch(/telemetry|xray/i);
});

test('the export runs every five minutes, with the default signals and service name', () => {
  const template = synthesize({ telemetry: { endpoint: 'https://otlp.example.com' } });
  expect(variables(template)).toEqual({
    TABLE_NAME: expect.anything(),
    MCP_SESSION_TTL_HOURS: '24',
    TELEMETRY_ENDPOINT: 'https://otlp.example.com',
    TELEMETRY_SIGNALS: 'traces metrics',
    TELEMETRY_SERVICE_NAME: 'Holdfast',
  });
  const rules = ofTelemetry(template).filter(([, { Type }]) => Type === 'AWS::Events::Rule');
  expect(rules.map(([, { Properties }]) => Properties.ScheduleExpression)).toEqual(['rate(5 minutes)']);
});

test('the export has the longest session TTL of any user', () => {
  const template = synthesize({
    telemetry: { endpoint: 'https://otlp.example.com' },
    sessionTtlByGroup: { guests: Duration.hours(1), staff: Duration.hours(72) },
  });
  expect(variables(template).MCP_SESSION_TTL_HOURS).toBe('72');
});

test('no other function differs when telemetry is exported', () => {
  const without = synthesize();
  const exported = synthesize({ telemetry: { endpoint: 'https://otlp.example.com', users: true } });
  const others = resourcesOf(exported, 'AWS::Lambda::Function').filter(([id]) => !id.startsWith('Telemetry'));
  expect(others).toEqual(resourcesOf(without, 'AWS::Lambda::Function'));
});

test('an export to X-Ray is signed, has traces alone, and may write spans', () => {
  const template = synthesize({ telemetry: { xRay: true } });
  expect(variables(template)).toMatchObject({
    TELEMETRY_ENDPOINT: {
      'Fn::Join': ['', ['https://xray.', { Ref: 'AWS::Region' }, '.', { Ref: 'AWS::URLSuffix' }]],
    },
    TELEMETRY_SIGNALS: 'traces',
    TELEMETRY_SIGNATURE: 'xray',
  });
  const policy = ofTelemetry(template).find(([, { Type }]) => Type === 'AWS::IAM::Policy')![1];
  expect(policy.Properties.PolicyDocument.Statement).toContainEqual({
    Effect: 'Allow',
    Action: ['xray:PutSpans', 'xray:PutSpansForIndexing', 'xray:PutTraceSegments'],
    Resource: '*',
  });
});

test('the local emulator, which has no X-Ray, exports nothing to it', () => {
  process.env[EMULATOR_VARIABLE] = 'true';
  try {
    expect(ofTelemetry(synthesize({ telemetry: { xRay: true } }))).toEqual([]);
  } finally {
    delete process.env[EMULATOR_VARIABLE];
  }
});

test('the message about headers that are no ARN does not repeat them', () => {
  const settings = { telemetry: { endpoint: 'https://otlp.example.com', headers: 'x-key=hunter2' } };
  expect(() => resolveSettings(settings)).toThrow(/telemetry\.headers is not a complete ARN(?![\s\S]*hunter2)/);
});

test('an endpoint on this computer may be http', () => {
  expect(() => resolveSettings({ telemetry: { endpoint: 'http://127.0.0.1:4318' } })).not.toThrow();
});
