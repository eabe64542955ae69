import { createLocalJWKSet, errors, jwtVerify } from 'jose';
import type { PublicKey } from '../../../shared/jwk-members.ts';
import type { Grant } from '../../access/grant.ts';
import { base64url, bytes, fromBase64url, randomId } from '../../support/crypto.ts';
import type { SharedKey } from '../../support/sealed-key.ts';

/** Signs with a private key that never leaves the key service. Throws `ServiceUnavailableError` when it does not respond. */
export interface Signer {
  /** The ES256 signature over the bytes, as `r ‖ s` (RFC 7518 §3.4). */
  sign(data: Uint8Array): Promise<Uint8Array>;
}

/** The keys of access tokens: the signer, and the public keys that verify signatures. The first of them is the signer's. */
export type AccessTokenKeys = { signer: Signer; publicKeys: readonly PublicKey[] };

/** The HMAC-SHA-256 key that authenticates refresh tokens. */
export type MacKey = SharedKey;

const encode = (part: object) => base64url(bytes(JSON.stringify(part)));

export type AccessTokenOptions = { issuer: string; audience: string; lifetimeSeconds: number; now: number };

/** An access token (RFC 9068). It identifies the user by key alone: no e-mail address, no claim of the identity provider. */
export async function signAccessToken(
  grant: Pick<Grant, 'id' | 'user' | 'client'>,
  scopes: readonly string[],
  options: AccessTokenOptions,
  { signer, publicKeys }: AccessTokenKeys,
): Promise<string> {
  const header = encode({ alg: 'ES256', typ: 'at+jwt', kid: publicKeys[0]!.kid });
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
  publicKeys: AccessTokenKeys['publicKeys'],
): Promise<{ grant: string } | undefined> {
  try {
    const keys = createLocalJWKSet({ keys: [...publicKeys] });
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
