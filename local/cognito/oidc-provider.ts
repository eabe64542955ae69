import { createPrivateKey, createPublicKey, generateKeyPairSync, type JsonWebKey, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { jwtVerify, SignJWT } from 'jose';
import {
  type ClientMetadata,
  type Configuration,
  errors,
  type FindAccount,
  interactionPolicy,
  type KoaContextWithOIDC,
  Provider,
} from 'oidc-provider';
import { demoUsers, subjectOf } from './demo-users.ts';
import { errorPage, pageHeaders, signedOutPage, signInPage } from './oidc-provider-pages.ts';
import { OidcProviderRecords } from './oidc-provider-records.ts';

/** An app client of the user pool. Lifetimes are Cognito's defaults where they are left out. */
export type OidcProviderClient = {
  clientId: string;
  /** Sent in the body of token requests; absent for a public client. */
  clientSecret?: string;
  /** Compared character by character. */
  redirectUris: string[];
  /** Where `/logout` may lead. */
  logoutUris?: string[];
  scopes: string[];
  accessTokenSeconds?: number;
  idTokenSeconds?: number;
  refreshTokenSeconds?: number;
  /** How long a refresh token may be used again after its first use; absent when refresh tokens are not rotated. */
  rotationGraceSeconds?: number;
};

export type OidcProviderOptions = {
  /** Where `identity-provider.json` keeps keys, sessions and tokens over restarts; without it they are forgotten. */
  folder: string | undefined;
  /** A part of the issuer, so users are other users when it changes. @default any free port */
  port?: number;
  /** The user pool's id, e.g. `us-east-1_holdfast0`: the path of the issuer. */
  poolId: string;
  clients: OidcProviderClient[];
  /** The pool's groups; the demo user who owns the deployment is in all of them. */
  groups: string[];
};

export type OidcProvider = {
  /** `http://localhost:<port>/<poolId>` */
  issuer: string;
  /** While on, every request is answered with 503: how a test makes an outage. */
  fail(on: boolean): void;
  /** As AdminDisableUser: neither signing in nor refreshing works for this user until the next start. */
  disable(username: string): void;
  close(): Promise<void>;
};

const HOUR = 3600;
const DAY = 24 * HOUR;

const routes = {
  authorization: '/oauth2/authorize',
  token: '/oauth2/token',
  userinfo: '/oauth2/userInfo',
  revocation: '/oauth2/revoke',
  jwks: '/.well-known/jwks.json',
};

const DISCOVERY = '/.well-known/openid-configuration';

/** What Cognito's discovery document has. Above all it does not say that PKCE is supported. */
const discoveryMembers = [
  'authorization_endpoint',
  'end_session_endpoint',
  'id_token_signing_alg_values_supported',
  'issuer',
  'jwks_uri',
  'response_types_supported',
  'revocation_endpoint',
  'scopes_supported',
  'subject_types_supported',
  'token_endpoint',
  'token_endpoint_auth_methods_supported',
  'userinfo_endpoint',
];

/**
 * A user pool of Cognito's with its hosted sign-in, made of oidc-provider: the same paths below the issuer, the same
 * claims, JWT access tokens without an audience that the user-info endpoint accepts, a refresh token without
 * `offline_access`, and no consent. One sign-in of a browser lasts an hour; `/logout` and `prompt=login` end it.
 *
 * Unlike Cognito it insists on PKCE, has issuer and sign-in page on one host, and revokes everything that came of a
 * refresh token when that is used again after the grace time.
 *
 * @throws Error with `code` EADDRINUSE when the port is taken
 */
export async function startOidcProvider(options: OidcProviderOptions): Promise<OidcProvider> {
  const { folder, poolId, clients } = options;
  const records = new OidcProviderRecords(folder && join(folder, 'identity-provider.json'));
  const jwk = await records.secret<JsonWebKey>('signing-key', newSigningKey);
  const cookieKey = await records.secret<string>('cookie-key', () => randomBytes(32).toString('base64url'));
  const disabled = new Set<string>();
  let failing = false;

  const servers = await listen(options.port ?? 0, (request, response) => {
    answer(request, response).catch((error) => {
      console.error(error);
      if (!response.headersSent) sendPage(response, 500, errorPage('server_error', 'Its terminal says why.'));
      else response.destroy();
    });
  });
  const { port } = servers[0]!.address() as AddressInfo;
  const issuer = `http://localhost:${port}/${poolId}`;

  const clientOf = (clientId: unknown) => clients.find((client) => client.clientId === clientId);

  const findAccount: FindAccount = (_, subject) => {
    const user = demoUsers.find((each) => subjectOf(each) === subject);
    if (user === undefined || disabled.has(user.username)) return undefined;
    const { username, name, email } = user;
    const groups = user.owner ? options.groups : [];
    const identity = { sub: subject, email, email_verified: true, name };
    return {
      accountId: subject,
      username,
      groups,
      claims: (use) =>
        use === 'userinfo'
          ? { ...identity, username }
          : {
              ...identity,
              'cognito:username': username,
              ...(groups.length > 0 && { 'cognito:groups': groups }),
              token_use: 'id',
            },
    };
  };

  const configuration: Configuration = {
    adapter: (model) => records.adapter(model, (clientId) => clientOf(clientId)?.rotationGraceSeconds ?? 0),
    clients: clients.map(asMetadata),
    clientAuthMethods: ['none', 'client_secret_post'],
    jwks: { keys: [jwk] },
    cookies: { keys: [cookieKey], long: { path: `/${poolId}`, httpOnly: true, sameSite: 'lax', signed: true } },
    routes,
    scopes: [...new Set(clients.flatMap(({ scopes }) => scopes))],
    claims: {
      openid: ['sub', 'username', 'cognito:username', 'cognito:groups', 'token_use'],
      email: ['email', 'email_verified'],
      profile: ['name'],
    },
    // Cognito's id token has everything the scopes allow, not only `sub`.
    conformIdTokenClaims: false,
    findAccount,
    interactions: { policy: signInPolicy(clientOf), url: (_, { uid }) => `/${poolId}/login/${uid}` },
    // Every sign-in is a grant of its own, of all that was asked for: revoking one leaves the others alone.
    async loadExistingGrant({ oidc }) {
      if (oidc.account === undefined) return undefined;
      const grant = new oidc.provider.Grant({
        accountId: oidc.account.accountId,
        clientId: oidc.client!.clientId,
      });
      grant.addOIDCScope(String(oidc.params?.scope));
      await grant.save();
      return grant;
    },
    issueRefreshToken: () => true,
    expiresWithSession: () => false,
    rotateRefreshToken: ({ oidc }) => clientOf(oidc.client?.clientId)?.rotationGraceSeconds !== undefined,
    ttl: {
      AccessToken: (_, __, client) => clientOf(client?.clientId)?.accessTokenSeconds ?? HOUR,
      AuthorizationCode: 5 * 60,
      Grant: (_, grant) => clientOf(grant.clientId)?.refreshTokenSeconds ?? 30 * DAY,
      IdToken: (_, __, client) => clientOf(client?.clientId)?.idTokenSeconds ?? HOUR,
      Interaction: HOUR,
      RefreshToken: (_, __, client) => clientOf(client?.clientId)?.refreshTokenSeconds ?? 30 * DAY,
      Session: HOUR,
    },
    features: {
      devInteractions: { enabled: false },
      dPoP: { enabled: false },
      pushedAuthorizationRequests: { enabled: false },
      revocation: { enabled: true, allowedPolicy: (_, client, token) => token.clientId === client.clientId },
      // `/logout` is ours, because Cognito's is not OpenID's.
      rpInitiatedLogout: { enabled: false },
      // Cognito refuses a `resource` that is not a resource server of the pool, and ours has none.
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo() {
          throw new errors.InvalidTarget();
        },
      },
      userinfo: { enabled: true },
    },
    pkce: { required: () => true },
    renderError(ctx, { error, error_description: description }) {
      ctx.set(pageHeaders);
      ctx.body = errorPage(error, description);
    },
  };

  const provider = new Provider(issuer, configuration);
  const accessTokens = new AccessTokens(issuer, jwk);
  provider.use(async (ctx, next) => {
    if (ctx.path === routes.userinfo) await accessTokens.unwrap(ctx);
    await next();
    if (ctx.path === routes.token && ctx.status === 200) await accessTokens.wrap(ctx as KoaContextWithOIDC);
    if (ctx.path === DISCOVERY) {
      const document: Record<string, unknown> = { ...(ctx.body as object), end_session_endpoint: `${issuer}/logout` };
      ctx.body = Object.fromEntries(discoveryMembers.map((member) => [member, document[member]]));
    }
  });
  // Cognito does not name itself in its answer (RFC 9207).
  provider.on('authorization.success', (_, response) => {
    delete response?.iss;
  });
  provider.on('server_error', (_, error) => console.error(error));
  const answerProtocol = provider.callback();

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (failing) {
      response.writeHead(503).end();
      return;
    }
    const { pathname, searchParams } = new URL(request.url ?? '/', issuer);
    const path = pathname.startsWith(`/${poolId}/`) ? pathname.slice(poolId.length + 1) : undefined;
    if (path?.startsWith('/login/')) return signIn(request, response);
    if (path === '/logout') return signOut(request, response, searchParams);
    if (path === DISCOVERY || path === routes.jwks || path?.startsWith('/oauth2/')) {
      // oidc-provider's routes begin at the root; where that is, it reads from `originalUrl`, as Express sets it.
      Object.assign(request, { originalUrl: request.url, url: request.url!.slice(poolId.length + 1) });
      return answerProtocol(request, response);
    }
    sendPage(response, 404, errorPage('not_found', 'There is nothing at this address.'));
  }

  async function signIn(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let interaction: Awaited<ReturnType<Provider['interactionDetails']>>;
    try {
      interaction = await provider.interactionDetails(request, response);
    } catch (error) {
      if (!(error instanceof errors.SessionNotFound)) throw error;
      return sendPage(response, 400, errorPage('expired', 'This sign-in has been completed, or took too long.'));
    }
    if (request.method !== 'POST') return sendPage(response, 200, signInPage());

    const form = new URLSearchParams(await text(request));
    const username = form.get('username')?.trim().toLowerCase() ?? '';
    const user = demoUsers.find((each) => each.username === username && !disabled.has(username));
    if (user === undefined || form.get('password') !== user.username) {
      return sendPage(response, 401, signInPage(username));
    }
    const accountId = subjectOf(user);
    const next = await provider.interactionResult(request, response, { login: { accountId } });
    // Another user in the same browser takes the session over. oidc-provider would revoke what the first one granted.
    const session = interaction.session && (await provider.Session.findByUid(interaction.session.uid));
    if (session !== undefined && session.accountId !== accountId) {
      session.accountId = undefined;
      session.authorizations = {};
      await session.persist();
    }
    response.writeHead(303, { Location: next, 'Cache-Control': 'no-store' }).end();
  }

  /** Cognito's: no question asked, tokens stay valid, and back to a registered address if one is given. */
  async function signOut(request: IncomingMessage, response: ServerResponse, query: URLSearchParams): Promise<void> {
    const target = query.get('logout_uri');
    if (target !== null && !clientOf(query.get('client_id'))?.logoutUris?.includes(target)) {
      return sendPage(response, 400, errorPage('invalid_request', 'The logout_uri is not registered for this client.'));
    }
    const context = provider.createContext(request, response);
    const session = await provider.Session.get(context);
    if (session.accountId !== undefined) await session.destroy();
    context.cookies.set(provider.cookieName('session'), null, configuration.cookies?.long);
    if (target !== null) response.writeHead(302, { Location: target }).end();
    else sendPage(response, 200, signedOutPage());
  }

  return {
    issuer,
    fail(on) {
      failing = on;
    },
    disable(username) {
      disabled.add(username);
    },
    async close() {
      await Promise.all(servers.map(stop));
    },
  };
}

function newSigningKey(): JsonWebKey {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return {
    ...privateKey.export({ format: 'jwk' }),
    kid: randomBytes(16).toString('base64url'),
    use: 'sig',
    alg: 'RS256',
  };
}

function asMetadata({ clientId, clientSecret, redirectUris, scopes }: OidcProviderClient): ClientMetadata {
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

/** When to show the sign-in page. There is no consent, and an unknown scope is an error instead of being dropped. */
function signInPolicy(clientOf: (clientId: unknown) => OidcProviderClient | undefined) {
  const { Check, base } = interactionPolicy;
  const policy = base();
  policy.remove('consent');
  const { checks } = policy.get('login')!;
  checks.add(
    new Check('account_disabled', 'the user of the session may not sign in any more', ({ oidc }) => {
      return oidc.session?.accountId !== undefined && oidc.account === undefined;
    }),
  );
  checks.add(
    new Check('unknown_scope', 'a scope that this client may not ask for', ({ oidc, query }) => {
      const allowed = clientOf(oidc.client?.clientId)?.scopes ?? [];
      const asked = String(query.scope ?? '').split(' ');
      const unknown = asked.filter((scope) => scope !== '' && !allowed.includes(scope));
      if (unknown.length > 0) throw new errors.InvalidScope('this client may not ask for it', unknown.join(' '));
      return Check.NO_NEED_TO_PROMPT;
    }),
  );
  return policy;
}

/**
 * Access tokens as Cognito makes them. oidc-provider's are opaque, and its JWTs are always for some other server and so
 * not for its user-info endpoint: ours is a JWT around an opaque token, which is its `jti`.
 */
class AccessTokens {
  readonly #issuer: string;
  readonly #jwk: JsonWebKey;

  constructor(issuer: string, jwk: JsonWebKey) {
    this.#issuer = issuer;
    this.#jwk = jwk;
  }

  /** Wraps the token of an answer of the token endpoint. */
  async wrap({ oidc, body }: KoaContextWithOIDC): Promise<void> {
    const { AccessToken: token, Account: account } = oidc.entities;
    const answer = body as Record<string, unknown>;
    const groups = account!.groups as string[];
    answer.access_token = await new SignJWT({
      client_id: token!.clientId,
      token_use: 'access',
      scope: token!.scope,
      username: account!.username,
      ...(groups.length > 0 && { 'cognito:groups': groups }),
      version: 2,
    })
      .setProtectedHeader({ alg: 'RS256', kid: String(this.#jwk.kid) })
      .setIssuer(this.#issuer)
      .setSubject(account!.accountId)
      .setJti(token!.jti)
      .setIssuedAt()
      .setExpirationTime(`${answer.expires_in}s`)
      .sign(createPrivateKey({ key: this.#jwk, format: 'jwk' }));
    // Cognito leaves it out.
    delete answer.scope;
  }

  /** Gives the user-info endpoint the opaque token of a valid JWT; what is not one it refuses by itself. */
  async unwrap({ req }: { req: IncomingMessage }): Promise<void> {
    const [, token = ''] = /^Bearer (.+)$/i.exec(req.headers.authorization ?? '') ?? [];
    const key = createPublicKey({ key: this.#jwk, format: 'jwk' });
    const verified = await jwtVerify(token, key, { issuer: this.#issuer, algorithms: ['RS256'] }).catch(
      () => undefined,
    );
    if (verified?.payload.token_use === 'access') req.headers.authorization = `Bearer ${verified.payload.jti}`;
  }
}

function sendPage(response: ServerResponse, status: number, page: string): void {
  response.writeHead(status, pageHeaders).end(page);
}

/**
 * Listens wherever `localhost` may lead: on 127.0.0.1, and on ::1 where the machine has it.
 *
 * @throws Error with `code` EADDRINUSE when either is taken
 */
async function listen(port: number, handler: (request: IncomingMessage, response: ServerResponse) => void) {
  const open = (host: string, at: number) =>
    new Promise<Server>((resolve, reject) => {
      const server = createServer(handler);
      server.once('error', reject).listen(at, host, () => resolve(server));
    });
  const first = await open('127.0.0.1', port);
  try {
    return [first, await open('::1', (first.address() as AddressInfo).port)];
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT') return [first];
    await stop(first);
    throw error;
  }
}

function stop(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
