import type { Grant } from '../access/grant.ts';
import type { RevocationStore } from '../admin/revocation.ts';
import type { SignInSecrets } from '../identity/upstream-provider.ts';
import type { SealedUpstreamTokens } from '../identity/upstream-tokens.ts';
import type { ClientIdentity } from './clients/oauth-client.ts';

/** What a client asked for at `/authorize`, once it has been checked. Times are epoch seconds. */
export type AuthorizationRequest = {
  client: string;
  clientName: string;
  clientIdentity: ClientIdentity;
  redirectUri: string;
  /** The client's own, given back unchanged. */
  state?: string;
  scopes: string[];
  /** PKCE S256 challenge. */
  challenge: string;
};

/** A step that waits for the browser: `browser` is the digest of the cookie that this very browser holds. */
export type PendingItem = { browser: string; expiresAt: number };

/** Somebody wants to see the dashboard. */
export type DashboardRequest = {
  /** Where the browser goes then: path and query, below /dashboard. */
  dashboard: string;
};

/** The user has consented, or wants to see the dashboard, and is at the identity provider. */
export type SignIn = (AuthorizationRequest | DashboardRequest) & PendingItem & Omit<SignInSecrets, 'state'>;

export type AuthorizationCode = Pick<AuthorizationRequest, 'client' | 'redirectUri' | 'challenge' | 'scopes'> & {
  grant: string;
  user: string;
  expiresAt: number;
  usedAt?: number;
};

/** That a user has let a client in, kept for whoever audits. */
export type Approval = {
  user: string;
  client: string;
  clientName: string;
  redirectHost: string;
  scopes: string[];
  at: number;
};

/**
 * Where sign-ins wait, under digests of what the browser carries. `take` is atomic: of two that take, one gets it.
 * Every method throws `Outage` when the store does not answer, and then nothing has been taken.
 */
export interface FlowStore {
  putRequest(handleHash: string, request: AuthorizationRequest & PendingItem): Promise<void>;
  /** @returns nothing when it is unknown, expired, taken, or waits for another browser (and then it stays) */
  takeRequest(handleHash: string, browser: string, now: number): Promise<AuthorizationRequest | undefined>;
  putSignIn(stateHash: string, signIn: SignIn): Promise<void>;
  /** As `takeRequest`. */
  takeSignIn(stateHash: string, browser: string, now: number): Promise<SignIn | undefined>;
  /** Ends a sign-in whose answer arrived in a browser that did not consent. */
  burnSignIn(stateHash: string): Promise<void>;
}

/** Where grants and codes live. Every method throws `Outage` when the store does not answer. */
export interface GrantStore extends Pick<RevocationStore, 'revokeGrant'> {
  /** Writes the grant, its sealed tokens, the code, the approval, and that the user has signed in: all or none. */
  createGrant(created: {
    grant: Grant;
    /** As `User.sealedName`. */
    sealedName?: string | undefined;
    tokens: SealedUpstreamTokens;
    codeHash: string;
    code: AuthorizationCode;
    approval: Approval;
  }): Promise<void>;
  findCode(codeHash: string): Promise<AuthorizationCode | undefined>;
  /** Marks the code as used; false when it has been used or has expired. */
  redeemCode(codeHash: string, now: number): Promise<boolean>;
  /** The grant and its sealed tokens in one round trip. */
  findGrant(id: string): Promise<{ grant?: Grant; tokens?: SealedUpstreamTokens }>;
  /** Moves the refresh family on, if the head is still `head` and the grant is active. */
  rotate(id: string, head: number, refresh: Grant['refresh'], idleExpiresAt: number): Promise<boolean>;
}

/** How long a consent page or a sign-in may take. */
export const PENDING_SECONDS = 600;
export const CODE_SECONDS = 60;
