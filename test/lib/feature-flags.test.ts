import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Annotations, Match } from 'aws-cdk-lib/assertions';
import { checkedFlags, versionFlags } from '../../lib/feature-flags.ts';
import { Holdfast, type HoldfastProps } from '../../lib/holdfast-construct.ts';
import { deployments, featureFlags, ownerStack, synthesize } from '../support/synthesized-template.ts';

/** Feature flags of the CDK, which are in the `cdk.json` of the app. */

// The CDK prints the warnings.
beforeEach(() => jest.spyOn(console, 'error').mockReturnValue());

const enabled = (flags: object) => Object.fromEntries(Object.keys(flags).map((flag) => [flag, true]));

test.each(deployments)('the checked flags alone make the template of all flags in %s', (_name, props) => {
  expect(synthesize(props, enabled(checkedFlags))).toEqual(synthesize(props));
});

test('the flags of versions are those that provisioned concurrency adds', () => {
  const props = { provisionedConcurrentExecutions: 1 };
  expect(synthesize(props, enabled({ ...checkedFlags, ...versionFlags }))).toEqual(synthesize(props));
  expect(synthesize(props, enabled(checkedFlags))).not.toEqual(synthesize(props));
});

test.each(Object.keys(checkedFlags))('the flag %s changes the template', (flag) => {
  expect(synthesize({}, { ...featureFlags, [flag]: false })).not.toEqual(synthesize());
});

/** The warnings of a construct in an app with the flags. */
function warnings(flags: Record<string, unknown>, props: HoldfastProps = {}): unknown[] {
  const stack = ownerStack('Owner', flags);
  new Holdfast(stack, 'Server', props);
  return Annotations.fromStack(stack)
    .findWarning('/Owner/Server', Match.stringLikeRegexp('cdk.json'))
    .map(({ entry }) => entry.data);
}

test('the construct warns of each flag that the app lacks, with the line to add', () => {
  expect(warnings(featureFlags)).toEqual([]);
  expect(warnings({})).toEqual(
    Object.keys(checkedFlags).map((flag) => expect.stringContaining(`Add "${flag}": true to "context" in cdk.json`)),
  );
  expect(warnings({}, { provisionedConcurrentExecutions: 1 })).toHaveLength(
    Object.keys({ ...checkedFlags, ...versionFlags }).length,
  );
});

test('no flag changes the logical id of a resource that holds data', () => {
  const stateful = /^AWS::(DynamoDB|KMS|Cognito|ApiGateway::(RestApi|DomainName))/;
  const idsOf = (flags: Record<string, unknown>) =>
    Object.entries(synthesize({}, flags).Resources)
      .filter(([, { Type }]) => stateful.test(Type))
      .map(([id]) => id);
  expect(idsOf({})).toEqual(idsOf(featureFlags));
});

test('docs/settings.md has each checked flag', () => {
  const page = readFileSync(join(__dirname, '../../docs/settings.md'), 'utf8');
  expect(page.match(/`@aws-cdk\/[\w:-]+`/g)).toEqual(
    Object.keys({ ...checkedFlags, ...versionFlags }).map((flag) => `\`${flag}\``),
  );
});
