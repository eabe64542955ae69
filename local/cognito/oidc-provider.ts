import { type JsonWebKey, randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { type KoaContextWithOIDC, Provider } from 'oidc-provider';
import type { Intercept } from '../request-interception.ts';
import { CognitoAccessTokens, newSigningKey } from './cognito-access-tokens.ts';
import type { UserPool } from './cognito-client.ts';
import { type DemoUser, demoUsers } from './demo-users.ts';
import { HostedSignIn } from './hosted-sign-in.ts';
import { listenOnLoopback } from './loopback-server.ts';
import { clientFinder, cognitoRoutes, providerConfiguration } from './oidc-provider-configuration.ts';
import { errorPage, sendPage } from './oidc-provider-pages.ts';
import { OidcProviderRecords } from './oidc-provider-records.ts';

export type OidcProviderOptions = UserPool & {
  /** The folder of `identity-provider.json`, which stores keys, sessions and tokens; without it they live in memory. */
  folder: string | undefined;
  /** Part of the issuer, and so of the users' identities. @default any free port */
  port?: number;
};

export type OidcProvider = {
  /** `http://localhost:<port>/<poolId>` */
  issuer: string;
  /** While on, every request is answered with 503, for tests of outages. */
  fail(on: boolean): void;
  /** Hands every request to the function, for tests of faults; undefined ends that. */
  intercept(by: Intercept | undefined): void;
  /** As AdminDisableUser: the user can neither sign in nor refresh until the next start. */
  disable(username: string): void;
  /** Adds a user, or replaces the user of the same name. */
  setUser(user: DemoUser): void;
  close(): Promise<void>;
};

const DISCOVERY = '/.well-known/openid-configuration';

/** The members of Cognito's discovery document, which does not announce PKCE. */
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

type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/**
 * A Cognito user pool with its hosted sign-in, built on oidc-provider: the same paths below the issuer, the same claims,
 * JWT access tokens without an audience that the user-info endpoint accepts, a refresh token without `offline_access`, and
 * no consent. A browser's sign-in lasts an hour; `/logout` and `prompt=login` end it.
 *
 * Unlike Cognito it requires PKCE, has issuer and sign-in page on one host, and revokes the whole grant when a refresh
 * token is used again after the grace period.
 *
 * @throws Error with `code` EADDRINUSE if the port is in use
 */
export async function startOidcProvider(options: OidcProviderOptions): Promise<OidcProvider> {
  const { folder, poolId } = options;
  const records = new OidcProviderRecords(folder && join(folder, 'identity-provider.json'));
  const signingKey = await records.secret<JsonWebKey>('signing-key', newSigningKey);
  const cookieKey = await records.secret<string>('cookie-key', () => randomBytes(32).toString('base64url'));
  const disabled = new Set<string>();
  const users = [...demoUsers];
  let failing = false;
  let intercept: Intercept | undefined;

  // The issuer contains the port, so the server listens before the provider exists.
  let answer: Handler = async (_, response) => void response.writeHead(503).end();
  const server = await listenOnLoopback(options.port ?? 0, (request, response) => {
    const exchange = async () => {
      if (failing) response.writeHead(503).end();
      else await answer(request, response).catch((error) => reportError(error, response));
    };
    void (intercept ? intercept({ message: request, response, answer: exchange }) : exchange());
  });
  const issuer = `http://localhost:${server.port}/${poolId}`;
  const configuration = providerConfiguration({ pool: options, users, records, signingKey, cookieKey, disabled });
  const provider = new Provider(issuer, configuration);
  imitateCognito(provider, new CognitoAccessTokens(issuer, signingKey));
  const pages = new HostedSignIn({
    provider,
    findClient: clientFinder(options),
    users,
    disabled,
    cookieOptions: configuration.cookies?.long,
  });
  answer = router(issuer, poolId, provider.callback(), pages);

  return {
    issuer,
    fail(on) {
      failing = on;
    },
    intercept(by) {
      intercept = by;
    },
    disable(username) {
      disabled.add(username);
    },
    setUser(user) {
      const index = users.findIndex(({ username }) => username === user.username);
      users.splice(index === -1 ? users.length : index, 1, user);
    },
    close: server.close,
  };
}

/** Changes oidc-provider's responses to Cognito's. */
function imitateCognito(provider: Provider, accessTokens: CognitoAccessTokens): void {
  provider.use(async (ctx, next) => {
    if (ctx.path === cognitoRoutes.userinfo) await accessTokens.unwrap(ctx);
    await next();
    if (ctx.path === cognitoRoutes.token && ctx.status === 200) await accessTokens.wrap(ctx as KoaContextWithOIDC);
    if (ctx.path === DISCOVERY) {
      const end_session_endpoint = `${provider.issuer}/logout`;
      const document: Record<string, unknown> = { ...(ctx.body as object), end_session_endpoint };
      ctx.body = Object.fromEntries(discoveryMembers.map((member) => [member, document[member]]));
    }
  });
  // Cognito's authorization response has no `iss` (RFC 9207).
  provider.on('authorization.success', (_, response) => {
    delete response?.iss;
  });
  provider.on('server_error', (_, error) => console.error(error));
}

function router(
  issuer: string,
  poolId: string,
  answerProtocol: (request: IncomingMessage, response: ServerResponse) => unknown,
  pages: HostedSignIn,
): Handler {
  return async (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', issuer);
    const path = pathname.startsWith(`/${poolId}/`) ? pathname.slice(poolId.length + 1) : undefined;
    if (path?.startsWith('/login/')) return pages.signIn(request, response);
    if (path === '/logout') return pages.signOut(request, response, searchParams);
    if (path === DISCOVERY || path === cognitoRoutes.jwks || path?.startsWith('/oauth2/')) {
      // oidc-provider's routes begin at the root; it reads the mount path from `originalUrl`, as Express sets it.
      Object.assign(request, { originalUrl: request.url, url: request.url!.slice(poolId.length + 1) });
      await answerProtocol(request, response);
      return;
    }
    sendPage(response, 404, errorPage('not_found', 'This address has no page.'));
  };
}

function reportError(error: unknown, response: ServerResponse): void {
  console.error(error);
  if (response.headersSent) response.destroy();
  else sendPage(response, 500, errorPage('server_error', 'The terminal of the emulator shows the error.'));
}
