import {
  DecryptCommand,
  GenerateDataKeyCommand,
  GetPublicKeyCommand,
  KMSClient,
  KMSServiceException,
  SignCommand,
} from '@aws-sdk/client-kms';
import {
  base64url,
  CompactEncrypt,
  calculateJwkThumbprint,
  compactDecrypt,
  exportJWK,
  importSPKI,
  type JWK,
} from 'jose';
import type { Signer } from '../core/oauth/tokens.ts';
import { Outage } from '../core/outage.ts';
import type { SealContext, Sealer } from '../core/seal.ts';

/** Answers that mean our request was wrong; everything else is an outage, throttling included. */
const ours = new Set([
  'AccessDeniedException',
  'InvalidCiphertextException',
  'IncorrectKeyException',
  'InvalidKeyUsageException',
  'NotFoundException',
  'ValidationException',
]);

export function openKms(): KMSClient {
  return new KMSClient({ maxAttempts: 3, requestHandler: { connectionTimeout: 1000, requestTimeout: 3000 } });
}

async function reaching<T>(request: Promise<T>): Promise<T> {
  try {
    return await request;
  } catch (error) {
    if (error instanceof KMSServiceException && ours.has(error.name)) throw error;
    throw new Outage('The key service', error);
  }
}

/** Signs with an `ECC_NIST_P256` key; the private half never leaves KMS. */
export function kmsSigner(kms: KMSClient, keyId: string): Signer {
  let known: Promise<JWK[]> | undefined;

  async function fetchKeys(): Promise<JWK[]> {
    const { PublicKey } = await reaching(kms.send(new GetPublicKeyCommand({ KeyId: keyId })));
    const pem = `-----BEGIN PUBLIC KEY-----\n${Buffer.from(PublicKey!).toString('base64')}\n-----END PUBLIC KEY-----`;
    const jwk = await exportJWK(await importSPKI(pem, 'ES256', { extractable: true }));
    return [{ ...jwk, alg: 'ES256', use: 'sig', kid: await calculateJwkThumbprint(jwk) }];
  }

  return {
    async sign(data) {
      const { Signature } = await reaching(
        kms.send(
          new SignCommand({ KeyId: keyId, Message: data, MessageType: 'RAW', SigningAlgorithm: 'ECDSA_SHA_256' }),
        ),
      );
      return rawSignature(Signature!);
    },
    publicKeys() {
      known ??= fetchKeys().catch((error) => {
        known = undefined;
        throw error;
      });
      return known;
    },
  };
}

/** KMS answers `SEQUENCE { r INTEGER, s INTEGER }` (RFC 3279 §2.2.3); JWS wants r and s, 32 bytes each. */
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

/** How many data keys a function keeps open, and for how long: enough that a busy user costs one `Decrypt`. */
const OPEN_KEYS = 500;
const OPEN_MILLISECONDS = 5 * 60 * 1000;

/**
 * Envelope encryption: each text has a data key of its own, wrapped by KMS under the owner's names. A text moved to
 * another owner fails at KMS, whose context differs, and at GCM, whose authenticated header names the owner.
 */
export function kmsSealer(kms: KMSClient, keyId: string, table: string): Sealer {
  const opened = new Map<string, { key: Uint8Array; until: number }>();
  const contextOf = ({ purpose, grant }: SealContext) => ({ table, purpose, ...(grant !== undefined && { grant }) });

  async function unwrap(wrapped: string, context: SealContext): Promise<Uint8Array> {
    const cacheKey = `${context.purpose} ${context.grant} ${wrapped}`;
    const hit = opened.get(cacheKey);
    if (hit && hit.until > Date.now()) return hit.key;
    const { Plaintext } = await reaching(
      kms.send(
        new DecryptCommand({
          KeyId: keyId,
          CiphertextBlob: base64url.decode(wrapped),
          EncryptionContext: contextOf(context),
        }),
      ),
    );
    if (opened.size >= OPEN_KEYS) opened.delete(opened.keys().next().value!);
    opened.set(cacheKey, { key: Plaintext!, until: Date.now() + OPEN_MILLISECONDS });
    return Plaintext!;
  }

  return {
    async prepare(context) {
      const { Plaintext, CiphertextBlob } = await reaching(
        kms.send(
          new GenerateDataKeyCommand({ KeyId: keyId, KeySpec: 'AES_256', EncryptionContext: contextOf(context) }),
        ),
      );
      return async (text) => {
        const jwe = new CompactEncrypt(new TextEncoder().encode(text)).setProtectedHeader({
          alg: 'dir',
          enc: 'A256GCM',
          ...contextOf(context),
          wrapped: base64url.encode(CiphertextBlob!),
        });
        const sealed = await jwe.encrypt(Plaintext!);
        Plaintext!.fill(0);
        return sealed;
      };
    },

    async unseal(sealed, context) {
      const header = JSON.parse(new TextDecoder().decode(base64url.decode(sealed.slice(0, sealed.indexOf('.')))));
      const expected = contextOf(context);
      if (Object.entries(expected).some(([name, value]) => header[name] !== value)) {
        throw new Error('A sealed text was found at another owner than it was sealed for');
      }
      const { plaintext } = await compactDecrypt(sealed, await unwrap(header.wrapped, context), {
        keyManagementAlgorithms: ['dir'],
        contentEncryptionAlgorithms: ['A256GCM'],
      });
      return new TextDecoder().decode(plaintext);
    },
  };
}
