import { createLocalJWKSet, errors, type JWK, jwtVerify } from 'jose';
import type { Grant } from '../../access/grant.ts';
import { base64url, bytes, fromBase64url, randomId } from '../../support/crypto.ts';
import type { SharedKey } from '../../support/sealed-key.ts';

/** Signs with a private key that never leaves the key service. Throws `ServiceUnavailableError` when it does not respond. */
export interface Signer {
  /** The ES256 signature over the bytes, as `r ‖ s` (RFC 7518 §3.4). */
  sign(data: Uint8Array): Promise<Uint8Array>;
  /** The public keys that verify signatures, each with its `kid`; the first one signs. */
  publicKeys(): Promise<JWK[]>;
}

/** The HMAC-SHA-256 key that authenticates refresh tokens. */
export type MacKey = SharedKey;

const encode = (part: object) => base64url(bytes(JSON.stringify(part)));

export type AccessTokenOptions = { issuer: string; audience: string; lifetimeSeconds: number; now: number };

/** An access token (RFC 9068). It identifies the user by key alone: no e-mail address, no claim of the identity provider. */
export async function signAccessToken(
  grant: Pick<Grant, 'id' | 'user' | 'client'>,
  scopes: readonly string[],
  options: AccessTokenOptions,
  signer: Signer,
): Promise<string> {
  const [key] = await signer.publicKeys();
  const header = encode({ alg: 'ES256', typ: 'at+jwt', kid: key!.kid });
  const claims = encode({
    iss: options.issuer,
    aud: options.audience,
    sub: grant.user,
    client_id: grant.client,
    scope: scopes.join(' '),
    grant: grant.id,
    jti: randomId(),
    iat: options.now,
    exp: options.now + options.lifetimeSeconds,
  });
  const signature = await signer.sign(bytes(`${header}.${claims}`));
  return `${header}.${claims}.${base64url(signature)}`;
}

const refreshToken = /^hrt1_([A-Za-z0-9_-]{22})\.([1-9][0-9]{0,8})\.([A-Za-z0-9_-]{43})$/;

/**
 * The refresh token of a generation. It is computed, not stored: the table holds no token that could be presented, and
 * each generation has exactly one token.
 */
export async function mintRefreshToken(grant: string, generation: number, key: MacKey): Promise<string> {
  const body = `hrt1_${grant}.${generation}`;
  const mac = await crypto.subtle.sign('HMAC', await key.load(), bytes(body));
  return `${body}.${base64url(new Uint8Array(mac))}`;
}

/** Verifies a refresh token. A forged one is rejected before any read of the store. */
export async function readRefreshToken(
  token: string,
  key: MacKey,
): Promise<{ grant: string; generation: number } | undefined> {
  const [, grant, generation, mac] = refreshToken.exec(token) ?? [];
  if (!grant || !generation || !mac) return undefined;
  const body = bytes(`hrt1_${grant}.${generation}`);
  const isGenuine = await crypto.subtle.verify('HMAC', await key.load(), fromBase64url(mac), body);
  return isGenuine ? { grant, generation: Number(generation) } : undefined;
}

/** Verifies an access token for revocation. An expired one counts, because it still identifies its grant. */
export async function readAccessToken(
  token: string,
  issuer: string,
  signer: Signer,
): Promise<{ grant: string } | undefined> {
  try {
    const keys = createLocalJWKSet({ keys: await signer.publicKeys() });
    const { payload } = await jwtVerify(token, keys, {
      issuer,
      algorithms: ['ES256'],
      typ: 'at+jwt',
      currentDate: new Date(0),
    });
    return typeof payload.grant === 'string' ? { grant: payload.grant } : undefined;
  } catch (error) {
    if (error instanceof errors.JOSEError) return undefined;
    throw error;
  }
}
