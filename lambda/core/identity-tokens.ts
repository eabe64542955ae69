import { randomId } from './digest.ts';
import { type IdentityProvider, type IdentityTokens, SignInRefused } from './identity-provider.ts';
import { Outage } from './outage.ts';
import type { Sealer } from './seal.ts';

/** The identity provider's tokens of one grant, as they stand in the store. Times are epoch seconds. */
export type SealedTokens = {
  sealed: string;
  /** Counts the writes: whoever stores must have read the version before. */
  version: number;
  /** When the access token inside expires, readable without opening the seal. */
  expiresAt: number;
};

/** Where sealed tokens live. Every method throws `Outage` when the store does not answer. */
export interface IdentityTokenStore {
  loadTokens(grant: string): Promise<SealedTokens | undefined>;
  /** Takes the right to refresh this version until `until`; false while somebody else has it. */
  leaseTokens(grant: string, version: number, owner: string, now: number, until: number): Promise<boolean>;
  /** Stores the next version and gives the lease back; false when the lease was lost. */
  saveTokens(grant: string, owner: string, tokens: SealedTokens): Promise<boolean>;
  /** Gives the lease back unused. */
  releaseTokens(grant: string, owner: string): Promise<void>;
}

/** A token this close to its end is refreshed, so that whoever gets it can still use it. */
const MARGIN_SECONDS = 60;
/** A refresh that takes longer has died with its process; somebody else may try. */
const LEASE_SECONDS = 8;
const POLL_MILLISECONDS = 60;

type Dependencies = {
  store: IdentityTokenStore;
  sealer: Sealer;
  identityProvider: Pick<IdentityProvider, 'refresh' | 'revoke'>;
  /** Epoch seconds. */
  now: () => number;
};

/** The identity provider's tokens, refreshed when due by exactly one of all the processes that ask. */
export class IdentityTokenKeeper {
  readonly #d: Dependencies;

  constructor(dependencies: Dependencies) {
    this.#d = dependencies;
  }

  /**
   * A usable access token of the user who gave the grant.
   * @throws SignInRefused when the provider no longer honours the grant
   */
  async accessToken(grant: string): Promise<string> {
    const sealed = await this.#current(grant);
    return (await this.#open(grant, sealed)).accessToken;
  }

  /** Makes sure that the provider still honours the grant, without opening the seal unless a refresh is due. */
  async ensure(grant: string, known?: SealedTokens): Promise<void> {
    await this.#current(grant, known);
  }

  /**
   * Ends the tokens of a revoked grant at the provider as well. The grant has ended here whatever comes of it, so a
   * provider that does not answer, or refuses, is only reported.
   * @returns why the provider could not be told, if so
   */
  async revoke(grant: string, stored: SealedTokens): Promise<string | undefined> {
    try {
      const { refreshToken } = await this.#open(grant, stored);
      if (refreshToken !== undefined) await this.#d.identityProvider.revoke(refreshToken);
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  async #current(grant: string, known?: SealedTokens): Promise<SealedTokens> {
    const { store, now } = this.#d;
    const owner = randomId();
    const giveUpAt = now() + LEASE_SECONDS + 2;
    let stored = known ?? (await store.loadTokens(grant));
    while (now() < giveUpAt) {
      if (!stored) throw new SignInRefused('no_tokens');
      if (stored.expiresAt > now() + MARGIN_SECONDS) return stored;
      if (await store.leaseTokens(grant, stored.version, owner, now(), now() + LEASE_SECONDS)) {
        return this.#refresh(grant, stored, owner);
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MILLISECONDS * (1 + Math.random())));
      stored = await store.loadTokens(grant);
    }
    throw new Outage('The identity provider', new Error('another process has been refreshing the tokens for too long'));
  }

  async #refresh(grant: string, stored: SealedTokens, owner: string): Promise<SealedTokens> {
    const { store, sealer, identityProvider, now } = this.#d;
    try {
      const { refreshToken, ...rest } = await this.#open(grant, stored);
      if (refreshToken === undefined) {
        if (rest.expiresAt > now()) return stored;
        throw new SignInRefused('expired');
      }
      // The provider may honour the refresh token only once: fetch the key first, so that its answer cannot be lost.
      const seal = await sealer.prepare({ purpose: 'upstream', grant });
      const fresh = await identityProvider.refresh(refreshToken);
      const tokens = { refreshToken, ...fresh };
      const next = {
        sealed: await seal(JSON.stringify(tokens)),
        version: stored.version + 1,
        expiresAt: tokens.expiresAt,
      };
      await store.saveTokens(grant, owner, next);
      return next;
    } catch (error) {
      await store.releaseTokens(grant, owner);
      throw error;
    }
  }

  async #open(grant: string, stored: SealedTokens): Promise<IdentityTokens> {
    return JSON.parse(await this.#d.sealer.unseal(stored.sealed, { purpose: 'upstream', grant }));
  }
}
