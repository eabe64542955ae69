import { type Clock, epochSeconds } from '../support/clock.ts';
import type { Logger } from '../support/logger.ts';
import { logProviderFault } from './provider-fault-log.ts';
import { ProviderConfigurationError } from './upstream-provider.ts';
import type { SealedUpstreamTokens, UpstreamTokenManager } from './upstream-tokens.ts';

/** Upstream tokens of a grant that has ended, until the provider has revoked them. Times are epoch seconds. */
export type EndedTokens = {
  grant: string;
  /** Absent where the grant had none. */
  tokens?: SealedUpstreamTokens;
  endedAt: number;
  /** Attempts to revoke them at the provider. */
  attempts: number;
  /** Of the next attempt. */
  dueAt: number;
};

/** Ended upstream tokens; a revoked grant leaves its own here. Every method throws `ServiceUnavailableError`. */
export interface EndedTokenStore {
  /** Some of those that are due. They may be outdated by moments: `takeTokens` and `deleteTokens` check them. */
  dueTokens(now: number): Promise<EndedTokens[]>;
  /**
   * Counts an attempt and moves the next one to `nextDueAt`, so that an attempt that does not return is repeated then.
   * @returns false when they are not due any more, because another process took or deleted them
   */
  takeTokens(ended: EndedTokens, nextDueAt: number): Promise<boolean>;
  /**
   * Deletes them.
   * @returns false when a refresh that began before the grant ended has stored, or may store, newer tokens
   */
  deleteTokens(grant: string, version: number, now: number): Promise<boolean>;
}

/** Of the second attempt after the first one; the pauses double. */
const FIRST_PAUSE_SECONDS = 60;
const LONGEST_PAUSE_SECONDS = 6 * 3600;
/** Later the provider does not get the revocation. By then most providers have ended an unused session by themselves. */
const PATIENCE_SECONDS = 7 * 24 * 3600;

type Dependencies = {
  store: EndedTokenStore;
  upstreamTokens: Pick<UpstreamTokenManager, 'revoke'>;
  clock: Pick<Clock, 'now' | 'sleep'>;
  log: Logger;
};

/**
 * Revokes the upstream tokens of ended grants at the provider. A revocation, by whom and where ever, ends the grant at once
 * and lists its tokens; only the OAuth function may talk to the provider, and does so at a schedule.
 */
export class UpstreamRevocations {
  readonly #dependencies: Dependencies;

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies;
  }

  /**
   * Revokes what is due, until nothing is, or the provider rejects or answers nothing: a later run continues.
   * @param until epoch milliseconds; no attempt begins later
   * @throws ServiceUnavailableError when the store does not answer
   */
  async revokeDue(until: number): Promise<void> {
    const { store, clock } = this.#dependencies;
    while (clock.now() < until) {
      const due = await store.dueTokens(epochSeconds(clock));
      const revoked = await Promise.all(due.map((ended) => this.#attempt(ended)));
      if (due.length === 0 || revoked.includes(false)) return;
    }
  }

  /** Revokes the tokens of a grant that has just ended. A failure leaves them to the schedule. @returns whether it is done */
  async revoke(grant: string, stored: SealedUpstreamTokens, attempt = 1): Promise<boolean> {
    const { store, upstreamTokens, clock, log } = this.#dependencies;
    try {
      await upstreamTokens.revoke(grant, stored);
      // The tokens that a concurrent refresh stores meanwhile are revoked by the schedule.
      return await store.deleteTokens(grant, stored.version, epochSeconds(clock));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      log('upstream_revocation_failed', { grant, attempt, reason });
      if (error instanceof ProviderConfigurationError) logProviderFault(log, error);
      return false;
    }
  }

  /** @returns false when it failed, or another process has it */
  async #attempt(ended: EndedTokens): Promise<boolean> {
    const { store, clock } = this.#dependencies;
    const now = epochSeconds(clock);
    if (!(await store.takeTokens(ended, now + pauseAfter(ended.attempts)))) return false;
    const { grant, tokens, endedAt, attempts } = ended;
    if (tokens === undefined) return store.deleteTokens(grant, 0, now);
    if (await this.revoke(grant, tokens, attempts + 1)) return true;
    if (now - endedAt > PATIENCE_SECONDS) await store.deleteTokens(grant, tokens.version, now);
    return false;
  }
}

const pauseAfter = (attempts: number) => Math.min(FIRST_PAUSE_SECONDS * 2 ** attempts, LONGEST_PAUSE_SECONDS);
