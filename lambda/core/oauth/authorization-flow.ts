import type { Grant } from '../access/grant.ts';
import type { RevocationStore } from '../admin/revocation.ts';
import type { SignInSecrets } from '../identity/upstream-provider.ts';
import type { SealedUpstreamTokens } from '../identity/upstream-tokens.ts';
import type { ClientIdentity } from './clients/oauth-client.ts';

/** An authorization request that has been validated. Times are epoch seconds. */
export type AuthorizationRequest = {
  client: string;
  clientName: string;
  clientIdentity: ClientIdentity;
  redirectUri: string;
  /** The client's `state`, returned unchanged. */
  state?: string;
  scopes: string[];
  /** PKCE S256 challenge. */
  challenge: string;
};

/** Binds a step of the flow to one browser: `browser` is the digest of the cookie that only this browser holds. */
export type BrowserBinding = { browser: string; expiresAt: number };

/** A sign-in to the dashboard, which issues no grant. */
export type DashboardRequest = {
  /** Path and query below /dashboard that the browser returns to. */
  dashboard: string;
};

/** The data of a `state` that the identity provider returns, after consent or for a sign-in to the dashboard. */
export type UpstreamState = (AuthorizationRequest | DashboardRequest) & BrowserBinding & Omit<SignInSecrets, 'state'>;

export type AuthorizationCode = Pick<AuthorizationRequest, 'client' | 'redirectUri' | 'challenge' | 'scopes'> & {
  grant: string;
  user: string;
  expiresAt: number;
  usedAt?: number;
};

/** A user's consent to a client, kept for audits. */
export type Approval = {
  user: string;
  client: string;
  clientName: string;
  redirectHost: string;
  scopes: string[];
  at: number;
};

/**
 * Authorization requests and upstream states, under digests of what the browser carries. `take…` reads and deletes
 * atomically: of two calls, one gets the item. Every method throws `ServiceUnavailableError` when the store does not
 * respond, and then nothing has been taken.
 */
export interface FlowStore {
  putAuthorizationRequest(handleHash: string, request: AuthorizationRequest & BrowserBinding): Promise<void>;
  /** @returns undefined when it is unknown, expired, taken, or bound to another browser (and then it stays) */
  takeAuthorizationRequest(handleHash: string, browser: string, now: number): Promise<AuthorizationRequest | undefined>;
  putUpstreamState(stateHash: string, state: UpstreamState): Promise<void>;
  /** As `takeAuthorizationRequest`. */
  takeUpstreamState(stateHash: string, browser: string, now: number): Promise<UpstreamState | undefined>;
  /** Ends a sign-in whose callback arrived in a browser that did not consent. */
  deleteUpstreamState(stateHash: string): Promise<void>;
}

/** Grants and authorization codes. Every method throws `ServiceUnavailableError` when the store does not respond. */
export interface GrantStore extends Pick<RevocationStore, 'revokeGrant'> {
  /** Writes the grant, its sealed tokens, the code, the approval and the user's sign-in time: all or none. */
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
  /** Marks the code as used; false when it is already used or expired. */
  redeemCode(codeHash: string, now: number): Promise<boolean>;
  /** The grant and its sealed tokens in one round trip. */
  findGrant(id: string): Promise<{ grant?: Grant | undefined; tokens?: SealedUpstreamTokens | undefined }>;
  /** Advances the refresh-token family if its head is still `head` and the grant is active. */
  rotate(id: string, head: number, refresh: Grant['refresh'], idleExpiresAt: number): Promise<boolean>;
}

/** Lifetime of an authorization request, and of an upstream state. */
export const BROWSER_STEP_SECONDS = 600;
export const CODE_SECONDS = 60;
