import type { JsonWebKey } from 'node:crypto';
import { type ClientMetadata, type Configuration, errors, type FindAccount, interactionPolicy } from 'oidc-provider';
import type { CognitoClient, UserPool } from './cognito-client.ts';
import { type DemoUser, subjectOf } from './demo-users.ts';
import { errorPage, pageHeaders } from './oidc-provider-pages.ts';
import type { OidcProviderRecords } from './oidc-provider-records.ts';

const HOUR = 3600;
const DAY = 24 * HOUR;

/** Cognito's paths below the issuer. */
export const cognitoRoutes = {
  authorization: '/oauth2/authorize',
  token: '/oauth2/token',
  userinfo: '/oauth2/userInfo',
  revocation: '/oauth2/revoke',
  jwks: '/.well-known/jwks.json',
};

export type ConfigurationSources = {
  pool: UserPool;
  users: readonly DemoUser[];
  records: OidcProviderRecords;
  signingKey: JsonWebKey;
  cookieKey: string;
  /** User names of the users who may not sign in. */
  disabled: ReadonlySet<string>;
};

/** Finds the client with an id. */
export type FindClient = (clientId: unknown) => CognitoClient | undefined;

export const clientFinder =
  ({ clients }: UserPool): FindClient =>
  (clientId) =>
    clients.find((client) => client.clientId === clientId);

/** oidc-provider's settings for a user pool of Cognito. */
export function providerConfiguration({
  pool,
  users,
  records,
  signingKey,
  cookieKey,
  disabled,
}: ConfigurationSources): Configuration {
  const { poolId, clients } = pool;
  const findClient = clientFinder(pool);
  return {
    adapter: (model) => records.adapter(model, (clientId) => findClient(clientId)?.rotationGraceSeconds ?? 0),
    clients: clients.map(clientMetadata),
    clientAuthMethods: ['none', 'client_secret_post'],
    jwks: { keys: [signingKey] },
    cookies: { keys: [cookieKey], long: { path: `/${poolId}`, httpOnly: true, sameSite: 'lax', signed: true } },
    routes: cognitoRoutes,
    scopes: [...new Set(clients.flatMap(({ scopes }) => scopes))],
    claims: {
      openid: ['sub', 'username', 'cognito:username', 'cognito:groups', 'token_use'],
      email: ['email', 'email_verified'],
      profile: ['name'],
    },
    // Cognito's id token has all claims that the scopes allow, not only `sub`.
    conformIdTokenClaims: false,
    findAccount: accountFinder(pool, users, disabled),
    interactions: { policy: signInPolicy(findClient), url: (_, { uid }) => `/${poolId}/login/${uid}` },
    loadExistingGrant: newGrant,
    issueRefreshToken: () => true,
    expiresWithSession: () => false,
    rotateRefreshToken: ({ oidc }) => findClient(oidc.client?.clientId)?.rotationGraceSeconds !== undefined,
    ttl: lifetimes(findClient),
    features,
    pkce: { required: () => true },
    renderError(ctx, { error, error_description: description }) {
      ctx.set(pageHeaders);
      ctx.body = errorPage(error, description);
    },
  };
}

const features: Configuration['features'] = {
  devInteractions: { enabled: false },
  dPoP: { enabled: false },
  pushedAuthorizationRequests: { enabled: false },
  revocation: { enabled: true, allowedPolicy: (_, client, token) => token.clientId === client.clientId },
  // Cognito's `/logout` does not follow OpenID Connect; `hosted-sign-in.ts` has it.
  rpInitiatedLogout: { enabled: false },
  // Cognito rejects a `resource` that is not a resource server of the pool, and this pool has none.
  resourceIndicators: {
    enabled: true,
    getResourceServerInfo() {
      throw new errors.InvalidTarget();
    },
  },
  userinfo: { enabled: true },
};

/** Each sign-in creates its own grant of all requested scopes, so revoking one does not affect the others. */
const newGrant: Configuration['loadExistingGrant'] = async ({ oidc }) => {
  if (oidc.account === undefined) return undefined;
  const grant = new oidc.provider.Grant({ accountId: oidc.account.accountId, clientId: oidc.client!.clientId });
  grant.addOIDCScope(String(oidc.params?.scope));
  await grant.save();
  return grant;
};

/** In seconds, with Cognito's defaults. */
function lifetimes(findClient: FindClient): Configuration['ttl'] {
  return {
    AccessToken: (_, __, client) => findClient(client?.clientId)?.accessTokenSeconds ?? HOUR,
    AuthorizationCode: 5 * 60,
    Grant: (_, grant) => findClient(grant.clientId)?.refreshTokenSeconds ?? 30 * DAY,
    IdToken: (_, __, client) => findClient(client?.clientId)?.idTokenSeconds ?? HOUR,
    Interaction: HOUR,
    RefreshToken: (_, __, client) => findClient(client?.clientId)?.refreshTokenSeconds ?? 30 * DAY,
    Session: HOUR,
  };
}

function accountFinder(
  { groups: allGroups }: UserPool,
  users: readonly DemoUser[],
  disabled: ReadonlySet<string>,
): FindAccount {
  return (_, subject) => {
    const user = users.find((each) => subjectOf(each) === subject);
    if (user === undefined || disabled.has(user.username)) return undefined;
    const { username, name, email } = user;
    const groups = [...(user.admin ? allGroups : []), ...(user.groups ?? [])];
    const identity = { sub: subject, email, email_verified: true, name };
    const idTokenClaims = {
      ...identity,
      'cognito:username': username,
      ...(groups.length > 0 && { 'cognito:groups': groups }),
      token_use: 'id',
    };
    return {
      accountId: subject,
      username,
      groups,
      claims: (use) => (use === 'userinfo' ? { ...identity, username } : idTokenClaims),
    };
  };
}

function clientMetadata({ clientId, clientSecret, redirectUris, scopes }: CognitoClient): ClientMetadata {
  return {
    client_id: clientId,
    redirect_uris: redirectUris,
    scope: scopes.join(' '),
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    ...(clientSecret === undefined
      ? { token_endpoint_auth_method: 'none' }
      : { client_secret: clientSecret, token_endpoint_auth_method: 'client_secret_post' }),
  };
}

/** Decides when to show the sign-in page. Without consent; an unknown scope is an error and is not dropped. */
function signInPolicy(findClient: FindClient) {
  const { Check, base } = interactionPolicy;
  const policy = base();
  policy.remove('consent');
  const { checks } = policy.get('login')!;
  checks.add(
    new Check('account_disabled', 'the user of the session is disabled', ({ oidc }) => {
      return oidc.session?.accountId !== undefined && oidc.account === undefined;
    }),
  );
  checks.add(
    new Check('unknown_scope', 'the client may not request the scope', ({ oidc, query }) => {
      const allowed = findClient(oidc.client?.clientId)?.scopes ?? [];
      const requested = String(query.scope ?? '').split(' ');
      const unknown = requested.filter((scope) => scope !== '' && !allowed.includes(scope));
      if (unknown.length > 0) throw new errors.InvalidScope('this client may not request it', unknown.join(' '));
      return Check.NO_NEED_TO_PROMPT;
    }),
  );
  return policy;
}
