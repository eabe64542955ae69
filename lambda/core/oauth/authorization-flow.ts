import type { Grant } from '../access/grant.ts';
import type { SealedUpstreamTokens } from '../identity/upstream-tokens.ts';
import type { SpentAssertion } from './clients/client-assertion.ts';
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
  /** The user whose account the consent page showed; absent where the browser knew none. */
  account?: string;
};

/** Binds a step of the flow to one browser: `browser` is the digest of the cookie that only this browser holds. */
export type BrowserBinding = { browser: string; expiresAt: number };

/** A sign-in to the dashboard, which issues no grant. */
export type DashboardRequest = {
  /** Path and query below /dashboard that the browser returns to. */
  dashboard: string;
};

/** An authorization request that waits for the user's answer, or has it. */
export type PendingAuthorization = AuthorizationRequest &
  BrowserBinding & {
    answer?: ConsentAnswer;
    answeredAt?: number;
  };

export type ConsentAnswer = 'approve' | 'deny';

/** The data of a `state` that the identity provider returns, after consent or for a sign-in to the dashboard. */
export type UpstreamState = (AuthorizationRequest | DashboardRequest) &
  BrowserBinding & {
    /** The user chose another account than the shown one. */
    isOtherAccount?: boolean;
    /** When the sign-in created its grant or its dashboard session. */
    completedAt?: number;
  };

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
 * Authorization requests and upstream states, under digests of what the browser carries. Neither is deleted when it is
 * used: a repeated request finds its own effect. Every method throws `ServiceUnavailableError` when the store does not
 * respond; the write may have taken effect then, and the same request can be repeated.
 */
export interface FlowStore {
  putAuthorizationRequest(handleHash: string, pending: PendingAuthorization): Promise<void>;
  findAuthorizationRequest(handleHash: string): Promise<PendingAuthorization | undefined>;
  /**
   * Records the user's answer and, for an approval, stores the state of the sign-in that follows: both or none.
   * @returns false when the request is unknown, expired or answered
   */
  answerAuthorizationRequest(
    handleHash: string,
    answered: { answer: ConsentAnswer; at: number },
    upstream?: { stateHash: string; state: UpstreamState },
  ): Promise<boolean>;
  /** Stores the state of a sign-in that needs no consent. */
  putUpstreamState(stateHash: string, state: UpstreamState): Promise<void>;
  findUpstreamState(stateHash: string): Promise<UpstreamState | undefined>;
  /**
   * Records that a request redeems this code of the provider, which accepts it once.
   * @returns false when another request has recorded it, or the state is unknown or expired
   */
  beginRedemption(stateHash: string, codeHash: string, now: number): Promise<boolean>;
  /** Ends a sign-in: the provider rejected it, or its callback arrived in a browser that did not consent. */
  deleteUpstreamState(stateHash: string): Promise<void>;
}

/** Grants and authorization codes. Every method throws `ServiceUnavailableError` when the store does not respond. */
export interface GrantStore {
  /**
   * Writes the grant, its sealed tokens, the code, the approval and the user's sign-in time, and completes the sign-in:
   * all or none.
   * @param stateHash of the sign-in; absent for a grant that no sign-in gave
   * @returns false when the sign-in is unknown, expired or completed by another request
   */
  createGrant(
    created: {
      grant: Grant;
      /** As `User.sealedName`. */
      sealedName?: string | undefined;
      tokens: SealedUpstreamTokens;
      codeHash: string;
      code: AuthorizationCode;
      approval: Approval;
    },
    stateHash?: string,
  ): Promise<boolean>;
  /**
   * Writes the grant of a personal access token.
   * @param cookieHash of the dashboard session in which its user makes it; absent for one that an operator makes
   * @returns false when the dashboard session has ended meanwhile
   */
  createPersonalGrant(grant: Grant, cookieHash?: string): Promise<boolean>;
  findCode(codeHash: string): Promise<AuthorizationCode | undefined>;
  /**
   * Marks the code as used, and the client's assertion too: both or none.
   * @param grant the grant that the code gave
   * @returns `conflict` when the code is already used or expired, or its grant is revoked
   */
  redeemCode(codeHash: string, grant: string, now: number, assertion?: SpentAssertion): Promise<WriteOutcome>;
  /**
   * Writes a grant that no sign-in gave, or its next state, and marks the assertions as used: all or none.
   * @returns `conflict` when the grant is revoked
   */
  keepStandingGrant(grant: Grant, now: number, assertions?: readonly SpentAssertion[]): Promise<WriteOutcome>;
  /** The grant and its sealed tokens in one round trip. */
  findGrant(id: string): Promise<{ grant?: Grant | undefined; tokens?: SealedUpstreamTokens | undefined }>;
  /**
   * Stores the next state of the grant if its head is still `head` and it is active, and marks the client's assertion as
   * used: both or none.
   * @returns `conflict` when the grant has changed
   */
  rotate(
    id: string,
    head: number,
    change: Pick<Grant, 'refresh' | 'idleExpiresAt' | 'groups'>,
    assertion?: SpentAssertion,
  ): Promise<WriteOutcome>;
  /**
   * Revokes the grant for good, as `RevocationStore` does, and marks the client's assertion as used: all or none.
   * @returns `conflict` when it was revoked before or is unknown
   */
  revokeGrant(id: string, now: number, assertion?: SpentAssertion): Promise<WriteOutcome>;
}

/** Outcome of a write that also marks an assertion as used. */
export type WriteOutcome = 'written' | 'conflict' | 'assertion-replayed';

/** Lifetime of an authorization request, and of an upstream state. */
export const BROWSER_STEP_SECONDS = 600;
export const CODE_SECONDS = 60;
