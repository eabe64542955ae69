import { providerProblems } from '../../cli/dev/emulator-run.ts';
import { checkDeployment } from '../../cli/doctor/deployment-checks.ts';
import { providerFaults } from '../../lambda/core/identity/upstream-provider.ts';
import { oauthError } from '../../lambda/core/oauth/oauth-error.ts';
import { oauthPageText } from '../../lambda/core/oauth/pages/oauth-page-text.ts';
import { errorPage } from '../../lambda/core/oauth/pages/oauth-pages.ts';
import { problems, type Reply, ScriptedDeployment } from '../support/scripted-deployment.ts';

/** The identity provider of a deployment, which stands at another path of the same server. */

const deployment = new ScriptedDeployment();
beforeAll(() => deployment.start());
afterAll(() => deployment.stop());

const reply = (status: number, location?: string, body = ''): Reply => ({
  status,
  headers: location === undefined ? {} : { location },
  body,
});

/** @param authorization the provider's response to the authorization request */
function arrange(
  authorization: Reply,
  signIn = reply(303, `${deployment.origin}/provider/authorize?client_id=x`),
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
