import {
  createLocalJWKSet,
  errors,
  type JSONWebKeySet,
  type JWTVerifyOptions,
  type JWTVerifyResult,
  jwtVerify,
} from 'jose';

/**
 * Verifies a JWT by keys that others publish. For a published key that is not a valid key, jose and Web Crypto throw errors
 * of the language; they are a fault of its publisher.
 *
 * @throws JOSEError for each fault of the JWT and of the keys
 */
export async function verifyJwt(jwt: string, keys: JSONWebKeySet, options: JWTVerifyOptions): Promise<JWTVerifyResult> {
  const keySet = createLocalJWKSet(keys);
  try {
    return await jwtVerify(jwt, keySet, options);
  } catch (error) {
    if (error instanceof TypeError || error instanceof DOMException) throw new errors.JWKInvalid(error.message);
    throw error;
  }
}
