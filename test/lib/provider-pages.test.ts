import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { groupReader } from '../../lambda/core/identity/upstream-provider.ts';
import { resolveSettings } from '../../lib/settings/holdfast-settings.ts';
import { withProfile } from '../../lib/settings/identity-provider-settings.ts';
import {
  type ProviderProfile,
  type ProviderProfileName,
  providerProfiles,
} from '../../lib/settings/provider-profiles.ts';
import { settingsFromContext } from '../../lib/settings/settings-from-context.ts';
import { synthesize } from '../support/synthesized-template.ts';

/** The pages of docs/identity-providers: their steps and commands against the profiles. */

const folder = join(__dirname, '../../docs/identity-providers');
const profiles = Object.entries(providerProfiles) as [ProviderProfileName, ProviderProfile][];

const pageOf = (profile: string) => readFileSync(join(folder, `${profile}.md`), 'utf8');

const sectionOf = (page: string, title: RegExp): string => {
  const section = page.split(/^(?=## )/m).find((each) => title.test(each));
  if (section === undefined) throw new Error(`The page has no section ${title}`);
  return section;
};

/** The steps at the provider, in one line. */
const stepsOf = (profile: string) => sectionOf(pageOf(profile), /^## At /).replaceAll(/\s+/g, ' ');

const placeholders: [RegExp, string][] = [
  [/arn:aws:secretsmanager:…/g, 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:holdfast-AbCdEf'],
  [/<id of the tenant>/g, '00000000-0000-0000-0000-000000000000'],
  [/<id of the application>/g, 'application'],
];

/** The settings of the command on the page. */
function deployedBy(profile: string) {
  const [, command = ''] = /```sh\n(npx cdk deploy[^`]+)```/.exec(sectionOf(pageOf(profile), /^## Deploy/)) ?? [];
  const complete = placeholders.reduce((text, [pattern, value]) => text.replaceAll(pattern, value), command);
  const parameters = [...complete.matchAll(/-c (\w+)=(?:"([^"]*)"|(\S+))/g)];
  const context = Object.fromEntries(parameters.map(([, name, quoted, plain]) => [name, quoted ?? plain]));
  const { identityProvider } = resolveSettings(settingsFromContext(new App({ context }).node));
  return withProfile(identityProvider!);
}

const all = (text: string, pattern: RegExp): string[] => [...text.matchAll(pattern)].map(([, found]) => found!);

const listed = (claims: readonly string[]) => claims.map((claim) => `\`${claim}\``).join(' and ');

test('each profile has a page', () => {
  const pages = globSync('*.md', { cwd: folder }).map((page) => basename(page, '.md'));
  expect(pages.sort()).toEqual(['index', ...Object.keys(providerProfiles)].sort());
});

test.each(profiles)('the page of %s deploys valid settings of this profile', (profile) => {
  expect(deployedBy(profile).profile ?? 'oidc').toBe(profile);
});

test.each(profiles)('the page of %s states the scopes and group claims of its profile', (profile, settings) => {
  const { scopes, groupClaims } = settings;
  const groups = [
    'no groups',
    `groups from the claim ${listed(groupClaims)}`,
    `groups from the claims ${listed(groupClaims)}`,
  ][groupClaims.length];
  expect(stepsOf(profile)).toContain(
    `Without further settings, Holdfast requests the scopes \`${scopes.join(' ')}\` and reads ${groups}.`,
  );
});

test.each(profiles)('the steps of %s allow only scopes that its command requests', (profile) => {
  const named = all(stepsOf(profile), /`((?:openid|profile|email|offline_access)(?: [\w ]+)?)`/g);
  const { scopes } = deployedBy(profile);
  expect(scopes).toEqual(expect.arrayContaining(named.flatMap((each) => each.split(' '))));
});

test.each(profiles)('the steps of %s put groups into a claim that its command reads', (profile) => {
  const [steps = ''] = stepsOf(profile).split('Without further settings');
  const named = all(steps, /\bclaims?\b[^`.]*`([^`]+)`/g);
  expect(deployedBy(profile).groupClaims).toEqual(expect.arrayContaining(named));
});

test.each(profiles)('the page of %s names the client authentication of its profile', (profile, { authentication }) => {
  const named = all(pageOf(profile), /(?:is sent as|Authentication method:) `(client_secret_\w+)`/g);
  expect(named.filter((each) => each !== authentication)).toEqual([]);
});

test.each(profiles.filter(([, { groupPrefix }]) => groupPrefix !== undefined))(
  'the page of %s states the names of groups that its profile reads',
  (profile, { groupPrefix: prefix }) => {
    const examples = [...stepsOf(profile).matchAll(/`(\S+)` is (?:the group )?`(\S+)`/g)];
    expect(examples.length).toBeGreaterThan(0);
    const groupsIn = groupReader({ claims: ['groups'], prefix, kept: ['*'] }, () => undefined);
    for (const [, group, name] of examples) expect(groupsIn({ groups: [group] })).toEqual([name]);
  },
);

test('every page names the redirect URI of the stack', () => {
  const identityProvider = { issuer: 'https://login.example.com', clientId: 'holdfast' };
  const domain = {
    domainName: 'mcp.example.com',
    certificate: 'arn:aws:acm:eu-west-1:111122223333:certificate/0a1b',
  };
  const { Outputs } = synthesize({ identityProvider, domain });
  const path = new URL(Outputs.CallbackUrl!.Value as string).pathname;
  for (const [profile] of profiles) {
    expect(all(stepsOf(profile), /`https:\/\/<your host>(\/[^`]*)`/g)).toEqual([path]);
  }
});
