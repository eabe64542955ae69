import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { App, Duration, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { HoldfastStack, type HoldfastStackProps } from '../../lib/holdfast-stack.ts';

const { context } = JSON.parse(readFileSync(join(__dirname, '../../cdk.json'), 'utf8'));

export type Resource = {
  Type: string;
  // biome-ignore lint/suspicious/noExplicitAny: a template is JSON whose shape differs by type
  Properties: any;
  DependsOn?: string[];
  DeletionPolicy?: string;
  UpdateReplacePolicy?: string;
  Metadata?: Record<string, string>;
};

export type SynthesizedTemplate = { Resources: Record<string, Resource>; Outputs: Record<string, { Value: unknown }> };

/** The feature flags of `cdk.json`. */
export const featureFlags: Record<string, unknown> = context;

/**
 * An app without function bundles, which take a second to build and have a separate test, and without the stack traces of each
 * construct.
 */
const testApp = (flags: Record<string, unknown>): App =>
  new App({
    context: {
      ...flags,
      'aws:cdk:bundling-stacks': [],
      'aws:cdk:disable-stack-trace': true,
      'aws:cdk:disable-creation-stack-traces': true,
    },
    builtinCloudFormationValidation: false,
  });

/** The template of the stack. @param flags the feature flags of the app */
export function synthesize(props: HoldfastStackProps = {}, flags = featureFlags): SynthesizedTemplate {
  return Template.fromStack(new HoldfastStack(testApp(flags), 'Holdfast', props)).toJSON() as SynthesizedTemplate;
}

/** The stack of an owner, to which a test adds constructs. @param flags the feature flags of the app */
export const ownerStack = (name = 'Owner', flags = featureFlags): Stack => new Stack(testApp(flags), name);

export function resourcesOf(template: SynthesizedTemplate, type: string): [id: string, resource: Resource][] {
  return Object.entries(template.Resources).filter(([, resource]) => resource.Type === type);
}

export function onlyOne(template: SynthesizedTemplate, type: string): Resource {
  const all = resourcesOf(template, type);
  if (all.length !== 1) throw new Error(`The template has ${all.length} resources of type ${type}, expected one`);
  return all[0]![1];
}

/** The deployments that the tests synthesize: both identity providers, both host names, both stages. */
export const deployments: [name: string, props: HoldfastStackProps][] = [
  ['dev with Cognito behind CloudFront', {}],
  [
    'prod with Cognito behind CloudFront',
    { stage: 'prod', upstreamTokens: true, authorizerCacheTtl: Duration.seconds(0) },
  ],
  [
    'prod with an identity provider, a domain and a firewall',
    {
      stage: 'prod',
      upstreamTokens: true,
      firewall: true,
      manageApiGatewayAccount: true,
      alarmEmail: 'ops@example.com',
      showNames: 'name',
      identityProvider: {
        issuer: 'https://login.example.com/tenant',
        clientId: 'holdfast',
        clientSecret: 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:holdfast-AbCdEf',
        scopes: ['openid', 'offline_access'],
        name: 'Example Login',
      },
      domain: {
        domainName: 'mcp.example.com',
        certificate: 'arn:aws:acm:eu-west-1:111122223333:certificate/0a1b',
        hostedZone: { hostedZoneId: 'Z0123456789', zoneName: 'example.com' },
      },
    },
  ],
  [
    'dev with a public client of an identity provider',
    { identityProvider: { issuer: 'https://login.example.com', clientId: 'holdfast' } },
  ],
];

/** Replaces CloudFormation's resolution: every reference becomes a distinct, plausible value. */
export function resolve(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(resolve);
  if (typeof value !== 'object' || value === null) return value;
  const [[key, argument] = [], ...others] = Object.entries(value);
  if (others.length > 0 || key === undefined) {
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, resolve(each)]));
  }
  if (key === 'Ref') return `ref-${argument}`;
  if (key === 'Fn::GetAtt') {
    const [id, attribute] = argument as [string, string];
    if (attribute === 'KeySet') return '{"keys":[{"kid":"key"}]}';
    return attribute === 'DomainName' ? 'd111111abcdef8.cloudfront.net' : `${id}.${attribute}`;
  }
  if (key === 'Fn::Join') {
    const [separator, members] = argument as [string, unknown[]];
    return members.map(resolve).join(separator);
  }
  return { [key]: resolve(argument) };
}
