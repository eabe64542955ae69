import { JwtVerifier } from 'aws-jwt-verify';
import { JwtBaseError, WaitPeriodNotYetEndedJwkError } from 'aws-jwt-verify/error';
import { SimpleFetcher } from 'aws-jwt-verify/https';
import { SimpleJwksCache } from 'aws-jwt-verify/jwk';
import type { AccessTokenVerifier } from '../core/authorizer.ts';
import { Outage } from '../core/outage.ts';

const TIMEOUT_MILLISECONDS = 3000;

/** Verifies the facade's own access tokens (RFC 9068 §4) with `aws-jwt-verify`, its keys fetched once and cached. */
export function accessTokenVerifier(issuer: string, audience: string): AccessTokenVerifier {
  const fetcher = issuer.startsWith('http://') ? { fetch: fetchFromDesk } : new SimpleFetcher();
  let lastFetchFailed: unknown;
  const watched = {
    fetch: async (uri: string) => {
      try {
        const keys = await fetcher.fetch(uri);
        lastFetchFailed = undefined;
        return keys;
      } catch (error) {
        lastFetchFailed = error;
        throw error;
      }
    },
  };
  const verifier = JwtVerifier.create(
    {
      issuer,
      audience,
      jwksUri: `${issuer}/jwks.json`,
      customJwtCheck: ({ header }) => {
        if (header.typ !== 'at+jwt' || header.alg !== 'ES256' || 'crit' in header) throw new WrongType();
      },
    },
    { jwksCache: new SimpleJwksCache({ fetcher: watched }) },
  );

  return {
    async verify(token) {
      try {
        return (await verifier.verify(token)) as Record<string, unknown>;
      } catch (error) {
        // While the keys cannot be had, a token is neither good nor bad.
        const waiting = error instanceof WaitPeriodNotYetEndedJwkError && lastFetchFailed !== undefined;
        if (error === lastFetchFailed || waiting) throw new Outage('The key set', lastFetchFailed);
        if (error instanceof JwtBaseError || error instanceof WrongType) return undefined;
        throw error;
      }
    },
  };
}

class WrongType extends Error {}

/** Plain http is for the cloud on the desk alone: `aws-jwt-verify` itself fetches by https only. */
async function fetchFromDesk(uri: string): Promise<ArrayBuffer> {
  if (new URL(uri).hostname !== '127.0.0.1') throw new Error(`${uri} must be fetched by https`);
  const response = await fetch(uri, { signal: AbortSignal.timeout(TIMEOUT_MILLISECONDS) });
  if (!response.ok) throw new Error(`${uri} answered ${response.status}`);
  return response.arrayBuffer();
}
