import type { UpstreamIdentity } from '../identity/upstream-provider.ts';

/** The caller of a request, as the authorizer read it from a verified access token. Every later step trusts it. */
export type Caller = {
  /** Key of the user: `base64url(sha256(issuer + "\n" + subject))`. */
  user: string;
  /** Id of the grant that the token was issued under. */
  grant: string;
  /** `client_id` of the OAuth client. */
  client: string;
  scopes: string[];
  /** Epoch seconds. A cached authorizer response may outlive the token, so the session step checks it again. */
  expiresAt: number;
  /**
   * Direct mode: the user as the identity provider's token identifies them, because the table has no grant.
   * @default - the identity of the grant in the table
   */
  identity?: UpstreamIdentity;
};

/** The caller in the authorizer's context of API Gateway, where every value is a string. */
export type CallerContext = {
  user: string;
  grant: string;
  client: string;
  scope: string;
  expiresAt: string;
  /** JSON. */
  identity?: string;
};

export function callerContext(caller: Caller): CallerContext {
  const { user, grant, client, scopes, expiresAt, identity } = caller;
  return {
    user,
    grant,
    client,
    scope: scopes.join(' '),
    expiresAt: String(expiresAt),
    ...(identity && { identity: JSON.stringify(identity) }),
  };
}

export function readCallerContext(context: Partial<CallerContext> | null | undefined): Caller {
  const { user, grant, client, scope, expiresAt, identity } = context ?? {};
  if (!user || !grant || !client || scope === undefined || !expiresAt) {
    throw new Error('The authorizer context has no caller: check that the route has the authorizer');
  }
  return {
    user,
    grant,
    client,
    scopes: scope.split(' ').filter(Boolean),
    expiresAt: Number(expiresAt),
    ...(identity && { identity: JSON.parse(identity) as UpstreamIdentity }),
  };
}
