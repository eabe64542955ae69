import { type Clock, epochSeconds } from '../support/clock.ts';
import { throughOutage } from '../support/outage-patience.ts';
import { retry } from '../support/retry-on-conflict.ts';
import type { Sealer } from '../support/sealer.ts';
import { ServiceUnavailableError } from '../support/service-unavailable-error.ts';
import { LEASE_SECONDS, runSingleFlight } from '../support/single-flight.ts';
import {
  SignInRefusedError,
  type UpstreamProvider,
  type UpstreamTokens,
  type UpstreamUser,
} from './upstream-provider.ts';

/** The upstream tokens of one grant, as they are stored. Times are epoch seconds. */
export type SealedUpstreamTokens = {
  sealed: string;
  /** Increased by each write; a writer must have read the version before. */
  version: number;
  /** Expiry of the sealed access token, readable without unsealing. */
  expiresAt: number;
  /** When the provider last issued tokens, and so still honoured the grant. */
  refreshedAt: number;
  /** The user's groups in the id token that was issued then; absent when it did not state them. */
  groups?: string[] | undefined;
};

/** The grant that upstream tokens belong to. */
export type TokenOwner = UpstreamUser & { id: string };

/**
 * Storage of the sealed tokens of grants that have not ended: it has none of a revoked grant. Every method throws
 * `ServiceUnavailableError` when the store does not answer.
 */
export interface UpstreamTokenStore {
  loadTokens(grant: string): Promise<SealedUpstreamTokens | undefined>;
  /** Takes the lease for the refresh of this version until `until`; false while another process has it. */
  leaseTokens(grant: string, version: number, owner: string, now: number, until: number): Promise<boolean>;
  /** Stores the next version and releases the lease, also if the grant ended meanwhile; false when the lease was lost. */
  saveTokens(grant: string, owner: string, tokens: SealedUpstreamTokens): Promise<boolean>;
  /** Releases the lease without a write. */
  releaseTokens(grant: string, owner: string): Promise<void>;
}

/** A token this close to its expiry is refreshed, so that its user can still use it. */
const MARGIN_SECONDS = 60;
/** A refresh this recent is not repeated: clients refresh in parallel, and a tool must not refresh in a loop. */
const RECENT_SECONDS = 60;
/** The share of the lease for the provider's response: no other process may use the refresh token before it arrives. */
const RESPONSE_SECONDS = 6;
const PATIENCE_SECONDS = LEASE_SECONDS + 2;
const POLL_MILLISECONDS = 60;

type Dependencies = {
  store: UpstreamTokenStore;
  sealer: Sealer;
  /** `currentGroups` and `revoke` only where grants are refreshed and ended. */
  upstreamProvider: Pick<UpstreamProvider, 'refresh'> & Partial<Pick<UpstreamProvider, 'currentGroups' | 'revoke'>>;
  clock: Pick<Clock, 'now' | 'sleep'>;
  /** From 0 to 1. */
  random: () => number;
};

/** Upstream tokens; when they are due, exactly one of all processes refreshes them. */
export class UpstreamTokenManager {
  readonly #dependencies: Dependencies;

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies;
  }

  /**
   * A valid access token of the user who gave the grant.
   * @param options `refresh`: a token of a recent refresh, for a caller whose token the provider rejected before its expiry
   * @throws SignInRefusedError when the provider no longer honours the grant
   */
  async accessToken(grant: TokenOwner, { refresh = false }: { refresh?: boolean } = {}): Promise<string> {
    const sealed = await this.#current(grant, (tokens) => (refresh ? this.#isRecent(tokens) : this.#isFresh(tokens)));
    return (await this.#open(grant, sealed)).accessToken;
  }

  /**
   * Verifies by a refresh that the provider still honours the grant: with long-lived tokens a user who is disabled at the
   * provider would keep access.
   * @returns the user's groups, as the provider states them now; undefined when it states them at sign-in only
   * @throws SignInRefusedError when it does not
   */
  async ensure(grant: TokenOwner, stored?: SealedUpstreamTokens): Promise<string[] | undefined> {
    const current = await this.#current(grant, (tokens) => this.#isRecent(tokens), stored);
    const { currentGroups } = this.#dependencies.upstreamProvider;
    if (current.groups !== undefined || currentGroups === undefined) return current.groups;
    const { accessToken } = await this.#open(grant, current);
    return currentGroups(accessToken, grant);
  }

  /** Revokes the tokens of an ended grant at the provider. @throws Error when it does not confirm the revocation */
  async revoke(grant: string, stored: SealedUpstreamTokens): Promise<void> {
    const { refreshToken } = await this.#open({ id: grant }, stored);
    if (refreshToken !== undefined) await this.#dependencies.upstreamProvider.revoke?.(refreshToken);
  }

  #now(): number {
    return epochSeconds(this.#dependencies.clock);
  }

  #isFresh({ expiresAt }: SealedUpstreamTokens): boolean {
    return expiresAt > this.#now() + MARGIN_SECONDS;
  }

  #isRecent(tokens: SealedUpstreamTokens): boolean {
    return this.#isFresh(tokens) && tokens.refreshedAt > this.#now() - RECENT_SECONDS;
  }

  /** The stored tokens if they suffice, otherwise refreshed ones. */
  async #current(
    grant: TokenOwner,
    suffices: (tokens: SealedUpstreamTokens) => boolean,
    stored?: SealedUpstreamTokens,
  ): Promise<SealedUpstreamTokens> {
    const { store, clock, random } = this.#dependencies;
    let first: SealedUpstreamTokens | undefined;
    const flight = { clock, random, patienceSeconds: PATIENCE_SECONDS, pollMilliseconds: POLL_MILLISECONDS };
    const result = await runSingleFlight(flight, async (owner) => {
      const current = first === undefined && stored ? stored : await store.loadTokens(grant.id);
      first ??= current;
      if (!current) throw new SignInRefusedError('no_tokens');
      // Tokens that another process has refreshed meanwhile suffice in any case, however short their lifetime is.
      const isRefreshed = current.version !== first?.version && current.expiresAt > this.#now();
      if (isRefreshed || suffices(current)) return current;
      const until = this.#now() + LEASE_SECONDS;
      const isLeased = await store.leaseTokens(grant.id, current.version, owner, this.#now(), until);
      return isLeased ? this.#refresh(grant, current, owner, until) : retry;
    });
    if (result !== retry) return result;
    throw new ServiceUnavailableError(
      'The identity provider',
      new Error(`another process has been refreshing the tokens for ${PATIENCE_SECONDS} seconds`),
    );
  }

  async #refresh(
    grant: TokenOwner,
    stored: SealedUpstreamTokens,
    owner: string,
    until: number,
  ): Promise<SealedUpstreamTokens> {
    const { store, sealer, upstreamProvider, clock } = this.#dependencies;
    try {
      const { refreshToken, ...rest } = await this.#open(grant, stored);
      if (refreshToken === undefined) {
        if (rest.expiresAt <= this.#now()) throw new SignInRefusedError('expired');
        await store.releaseTokens(grant.id, owner);
        return stored;
      }
      // The provider may honour the refresh token only once: with the key at hand its response cannot be lost.
      const seal = await sealer.prepare({ purpose: 'upstream', grant: grant.id });
      if (this.#now() >= until - RESPONSE_SECONDS) {
        const cause = new Error('it answered too late to ask the identity provider under the same lease');
        throw new ServiceUnavailableError('The key service', cause);
      }
      const { groups, ...fresh } = await upstreamProvider.refresh(refreshToken, grant);
      const tokens = { refreshToken, ...fresh };
      const next = {
        sealed: await seal(JSON.stringify(tokens)),
        version: stored.version + 1,
        expiresAt: tokens.expiresAt,
        refreshedAt: this.#now(),
        groups,
      };
      // The provider may have rotated the refresh token, and then this is the only copy of the next one. If the lease is lost
      // by now, these tokens still serve this request.
      await throughOutage(clock, until * 1000, () => store.saveTokens(grant.id, owner, next));
      return next;
    } catch (error) {
      await this.#release(grant.id, owner);
      throw error;
    }
  }

  /** A lease that cannot be released ends by itself. */
  async #release(grant: string, owner: string): Promise<void> {
    try {
      await this.#dependencies.store.releaseTokens(grant, owner);
    } catch (error) {
      if (!(error instanceof ServiceUnavailableError)) throw error;
    }
  }

  async #open({ id }: Pick<TokenOwner, 'id'>, stored: SealedUpstreamTokens): Promise<UpstreamTokens> {
    return JSON.parse(await this.#dependencies.sealer.unseal(stored.sealed, { purpose: 'upstream', grant: id }));
  }
}
