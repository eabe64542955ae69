import { hasPrivateMembers } from '../../../lambda/shared/jwk-members.ts';
import { validateChoice } from '../setting-validation.ts';

/** A public key as a JWK (RFC 7517). */
export type PublicJwk = { readonly kty: string; readonly kid?: string; readonly [member: string]: unknown };

/** Does not repeat a private key in its message. */
export function* validateKeys(name: string, keys: PublicJwk[]): Generator<string> {
  if (!Array.isArray(keys) || keys.length === 0) {
    return yield `${name}.keys is empty: list a public key, or remove jwks`;
  }
  for (const [index, key] of keys.entries()) {
    if (hasPrivateMembers(key)) {
      yield `${name}.keys[${index}] contains a private key: replace the key pair and give the public key only`;
    } else {
      yield* validateChoice(`${name}.keys[${index}].kty`, key.kty, ['EC', 'RSA', 'OKP']);
    }
  }
}
