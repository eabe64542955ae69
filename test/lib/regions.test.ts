import type { HoldfastStackProps } from '../../lib/holdfast-stack.ts';
import { resolveSettings } from '../../lib/settings/holdfast-settings.ts';
import { deployments, synthesize } from '../support/synthesized-template.ts';

const identityProvider = { issuer: 'https://login.example.com', clientId: 'holdfast' };

const domainIn = (partition: string, region: string) => ({
  domainName: 'mcp.example.com',
  certificate: `arn:${partition}:acm:${region}:111122223333:certificate/0a1b`,
  hostedZone: { hostedZoneId: 'Z0123456789', zoneName: 'example.com' },
});

const inRegion = (region: string, props: HoldfastStackProps): HoldfastStackProps => ({
  ...props,
  env: { account: '111122223333', region },
});

/** IAM spells these principals in the same way in every partition. */
const principals = /"(apigateway|cloudwatch|events|lambda)\.amazonaws\.com"/g;

/** The partitions, suffixes and regions that a template names. */
function placesIn(text: string): string[] {
  const found = text
    .replaceAll(principals, '')
    .matchAll(/arn:aws[a-z-]*|amazonaws[a-z.]*|\b(?:[a-z]{2}|us-gov)-(?:[a-z]+)-\d\b/g);
  return [...new Set(Array.from(found, ([place]) => place))].sort();
}

/** Every setting that adds resources. */
const variants: [name: string, props: HoldfastStackProps][] = [
  ...deployments,
  [
    'every part',
    { stage: 'prod', upstreamTokens: true, manageApiGatewayAccount: true, tracing: true, showNames: 'name' },
  ],
  [
    'servers in other languages, in direct mode',
    {
      identityProvider: { mode: 'direct', issuer: 'https://example.authkit.app', profile: 'workos' },
      upstreams: { python: { url: 'https://python.example.com/mcp' } },
    },
  ],
];

test.each(variants)('the template without a region names no partition, suffix or region: %s', (_name, props) => {
  const ofSettings = JSON.stringify(props).match(/arn:[\w:/-]+/g) ?? [];
  const template = JSON.stringify(synthesize(props));
  expect(placesIn(ofSettings.reduce((text, arn) => text.replaceAll(arn, ''), template))).toEqual([]);
});

const regions: [region: string, partition: string, props: HoldfastStackProps][] = [
  ['eu-south-2', 'aws', {}],
  ['us-gov-west-1', 'aws-us-gov', { domain: domainIn('aws-us-gov', 'us-gov-west-1'), firewall: true }],
  ['cn-north-1', 'aws-cn', { domain: domainIn('aws-cn', 'cn-north-1'), identityProvider }],
];

test.each(regions)('the template for %s names no other region, and no partition but %s', (region, partition, props) => {
  const template = synthesize(inRegion(region, { stage: 'prod', alarmEmail: 'ops@example.com', ...props }));
  expect(placesIn(JSON.stringify(template))).toEqual([`arn:${partition}`, region]);
});

test.each<[region: string, settings: HoldfastStackProps, errors: string[]]>([
  ['eu-south-2', {}, []],
  ['us-gov-west-1', {}, ['us-gov-west-1 has no host names of CloudFront: set domain']],
  ['us-gov-east-1', { domain: domainIn('aws-us-gov', 'us-gov-east-1') }, []],
  [
    'cn-northwest-1',
    { tracing: true },
    [
      'cn-northwest-1 has no Cognito user pools: set identityProvider',
      'cn-northwest-1 has no host names of CloudFront: set domain',
      'tracing is true, and cn-northwest-1 has no traces of functions: remove it',
    ],
  ],
  ['cn-north-1', { identityProvider, domain: domainIn('aws-cn', 'cn-north-1') }, []],
  ['eusc-de-east-1', {}, ['eusc-de-east-1 has no host names of CloudFront: set domain']],
  [
    'us-isob-east-1',
    {},
    ['us-isob-east-1 is not announced to stream responses of REST APIs, as /mcp does: choose another region'],
  ],
])('in %s, the settings %j have these errors', (region, settings, errors) => {
  const resolved = () => resolveSettings(settings, region);
  if (errors.length === 0) expect(resolved).not.toThrow();
  else expect(resolved).toThrow(['Invalid Holdfast settings:', ...errors].join('\n'));
});
