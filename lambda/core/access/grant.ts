import type { UpstreamIdentity } from '../identity/upstream-provider.ts';
import type { Caller } from './caller.ts';

/** The kind of a user: a person who signed in, or a service (a machine client, or a workload of another platform). */
export type PrincipalKind = 'person' | 'service';

/** How a grant came about without a sign-in in the browser. */
export type GrantOrigin = 'client-credentials' | 'workload' | 'enterprise';

/**
 * One user's authorization of one client. It holds the refresh-token family; the upstream tokens are sealed in an item
 * beside it. Times are epoch seconds.
 */
export type Grant = {
  id: string;
  status: 'active' | 'revoked';
  revokedAt?: number;
  /** Key of the user. */
  user: string;
  /** @default 'person' */
  kind?: PrincipalKind;
  /** @default - a sign-in in the browser */
  origin?: GrantOrigin;
  /**
   * `iss` and `sub` of the user, from which the key of the user is derived: of a person at the identity provider, of a
   * workload at its platform. A machine client has this server as its issuer, and its `client_id` as its subject.
   */
  issuer: string;
  subject: string;
  client: string;
  clientName: string;
  scopes: string[];
  /** The user's groups at the identity provider, as of sign-in or the last refresh. */
  groups: string[];
  createdAt: number;
  /** Expires here regardless of use. */
  absoluteExpiresAt: number;
  /** Expires here unless a refresh extends it. */
  idleExpiresAt: number;
  refresh: RefreshState;
};

/** The state of the refresh-token family (see `oauth/tokens/refresh-decision.ts`). */
export type RefreshState = {
  /** The newest generation. */
  head: number;
  /** The generation whose holder received `head`. */
  predecessor: number;
  /** Recently superseded generations, and when. */
  superseded: Record<string, number>;
};

/** DynamoDB deletes expired items late, so every reader checks the grant that it found. */
export function isLiveGrant<G extends Pick<Grant, 'status' | 'absoluteExpiresAt' | 'idleExpiresAt'>>(
  grant: G | undefined,
  now: number,
): grant is G {
  return grant?.status === 'active' && grant.absoluteExpiresAt > now && grant.idleExpiresAt > now;
}

export const kindOf = ({ kind = 'person' }: Pick<Grant, 'kind'>): PrincipalKind => kind;

/** The part of a grant that the steps after the session step get. */
export type GrantSummary = Pick<
  Grant,
  'id' | 'user' | 'kind' | 'issuer' | 'subject' | 'groups' | 'client' | 'clientName'
>;

/** Direct mode: the grant that the provider's token implies. Only the provider knows the client's name, so its id stands for it. */
export const directGrant = ({ grant, user, client }: Caller, identity: UpstreamIdentity): GrantSummary => ({
  id: grant,
  user,
  client,
  clientName: client,
  ...identity,
});
