import { createRemoteJWKSet, jwtVerify } from 'jose';
import { initialize, OAuthClient, postMcp, redirectUri, type Tokens } from '../../bench/harness/raw-oauth-client.ts';
import { formOf, type Page } from '../../local/testing/form-browser.ts';
import { Provider } from '../support/fake-token-provider.ts';
import { TestCloud } from '../support/test-cloud.ts';

/**
 * A facade with an https name, as in AWS, in front of an MCP endpoint with the name of the emulator. Its cookies are those
 * of production, and its tokens are genuine but have another audience.
 */

jest.setTimeout(60_000);

const facade = 'https://mcp.example.com';

let provider: Provider;
let target: TestCloud;
beforeAll(async () => {
  provider = await Provider.start();
  target = await TestCloud.start({
    change: (resources) => {
      provider.use(resources);
      for (const { Type, Properties } of Object.values(resources)) {
        const variables = Type === 'AWS::Lambda::Function' ? (Properties.Environment?.Variables ?? {}) : {};
        if ('SIGN_KEY_ID' in variables) variables.PUBLIC_URL = facade;
      }
    },
  });
});
afterAll(async () => {
  await target?.stop();
  await provider.stop();
});

/** Sends the request that a browser would send to the https name. */
async function at(url: string | URL, init: RequestInit = {}) {
  const { pathname, search } = new URL(url, facade);
  const answer = await fetch(target.origin + pathname + search, { ...init, redirect: 'manual' });
  return { answer, cookies: answer.headers.getSetCookie(), location: answer.headers.get('location') ?? '' };
}

const pair = (cookies: string[]) => cookies.at(-1)!.split(';')[0]!;

/** Consents and signs in, step by step. */
async function signIn(client: OAuthClient) {
  const consent = await at(client.authorizationUrl({ resource: `${facade}/mcp` }));
  const page: Page = { url: facade, status: 200, headers: consent.answer.headers, html: await consent.answer.text() };
  const approved = await at('/consent', {
    method: 'POST',
    headers: { cookie: pair(consent.cookies), origin: facade },
    body: new URLSearchParams({ ...formOf(page).fields, answer: 'approve' }),
  });
  const { headers } = await fetch(approved.location, { redirect: 'manual' });
  const back = await at(headers.get('location')!, { headers: { cookie: pair(approved.cookies) } });
  return { consent, approved, back };
}

test('P4: over https, cookies are bound to the host and the step, and hidden from scripts', async () => {
  const { consent, approved, back } = await signIn(await OAuthClient.register(target.origin));
  const form = (step: string) =>
    new RegExp(`^__Host-${step}-[\\w-]{16}=[\\w-]{43}; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=600$`);
  expect(consent.cookies).toEqual([expect.stringMatching(form('consent'))]);
  expect(approved.cookies).toEqual([
    expect.stringMatching(/^__Host-consent-[\w-]{16}=; .*; Secure; Max-Age=0$/),
    expect.stringMatching(form('sign-in')),
  ]);
  expect(back.cookies).toEqual([
    expect.stringMatching(/^__Host-sign-in-[\w-]{16}=; .*; Secure; Max-Age=0$/),
    // The provider states no name.
    '__Host-account=; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=0',
  ]);
});

test('RS9: a genuine token for another resource is rejected', async () => {
  const client = await OAuthClient.register(target.origin);
  const { back } = await signIn(client);
  expect(back.location).toMatch(`${redirectUri}?`);
  const code = new URL(back.location).searchParams.get('code')!;
  const redeemed = await client.redeem(code, { resource: `${facade}/mcp` });
  const { access_token } = (await redeemed.json()) as Tokens;
  const keys = createRemoteJWKSet(new URL(`${target.origin}/jwks.json`));
  await jwtVerify(access_token, keys, { issuer: facade, audience: `${facade}/mcp`, typ: 'at+jwt' });
  expect((await postMcp(target.origin, access_token, initialize)).status).toBe(401);
});
