import { providerProblems } from '../../cli/dev/emulator-run.ts';
import { checkDeployment } from '../../cli/doctor/deployment-checks.ts';
import { providerFaults } from '../../lambda/core/identity/upstream-provider.ts';
import { oauthError } from '../../lambda/core/oauth/oauth-error.ts';
import { oauthPageText } from '../../lambda/core/oauth/pages/oauth-page-text.ts';
import { errorPage } from '../../lambda/core/oauth/pages/oauth-pages.ts';
import { problems, type Reply, ScriptedDeployment } from '../support/scripted-deployment.ts';

/** The identity provider of a deployment, which is the same server under another host name. */

const deployment = new ScriptedDeployment();
beforeAll(() => deployment.start());
afterAll(() => deployment.stop());

const provider = () => deployment.origin.replace('127.0.0.1', 'localhost');
const location = (parameters = 'client_id=x') => `${provider()}/provider/authorize?${parameters}`;

const reply = (status: number, location?: string, body = ''): Reply => ({
  status,
  headers: location === undefined ? {} : { location },
  body,
});

/** @param authorization the provider's response to the authorization request */
function arrange(
  authorization: Reply,
  signIn: Reply = { ...reply(303), headers: { location: location(), 'set-cookie': 'sign-in=x; Path=/callback' } },
): void {
  deployment.reset();
  Object.assign(deployment.replies, { 'GET /dashboard/sign-in': signIn, 'GET /provider/authorize': authorization });
}

const finding = async () =>
  checkDeployment(await deployment.facts()).find(({ check }) => check === 'identity-provider');

test('a provider that shows its sign-in is configured', async () => {
  arrange(reply(200));
  expect(await finding()).toMatchObject({ verdict: 'ok' });
  expect(problems(checkDeployment(await deployment.facts()))).toEqual([]);
  expect(await providerProblems(deployment.origin)).toEqual([]);
});

test('a deployment without a dashboard has no finding', async () => {
  deployment.reset();
  expect(await finding()).toBeUndefined();
});

test.each(Object.keys(providerFaults) as (keyof typeof providerFaults)[])(
  '%s on the page of this server is reported with the remedy',
  async (fault) => {
    const page = await errorPage(oauthError('upstream_misconfigured', fault), { branding: {} }, oauthPageText);
    arrange(reply(200), reply(page.status, undefined, await page.text()));
    const { problem, advice } = providerFaults[fault];
    expect(await finding()).toMatchObject({ verdict: 'fail', found: problem, mend: expect.stringContaining(advice) });
    expect(await providerProblems(deployment.origin)).toEqual([expect.stringContaining(`${problem}. ${advice}`)]);
  },
);

test.each<[string, () => Reply, 'fail' | 'warn', string]>([
  [
    'a scope that it does not know',
    () => reply(302, `${deployment.origin}/callback?error=invalid_scope&state=x`),
    'fail',
    providerFaults.scope_rejected.advice,
  ],
  [
    'another redirect URI, by its own error page',
    () => reply(302, '/error?error=redirect_mismatch'),
    'fail',
    'CallbackUrl',
  ],
  ['an unknown client', () => reply(400), 'fail', 'identityProvider.clientId'],
  ['an outage', () => reply(503), 'warn', 'try again'],
])('a provider that answers the authorization request with %s is reported', async (_what, answer, verdict, mend) => {
  arrange(answer());
  expect(await finding()).toMatchObject({ verdict, mend: expect.stringContaining(mend) });
});

test('an outage of the provider is reported with the log event', async () => {
  arrange(reply(200), reply(503));
  expect(await finding()).toMatchObject({ verdict: 'fail', mend: expect.stringContaining('service_unavailable') });
});

describe('a proxy in front', () => {
  const found = async () => problems(checkDeployment(await deployment.facts()));
  const cookie = { 'set-cookie': 'sign-in=x; Path=/callback' };

  test.each<[string, () => string | undefined, string]>([
    ['removes the redirect to the provider', () => undefined, 'fail redirect/provider'],
    ['cuts the query of the redirect', () => location(''), 'fail redirect/provider'],
    ['replaces the host of the provider', () => `${deployment.origin}/elsewhere?client_id=x`, 'fail redirect/provider'],
    [
      'replaces the host of the callback',
      () => location(`client_id=x&redirect_uri=${encodeURIComponent('https://api.internal/callback')}`),
      'fail redirect/callback',
    ],
  ])('that %s is reported', async (_what, target, expected) => {
    arrange(reply(200), { ...reply(303, target()), headers: { ...reply(303, target()).headers, ...cookie } });
    expect(await found()).toEqual([expected]);
  });

  test('that removes Set-Cookie is reported', async () => {
    arrange(reply(200), reply(303, location()));
    expect(await found()).toEqual(['fail cookies']);
  });

  test('that removes Cookie is reported', async () => {
    const signIn = { ...reply(303), headers: { location: location('client_id=x&state=s'), ...cookie } };
    arrange(reply(200), signIn);
    const page = await errorPage(oauthError('sign_in_cookie_missing'), { branding: {} }, oauthPageText);
    deployment.replies['GET /callback'] = reply(page.status, undefined, await page.text());
    expect(await found()).toEqual(['fail cookies']);
  });
});
