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
import type { AccessTokenVerifier } from '../core/access/access-token.ts';
import { InvalidTokenError, type TokenRejectionReason } from '../core/access/invalid-token-error.ts';
import type { Clock } from '../core/support/clock.ts';
import { ServiceUnavailableError } from '../core/support/service-unavailable-error.ts';
import { quote } from '../core/support/untrusted-text.ts';
import type { KeySet } from '../shared/jwk-members.ts';
import { FetchedKeys, KnownKeys } from './access-token-keys.ts';

type Part = Readonly<Record<string, unknown>>;

/** An issuer and the tokens of it that are accepted. */
export type TrustedIssuer = {
  issuer: string;
  audience: string;
  /** Where its keys are: a key set, or the URL of one. @default - the URL in the issuer's discovery document */
  keys: KeySet | string | undefined;
  /** Tells access tokens from the issuer's other tokens. */
  isAccessToken(header: Part, payload: Part): boolean;
};

/** The facade's own access tokens (RFC 9068 §4). Their keys are known, so that no token waits for another function. */
export const trustInFacade = (publicUrl: string, keys: KeySet): TrustedIssuer => ({
  issuer: publicUrl,
  audience: `${publicUrl}/mcp`,
  keys,
  isAccessToken: ({ typ, alg }) => typ === 'at+jwt' && alg === 'ES256',
});

/**
 * Access tokens of an identity provider. Some providers do not set the type of RFC 9068, so id tokens are recognized by claims
 * that only they contain (OIDC Core §2, §3.1.3.6). Above all their audience differs.
 */
export const trustInProvider = ({
  jwksUri,
  ...provider
}: Pick<TrustedIssuer, 'issuer' | 'audience'> & { jwksUri: string | undefined }): TrustedIssuer => ({
  ...provider,
  keys: jwksUri,
  isAccessToken: ({ typ }, payload) =>
    (typ === undefined || /^(application\/)?at\+jwt$|^jwt$/i.test(String(typ))) &&
    !['nonce', 'at_hash', 'c_hash'].some((claim) => claim in payload),
});

/** Verifies access tokens with `aws-jwt-verify`. */
export function accessTokenVerifier(
  { issuer, audience, keys: known, isAccessToken }: TrustedIssuer,
  clock: Pick<Clock, 'now' | 'sleep'>,
  random = Math.random,
): AccessTokenVerifier {
  const keys =
    typeof known === 'object'
      ? new KnownKeys(issuer, known)
      : new FetchedKeys(issuer, known, clock, { sleep: clock.sleep, random });
  let ready: ReturnType<typeof create> | undefined;

  async function create() {
    const options = {
      issuer,
      audience,
      jwksUri: await keys.url(),
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
        if (failure !== undefined && (error === failure || isWaiting)) {
          throw new ServiceUnavailableError('The key set', failure);
        }
        throw rejectionOf(error) ?? error;
      }
    },
  };
}

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
