import { JwtVerifier } from 'aws-jwt-verify';
import { JwtBaseError, WaitPeriodNotYetEndedJwkError } from 'aws-jwt-verify/error';
import { SimpleFetcher } from 'aws-jwt-verify/https';
import { SimpleJwksCache } from 'aws-jwt-verify/jwk';
import type { AccessTokenVerifier } from '../core/access/access-token.ts';
import { ServiceUnavailableError } from '../core/support/service-unavailable-error.ts';
import { isLoopbackHost } from '../shared/loopback.ts';

const TIMEOUT_MILLISECONDS = 3000;

type Part = Readonly<Record<string, unknown>>;

/** An issuer and the tokens of it that are accepted. */
export type TrustedIssuer = {
  issuer: string;
  audience: string;
  /** @default - from the issuer's discovery document */
  jwksUri: string | undefined;
  /** Tells access tokens from the issuer's other tokens. */
  isAccessToken(header: Part, payload: Part): boolean;
};

/** The facade's own access tokens (RFC 9068 §4). */
export const trustInFacade = (publicUrl: string): TrustedIssuer => ({
  issuer: publicUrl,
  audience: `${publicUrl}/mcp`,
  jwksUri: `${publicUrl}/jwks.json`,
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

/** Verifies access tokens with `aws-jwt-verify`, the issuer's keys fetched once and cached. */
export function accessTokenVerifier({ issuer, audience, jwksUri, isAccessToken }: TrustedIssuer): AccessTokenVerifier {
  const fetcher = issuer.startsWith('http://') ? { fetch: fetchFromLoopback } : new SimpleFetcher();
  let lastFetchFailed: unknown;
  const watched = {
    fetch: async (uri: string) => {
      try {
        const document = await fetcher.fetch(uri);
        lastFetchFailed = undefined;
        return document;
      } catch (error) {
        lastFetchFailed = error;
        throw error;
      }
    },
  };
  let ready: ReturnType<typeof create> | undefined;

  async function create() {
    const options = {
      issuer,
      audience,
      jwksUri: jwksUri ?? (await discoverKeys(issuer, watched.fetch)),
      customJwtCheck: ({ header, payload }: { header: Part; payload: Part }) => {
        if ('crit' in header || !isAccessToken(header, payload)) throw new WrongTokenTypeError();
      },
    };
    return JwtVerifier.create(options, { jwksCache: new SimpleJwksCache({ fetcher: watched }) });
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
        const isWaiting = error instanceof WaitPeriodNotYetEndedJwkError && lastFetchFailed !== undefined;
        if (error === lastFetchFailed || isWaiting) throw new ServiceUnavailableError('The key set', lastFetchFailed);
        if (error instanceof JwtBaseError || error instanceof WrongTokenTypeError || isMalformedSignature(error))
          return undefined;
        throw error;
      }
    },
  };
}

class WrongTokenTypeError extends Error {}

/** Node's error for an ES256 signature of another length than 64 bytes, which `aws-jwt-verify` does not catch. */
const isMalformedSignature = (error: unknown) => (error as { code?: unknown }).code === 'ERR_CRYPTO_OPERATION_FAILED';

/** URL of the issuer's keys (OIDC Discovery §4). @throws Error when the document is not available or names another issuer */
async function discoverKeys(issuer: string, fetchDocument: (uri: string) => Promise<ArrayBuffer>): Promise<string> {
  const address = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const document = JSON.parse(new TextDecoder().decode(await fetchDocument(address)));
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
