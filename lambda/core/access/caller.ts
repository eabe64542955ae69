import type { UpstreamIdentity } from '../identity/upstream-provider.ts';

/** Who is calling, as the authorizer (station 1) read it from a verified access token. All the later stations trust it. */
export type Caller = {
  /** Key of the user: `base64url(sha256(issuer + "\n" + subject))`. */
  user: string;
  /** Id of the grant that the token was issued under. */
  grant: string;
  /** `client_id` of the OAuth client. */
  client: string;
  scopes: string[];
  /** Epoch seconds. A cached authorizer answer may outlive the token, so the session station looks again. */
  expiresAt: number;
  /**
   * Direct mode: the user as the identity provider's own token says, there being no grant in the table that says it.
   * @default - a grant in the table
   */
  identity?: UpstreamIdentity;
};

/** The caller as API Gateway carries it in the authorizer's context, where every value is text. */
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
    throw new Error('The request came past the authorizer: its context names no caller');
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
