/** A public key of ES256 (RFC 7518 §6.2.1), as key sets publish it. */
export type PublicKey = { kty: string; crv: string; x: string; y: string; alg: string; use: string; kid: string };

/** A JSON Web Key Set (RFC 7517 §5). */
export type KeySet = { keys: readonly PublicKey[] };

/** Members that hold private or symmetric key material (RFC 7518 §6.2.2, §6.3.2, §6.4; RFC 8037 §2). */
const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];

/** Whether the JWK contains private or symmetric key material, and so must not be published. */
export const hasPrivateMembers = (jwk: object): boolean => privateMembers.some((member) => member in jwk);
