import type { ServerResponse } from 'node:http';
import { openIdProvider, openIdRefresher } from '../../lambda/adapters/openid.ts';
import {
  type AccountChoice,
  groupReader,
  ProviderConfigurationError,
  SignInRefusedError,
} from '../../lambda/core/identity/upstream-provider.ts';
import { randomToken } from '../../lambda/core/support/crypto.ts';
import { ServiceUnavailableError } from '../../lambda/core/support/service-unavailable-error.ts';
import { oauthVariables, readEnvironment } from '../../lambda/shared/environment.ts';
import {
  type ClientAuthenticationMethod,
  clientAuthenticationMethods,
} from '../../lambda/shared/upstream-authentication.ts';
import { type IdentityProviderSettings, identityEnvironment } from '../../lib/settings/identity-provider-settings.ts';
import type { ProviderProfileName } from '../../lib/settings/provider-profiles.ts';
import { type Behaviour, CLIENT, newClientKey, ScriptedProvider } from '../support/scripted-provider.ts';

/**
 * The profiles, each against a provider that behaves as documented. The behaviour of the real providers is not tested.
 */

const now = () => Math.floor(Date.now() / 1000);
const redirectUri = 'https://mcp.example.com/callback';

const running: ScriptedProvider[] = [];
afterEach(() => Promise.all(running.splice(0).map((provider) => provider.stop())));

async function providerOf(behaviour: Partial<Behaviour>): Promise<ScriptedProvider> {
  const provider = await ScriptedProvider.start(behaviour);
  running.push(provider);
  return provider;
}

const { IDP_ISSUER, IDP_CLIENT_ID, IDP_CLIENT_SECRET_ARN, IDP_AUTHENTICATION, IDP_ASSERTION_AUDIENCE } = oauthVariables;
const { IDP_SCOPES, IDP_PARAMETERS, IDP_ACCOUNT_PROMPT, IDP_REVOKES, IDP_DASHBOARD_SCOPES, IDP_DASHBOARD_PARAMETERS } =
  oauthVariables;
const { IDP_GROUP_CLAIMS, IDP_GROUP_PREFIX, IDP_GROUPS, IDP_USER_INFO } = oauthVariables;
const variables = {
  ...{ IDP_ISSUER, IDP_CLIENT_ID, IDP_CLIENT_SECRET_ARN, IDP_AUTHENTICATION, IDP_ASSERTION_AUDIENCE },
  ...{ IDP_SCOPES, IDP_PARAMETERS, IDP_ACCOUNT_PROMPT, IDP_REVOKES, IDP_DASHBOARD_SCOPES, IDP_DASHBOARD_PARAMETERS },
  ...{ IDP_GROUP_CLAIMS, IDP_GROUP_PREFIX, IDP_GROUPS, IDP_USER_INFO },
};

/** The adapter of the OAuth function, with the environment that the stack sets. */
function adapterOf({ issuer, behaviour, clientKey }: ScriptedProvider, settings: Partial<IdentityProviderSettings>) {
  const environment = readEnvironment(
    variables,
    identityEnvironment({
      issuer,
      clientId: CLIENT.id,
      ...(behaviour.authentication !== 'none' && { clientSecret: 'arn' }),
      ...settings,
    }),
  );
  return openIdProvider({
    issuer: environment.IDP_ISSUER,
    clientId: environment.IDP_CLIENT_ID,
    ...(environment.IDP_CLIENT_SECRET_ARN && {
      clientSecret: async () => (clientKey ? JSON.stringify(clientKey) : CLIENT.secret),
    }),
    authentication: environment.IDP_AUTHENTICATION,
    assertionAudience: environment.IDP_ASSERTION_AUDIENCE,
    scopes: environment.IDP_SCOPES,
    parameters: environment.IDP_PARAMETERS,
    accountPrompt: environment.IDP_ACCOUNT_PROMPT,
    dashboard: { scopes: environment.IDP_DASHBOARD_SCOPES, parameters: environment.IDP_DASHBOARD_PARAMETERS },
    groupsIn: groupReader(
      { claims: environment.IDP_GROUP_CLAIMS, prefix: environment.IDP_GROUP_PREFIX, kept: environment.IDP_GROUPS },
      () => undefined,
    ),
    userInfo: environment.IDP_USER_INFO === 'true',
    revokes: environment.IDP_REVOKES === 'true',
    redirectUri,
    now,
    log: () => undefined,
  });
}

/** A user of a refresh that fails before there is an id token. */
const ada = { issuer: 'https://login.example.com', subject: 'ada' };

/** The refresher of a provider whose groups are not read. */
const withoutGroups = { groupsIn: () => [], userInfo: false };

type Adapter = ReturnType<typeof adapterOf>;

/** The sign-in at the provider. @param change modifies the authorization response */
async function signIn(
  adapter: Adapter,
  change: (answer: URLSearchParams) => void = () => undefined,
  purpose?: 'dashboard',
) {
  const secrets = { state: randomToken(), nonce: randomToken(), verifier: randomToken() };
  const answered = await fetch(await adapter.signInUrl(secrets, purpose), { redirect: 'manual' });
  const { searchParams } = new URL(answered.headers.get('location')!);
  change(searchParams);
  return adapter.redeem(searchParams, secrets);
}

const offline = { refreshTokenFor: { scope: 'offline_access' } };
const oidcScopes = ['openid', 'profile', 'email'];

type Case = {
  behaviour: Partial<Behaviour>;
  settings?: Partial<IdentityProviderSettings>;
  groups: string[];
  /** Whether the provider receives a revocation. */
  revokes: boolean;
  /** `prompt` that asks for another account. @default 'login' */
  accountPrompt?: string;
};

const cases: Record<ProviderProfileName, Case> = {
  oidc: { behaviour: { claims: { groups: ['staff'] } }, groups: ['staff'], revokes: true },
  cognito: {
    behaviour: {
      path: '/eu-west-1_AbCdEfGhI',
      scopes: oidcScopes,
      rotates: true,
      advertisesPkce: false,
      claims: { 'cognito:groups': ['admins'], groups: ['not these'] },
    },
    groups: ['admins'],
    revokes: true,
  },
  workos: {
    behaviour: { ...offline, rotates: true, authentication: 'client_secret_post', claims: { role: 'member' } },
    groups: ['member'],
    revokes: true,
  },
  auth0: {
    behaviour: {
      ...offline,
      path: '/',
      rotates: true,
      authentication: 'client_secret_post',
      claims: { 'https://example.com/groups': ['staff'] },
    },
    settings: {
      parameters: { audience: 'https://api.example.com' },
      groupClaims: ['https://example.com/groups'],
    },
    groups: ['staff'],
    revokes: false,
  },
  okta: {
    behaviour: {
      ...offline,
      path: '/oauth2/default',
      scopes: [...oidcScopes, 'offline_access'],
      rotates: true,
      authentication: 'client_secret_basic',
      sendsIssuer: true,
      claims: { groups: ['Everyone', 'staff'] },
    },
    groups: ['Everyone', 'staff'],
    revokes: true,
  },
  entra: {
    behaviour: {
      ...offline,
      path: '/00000000-0000-0000-0000-000000000000/v2.0',
      authentication: 'client_secret_post',
      rejectsResource: true,
      advertisesPkce: false,
      revocation: false,
      rotates: true,
      claims: { groups: ['6c2e…'], roles: ['Reader'] },
    },
    groups: ['6c2e…', 'Reader'],
    revokes: false,
    accountPrompt: 'select_account',
  },
  google: {
    behaviour: {
      scopes: oidcScopes,
      refreshTokenFor: { parameters: { access_type: 'offline', prompt: 'consent' } },
      authentication: 'client_secret_post',
      claims: { hd: 'example.com' },
    },
    groups: [],
    revokes: false,
    accountPrompt: 'select_account consent',
  },
  keycloak: {
    behaviour: {
      ...offline,
      path: '/realms/example',
      authentication: 'client_secret_post',
      sendsIssuer: true,
      alg: 'ES256',
      claims: { groups: ['/staff', '/parent/child'] },
    },
    groups: ['staff', 'parent/child'],
    revokes: true,
  },
};

describe.each(Object.entries(cases) as [ProviderProfileName, Case][])(
  'the profile %s',
  (profile, { behaviour, settings, groups, revokes, accountPrompt = 'login' }) => {
    const start = async () => {
      const provider = await providerOf(behaviour);
      return { provider, adapter: adapterOf(provider, { profile, ...settings }) };
    };

    test('signs a user in with groups and PKCE', async () => {
      const { provider, adapter } = await start();
      const { identity } = await signIn(adapter);
      expect(identity).toEqual({ issuer: provider.issuer, subject: 'ada', groups });
      expect(provider.authorizationRequest.get('code_challenge_method')).toBe('S256');
      expect(Object.fromEntries(provider.authorizationRequest)).toMatchObject(settings?.parameters ?? {});
    });

    test('asks for another account, or names the account to sign in with', async () => {
      const { adapter } = await start();
      const secrets = { state: randomToken(), nonce: randomToken(), verifier: randomToken() };
      const sent = async (account: AccountChoice) =>
        new URL(await adapter.signInUrl(secrets, 'grant', account)).searchParams;
      const [other, known] = [await sent('other'), await sent({ login: 'ada@example.com' })];
      expect([other.get('prompt'), other.get('login_hint')]).toEqual([accountPrompt, null]);
      expect(known.get('login_hint')).toBe('ada@example.com');
    });

    test('gives no refresh token for a sign-in to the dashboard, unless it gives one for every sign-in', async () => {
      const { provider, adapter } = await start();
      const { identity, tokens } = await signIn(adapter, undefined, 'dashboard');
      expect(identity.groups).toEqual(groups);
      expect(provider.authorizationRequest.get('scope')).not.toContain('offline_access');
      expect(provider.authorizationRequest.get('prompt')).toBeNull();
      const { refreshTokenFor = {} } = behaviour;
      expect(tokens.refreshToken === undefined).toBe(Object.keys(refreshTokenFor).length > 0);
    });

    test('issues a refresh token that refreshes', async () => {
      const { provider, adapter } = await start();
      const { tokens, identity } = await signIn(adapter);
      const fresh = await adapter.refresh(tokens.refreshToken!, identity);
      expect(fresh.accessToken).not.toBe(tokens.accessToken);
      expect(fresh.refreshToken !== undefined).toBe(provider.behaviour.rotates);
      await adapter.refresh(fresh.refreshToken ?? tokens.refreshToken!, identity);
      const again = adapter.refresh(tokens.refreshToken!, identity);
      await (provider.behaviour.rotates ? expect(again).rejects.toThrow(SignInRefusedError) : again);
    });

    test(
      revokes ? 'revokes the token at the provider' : 'leaves the provider’s tokens to end by themselves',
      async () => {
        const { provider, adapter } = await start();
        const { tokens } = await signIn(adapter);
        await adapter.revoke(tokens.refreshToken!);
        expect(provider.revoked).toEqual(revokes ? [tokens.refreshToken] : []);
      },
    );
  },
);

describe.each(clientAuthenticationMethods)('the client authentication %s', (authentication) => {
  test('is that of token, refresh and revocation requests', async () => {
    const provider = await providerOf({ authentication, listsAuthentication: false });
    const adapter = adapterOf(provider, { authentication });
    const { tokens, identity } = await signIn(adapter);
    const { accessToken } = await adapter.refresh(tokens.refreshToken!, identity);
    expect(accessToken).not.toBe(tokens.accessToken);
    await adapter.revoke(tokens.refreshToken!);
    expect(provider.revoked).toEqual([tokens.refreshToken]);
  });

  test('replaces that of the profile', async () => {
    const adapter = adapterOf(await providerOf({ authentication }), { profile: 'workos', authentication });
    expect((await signIn(adapter)).identity.subject).toBe('ada');
  });
});

describe('the client authentication of the profile oidc', () => {
  test.each(['client_secret_post', 'client_secret_basic'] as const)(
    'is %s if the provider lists it',
    async (method) => {
      const adapter = adapterOf(await providerOf({ authentication: method }), {});
      expect((await signIn(adapter)).identity.subject).toBe('ada');
    },
  );

  test('is client_secret_basic if the provider lists none (RFC 8414 §2)', async () => {
    const behaviour = { authentication: 'client_secret_basic', listsAuthentication: false } as const;
    expect((await signIn(adapterOf(await providerOf(behaviour), {}))).identity.subject).toBe('ada');
  });
});

describe('the client authentication of revocation requests', () => {
  const revocation = async (behaviour: Partial<Behaviour>) => {
    const provider = await providerOf(behaviour);
    const adapter = adapterOf(provider, {});
    await adapter.revoke((await signIn(adapter)).tokens.refreshToken!);
    return provider.revoked.length;
  };

  test.each<[ClientAuthenticationMethod, ClientAuthenticationMethod]>([
    // As Canaille.
    ['client_secret_post', 'client_secret_basic'],
    ['client_secret_basic', 'client_secret_post'],
  ])('after %s at the token endpoint is %s if the provider lists it alone', async (authentication, method) => {
    expect(await revocation({ authentication, revocationAuthentication: method })).toBe(1);
  });

  test.each(['client_secret_post', 'client_secret_basic'] as const)(
    'is %s, as at the token endpoint, if the provider has no list',
    async (authentication) => {
      expect(await revocation({ authentication })).toBe(1);
    },
  );
});

describe('the private key of the client', () => {
  test.each(['ES256', 'ES384', 'ES512', 'RS256', 'PS256', 'EdDSA', 'Ed25519'])('may sign with %s', async (alg) => {
    const provider = await providerOf({ authentication: 'private_key_jwt' });
    provider.clientKey = await newClientKey(alg);
    const adapter = adapterOf(provider, { authentication: 'private_key_jwt' });
    expect((await signIn(adapter)).identity.subject).toBe('ada');
  });

  test.each(['okta', 'entra'] as const)(
    'signs assertions of the profile %s for the endpoint that they are sent to',
    async (profile) => {
      const authentication = 'private_key_jwt';
      const provider = await providerOf({ authentication, assertionAudience: 'endpoint' });
      const adapter = adapterOf(provider, { profile, authentication });
      const { identity, tokens } = await signIn(adapter);
      const { accessToken } = await adapter.refresh(tokens.refreshToken!, identity);
      expect(accessToken).not.toBe(tokens.accessToken);
      await adapter.revoke(tokens.refreshToken!);
      expect(provider.revoked).toEqual([tokens.refreshToken]);
    },
  );

  test('is named by the thumbprint of its certificate, if it has one', async () => {
    const provider = await providerOf({ authentication: 'private_key_jwt' });
    provider.clientKey = { ...(await newClientKey('PS256')), 'x5t#S256': 'A1bC2dE3fH4iJ5kL6mN7oP8qR9sT0u' };
    await signIn(adapterOf(provider, { authentication: 'private_key_jwt' }));
    expect(provider.assertionHeader).toEqual({
      alg: 'PS256',
      typ: 'JWT',
      kid: 'client-key',
      'x5t#S256': 'A1bC2dE3fH4iJ5kL6mN7oP8qR9sT0u',
    });
  });

  test.each<[string, (key: object) => string]>([
    ['is not JSON', () => 'MIIEvQ secret'],
    ['has no alg', (key) => JSON.stringify({ ...key, alg: undefined })],
    ['has no kid', (key) => JSON.stringify({ ...key, kid: undefined })],
    ['is a public key', (key) => JSON.stringify({ ...key, d: undefined })],
    ['is not a key', () => '{"alg":"ES256","kid":"1","d":"MIIEvQ","kty":"secret"}'],
  ])('that %s fails the sign-in without a part of the secret in the error', async (_what, secretOf) => {
    const provider = await providerOf({ authentication: 'private_key_jwt' });
    const secret = secretOf(await newClientKey());
    const refresher = openIdRefresher({
      issuer: provider.issuer,
      clientId: CLIENT.id,
      clientSecret: async () => secret,
      authentication: 'private_key_jwt',
      ...withoutGroups,
      now,
    });
    await expect(refresher.refresh('r', ada)).rejects.toMatchObject({
      name: 'ProviderConfigurationError',
      message: 'the client secret is not a private JWK with alg and kid, which private_key_jwt needs',
      cause: undefined,
    });
    expect(provider.tokenRequests).toBe(0);
  });
});

describe('a provider', () => {
  test('that requires offline_access issues no refresh token without it', async () => {
    const provider = await providerOf(offline);
    expect((await signIn(adapterOf(provider, {}))).tokens.refreshToken).toBeUndefined();
    const scopes = ['openid', 'offline_access'];
    expect((await signIn(adapterOf(provider, { scopes }))).tokens.refreshToken).toBeDefined();
  });

  test('receives the resource parameter of the settings', async () => {
    const provider = await providerOf({});
    await signIn(adapterOf(provider, { parameters: { resource: 'https://api.example.com' } }));
    expect(provider.authorizationRequest.getAll('resource')).toEqual(['https://api.example.com']);
  });

  test('that rejects resource beside scope fails the sign-in with its error code', async () => {
    const provider = await providerOf({ rejectsResource: true });
    const adapter = adapterOf(provider, { parameters: { resource: 'https://api.example.com' } });
    await expect(signIn(adapter)).rejects.toMatchObject({ reason: 'invalid_resource' });
  });

  test('that rejects an unknown scope fails the sign-in with its error code', async () => {
    const provider = await providerOf({ scopes: oidcScopes });
    const adapter = adapterOf(provider, { scopes: ['openid', 'offline_access'] });
    await expect(signIn(adapter)).rejects.toMatchObject({ reason: 'invalid_scope' });
  });

  test.each<[string, (answer: URLSearchParams) => void]>([
    ['another names itself', (answer) => answer.set('iss', 'https://evil.example')],
    ['no issuer is named', (answer) => answer.delete('iss')],
  ])('that names itself in its answers is not believed when %s', async (_what, change) => {
    const provider = await providerOf({ sendsIssuer: true });
    await expect(signIn(adapterOf(provider, {}), change)).rejects.toThrow(SignInRefusedError);
    expect(provider.tokenRequests).toBe(0);
  });

  test('whose response names another issuer fails the sign-in, even if it does not announce iss', async () => {
    const adapter = adapterOf(await providerOf({}), {});
    await expect(signIn(adapter, (answer) => answer.set('iss', 'https://evil.example'))).rejects.toThrow(
      SignInRefusedError,
    );
  });

  test.each(['RS256', 'ES256', 'EdDSA'] as const)('may sign id tokens with %s', async (alg) => {
    const { identity } = await signIn(adapterOf(await providerOf({ alg }), {}));
    expect(identity.subject).toBe('ada');
  });

  test('that has just rotated its key signs in all users of concurrent sign-ins', async () => {
    const provider = await providerOf({});
    const adapter = adapterOf(provider, {});
    await signIn(adapter);
    await provider.rotateKey();
    const signIns = await Promise.all(Array.from({ length: 5 }, () => signIn(adapter)));
    expect(signIns.map(({ identity }) => identity.subject)).toEqual(Array.from({ length: 5 }, () => 'ada'));
  });

  test('that rejects the client authentication method ends no grant', async () => {
    const provider = await providerOf({ authentication: 'client_secret_basic' });
    const adapter = adapterOf(provider, { profile: 'oidc', authentication: 'client_secret_post' });
    await expect(signIn(adapter)).rejects.toMatchObject({ reason: 'invalid_client' });
    await expect(adapter.refresh('any', ada)).rejects.toMatchObject({
      fault: 'client_rejected',
      reason: 'invalid_client',
    });
  });

  test('that does not answer is used by the discovery document of an earlier sign-in', async () => {
    const provider = await providerOf({});
    const adapter = adapterOf(provider, {});
    const secrets = { state: randomToken(), nonce: randomToken(), verifier: randomToken() };
    const url = await adapter.signInUrl(secrets);
    provider.down = true;
    expect(await adapter.signInUrl(secrets)).toBe(url);
  });

  test('whose discovery document names another issuer is rejected', async () => {
    const provider = await providerOf({ path: '/tenant' });
    const adapter = openIdRefresher({
      issuer: `${provider.origin}/common`,
      clientId: CLIENT.id,
      authentication: 'client_secret_post',
      ...withoutGroups,
      now,
    });
    await expect(adapter.refresh('any', ada)).rejects.toThrow(ProviderConfigurationError);
  });
});

describe('a configuration that only the operator can correct', () => {
  const refresherAt = (issuer: string) =>
    openIdRefresher({ issuer, clientId: CLIENT.id, authentication: 'client_secret_post', ...withoutGroups, now });
  const rejectionOf = (adapter: Pick<Adapter, 'refresh'>) =>
    adapter.refresh('any', ada).then(
      () => undefined,
      (error: unknown) => error,
    );

  test('an issuer without its final slash is reported with both issuers', async () => {
    const provider = await providerOf({ path: '/application/' });
    const error = await rejectionOf(refresherAt(`${provider.origin}/application`));
    expect(error).toBeInstanceOf(ProviderConfigurationError);
    expect(error).toMatchObject({
      fault: 'issuer_mismatch',
      message: `issuer is "${provider.origin}/application", discovery says "${provider.issuer}"`,
    });
  });

  test.each<[string, number, string]>([
    ['a realm that does not exist', 404, 'answered 404'],
    ['a discovery document that is forbidden', 403, 'answered 403'],
    ['a page in place of the discovery document', 200, 'is no discovery document'],
  ])('%s is reported with the address of the discovery document', async (_what, status, found) => {
    const provider = await providerOf({ path: '/realms/example' });
    provider.interfereWithDiscovery = (response) =>
      response.writeHead(status, { 'content-type': 'text/html' }).end('<p>');
    expect(await rejectionOf(refresherAt(provider.issuer))).toMatchObject({
      fault: 'discovery_missing',
      message: `issuer is "${provider.issuer}"; ${provider.issuer}/.well-known/openid-configuration ${found}`,
    });
  });

  test.each([500, 502, 503, 429, 408])('a discovery document that is answered with %i is an outage', async (status) => {
    const provider = await providerOf({});
    provider.interfereWithDiscovery = (response) => response.writeHead(status).end('later');
    expect(await rejectionOf(refresherAt(provider.issuer))).toBeInstanceOf(ServiceUnavailableError);
  });

  test.each(['authorization_endpoint', 'token_endpoint'])(
    'a discovery document without %s is reported',
    async (name) => {
      const provider = await providerOf({});
      provider.interfereWithDiscovery = (response) => {
        const { [name]: _, ...rest } = provider.discovery();
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(rest));
      };
      expect(await rejectionOf(refresherAt(provider.issuer))).toMatchObject({ fault: 'metadata_incomplete' });
    },
  );

  const rejections: [string, number, Record<string, string>, object][] = [
    ['invalid_client', 401, {}, { fault: 'client_rejected', reason: 'invalid_client' }],
    ['invalid_client', 400, {}, { fault: 'client_rejected', reason: 'invalid_client' }],
    ['unauthorized_client', 401, {}, { fault: 'client_rejected', reason: 'unauthorized_client' }],
    // Auth0 answers a wrong secret with it.
    ['access_denied', 401, {}, { fault: 'client_rejected', reason: 'access_denied' }],
    ['invalid_scope', 400, {}, { fault: 'scope_rejected', reason: 'invalid_scope' }],
    ['anything', 401, { 'www-authenticate': 'Basic realm="idp"' }, { fault: 'client_rejected' }],
  ];

  test.each(rejections)(
    '%s with %i at sign-in, refresh and revocation is reported',
    async (error, status, headers, fault) => {
      const provider = await providerOf({});
      const adapter = adapterOf(provider, {});
      const { tokens, identity } = await signIn(adapter);
      provider.interfere = (response) =>
        response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify({ error }));
      const refreshToken = tokens.refreshToken!;
      const requests = [
        () => signIn(adapter),
        () => adapter.refresh(refreshToken, identity),
        () => adapter.revoke(refreshToken),
      ];
      for (const request of requests) {
        const thrown: unknown = await request().then(
          () => undefined,
          (each: unknown) => each,
        );
        expect(thrown).toBeInstanceOf(ProviderConfigurationError);
        expect(thrown).toMatchObject(fault);
      }
    },
  );

  test('unauthorized_client with 400 at the redemption of a code is reported', async () => {
    const provider = await providerOf({});
    provider.interfere = (response) =>
      response.writeHead(400, { 'content-type': 'application/json' }).end('{"error":"unauthorized_client"}');
    await expect(signIn(adapterOf(provider, {}))).rejects.toMatchObject({ fault: 'client_rejected' });
  });

  test('a client secret that the operator has corrected is used without a new process', async () => {
    const provider = await providerOf({ authentication: 'client_secret_post' });
    let secret = 'wrong';
    const adapter = openIdRefresher({
      issuer: provider.issuer,
      clientId: CLIENT.id,
      authentication: 'client_secret_post',
      clientSecret: async () => secret,
      ...withoutGroups,
      now,
    });
    expect(await rejectionOf(adapter)).toMatchObject({ fault: 'client_rejected' });
    secret = CLIENT.secret;
    expect(await rejectionOf(adapter)).toMatchObject({ reason: 'invalid_grant' });
  });

  test('invalid_scope in the browser counts only if the discovery document confirms it', async () => {
    const provider = await providerOf({ scopes: oidcScopes, advertisesScopes: true });
    const adapter = adapterOf(provider, { scopes: ['openid', 'calendar'] });
    await expect(signIn(adapter)).rejects.toMatchObject({
      fault: 'scope_rejected',
      message: 'the provider does not support the scope "calendar"',
    });
    const forged = signIn(adapterOf(provider, { scopes: oidcScopes }), (answer) => {
      answer.delete('code');
      answer.set('error', 'invalid_scope');
    });
    await expect(forged).rejects.toThrow(SignInRefusedError);
  });
});

describe('a refresh at the provider', () => {
  const body = (status: number, content: string, type = 'application/json') => ({
    [`${status} ${content}`]: (response: ServerResponse) => {
      response.writeHead(status, { 'content-type': type }).end(content);
    },
  });
  const outages = {
    ...body(500, '{"error":"server_error"}'),
    ...body(503, '<h1>Down</h1>', 'text/html'),
    ...body(502, ''),
    ...body(429, '{"error":"slow_down"}'),
    ...body(400, '<h1>Bad Request</h1>', 'text/html'),
    ...body(200, '{}'),
    ...body(200, 'not JSON'),
    'a connection that breaks': (response: ServerResponse) => response.destroy(),
    'no answer in time': () => undefined,
  };

  const rejected = {
    ...body(400, '{"error":"invalid_client"}'),
    ...body(401, '{"error":"invalid_client"}'),
    ...body(401, '{"error":"unauthorized_client"}'),
    ...body(401, '{"error":"access_denied"}'),
  };

  test.each(Object.entries(rejected))('that is answered with %s ends nothing', async (_what, answer) => {
    const provider = await providerOf({});
    const adapter = adapterOf(provider, {});
    const { tokens, identity } = await signIn(adapter);
    provider.interfere = answer;
    await expect(adapter.refresh(tokens.refreshToken!, identity)).rejects.toThrow(ProviderConfigurationError);
    provider.interfere = undefined;
    expect((await adapter.refresh(tokens.refreshToken!, identity)).accessToken).toBeTruthy();
  });

  test.each(Object.entries(outages))(
    'that is answered with %s is an outage, and ends nothing',
    async (_what, answer) => {
      const provider = await providerOf({});
      const adapter = adapterOf(provider, {});
      const { tokens, identity } = await signIn(adapter);
      provider.interfere = answer;
      await expect(adapter.refresh(tokens.refreshToken!, identity)).rejects.toThrow(ServiceUnavailableError);
      provider.interfere = undefined;
      expect((await adapter.refresh(tokens.refreshToken!, identity)).accessToken).toBeTruthy();
    },
    20_000,
  );

  test.each(['unauthorized_client', 'access_denied'])(
    'that is answered with 400 %s ends the grant, since its redemption worked',
    async (error) => {
      const provider = await providerOf({});
      const adapter = adapterOf(provider, {});
      const { identity, tokens } = await signIn(adapter);
      provider.interfere = (response) =>
        response.writeHead(400, { 'content-type': 'application/json' }).end(JSON.stringify({ error }));
      await expect(adapter.refresh(tokens.refreshToken!, identity)).rejects.toMatchObject({
        name: 'SignInRefusedError',
        reason: error,
      });
    },
  );

  test('that fails with invalid_grant ends the grant', async () => {
    await expect(adapterOf(await providerOf({}), {}).refresh('unknown', ada)).rejects.toMatchObject({
      reason: 'invalid_grant',
    });
  });

  test('at an unknown host reports the provider as unavailable', async () => {
    const issuer = 'https://identity.invalid';
    const adapter = openIdRefresher({
      issuer,
      clientId: 'c',
      authentication: 'client_secret_post',
      ...withoutGroups,
      now,
    });
    await expect(adapter.refresh('any', ada)).rejects.toThrow(ServiceUnavailableError);
  });

  test('without its client secret reports the provider as unavailable, and the next one reads the secret again', async () => {
    const provider = await providerOf({ authentication: 'client_secret_post' });
    let secrets = 0;
    const adapter = openIdRefresher({
      issuer: provider.issuer,
      clientId: CLIENT.id,
      authentication: 'client_secret_post',
      clientSecret: async () => {
        if (secrets++ === 0) throw new Error('ThrottlingException');
        return CLIENT.secret;
      },
      ...withoutGroups,
      now,
    });
    await expect(adapter.refresh('unknown', ada)).rejects.toThrow(ServiceUnavailableError);
    await expect(adapter.refresh('unknown', ada)).rejects.toThrow(SignInRefusedError);
  });
});
