import { JwtWithoutValidKidError, KidNotFoundInJwksError, WaitPeriodNotYetEndedJwkError } from 'aws-jwt-verify/error';
import { fetch as fetchJson } from 'aws-jwt-verify/https';
import { type Jwk, type JwkWithKid, SimpleJwksCache } from 'aws-jwt-verify/jwk';
import type { Clock } from '../core/support/clock.ts';
import { parseJson } from '../core/support/json.ts';
import { quote } from '../core/support/untrusted-text.ts';
import type { KeySet } from '../shared/jwk-members.ts';
import { isLoopbackHost } from '../shared/loopback.ts';

type Decomposed = Parameters<SimpleJwksCache['getJwk']>[1];

/** @throws JwtWithoutValidKidError */
function keyIdOf({ header: { kid } }: Decomposed): string {
  if (typeof kid !== 'string') throw new JwtWithoutValidKidError('The token names no key (kid)');
  return kid;
}

const isNamed = (jwk: Jwk): jwk is JwkWithKid => typeof jwk.kid === 'string';

/** Keys that are known from the start. A token of another key causes no request. */
export class KnownKeys extends SimpleJwksCache {
  readonly failure = undefined;
  readonly #issuer: string;
  readonly #keys: ReadonlyMap<string, JwkWithKid>;

  constructor(issuer: string, { keys }: KeySet) {
    super();
    this.#issuer = issuer;
    this.#keys = new Map(keys.map((jwk) => [jwk.kid, jwk]));
  }

  /** @returns the issuer: the library requires a URL, and requests none */
  async url(): Promise<string> {
    return this.#issuer;
  }

  override async getJwk(_url: string, token: Decomposed): Promise<JwkWithKid> {
    const kid = keyIdOf(token);
    const jwk = this.#keys.get(kid);
    if (jwk === undefined) throw new KidNotFoundInJwksError(`The key set lacks the key ${quote(kid)}`);
    return jwk;
  }
}

/** The age from which a key is fetched again. A withdrawn key is accepted as long. */
const FRESH_MILLISECONDS = 5 * 60_000;
/** The age up to which a key is accepted while no key set can be fetched. */
const KEPT_MILLISECONDS = 60 * 60_000;
/** From a fetch without success to the next one. */
const BACK_OFF_MILLISECONDS = 10_000;

/** @param random from 0 to 1, spreads the attempts of processes that start at the same time */
type Pauses = Pick<Clock, 'sleep'> & { random(): number };

/**
 * The keys of an issuer. A key is fetched again after five minutes, so that a key that leaves the key set expires here too.
 * If that fails, the known key is accepted until it is an hour old, so an outage affects only tokens with another key. An
 * unknown key causes one fetch, and after a fetch without success the next one ten seconds later at the earliest: invented
 * key ids cause no load.
 */
export class FetchedKeys extends SimpleJwksCache {
  /** The error of the last fetch; undefined if it had a key set. */
  failure: unknown;
  readonly #issuer: string;
  readonly #url: string | undefined;
  readonly #fetch: FetchDocument;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #pauses: Pauses;
  readonly #keys = new Map<string, { jwk: JwkWithKid; fetchedAt: number }>();
  #lastSuccess = Number.NEGATIVE_INFINITY;
  #nextFetch = Number.NEGATIVE_INFINITY;
  #fetching: Promise<void> | undefined;

  /** @param url of the key set; `undefined` for the one in the issuer's discovery document */
  constructor(issuer: string, url: string | undefined, clock: Pick<Clock, 'now'>, pauses: Pauses) {
    super();
    this.#issuer = issuer;
    this.#url = url;
    this.#fetch = issuer.startsWith('http://') ? fetchFromLoopback : fetchHttps;
    this.#clock = clock;
    this.#pauses = pauses;
  }

  /** URL of the key set. @throws Error when the discovery document is not available or names another issuer */
  async url(): Promise<string> {
    return this.#url ?? attemptRepeatedly(() => discoverUrl(this.#issuer, this.#fetch), this.#pauses);
  }

  override async getJwk(url: string, token: Decomposed): Promise<JwkWithKid> {
    const kid = keyIdOf(token);
    const fresh = this.#find(kid, FRESH_MILLISECONDS);
    if (fresh !== undefined) return fresh;
    const kept = this.#find(kid, KEPT_MILLISECONDS);
    if (this.#clock.now() < this.#nextFetch) {
      if (kept === undefined)
        throw new WaitPeriodNotYetEndedJwkError(`The key set is not fetched for ${quote(kid)} yet`);
      // After an unknown key id the fetch is not put off: otherwise invented ids would keep a withdrawn key valid.
      if (this.failure !== undefined) return kept;
    }
    try {
      await this.#fetchOnce(url);
    } catch (error) {
      if (kept !== undefined) return kept;
      throw error;
    }
    const found = this.#find(kid, FRESH_MILLISECONDS);
    if (found !== undefined) return found;
    this.#keys.delete(kid);
    this.#nextFetch = this.#clock.now() + BACK_OFF_MILLISECONDS;
    throw new KidNotFoundInJwksError(`The key set lacks the key ${quote(kid)}`);
  }

  #find(kid: string, maximumAge: number): JwkWithKid | undefined {
    const key = this.#keys.get(kid);
    return key !== undefined && this.#clock.now() - key.fetchedAt < maximumAge ? key.jwk : undefined;
  }

  /** Concurrent requests share a fetch. */
  #fetchOnce(url: string): Promise<void> {
    this.#fetching ??= this.#fetchKeys(url).finally(() => {
      this.#fetching = undefined;
    });
    return this.#fetching;
  }

  async #fetchKeys(url: string): Promise<void> {
    const attempt = async () => this.jwksParser(await this.#fetch(url));
    const isFirst = this.#clock.now() - this.#lastSuccess >= KEPT_MILLISECONDS;
    try {
      const { keys } = isFirst ? await attemptRepeatedly(attempt, this.#pauses) : await attempt();
      const fetchedAt = this.#clock.now();
      for (const jwk of keys) if (isNamed(jwk)) this.#keys.set(jwk.kid, { jwk, fetchedAt });
      this.#lastSuccess = fetchedAt;
      this.failure = undefined;
    } catch (error) {
      if (!isFirst) this.#nextFetch = this.#clock.now() + BACK_OFF_MILLISECONDS;
      this.failure = error;
      throw error;
    }
  }
}

type FetchDocument = (url: string) => Promise<ArrayBuffer>;

/** OIDC Discovery §4. */
async function discoverUrl(issuer: string, fetchDocument: FetchDocument): Promise<string> {
  const address = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const text = new TextDecoder().decode(await fetchDocument(address));
  const document = parseJson(text) as { issuer?: unknown; jwks_uri?: unknown };
  if (document.issuer !== issuer || typeof document.jwks_uri !== 'string') {
    throw new Error(`${address} does not describe ${issuer}`);
  }
  return document.jwks_uri;
}

/**
 * Attempts to fetch a document without which no token can be verified: eight seconds at most with their timeouts and pauses.
 * The authorizer function has ten.
 */
const ATTEMPTS = 3;
const TIMEOUT_MILLISECONDS = 2400;
/** The longest pause before the second attempt. Before the third it is twice as long. */
const PAUSE_MILLISECONDS = 250;

async function attemptRepeatedly<T>(attempt: () => Promise<T>, { sleep, random }: Pauses): Promise<T> {
  for (let count = 1; ; count++) {
    try {
      return await attempt();
    } catch (error) {
      if (count === ATTEMPTS) throw error;
      await sleep(count * PAUSE_MILLISECONDS * random());
    }
  }
}

const fetchHttps: FetchDocument = (url) => fetchJson(url, { responseTimeout: TIMEOUT_MILLISECONDS });

/** Plain http for the local emulator only: the fetcher of `aws-jwt-verify` requires https. */
async function fetchFromLoopback(url: string): Promise<ArrayBuffer> {
  if (!isLoopbackHost(new URL(url))) throw new Error(`${url} must use https`);
  const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MILLISECONDS) });
  if (!response.ok) throw new Error(`${url} answered with status ${response.status}`);
  return response.arrayBuffer();
}
