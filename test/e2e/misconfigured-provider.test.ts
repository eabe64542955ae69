import { execFile } from 'node:child_process';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { projectRoot } from '../../bench/harness/project-copy.ts';
import { redirectUri } from '../../bench/harness/raw-oauth-client.ts';
import { providerProblems } from '../../cli/dev/emulator-run.ts';
import { createProbe } from '../../cli/doctor/http-probe.ts';
import { checkProvider, gatherProviderFacts } from '../../cli/doctor/provider-checks.ts';
import { providerFaults } from '../../lambda/core/identity/upstream-provider.ts';
import { oauthPageText } from '../../lambda/core/oauth/pages/oauth-page-text.ts';
import { Browser } from '../../local/testing/form-browser.ts';
import { becomes } from '../support/becomes.ts';
import { ScriptedProvider, signInAt } from '../support/scripted-provider.ts';
import { TestCloud } from '../support/test-cloud.ts';

/** A sign-in that the identity provider refuses: because of the user, or because of the operator. */

jest.setTimeout(60_000);

let provider: ScriptedProvider;
let cloud: TestCloud;
beforeAll(async () => {
  provider = await ScriptedProvider.start({ path: '/tenant/' });
  cloud = await TestCloud.start({ change: signInAt(provider), freshPerRequest: true });
});
afterAll(async () => {
  await cloud?.stop();
  await provider.stop();
});
afterEach(() => {
  provider.interfere = undefined;
  provider.interfereWithDiscovery = undefined;
  provider.refuses = undefined;
  provider.behaviour.sendsIssuer = false;
});

const { problems, dashboardProblems } = oauthPageText;
const answer =
  (status: number, body: object) =>
  (response: ServerResponse): void =>
    void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));

/** `holdfast doctor` at the deployment. */
const doctor = () => ended(join(projectRoot, 'bin/cli.ts'), 'doctor', cloud.mcpUrl);

async function ended(...args: string[]): Promise<{ code: number; stdout: string }> {
  try {
    return { code: 0, ...(await promisify(execFile)(process.execPath, args)) };
  } catch (error) {
    return error as { code: number; stdout: string };
  }
}

/** The page that ends a sign-in at the dashboard. */
const atDashboard = () => new Browser().open(`${cloud.origin}/dashboard/sign-in`);

/** The page or the redirect that ends the sign-in for an app. */
async function forApp() {
  const browser = new Browser();
  const consent = await browser.open((await cloud.client()).authorizationUrl(), redirectUri);
  return browser.submit(consent, { answer: 'approve' }, redirectUri);
}

const faults: [string, string, () => void][] = [
  [
    'a realm that does not exist',
    'discovery_missing',
    () => {
      provider.interfereWithDiscovery = answer(404, {});
    },
  ],
  [
    'an issuer without its final slash',
    'issuer_mismatch',
    () => {
      const document = { ...provider.discovery(), issuer: provider.issuer.replace(/\/$/, '') };
      provider.interfereWithDiscovery = answer(200, document);
    },
  ],
];

test.each(faults)('%s is shown as the operator’s matter and logged with the remedy', async (_, fault, misconfigure) => {
  const logged = cloud.log.length;
  misconfigure();
  for (const { status, html, headers } of [await atDashboard(), await forApp()]) {
    expect(status).toBe(500);
    expect(headers.has('retry-after')).toBe(false);
    expect(html).toContain(problems.misconfigured.heading);
    expect(html).toContain(`server_error: ${fault}: `);
  }
  const lines = () => cloud.log.slice(logged).match(/\{.*"upstream_misconfigured".*\}/g) ?? [];
  await becomes(() => lines().length === 2);
  expect(JSON.parse(lines()[0]!)).toMatchObject({ fault, advice: expect.stringContaining('identityProvider.issuer') });
  expect(cloud.log.slice(logged)).not.toContain('"service_unavailable"');
});

test('a wrong client secret is shown as the operator’s matter on the dashboard, and to the app as server_error', async () => {
  provider.interfere = answer(401, { error: 'invalid_client' });
  const { status, html } = await atDashboard();
  expect([status, html]).toEqual([500, expect.stringContaining(problems.misconfigured.heading)]);
  const parameters = new URL((await forApp()).url).searchParams;
  expect(parameters.get('error')).toBe('server_error');
  expect(parameters.get('error_description')).toMatch(/^client_rejected: /);
});

test('a wrong client secret is found by doctor and at npm start, with the remedy', async () => {
  provider.interfere = answer(401, { error: 'invalid_client' });
  const { problem, advice } = providerFaults.client_rejected;
  expect(await providerProblems(cloud.origin)).toEqual([expect.stringContaining(`${problem}. ${advice}`)]);
  const { code, stdout } = await doctor();
  expect(stdout).toMatch(/^ {2}ok {4}identity-provider .* accepts the authorization request$/m);
  expect(stdout).toMatch(new RegExp(`^ {2}FAIL {2}identity-provider/client +${problem}$`, 'm'));
  expect(stdout).toContain(`Do:  ${advice}`);
  expect(code).toBe(1);
});

test.each([false, true])(
  'an accepted client is found with a made-up code, which sets off no alarm; iss in responses: %s',
  async (sendsIssuer) => {
    const logged = cloud.log.length;
    provider.behaviour.sendsIssuer = sendsIssuer;
    const facts = await gatherProviderFacts(cloud.origin, createProbe(10_000));
    const client = { check: 'identity-provider/client', verdict: 'ok' };
    expect([...checkProvider(facts)]).toEqual([
      expect.objectContaining({ verdict: 'ok' }),
      expect.objectContaining(client),
    ]);
    // Neither the events of alarms nor the alarm of responses with 5xx.
    expect(facts.redemption).toMatchObject({ status: 403 });
    await becomes(() => cloud.log.slice(logged).includes('"sign_in_rejected"'));
    expect(cloud.log.slice(logged)).not.toMatch(/"(upstream_misconfigured|service_unavailable|unexpected_error)"/);
  },
);

test('an outage of the provider at the end of a sign-in is found with the log event', async () => {
  provider.interfere = answer(503, {});
  const [, finding] = checkProvider(await gatherProviderFacts(cloud.origin, createProbe(10_000)));
  expect(finding).toMatchObject({ verdict: 'fail', mend: expect.stringContaining('service_unavailable') });
});

test('a provider that rejects the response for another reason than code and client is reported as not checked', async () => {
  provider.interfere = answer(400, { error: 'invalid_request' });
  const [, finding] = checkProvider(await gatherProviderFacts(cloud.origin, createProbe(10_000)));
  expect(finding).toMatchObject({ check: 'identity-provider/client', verdict: 'note' });
  expect(await providerProblems(cloud.origin)).toEqual([]);
});

test('an error that the browser carried sets off no alarm, of an event or of responses with 5xx', async () => {
  const logged = cloud.log.length;
  provider.refuses = 'invalid_scope';
  const { html, status } = await atDashboard();
  expect(html).toContain(problems.misconfigured.heading);
  expect(status).toBe(403);
  await becomes(() => cloud.log.slice(logged).includes('sign_in_rejected'));
  expect(cloud.log.slice(logged)).not.toContain('"upstream_misconfigured"');
});

test.each<[string, keyof typeof dashboardProblems, number, () => void]>([
  [
    'a cancelled sign-in',
    'sign-in-denied',
    403,
    () => {
      provider.refuses = 'access_denied';
    },
  ],
  [
    'a rejected sign-in',
    'server-error',
    403,
    () => {
      provider.refuses = 'login_required';
    },
  ],
  [
    'an outage of the provider',
    'unavailable',
    503,
    () => {
      provider.interfere = answer(503, {});
    },
  ],
])('%s at the dashboard is explained without an app', async (_, problem, status, refuse) => {
  refuse();
  const page = await atDashboard();
  expect(page.status).toBe(status);
  expect(page.html).toContain(dashboardProblems[problem].next.replaceAll('’', '’'));
  expect(page.html).not.toMatch(/\bapp\b/);
  expect(page.html).toContain('href="/dashboard"');
});

test('an invalid address of the dashboard is explained without an app', async () => {
  const page = await new Browser().open(`${cloud.origin}/dashboard/sign-in?to=https%3A%2F%2Fevil.example`);
  expect([page.status, page.html]).toEqual([400, expect.stringContaining(dashboardProblems.malformed.next)]);
});
