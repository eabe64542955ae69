import { createPublicKey, randomBytes, sign, verify } from 'node:crypto';
import { AwsError, type Json } from '../aws-api/aws-error.ts';
import { decrypt, encrypt } from './ciphertext-blob.ts';
import { signDigest, verifyDigest } from './ecdsa-digest.ts';
import { assertSpec, type KmsKey, maxMessageBytes, readBytes } from './kms-key.ts';

/** The only algorithm of a P-256 key. */
const signingAlgorithm = 'ECDSA_SHA_256';

export const kmsOperations: Record<string, (key: KmsKey, input: Json) => object> = {
  DescribeKey: (key) => ({
    KeyMetadata: {
      AWSAccountId: key.arn.split(':')[4],
      KeyId: key.keyId,
      Arn: key.arn,
      CreationDate: key.createdAt / 1000,
      Enabled: key.enabled,
      KeyState: key.enabled ? 'Enabled' : 'Disabled',
      KeySpec: key.spec,
      ...usageOf(key),
      KeyManager: 'CUSTOMER',
      Origin: 'AWS_KMS',
      MultiRegion: false,
    },
  }),

  GetPublicKey: (key) => {
    assertSpec(key, 'ECC_NIST_P256');
    const PublicKey = createPublicKey(key.material).export({ type: 'spki', format: 'der' }).toString('base64');
    return { KeyId: key.arn, PublicKey, KeySpec: key.spec, ...usageOf(key) };
  },

  Sign: (key, input) => {
    const { message, isDigest } = readMessage(key, input);
    const signature = isDigest ? signDigest(key.material, message) : sign('sha256', message, key.material);
    return { KeyId: key.arn, Signature: signature.toString('base64'), SigningAlgorithm: signingAlgorithm };
  },

  Verify: (key, input) => {
    const { message, isDigest } = readMessage(key, input);
    const signature = readBytes(input, 'Signature');
    const valid = isDigest
      ? verifyDigest(key.material, message, signature)
      : verify('sha256', message, createPublicKey(key.material), signature);
    if (!valid) throw new AwsError('KMSInvalidSignatureException', 'The signature does not match message and key.');
    return { KeyId: key.arn, SignatureValid: true, SigningAlgorithm: signingAlgorithm };
  },

  Encrypt: (key, input) => {
    const plaintext = readBytes(input, 'Plaintext', maxMessageBytes);
    return { KeyId: key.arn, ...encrypt(key, plaintext, input), EncryptionAlgorithm: key.spec };
  },

  Decrypt: (key, input) => {
    assertSpec(key, 'SYMMETRIC_DEFAULT');
    const Plaintext = decrypt(key, readBytes(input, 'CiphertextBlob'), input).toString('base64');
    return { KeyId: key.arn, Plaintext, EncryptionAlgorithm: key.spec };
  },

  GenerateDataKey: (key, input) => {
    const plaintext = randomBytes(dataKeyBytes(input));
    return { KeyId: key.arn, Plaintext: plaintext.toString('base64'), ...encrypt(key, plaintext, input) };
  },

  GenerateDataKeyWithoutPlaintext: (key, input) => ({
    KeyId: key.arn,
    ...encrypt(key, randomBytes(dataKeyBytes(input)), input),
  }),
};

function usageOf(key: KmsKey): object {
  return key.spec === 'ECC_NIST_P256'
    ? { KeyUsage: 'SIGN_VERIFY', SigningAlgorithms: [signingAlgorithm] }
    : { KeyUsage: 'ENCRYPT_DECRYPT', EncryptionAlgorithms: [key.spec] };
}

/** The message of Sign and of Verify. */
function readMessage(key: KmsKey, input: Json): { message: Buffer; isDigest: boolean } {
  assertSpec(key, 'ECC_NIST_P256');
  if (input.SigningAlgorithm !== signingAlgorithm) {
    throw new AwsError(
      'InvalidKeyUsageException',
      `Algorithm ${input.SigningAlgorithm} is incompatible with ${key.spec}.`,
    );
  }
  const type = input.MessageType ?? 'RAW';
  if (type !== 'RAW' && type !== 'DIGEST') throw new AwsError('ValidationException', `Invalid MessageType ${type}`);
  const message = readBytes(input, 'Message', maxMessageBytes);
  const isDigest = type === 'DIGEST';
  if (isDigest && message.length !== 32) {
    throw new AwsError('ValidationException', `Digest is invalid length for algorithm ${signingAlgorithm}.`);
  }
  return { message, isDigest };
}

function dataKeyBytes({ KeySpec, NumberOfBytes }: Json): number {
  if ((KeySpec === undefined) === (NumberOfBytes === undefined)) {
    throw new AwsError('ValidationException', 'Please specify either number of bytes or key spec.');
  }
  const length = KeySpec === 'AES_256' ? 32 : KeySpec === 'AES_128' ? 16 : Number(NumberOfBytes);
  if (!Number.isInteger(length) || length < 1 || length > 1024) {
    throw new AwsError('ValidationException', `Invalid KeySpec ${KeySpec} or NumberOfBytes ${NumberOfBytes}`);
  }
  return length;
}
