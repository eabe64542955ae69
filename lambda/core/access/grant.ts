import type { UpstreamIdentity } from '../identity/upstream-provider.ts';
import type { Caller } from './caller.ts';

/**
 * One user's authorisation of one client. It carries the refresh-token family; the identity provider's tokens are
 * sealed beside it. Times are epoch seconds.
 */
export type Grant = {
  id: string;
  status: 'active' | 'revoked';
  revokedAt?: number;
  /** Key of the user. */
  user: string;
  /** The identity provider's `iss` and `sub`, from which the user's key is made. */
  issuer: string;
  subject: string;
  client: string;
  clientName: string;
  scopes: string[];
  /** Groups the identity provider put the user in at sign-in. */
  groups: string[];
  createdAt: number;
  /** Ends here however much it is used. */
  absoluteExpiresAt: number;
  /** Ends here unless a refresh moves it. */
  idleExpiresAt: number;
  refresh: RefreshState;
};

/** Where the refresh-token family stands (see `oauth/refresh.ts`). */
export type RefreshState = {
  /** The newest generation. */
  head: number;
  /** The generation whose holder was given `head`. */
  predecessor: number;
  /** Generations lately superseded, and when. */
  superseded: Record<string, number>;
};

/** DynamoDB deletes late, so a grant that has ended may still be found: every reader asks this. */
export function isLiveGrant(grant: Grant | undefined, now: number): grant is Grant {
  return grant?.status === 'active' && grant.absoluteExpiresAt > now && grant.idleExpiresAt > now;
}

/** What everything behind station 2 knows of a grant. */
export type GrantSummary = Pick<Grant, 'id' | 'user' | 'issuer' | 'subject' | 'groups' | 'client' | 'clientName'>;

/** Direct mode: the grant as the identity provider's token has it. The client is known there alone, so by its id here. */
export const directGrant = ({ grant, user, client }: Caller, identity: UpstreamIdentity): GrantSummary => ({
  id: grant,
  user,
  client,
  clientName: client,
  ...identity,
});
