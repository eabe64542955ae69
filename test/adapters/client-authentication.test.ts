import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { openIdProvider } from '../../lambda/adapters/openid.ts';
import { randomToken } from '../../lambda/core/support/crypto.ts';
import {
  type ClientAuthenticationMethod,
  clientAuthenticationMethods,
} from '../../lambda/shared/upstream-authentication.ts';
import type { AuthenticatingProviderOptions } from '../support/authenticating-provider.run.ts';
import { becomes } from '../support/becomes.ts';
import { newClientKey } from '../support/scripted-provider.ts';

/** Client authentication with `oidc-provider`, a certified implementation. It accepts a secret in the header and the body. */

const redirectUri = 'https://mcp.example.com/callback';
const secret = 'secret:-with-%-and-+-of-printable-ASCII';

let child: ChildProcess;
let issuer: string;
let privateKey: string;
/** Path and client authentication of each request, as the provider received it. */
let received: { path: string; method: string }[];
beforeAll(async () => {
  const { d, ...publicKey } = await newClientKey();
  privateKey = JSON.stringify({ d, ...publicKey });
  child = fork(join(__dirname, '../support/authenticating-provider.run.ts'));
  child.send({ redirectUri, secret, publicKey } satisfies AuthenticatingProviderOptions);
  [{ issuer }] = (await once(child, 'message')) as [{ issuer: string }];
  child.on('message', (request: (typeof received)[number]) => received.push(request));
});
beforeEach(() => {
  received = [];
});
afterAll(async () => {
  child.kill();
  await once(child, 'exit');
});

function adapterOf(registered: ClientAuthenticationMethod, authentication: ClientAuthenticationMethod | undefined) {
  return openIdProvider({
    issuer,
    clientId: registered,
    ...(registered !== 'none' && {
      clientSecret: async () => (registered === 'private_key_jwt' ? privateKey : secret),
    }),
    authentication,
    scopes: ['openid'],
    parameters: {},
    dashboard: { scopes: ['openid'], parameters: {} },
    groupsIn: () => [],
    userInfo: false,
    revokes: true,
    redirectUri,
    now: () => Math.floor(Date.now() / 1000),
    log: () => undefined,
  });
}

/** Signs ada in, by a browser that follows the redirects of the provider with its cookies. */
async function signIn(adapter: ReturnType<typeof adapterOf>) {
  const secrets = { state: randomToken(), nonce: randomToken(), verifier: randomToken() };
  const cookies = new Map<string, string>();
  let url = await adapter.signInUrl(secrets);
  while (!url.startsWith(redirectUri)) {
    const response = await fetch(url, { redirect: 'manual', headers: { cookie: [...cookies.values()].join('; ') } });
    for (const line of response.headers.getSetCookie()) cookies.set(line.split('=')[0]!, line.split(';')[0]!);
    const location = response.headers.get('location');
    if (location === null) throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
    url = new URL(location, url).href;
  }
  return adapter.redeem(new URL(url).searchParams, secrets);
}

test.each(clientAuthenticationMethods)('oidc-provider accepts %s for token, refresh and revocation', async (method) => {
  const adapter = adapterOf(method, method);
  const { identity, tokens } = await signIn(adapter);
  expect(identity.subject).toBe('ada');
  const fresh = await adapter.refresh(tokens.refreshToken!, identity);
  const current = fresh.refreshToken ?? tokens.refreshToken!;
  await adapter.revoke(current);
  await expect(adapter.refresh(current, identity)).rejects.toMatchObject({ reason: 'invalid_grant' });
  await becomes(() => received.length === 4);
  const paths = ['/token', '/token', '/token/revocation', '/token'];
  expect(received).toEqual(paths.map((path) => ({ path, method })));
});

test.each<[ClientAuthenticationMethod, ClientAuthenticationMethod]>([
  ['client_secret_basic', 'none'],
  ['private_key_jwt', 'none'],
])('oidc-provider rejects a client of %s that sends %s', async (registered, sent) => {
  await expect(signIn(adapterOf(registered, sent))).rejects.toMatchObject({ reason: 'invalid_client' });
});
