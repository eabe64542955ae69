import { createECDH, type KeyObject, randomBytes } from 'node:crypto';

/**
 * ECDSA over P-256 for a digest that the caller has computed: KMS's `MessageType: DIGEST`. node:crypto always hashes, so
 * the two equations of FIPS 186-5, section 6.4, are here; the curve arithmetic is node:crypto's. Not constant time: for
 * local keys only.
 */

/** The order of P-256's group. */
const n = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/** @param digest 32 bytes @returns the signature in DER */
export function signDigest(key: KeyObject, digest: Buffer): Buffer {
  const d = privateScalar(key);
  for (;;) {
    const k = toBigInt(randomBytes(32));
    if (k === 0n || k >= n) continue;
    const r = abscissa(k) % n;
    const s = mod(inverse(k) * (toBigInt(digest) + r * d));
    if (r !== 0n && s !== 0n) return der(r, s);
  }
}

/** Uses the private key, which the emulated KMS has, in place of the addition of two points of the curve. */
export function verifyDigest(key: KeyObject, digest: Buffer, signature: Buffer): boolean {
  const parsed = parseDer(signature);
  if (!parsed || parsed.some((value) => value <= 0n || value >= n)) return false;
  const [r, s] = parsed;
  const scalar = mod(inverse(s) * (toBigInt(digest) + r * privateScalar(key)));
  return scalar !== 0n && abscissa(scalar) % n === r;
}

/** The x coordinate of `scalar` times the base point. */
function abscissa(scalar: bigint): bigint {
  const curve = createECDH('prime256v1');
  curve.setPrivateKey(toBytes(scalar));
  return toBigInt(curve.getPublicKey().subarray(1, 33));
}

function privateScalar(key: KeyObject): bigint {
  return toBigInt(Buffer.from(key.export({ format: 'jwk' }).d!, 'base64url'));
}

function mod(value: bigint): bigint {
  return ((value % n) + n) % n;
}

/** By Fermat's little theorem; n is prime. */
function inverse(value: bigint): bigint {
  let result = 1n;
  let base = mod(value);
  for (let exponent = n - 2n; exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) result = (result * base) % n;
    base = (base * base) % n;
  }
  return result;
}

/** SEQUENCE of two INTEGERs; both lengths fit one byte. */
function der(r: bigint, s: bigint): Buffer {
  const integer = (value: bigint) => {
    const digits = toBytes(value);
    const first = digits.findIndex((byte) => byte !== 0);
    const magnitude = digits.subarray(first);
    const body = magnitude[0]! & 0x80 ? Buffer.concat([Buffer.from([0]), magnitude]) : magnitude;
    return Buffer.concat([Buffer.from([0x02, body.length]), body]);
  };
  const body = Buffer.concat([integer(r), integer(s)]);
  return Buffer.concat([Buffer.from([0x30, body.length]), body]);
}

function parseDer(signature: Buffer): [bigint, bigint] | undefined {
  const integerAt = (offset: number) => {
    const length = signature[offset + 1] ?? 0;
    const body = signature.subarray(offset + 2, offset + 2 + length);
    return { value: toBigInt(body), end: offset + 2 + length };
  };
  if (signature[0] !== 0x30 || signature[1] !== signature.length - 2) return undefined;
  const r = integerAt(2);
  const s = integerAt(r.end);
  if (s.end !== signature.length) return undefined;
  // Encoding the values again must give the same bytes: DER has one encoding per signature.
  return r.value < n && s.value < n && der(r.value || 1n, s.value || 1n).equals(signature)
    ? [r.value, s.value]
    : undefined;
}

function toBigInt(bytes: Buffer): bigint {
  return bytes.length === 0 ? 0n : BigInt(`0x${bytes.toString('hex')}`);
}

function toBytes(value: bigint): Buffer {
  return Buffer.from(value.toString(16).padStart(64, '0'), 'hex');
}
