import { randomId } from '../support/crypto.ts';
import type { Sealer } from '../support/sealer.ts';
import { ServiceUnavailableError } from '../support/service-unavailable-error.ts';
import { SignInRefusedError, type UpstreamProvider, type UpstreamTokens } from './upstream-provider.ts';

/** The identity provider's tokens of one grant, as they stand in the store. Times are epoch seconds. */
export type SealedUpstreamTokens = {
  sealed: string;
  /** Counts the writes: whoever stores must have read the version before. */
  version: number;
  /** When the access token inside expires, readable without opening the seal. */
  expiresAt: number;
  /** When the provider last handed out tokens, and so still honoured the grant. */
  refreshedAt: number;
};

/** Where sealed tokens live. Every method throws `Outage` when the store does not answer. */
export interface UpstreamTokenStore {
  loadTokens(grant: string): Promise<SealedUpstreamTokens | undefined>;
  /** Takes the right to refresh this version until `until`; false while somebody else has it. */
  leaseTokens(grant: string, version: number, owner: string, now: number, until: number): Promise<boolean>;
  /** Stores the next version and gives the lease back; false when the lease was lost. */
  saveTokens(grant: string, owner: string, tokens: SealedUpstreamTokens): Promise<boolean>;
  /** Gives the lease back unused. */
  releaseTokens(grant: string, owner: string): Promise<void>;
}

/** A token this close to its end is refreshed, so that whoever gets it can still use it. */
const MARGIN_SECONDS = 60;
/** Whoever makes sure of the grant within it takes the provider's last word for this one: clients refresh in parallel. */
const MOMENT_SECONDS = 60;
/** A refresh that takes longer has died with its process; somebody else may try. */
const LEASE_SECONDS = 8;
/** What the provider's answer may take of it: nobody may ask with a refresh token that somebody else asks with by then. */
const ANSWER_SECONDS = 6;
const POLL_MILLISECONDS = 60;

type Dependencies = {
  store: UpstreamTokenStore;
  sealer: Sealer;
  /** `revoke` only where grants are ended. */
  upstreamProvider: Pick<UpstreamProvider, 'refresh'> & Partial<Pick<UpstreamProvider, 'revoke'>>;
  /** Epoch seconds. */
  now: () => number;
};

/** The identity provider's tokens, refreshed when due by exactly one of all the processes that ask. */
export class UpstreamTokenManager {
  readonly #d: Dependencies;

  constructor(dependencies: Dependencies) {
    this.#d = dependencies;
  }

  /**
   * A usable access token of the user who gave the grant.
   * @throws SignInRefused when the provider no longer honours the grant
   */
  async accessToken(grant: string): Promise<string> {
    const sealed = await this.#current(grant, (tokens) => this.#lasts(tokens));
    return (await this.#open(grant, sealed)).accessToken;
  }

  /**
   * Makes sure that the provider still honours the grant, by a refresh: tokens that last for long would let a user go on
   * who has been disabled there.
   * @throws SignInRefused when it does not
   */
  async ensure(grant: string, known?: SealedUpstreamTokens): Promise<void> {
    const since = this.#d.now() - MOMENT_SECONDS;
    await this.#current(grant, (tokens) => this.#lasts(tokens) && tokens.refreshedAt > since, known);
  }

  /**
   * Ends the tokens of a revoked grant at the provider as well. The grant has ended here whatever comes of it, so a
   * provider that does not answer, or refuses, is only reported.
   * @returns why the provider could not be told, if so
   */
  async revoke(grant: string, stored: SealedUpstreamTokens): Promise<string | undefined> {
    try {
      const { refreshToken } = await this.#open(grant, stored);
      if (refreshToken !== undefined) await this.#d.upstreamProvider.revoke?.(refreshToken);
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  #lasts({ expiresAt }: SealedUpstreamTokens): boolean {
    return expiresAt > this.#d.now() + MARGIN_SECONDS;
  }

  /** The tokens as they are if that will do, else refreshed. */
  async #current(
    grant: string,
    willDo: (tokens: SealedUpstreamTokens) => boolean,
    known?: SealedUpstreamTokens,
  ): Promise<SealedUpstreamTokens> {
    const { store, now } = this.#d;
    const owner = randomId();
    const giveUpAt = now() + LEASE_SECONDS + 2;
    const found = known ?? (await store.loadTokens(grant));
    let stored = found;
    while (now() < giveUpAt) {
      if (!stored) throw new SignInRefusedError('no_tokens');
      // What has been refreshed while we waited will do in any case, however short its life is.
      const refreshed = stored.version !== found?.version && stored.expiresAt > now();
      if (refreshed || willDo(stored)) return stored;
      const until = now() + LEASE_SECONDS;
      if (await store.leaseTokens(grant, stored.version, owner, now(), until)) {
        return this.#refresh(grant, stored, owner, until);
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MILLISECONDS * (1 + Math.random())));
      stored = await store.loadTokens(grant);
    }
    throw new ServiceUnavailableError(
      'The identity provider',
      new Error('another process has been refreshing the tokens for too long'),
    );
  }

  async #refresh(
    grant: string,
    stored: SealedUpstreamTokens,
    owner: string,
    until: number,
  ): Promise<SealedUpstreamTokens> {
    const { store, sealer, upstreamProvider, now } = this.#d;
    try {
      const { refreshToken, ...rest } = await this.#open(grant, stored);
      if (refreshToken === undefined) {
        if (rest.expiresAt <= now()) throw new SignInRefusedError('expired');
        await store.releaseTokens(grant, owner);
        return stored;
      }
      // The provider may honour the refresh token only once: fetch the key first, so that its answer cannot be lost.
      const seal = await sealer.prepare({ purpose: 'upstream', grant });
      if (now() >= until - ANSWER_SECONDS) {
        throw new ServiceUnavailableError('The key service', new Error('it left no time to ask the identity provider'));
      }
      const fresh = await upstreamProvider.refresh(refreshToken);
      const tokens = { refreshToken, ...fresh };
      const next = {
        sealed: await seal(JSON.stringify(tokens)),
        version: stored.version + 1,
        expiresAt: tokens.expiresAt,
        refreshedAt: now(),
      };
      // Should the lease be lost by now, these tokens are good all the same, for this once.
      await store.saveTokens(grant, owner, next);
      return next;
    } catch (error) {
      await store.releaseTokens(grant, owner);
      throw error;
    }
  }

  async #open(grant: string, stored: SealedUpstreamTokens): Promise<UpstreamTokens> {
    return JSON.parse(await this.#d.sealer.unseal(stored.sealed, { purpose: 'upstream', grant }));
  }
}
