import { CfnParameter, Duration, type Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { Certificate } from 'aws-cdk-lib/aws-certificatemanager';
import { Key } from 'aws-cdk-lib/aws-kms';
import { PublicHostedZone } from 'aws-cdk-lib/aws-route53';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { Holdfast } from '../../lib/holdfast-construct.ts';
import type { HoldfastSettings } from '../../lib/settings/holdfast-settings.ts';
import type { IdentityProviderSettings } from '../../lib/settings/identity-provider-settings.ts';
import { ownerStack, type SynthesizedTemplate } from '../support/synthesized-template.ts';

/** Settings whose values CloudFormation resolves. */

/** The members of settings that hold any string, or a list of them. */
type Strings<S> = { [K in keyof S as string extends S[K] ? K : string[] extends S[K] ? K : never]-?: S[K] };

/** Files, values in the bundles, and key names, which are part of logical ids: the app needs them at synth. */
type NeededAtSynth = 'server' | 'signingKeys' | 'upstreamSigningKeys' | 'name' | 'icon' | 'assets' | 'external';

/** A parameter of the stack in every string. @returns the settings, and the names of the parameters */
function withParameters(stack: Stack) {
  const names: string[] = [];
  const text = () => {
    const name = `Text${names.length}`;
    names.push(name);
    return new CfnParameter(stack, name).valueAsString;
  };
  const provider = {
    issuer: text(),
    clientId: text(),
    clientSecret: text(),
    scopes: ['openid', text()],
    dashboardScopes: ['openid', text()],
    groupClaims: [text()],
    groups: [text()],
    name: text(),
    parameters: { audience: text(), organization: text() },
  } satisfies IdentityProviderSettings & Omit<Required<Strings<IdentityProviderSettings>>, 'audience' | 'jwksUri'>;
  const settings = {
    adminsGroup: text(),
    alarmEmail: text(),
    runbookUrl: text(),
    encryptionKey: text(),
    redirectSchemes: [text()],
    allowedOrigins: [text()],
    clientDocuments: 'allow-list',
    clientDocumentHosts: [text()],
    dynamicRegistration: 'allow-list',
    dynamicRegistrationRedirects: [text()],
    clients: [{ id: text(), name: text(), redirectUris: [text()] }],
    domain: {
      domainName: text(),
      certificate: text(),
      // The zone's name is no part of a resource.
      hostedZone: { hostedZoneId: text(), zoneName: 'example.com' },
    },
    identityProvider: provider,
    operations: true,
    upstreamTokens: true,
  } satisfies HoldfastSettings & Omit<Strings<HoldfastSettings>, NeededAtSynth | 'alarmTopic'>;
  return { settings, names };
}

const templateOf = (stack: Stack) => Template.fromStack(stack).toJSON() as SynthesizedTemplate;

/** The names of the parameters that no resource refers to. */
const unused = (template: SynthesizedTemplate, names: string[]) =>
  names.filter((name) => !JSON.stringify(template.Resources).includes(`{"Ref":"${name}"}`));

test('a token in a string of the settings reaches the template', () => {
  const stack = ownerStack();
  const { settings, names } = withParameters(stack);
  new Holdfast(stack, 'Default', settings);
  // Direct mode and a topic exclude other settings.
  const others = ['Issuer', 'Audience', 'Keys', 'Topic'];
  const [issuer, audience, jwksUri, alarmTopic] = others.map((name) => new CfnParameter(stack, name).valueAsString);
  new Holdfast(stack, 'Direct', {
    identityProvider: { mode: 'direct', issuer: issuer!, audience, jwksUri },
    operations: true,
    alarmTopic,
  });
  expect(unused(templateOf(stack), [...names, ...others])).toEqual([]);
});

test('an issuer that is a token names the provider by its host', () => {
  const stack = ownerStack();
  const issuer = new CfnParameter(stack, 'Issuer').valueAsString;
  new Holdfast(stack, 'Default', { identityProvider: { issuer, clientId: 'holdfast' } });
  const oauth = Object.entries(templateOf(stack).Resources).find(([id]) => id.startsWith('OAuthFunction'))![1];
  expect(oauth.Properties.Environment.Variables.IDP_NAME).toEqual({
    'Fn::Select': [2, { 'Fn::Split': ['/', { Ref: 'Issuer' }] }],
  });
});

test('a token in a number or a duration reaches the template', () => {
  const stack = ownerStack();
  const names: string[] = [];
  const number = (name: string) => {
    names.push(name);
    return new CfnParameter(stack, name, { type: 'Number' }).valueAsNumber;
  };
  new Holdfast(stack, 'Default', {
    throttle: { rate: number('Rate'), burst: number('Burst') },
    oauthThrottle: { rate: number('SignInRate'), burst: number('SignInBurst') },
    sessionTtl: Duration.hours(number('SessionHours')),
    sessionTtlByGroup: { staff: Duration.hours(number('StaffHours')) },
    taskTtl: Duration.hours(number('TaskHours')),
    listenTimeout: Duration.seconds(number('ListenSeconds')),
    accessTokenTtl: Duration.minutes(number('TokenMinutes')),
    grantIdleTimeout: Duration.days(number('IdleDays')),
    refreshWindow: Duration.seconds(number('WindowSeconds')),
    auditRetention: Duration.days(number('AuditDays')),
    operations: true,
    memorySize: number('Memory'),
    reservedConcurrentExecutions: number('Reserved'),
    provisionedConcurrentExecutions: number('Provisioned'),
    alarms: { serverErrors: { threshold: number('Threshold'), evaluationPeriods: number('Periods') } },
  });
  expect(unused(templateOf(stack), names)).toEqual([]);
});

test('a tool timeout that is a token is rejected, because other limits are calculated from it', () => {
  const stack = ownerStack();
  const toolTimeout = Duration.minutes(new CfnParameter(stack, 'Minutes', { type: 'Number' }).valueAsNumber);
  expect(() => new Holdfast(stack, 'Default', { toolTimeout })).toThrow('toolTimeout is a token');
});

test('the resources of the same app are accepted in place of their ARNs', () => {
  const stack = ownerStack();
  const hostedZone = new PublicHostedZone(stack, 'Zone', { zoneName: 'example.com' });
  const key = new Key(stack, 'SecretKey');
  new Holdfast(stack, 'Default', {
    domain: {
      domainName: 'mcp.example.com',
      certificate: new Certificate(stack, 'Certificate', { domainName: 'mcp.example.com' }),
      hostedZone,
    },
    identityProvider: {
      issuer: 'https://login.example.com',
      clientId: 'holdfast',
      clientSecret: new Secret(stack, 'Client', { encryptionKey: key }),
    },
    operations: true,
    alarmTopic: new Topic(stack, 'Pager'),
  });
  const template = Template.fromStack(stack);
  const idOf = (type: string) => Object.keys(template.findResources(type))[0]!;
  template.hasResourceProperties('AWS::ApiGateway::DomainName', {
    RegionalCertificateArn: { Ref: idOf('AWS::CertificateManager::Certificate') },
  });
  template.hasResourceProperties('AWS::Route53::RecordSet', {
    Name: 'mcp.example.com.',
    HostedZoneId: { Ref: idOf('AWS::Route53::HostedZone') },
  });
  template.hasResourceProperties('AWS::CloudWatch::Alarm', { AlarmActions: [{ Ref: idOf('AWS::SNS::Topic') }] });
  const secret = { Ref: idOf('AWS::SecretsManager::Secret') };
  const [, oauthPolicy] = Object.entries(template.findResources('AWS::IAM::Policy')).find(([id]) =>
    id.startsWith('OAuthRole'),
  )!;
  const statements = oauthPolicy.Properties.PolicyDocument.Statement;
  expect(statements).toContainEqual({ Effect: 'Allow', Action: 'secretsmanager:GetSecretValue', Resource: secret });
  expect(statements).toContainEqual(
    expect.objectContaining({
      Action: 'kms:Decrypt',
      Resource: stack.resolve(key.keyArn),
      Condition: { StringEquals: { 'kms:ViaService': expect.anything() } },
    }),
  );
});
