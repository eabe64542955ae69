import type { ServerResponse } from 'node:http';
import { Browser } from '../../bench/harness/form-browser.ts';
import { redirectUri } from '../../bench/harness/raw-oauth-client.ts';
import { oauthPageText } from '../../lambda/core/oauth/pages/oauth-page-text.ts';
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
});

const { problems, dashboardProblems } = oauthPageText;
const answer =
  (status: number, body: object) =>
  (response: ServerResponse): void =>
    void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));

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

test('an error that the browser carried sets off no alarm', async () => {
  const logged = cloud.log.length;
  provider.refuses = 'invalid_scope';
  const { html } = await atDashboard();
  expect(html).toContain(problems.misconfigured.heading);
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
    500,
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
