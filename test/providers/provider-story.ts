import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { OAuthError, UnauthorizedError } from '@modelcontextprotocol/client';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { type Edit, replaceText } from '../../bench/harness/assembly.ts';
import { API_PATH, type Me } from '../../lambda/core/dashboard/dashboard-api.ts';
import { Browser } from '../../local/testing/form-browser.ts';
import { TestCloud } from '../support/test-cloud.ts';
import { ProviderClient } from './provider-client.ts';
import { type ProviderProduct, type RealProvider, signInAt } from './real-provider.ts';

/** Reports one check: its name is a sentence, and `proof` returns the values that it saw. */
export type Check = (name: string, proof: () => Promise<string>) => Promise<void>;

const CLIENT_ID = 'holdfast';
const SECRET_ARN = 'arn:aws:secretsmanager:us-east-1:123456789012:secret:holdfast/client-secret-AbCdEf';

/** The template has this origin, so that it is synthesized once for a product, whose port differs at each start. */
const PLACEHOLDER = 'http://127.0.0.1:1';

const now = () => Math.floor(Date.now() / 1000);

const FIXTURE = 'test/support/fixture-server.ts';

/** Adds a tool that returns a token for another API, which no tool of a real server does. */
const exchangeTool = (exchange: ProviderProduct['exchange']): Edit => [
  FIXTURE,
  "  server.registerTool(\n    'slow_task',",
  `  server.registerTool('exchanged', { description: 'Exchanges the token of the user.' }, async () =>
    json({ token: await context.upstreamToken(${JSON.stringify(exchange)}) }),
  );
  server.registerTool('not_permitted', { description: 'Requests a token for an unknown API.' }, async () =>
    json({ token: await context.upstreamToken({ audience: 'unknown' }) }),
  );

  server.registerTool(
    'slow_task',`,
];

/** Starts the local emulator with settings as `-c` gives them. */
function startCloud(
  { issuerPath, settings, exchange }: ProviderProduct,
  { origin }: RealProvider,
  further: Record<string, string>,
): Promise<TestCloud> {
  const context = JSON.stringify({ ...settings, ...further, idpIssuer: `${PLACEHOLDER}${issuerPath}` }).slice(1, -1);
  return TestCloud.start({
    edits: [['cdk.json', '"context": {', `"context": { ${context},`], ...(exchange ? [exchangeTool(exchange)] : [])],
    change: (resources) => replaceText(resources, PLACEHOLDER, origin),
  });
}

/** The way of an operator and of users through one provider, with Holdfast as its client. */
export async function facadeStory(product: ProviderProduct, provider: RealProvider, check: Check): Promise<void> {
  const cloud = await startCloud(product, provider, { idpClientId: CLIENT_ID, idpClientSecretArn: SECRET_ARN });
  try {
    const secret = randomBytes(16).toString('hex');
    writeFileSync(join(cloud.folder, '.env'), `IDP_CLIENT_SECRET=${secret}\n`);
    await provider.registerHoldfast({ id: CLIENT_ID, secret, redirectUri: `${cloud.origin}/callback` });
    await new FacadeStory(product, provider, cloud, check).run();
  } finally {
    await cloud.stop();
  }
}

class FacadeStory {
  readonly #product: ProviderProduct;
  readonly #provider: RealProvider;
  readonly #cloud: TestCloud;
  readonly #check: Check;

  constructor(product: ProviderProduct, provider: RealProvider, cloud: TestCloud, check: Check) {
    this.#product = product;
    this.#provider = provider;
    this.#cloud = cloud;
    this.#check = check;
  }

  async run(): Promise<void> {
    await this.#provider.createUser('ada', ['admins', 'engineers']);
    await this.#provider.createUser('alan', ['engineers']);
    await this.#signInAndTools();
    await this.#dashboard();
    await this.#disabledUser();
  }

  async #signInAndTools(): Promise<void> {
    const [check, cloud, provider] = [this.#check, this.#cloud, this.#provider];
    let ada!: ProviderClient;
    let subject: unknown;
    await check('a client signs a user in, and calls a tool', async () => {
      ada = await this.#connect('ada');
      subject = (await userOf(ada)).subject;
      return `subject ${subject}`;
    });
    await check('a tool reads the groups of the user', async () => {
      assert.deepEqual(await groupsOf(ada), ['admins', 'engineers']);
      return 'admins, engineers';
    });
    await check('a tool calls the provider with the upstream token', async () => {
      const claims = await ada.call('userinfo');
      assert.equal(claims.sub, subject);
      return `claims ${Object.keys(claims).join(', ')}`;
    });
    await check('the refresh of a client refreshes the upstream tokens', async () => {
      await this.#refresh(ada);
      const { version } = await cloud.item(`T#${ada.grant}`);
      assert.equal(version, 2);
      assert.equal(await provider.refreshTokensOf('ada'), 1);
      return `upstream tokens ${version}, 1 refresh token at the provider`;
    });
    await check('a tool receives a new upstream token in place of an expired one', async () => {
      await cloud.set({ pk: `T#${ada.grant}`, sk: '-' }, { expiresAt: now() - 1, refreshedAt: now() - 3600 });
      assert.equal((await ada.call('userinfo')).sub, subject);
      const { version } = await cloud.item(`T#${ada.grant}`);
      assert.equal(version, 3);
      return `upstream tokens ${version}`;
    });
    if (this.#product.exchange) await this.#exchange(ada, subject);
    await check('a changed group reaches tools with the next refresh', async () => {
      await provider.setGroups('ada', ['admins', 'writers']);
      await this.#refresh(ada);
      assert.deepEqual(await groupsOf(ada), ['admins', 'writers']);
      return 'admins, writers';
    });
    await check('the revocation by a client ends its refresh token at the provider', async () => {
      const before = await provider.refreshTokensOf('ada');
      const body = new URLSearchParams({ client_id: ada.clientId, token: ada.tokens.refresh_token });
      assert.equal((await fetch(`${cloud.origin}/revoke`, { method: 'POST', body })).status, 200);
      assert.deepEqual([before, await provider.refreshTokensOf('ada')], [1, 0]);
      await assert.rejects(ada.call('whoami'));
      return 'refresh tokens at the provider: 1, then 0';
    });
    await ada?.close();
  }

  async #exchange(ada: ProviderClient, subject: unknown): Promise<void> {
    const [check, provider] = [this.#check, this.#provider];
    const { audience, scopes } = this.#product.exchange!;
    // The two refusals.
    this.#cloud.expectFailures('tool_failed');
    await check('a tool gets no token for another API that the provider does not permit', async () => {
      await assert.rejects(ada.call('exchanged'), /gives this user no token for "\w+": \w+$/);
      return 'a sentence for the model';
    });
    await provider.prepareExchange!();
    await check('a tool exchanges the token of the user for one for another API', async () => {
      const { token } = await ada.call('exchanged');
      const issuer = `${provider.origin}${this.#product.issuerPath}`;
      const discovery = await fetch(`${issuer}/.well-known/openid-configuration`);
      const { jwks_uri } = (await discovery.json()) as { jwks_uri: string };
      const keys = createRemoteJWKSet(new URL(jwks_uri));
      const { payload } = await jwtVerify(token as string, keys, { issuer, audience });
      assert.equal(payload.sub, subject);
      assert.deepEqual(payload.aud, audience);
      const granted = String(payload.scope).split(' ');
      assert.deepEqual(
        scopes.filter((scope) => !granted.includes(scope)),
        [],
      );
      assert.equal((await ada.call('exchanged')).token, token);
      return `audience ${audience}, scope ${payload.scope}, once for two calls`;
    });
    await check('a tool gets no token for an API that the provider does not know', async () => {
      await assert.rejects(ada.call('not_permitted'), /gives this user no token for "unknown": \w+$/);
      return 'a sentence for the model';
    });
  }

  async #dashboard(): Promise<void> {
    const [check, cloud, provider] = [this.#check, this.#cloud, this.#provider];
    const api = `${cloud.origin}${API_PATH}`;
    let cookie = '';
    let me!: Me;
    await check('an admin signs in to the dashboard', async () => {
      const browser = new Browser();
      const page = await browser.open(`${cloud.origin}/dashboard/sign-in`);
      const target = `${cloud.origin}/dashboard`;
      assert.equal((await signInAt(provider, browser, page, 'ada', target)).url, target);
      cookie = browser.cookieHeader(cloud.origin);
      me = (await (await fetch(`${api}me`, { headers: { cookie } })).json()) as Me;
      assert.equal(me.isAdmin, true);
      return 'isAdmin true';
    });
    // Not revoked: at Keycloak, for example, that ends the user's single sign-on.
    const left = this.#product.issuesUnrequestedRefreshTokens ? 1 : 0;
    await check('the sign-in to the dashboard requests no refresh token of the provider', async () => {
      const count = await provider.refreshTokensOf('ada');
      assert.equal(count, left);
      return `${count} refresh tokens`;
    });
    await check('a revocation on the dashboard ends the refresh token at the provider', async () => {
      const client = await this.#connect('ada');
      const headers = { cookie, origin: cloud.origin, 'content-type': 'application/json', 'x-csrf-token': me.csrf };
      const before = await provider.refreshTokensOf('ada');
      const revoked = await fetch(`${api}revoke-all`, { method: 'POST', headers, body: '{}' });
      assert.equal(revoked.status, 200, await revoked.text());
      await cloud.runSchedules();
      const after = await provider.refreshTokensOf('ada');
      assert.deepEqual([before, after], [left + 1, left]);
      await assert.rejects(client.call('whoami'));
      await client.close();
      return `refresh tokens at the provider: ${before}, then ${after}`;
    });
  }

  async #disabledUser(): Promise<void> {
    let alan!: ProviderClient;
    await this.#check('a user who is disabled at the provider loses access with the next refresh', async () => {
      alan = await this.#connect('alan');
      await alan.call('whoami');
      await this.#provider.disable('alan');
      const { disabledUser } = this.#product;
      await assert.rejects(this.#refresh(alan), disabledUser === 'signs in' ? UnauthorizedError : OAuthError);
      return `the client ${disabledUser}`;
    });
    await this.#check('a user who is disabled at the provider cannot sign in again', async () => {
      await assert.rejects(this.#connect('alan'), /^Error: sign-in ended/);
      return 'no code for the client';
    });
    await alan?.close();
  }

  #connect(user: string): Promise<ProviderClient> {
    return ProviderClient.connect(this.#cloud.mcpUrl, async (authorizationUrl) => {
      const stopAt = authorizationUrl.searchParams.get('redirect_uri')!;
      const browser = new Browser();
      const consent = await browser.open(authorizationUrl.href, stopAt);
      const page = await browser.submit(consent, { answer: 'approve' }, stopAt);
      return codeAt(await signInAt(this.#provider, browser, page, user, stopAt), stopAt);
    });
  }

  /** Makes the client refresh at a time at which the upstream tokens are refreshed, too. */
  async #refresh(client: ProviderClient): Promise<void> {
    await this.#cloud.set({ pk: `T#${client.grant}`, sk: '-' }, { refreshedAt: now() - 3600 });
    client.expireAccessToken();
    await client.call('whoami');
  }
}

/** The provider as the authorization server. */
export async function directStory(product: ProviderProduct, provider: RealProvider, check: Check): Promise<void> {
  if ('impossible' in product.direct) {
    console.log(`        direct mode is not possible: ${product.direct.impossible}`);
    return;
  }
  const { settings } = product.direct;
  const cloud = await startCloud({ ...product, settings }, provider, { idpMode: 'direct' });
  try {
    await provider.prepareDirectMode!(cloud.mcpUrl);
    let ada!: ProviderClient;
    await check('in direct mode, a client registers at the provider, signs a user in and calls a tool', async () => {
      ada = await ProviderClient.connect(cloud.mcpUrl, async (authorizationUrl) => {
        assert.equal(authorizationUrl.origin, provider.origin);
        const stopAt = authorizationUrl.searchParams.get('redirect_uri')!;
        const browser = new Browser();
        const page = await browser.open(authorizationUrl.href, stopAt);
        return codeAt(await signInAt(provider, browser, page, 'ada', stopAt), stopAt);
      });
      return `subject ${(await userOf(ada)).subject}`;
    });
    await check('in direct mode, a tool reads the groups of the user', async () => {
      assert.deepEqual(await groupsOf(ada), ['admins', 'writers']);
      return 'admins, writers';
    });
    await check('in direct mode, a client refreshes its token at the provider', async () => {
      ada.expireAccessToken();
      await ada.call('whoami');
      return 'the tool answers again';
    });
    await ada?.close();
  } finally {
    await cloud.stop();
  }
}

/** The redirect to the client. @throws Error if it has no code */
function codeAt({ url, status, html }: { url: string; status: number; html: string }, stopAt: string): URL {
  const redirect = new URL(url);
  if (url.startsWith(stopAt) && redirect.searchParams.has('code')) return redirect;
  throw new Error(`sign-in ended at ${url} (${status}): ${html.slice(0, 1000)}`);
}

async function userOf(client: ProviderClient): Promise<{ subject: string; groups: string[] }> {
  return (await client.call('whoami')).user as { subject: string; groups: string[] };
}

const groupsOf = async (client: ProviderClient) => (await userOf(client)).groups.toSorted();
