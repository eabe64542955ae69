import type { UpstreamIdentity } from '../identity/upstream-provider.ts';
import type { Caller } from './caller.ts';

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
  /** The identity provider's `iss` and `sub`, from which the key of the user is derived. */
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
export function isLiveGrant(grant: Grant | undefined, now: number): grant is Grant {
  return grant?.status === 'active' && grant.absoluteExpiresAt > now && grant.idleExpiresAt > now;
}

/** The part of a grant that the steps after the session step get. */
export type GrantSummary = Pick<Grant, 'id' | 'user' | 'issuer' | 'subject' | 'groups' | 'client' | 'clientName'>;

/** Direct mode: the grant that the provider's token implies. Only the provider knows the client's name, so its id stands for it. */
export const directGrant = ({ grant, user, client }: Caller, identity: UpstreamIdentity): GrantSummary => ({
  id: grant,
  user,
  client,
  clientName: client,
  ...identity,
});
