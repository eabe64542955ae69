import { type Clock, epochSeconds } from '../support/clock.ts';
import { sha256 } from '../support/crypto.ts';
import { throughOutage } from '../support/outage-patience.ts';
import { retry } from '../support/retry-on-conflict.ts';
import type { Sealer } from '../support/sealer.ts';
import { ServiceUnavailableError } from '../support/service-unavailable-error.ts';
import { LEASE_SECONDS, runSingleFlight } from '../support/single-flight.ts';
import type { TokenOwner, UpstreamTokenManager } from './upstream-tokens.ts';

/** A token for another API: at least one of audience and scopes. */
export type ExchangeRequest = {
  /** The API, under the name that the provider has for it: a client id, an identifier URI. */
  audience?: string | undefined;
  scopes?: readonly string[] | undefined;
};

/** The provider's answer. Times are epoch seconds. */
export type ExchangedToken = { accessToken: string; expiresAt: number };

/** The exchange at the identity provider. */
export interface TokenExchanger {
  /**
   * Exchanges the user's access token for one for another API (RFC 8693, or the provider's form).
   * @throws ExchangeRefusedError when the provider rejects it
   * @throws ServiceUnavailableError when the provider does not answer
   */
  exchange(subjectToken: string, request: ExchangeRequest): Promise<ExchangedToken>;
}

/** An exchanged token of one grant, as it is stored. Times are epoch seconds. */
export type SealedExchangedToken = {
  /** Of the request that it answers. */
  digest: string;
  sealed: string;
  expiresAt: number;
  exchangedAt: number;
};

/**
 * Exchanged tokens of a grant, each in one of 64 slots, so that their number is bounded. A token that takes the slot of another
 * one has that one exchanged again when it is needed. Every method throws `ServiceUnavailableError`.
 */
export interface ExchangedTokenStore {
  loadToken(grant: string, slot: string): Promise<SealedExchangedToken | undefined>;
  /** Takes the lease of the slot until `until`; false while another process has it. */
  leaseToken(grant: string, slot: string, owner: string, now: number, until: number): Promise<boolean>;
  /** Stores the token until its expiry and releases the lease; false when the lease was lost. */
  saveToken(grant: string, slot: string, owner: string, token: SealedExchangedToken): Promise<boolean>;
  /** Releases the lease without a write. */
  releaseToken(grant: string, slot: string, owner: string): Promise<void>;
}

/** A token this close to its expiry is exchanged again, so that its user can still use it. */
const MARGIN_SECONDS = 60;
/** An exchange this recent is not repeated on request: a tool must not exchange in a loop. */
const RECENT_SECONDS = 60;
const PATIENCE_SECONDS = LEASE_SECONDS + 2;
const POLL_MILLISECONDS = 60;

type Dependencies = {
  store: ExchangedTokenStore;
  tokens: Pick<UpstreamTokenManager, 'accessToken'>;
  exchanger: TokenExchanger;
  sealer: Sealer;
  clock: Pick<Clock, 'now' | 'sleep'>;
  /** From 0 to 1. */
  random: () => number;
};

/** Tokens of the user for other APIs. Exactly one of all processes exchanges a token; the others find it in the store. */
export class TokenExchange {
  readonly #dependencies: Dependencies;

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies;
  }

  /**
   * @param options `refresh`: a token of a recent exchange, for an API that rejects the stored one before its expiry
   * @throws ExchangeRefusedError when the provider rejects the exchange
   * @throws SignInRefusedError when the provider no longer honours the grant
   */
  async token(
    grant: TokenOwner,
    request: ExchangeRequest,
    { refresh = false }: { refresh?: boolean } = {},
  ): Promise<string> {
    const { store, tokens, sealer, clock, random } = this.#dependencies;
    const digest = await digestOf(request);
    const slot = digest[0]!;
    const suffices = ({ digest: answered, expiresAt, exchangedAt }: SealedExchangedToken) =>
      answered === digest &&
      expiresAt > this.#now() + MARGIN_SECONDS &&
      (!refresh || exchangedAt > this.#now() - RECENT_SECONDS);
    // Outside the lease: the token may have to be refreshed, under its own lease.
    let subjectToken: string | undefined;
    const flight = { clock, random, patienceSeconds: PATIENCE_SECONDS, pollMilliseconds: POLL_MILLISECONDS };
    const result = await runSingleFlight(flight, async (owner) => {
      const stored = await store.loadToken(grant.id, slot);
      if (stored && suffices(stored)) return sealer.unseal(stored.sealed, contextOf(grant));
      subjectToken ??= await tokens.accessToken(grant);
      const until = this.#now() + LEASE_SECONDS;
      if (!(await store.leaseToken(grant.id, slot, owner, this.#now(), until))) return retry;
      // Another process may have stored the token between the two requests.
      const current = await store.loadToken(grant.id, slot);
      if (current && suffices(current)) {
        await this.#release(grant.id, slot, owner);
        return sealer.unseal(current.sealed, contextOf(grant));
      }
      return this.#exchange(grant, { digest, slot, owner, until, subjectToken, request });
    });
    if (result !== retry) return result;
    throw new ServiceUnavailableError(
      'The identity provider',
      new Error(`another process has been exchanging the token for ${PATIENCE_SECONDS} seconds`),
    );
  }

  #now(): number {
    return epochSeconds(this.#dependencies.clock);
  }

  async #exchange(grant: TokenOwner, { digest, slot, owner, until, subjectToken, request }: Flight): Promise<string> {
    const { store, exchanger, sealer, clock } = this.#dependencies;
    try {
      const { accessToken, expiresAt } = await exchanger.exchange(subjectToken, request);
      const seal = await sealer.prepare(contextOf(grant));
      const token = { digest, sealed: await seal(accessToken), expiresAt, exchangedAt: this.#now() };
      await throughOutage(clock, until * 1000, () => store.saveToken(grant.id, slot, owner, token));
      return accessToken;
    } catch (error) {
      await this.#release(grant.id, slot, owner);
      throw error;
    }
  }

  /** A lease that cannot be released ends by itself. */
  async #release(grant: string, slot: string, owner: string): Promise<void> {
    try {
      await this.#dependencies.store.releaseToken(grant, slot, owner);
    } catch (error) {
      if (!(error instanceof ServiceUnavailableError)) throw error;
    }
  }
}

type Flight = {
  digest: string;
  slot: string;
  owner: string;
  until: number;
  subjectToken: string;
  request: ExchangeRequest;
};

const contextOf = ({ id }: TokenOwner) => ({ purpose: 'upstream' as const, grant: id });

/** The order of scopes has no meaning (RFC 6749 §3.3). */
const digestOf = ({ audience, scopes = [] }: ExchangeRequest): Promise<string> =>
  sha256(JSON.stringify([audience ?? null, [...new Set(scopes)].sort()]));
