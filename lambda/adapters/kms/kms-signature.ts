import { base64, bytesOf, type KmsClient } from './kms-client.ts';

/** The ES256 signature over the bytes by an `ECC_NIST_P256` key, as `r ‖ s` (RFC 7518 §3.4). */
export async function kmsSignature(kms: KmsClient, keyId: string, data: Uint8Array): Promise<Uint8Array> {
  const { Signature } = await kms('Sign', {
    KeyId: keyId,
    Message: base64(data),
    MessageType: 'RAW',
    SigningAlgorithm: 'ECDSA_SHA_256',
  });
  return rawSignature(bytesOf(Signature));
}

/** From KMS's `SEQUENCE { r INTEGER, s INTEGER }` (RFC 3279 §2.2.3) to the r and s of JWS, 32 bytes each. */
function rawSignature(der: Uint8Array): Uint8Array {
  const raw = new Uint8Array(64);
  let at = 2;
  for (const end of [32, 64]) {
    const length = der[at + 1]!;
    const integer = der.subarray(at + 2, at + 2 + length);
    const magnitude = integer[0] === 0 ? integer.subarray(1) : integer;
    raw.set(magnitude, end - magnitude.length);
    at += 2 + length;
  }
  return raw;
}
