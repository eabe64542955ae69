import { JwtVerifier } from 'aws-jwt-verify';
import {
  JwkInvalidKtyError,
  JwkInvalidUseError,
  JwtBaseError,
  JwtExpiredError,
  JwtInvalidAudienceError,
  JwtInvalidIssuerError,
  JwtInvalidSignatureAlgorithmError,
  JwtInvalidSignatureError,
  JwtNotBeforeError,
  JwtWithoutValidKidError,
  KidNotFoundInJwksError,
  WaitPeriodNotYetEndedJwkError,
} from 'aws-jwt-verify/error';
import { fetch as fetchJson } from 'aws-jwt-verify/https';
import { type Jwk, type JwkWithKid, SimpleJwksCache } from 'aws-jwt-verify/jwk';
import type { AccessTokenVerifier } from '../core/access/access-token.ts';
import { InvalidTokenError, type TokenRejectionReason } from '../core/access/invalid-token-error.ts';
import type { Clock } from '../core/support/clock.ts';
import { parseJson } from '../core/support/json.ts';
import { ServiceUnavailableError } from '../core/support/service-unavailable-error.ts';
import { quote } from '../core/support/untrusted-text.ts';
import { isLoopbackHost } from '../shared/loopback.ts';

type Part = Readonly<Record<string, unknown>>;

/** An issuer and the tokens of it that are accepted. */
export type TrustedIssuer = {
  issuer: string;
  audience: string;
  /** @default - from the issuer's discovery document */
  jwksUri: string | undefined;
  /** Whether the URL of the key set accepts the id of a key as `kid`. @default false */
  keysById?: boolean;
  /** Tells access tokens from the issuer's other tokens. */
  isAccessToken(header: Part, payload: Part): boolean;
};

/** The facade's own access tokens (RFC 9068 §4). */
export const trustInFacade = (publicUrl: string): TrustedIssuer => ({
  issuer: publicUrl,
  audience: `${publicUrl}/mcp`,
  jwksUri: `${publicUrl}/jwks.json`,
  keysById: true,
  isAccessToken: ({ typ, alg }) => typ === 'at+jwt' && alg === 'ES256',
});

/**
 * Access tokens of an identity provider. Some providers do not set the type of RFC 9068, so id tokens are recognized by claims
 * that only they contain (OIDC Core §2, §3.1.3.6). Above all their audience differs.
 */
export const trustInProvider = (provider: Pick<TrustedIssuer, 'issuer' | 'audience' | 'jwksUri'>): TrustedIssuer => ({
  ...provider,
  isAccessToken: ({ typ }, payload) =>
    (typ === undefined || /^(application\/)?at\+jwt$|^jwt$/i.test(String(typ))) &&
    !['nonce', 'at_hash', 'c_hash'].some((claim) => claim in payload),
});

/** @param random from 0 to 1, spreads the attempts of processes that start at the same time */
type Pauses = Pick<Clock, 'sleep'> & { random(): number };

/** Verifies access tokens with `aws-jwt-verify`. Keys are kept in the process for an hour at most. */
export function accessTokenVerifier(
  { issuer, audience, jwksUri, isAccessToken, keysById = false }: TrustedIssuer,
  clock: Clock,
  random = Math.random,
): AccessTokenVerifier {
  const fetchDocument = issuer.startsWith('http://') ? fetchFromLoopback : fetchHttps;
  const pauses = { sleep: clock.sleep, random };
  const keys = new IssuerKeys(keysById, (uri) => fetchDocument(uri), clock, pauses);
  let ready: ReturnType<typeof create> | undefined;

  async function create() {
    const options = {
      issuer,
      audience,
      jwksUri: jwksUri ?? (await attemptRepeatedly(() => discoverKeys(issuer, fetchDocument), pauses)),
      customJwtCheck: ({ header, payload }: { header: Part; payload: Part }) => {
        if ('crit' in header) throw new InvalidTokenError('type', 'The token has a critical extension (crit)');
        if (isAccessToken(header, payload)) return;
        throw new InvalidTokenError(
          'type',
          `Not an access token: typ ${quoted(header.typ)}, alg ${quoted(header.alg)}`,
        );
      },
    };
    return JwtVerifier.create(options, { jwksCache: keys });
  }

  return {
    async verify(token) {
      ready ??= create().catch((error) => {
        ready = undefined;
        throw new ServiceUnavailableError('The identity provider', error);
      });
      const verifier = await ready;
      try {
        return (await verifier.verify(token)) as Record<string, unknown>;
      } catch (error) {
        // Without the keys a token is neither valid nor invalid.
        const { failure } = keys;
        const isWaiting = error instanceof WaitPeriodNotYetEndedJwkError && failure !== undefined;
        if (error === failure || isWaiting) throw new ServiceUnavailableError('The key set', failure);
        throw rejectionOf(error) ?? error;
      }
    },
  };
}

type Decomposed = Parameters<SimpleJwksCache['getJwk']>[1];

/** The age from which a key is fetched again: the `max-age` of the facade's key set. A withdrawn key is accepted as long. */
const FRESH_MILLISECONDS = 5 * 60_000;
/** The age up to which a key is accepted while no key set can be fetched: the default lifetime of an access token. */
const KEPT_MILLISECONDS = 60 * 60_000;
/** From a fetch without success to the next one. */
const BACK_OFF_MILLISECONDS = 10_000;

/**
 * The keys of an issuer. A key is fetched again after five minutes, so that a key that leaves the key set expires here too.
 * If that fails, the known key is accepted until it is an hour old, so an outage affects only tokens with another key. An
 * unknown key causes one fetch, and after a fetch without success the next one ten seconds later at the earliest: invented
 * key ids cause no load.
 *
 * The URL of the facade's key set names the key of the token, because CloudFront caches the key set. A key signs only
 * after its publication, so the response that is cached under the id of a key has this key, and a rotation needs no
 * invalidation of the cache.
 */
class IssuerKeys extends SimpleJwksCache {
  /** The error of the last fetch; undefined if it had a key set. */
  failure: unknown;
  readonly #byId: boolean;
  readonly #fetch: FetchDocument;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #pauses: Pauses;
  readonly #keys = new Map<string, { jwk: JwkWithKid; fetchedAt: number }>();
  #lastSuccess = Number.NEGATIVE_INFINITY;
  #nextFetch = Number.NEGATIVE_INFINITY;
  readonly #fetching = new Map<string, Promise<void>>();

  constructor(byId: boolean, fetch: FetchDocument, clock: Pick<Clock, 'now'>, pauses: Pauses) {
    super();
    this.#byId = byId;
    this.#fetch = fetch;
    this.#clock = clock;
    this.#pauses = pauses;
  }

  override async getJwk(jwksUri: string, { header: { kid } }: Decomposed): Promise<JwkWithKid> {
    if (typeof kid !== 'string') throw new JwtWithoutValidKidError('The token names no key (kid)');
    const fresh = this.#find(kid, FRESH_MILLISECONDS);
    if (fresh !== undefined) return fresh;
    if (this.#byId && !facadeKeyId.test(kid)) throw new KidNotFoundInJwksError(`The facade has no key ${quote(kid)}`);
    const kept = this.#find(kid, KEPT_MILLISECONDS);
    if (this.#clock.now() < this.#nextFetch) {
      if (kept === undefined)
        throw new WaitPeriodNotYetEndedJwkError(`The key set is not fetched for ${quote(kid)} yet`);
      // After an unknown key id the fetch is not put off: otherwise invented ids would keep a withdrawn key valid.
      if (this.failure !== undefined) return kept;
    }
    try {
      await this.#fetchOnce(this.#byId ? `${jwksUri}?kid=${kid}` : jwksUri);
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

  /** Concurrent requests for one URL share its fetch. */
  #fetchOnce(uri: string): Promise<void> {
    const running = this.#fetching.get(uri);
    if (running !== undefined) return running;
    const fetching = this.#fetchKeys(uri).finally(() => this.#fetching.delete(uri));
    this.#fetching.set(uri, fetching);
    return fetching;
  }

  async #fetchKeys(uri: string): Promise<void> {
    const attempt = async () => this.jwksParser(await this.#fetch(uri));
    const isFirst = this.#clock.now() - this.#lastSuccess >= KEPT_MILLISECONDS;
    try {
      const { keys } = isFirst ? await attemptRepeatedly(attempt, this.#pauses) : await attempt();
      const fetchedAt = this.#clock.now();
      for (const jwk of keys) if (hasId(jwk)) this.#keys.set(jwk.kid, { jwk, fetchedAt });
      this.#lastSuccess = fetchedAt;
      this.failure = undefined;
    } catch (error) {
      if (!isFirst) this.#nextFetch = this.#clock.now() + BACK_OFF_MILLISECONDS;
      this.failure = error;
      throw error;
    }
  }
}

const hasId = (jwk: Jwk): jwk is JwkWithKid => typeof jwk.kid === 'string';

type FetchDocument = (uri: string) => Promise<ArrayBuffer>;

/** A SHA-256 thumbprint in base64url (RFC 7638 §3), or shorter. Other key ids do not become part of a URL. */
const facadeKeyId = /^[\w-]{1,43}$/;

/**
 * Attempts to fetch a document without which no token can be verified, such as from a cold function: eight seconds at most
 * with their timeouts and pauses. The authorizer function has ten.
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

const fetchHttps: FetchDocument = (uri) => fetchJson(uri, { responseTimeout: TIMEOUT_MILLISECONDS });

/** The reasons that the library's errors stand for. Messages of the others contain no part of the token. */
const rejections: [new (...parameters: never[]) => JwtBaseError, TokenRejectionReason][] = [
  [JwtExpiredError, 'expired'],
  [JwtNotBeforeError, 'not_yet_valid'],
  [JwtInvalidIssuerError, 'issuer'],
  [JwtInvalidAudienceError, 'audience'],
  [JwtInvalidSignatureAlgorithmError, 'algorithm'],
  [JwkInvalidUseError, 'algorithm'],
  [JwkInvalidKtyError, 'algorithm'],
  [JwtInvalidSignatureError, 'signature'],
  [JwtWithoutValidKidError, 'unknown_key'],
  [KidNotFoundInJwksError, 'unknown_key'],
  [WaitPeriodNotYetEndedJwkError, 'unknown_key'],
];

/** @returns undefined for an error that the token did not cause */
function rejectionOf(error: unknown): InvalidTokenError | undefined {
  if (error instanceof InvalidTokenError) return error;
  if (isMalformedSignature(error)) return new InvalidTokenError('signature', 'The signature has the wrong length');
  if (!(error instanceof JwtBaseError)) return undefined;
  const reason = rejections.find(([type]) => error instanceof type)?.[1];
  // Errors of the parser quote the token.
  return reason ? new InvalidTokenError(reason, error.message) : new InvalidTokenError('malformed', 'Not a valid JWT');
}

const quoted = (value: unknown) => (value === undefined ? 'missing' : quote(String(value)));

/** Node's error for an ES256 signature of another length than 64 bytes, which `aws-jwt-verify` does not catch. */
const isMalformedSignature = (error: unknown) => (error as { code?: unknown }).code === 'ERR_CRYPTO_OPERATION_FAILED';

/** URL of the issuer's keys (OIDC Discovery §4). @throws Error when the document is not available or names another issuer */
async function discoverKeys(issuer: string, fetchDocument: FetchDocument): Promise<string> {
  const address = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const text = new TextDecoder().decode(await fetchDocument(address));
  const document = parseJson(text) as { issuer?: unknown; jwks_uri?: unknown };
  if (document.issuer !== issuer || typeof document.jwks_uri !== 'string') {
    throw new Error(`${address} does not describe ${issuer}`);
  }
  return document.jwks_uri;
}

/** Plain http for the local emulator only: the fetcher of `aws-jwt-verify` requires https. */
async function fetchFromLoopback(uri: string): Promise<ArrayBuffer> {
  if (!isLoopbackHost(new URL(uri))) throw new Error(`${uri} must use https`);
  const response = await fetch(uri, { signal: AbortSignal.timeout(TIMEOUT_MILLISECONDS) });
  if (!response.ok) throw new Error(`${uri} answered with status ${response.status}`);
  return response.arrayBuffer();
}
