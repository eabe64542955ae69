import { createCipheriv, createDecipheriv, createPublicKey, randomBytes, sign, verify } from 'node:crypto';
import { type AwsJsonService, type AwsRequest, serveAwsJson } from '../aws-api/aws-json.ts';
import { AwsError, account, arn, type Json } from '../aws-api/aws-service.ts';
import { assertSupported, isAllowed, type Request, type Statement } from '../iam/iam-policy.ts';
import { AccessDenied, type Principals } from '../iam/principals.ts';
import { signDigest, verifyDigest } from './ecdsa-digest.ts';
import { KeyRing, type StoredKey } from './key-ring.ts';

export type KmsOptions = {
  /** Where `kms.json` keeps the key material over restarts; without it keys live as long as the process. */
  folder: string | undefined;
  principals: Principals;
};

export type Kms = AwsJsonService & {
  /**
   * Creates the key that `properties` (of AWS::KMS::Key) describe, or finds it again by its logical id.
   *
   * @throws Error for a key spec other than SYMMETRIC_DEFAULT and ECC_NIST_P256, and for a key policy that denies
   * something to a principal other than the whole account
   */
  createKey(logicalId: string, properties: Json): { keyId: string; arn: string };
};

/** A key with what the template says of it now. */
type Key = StoredKey & { arn: string; policy: Statement[]; enabled: boolean };

type EncryptionContext = Record<string, string>;

/** The only algorithm of a P-256 key. */
const signingAlgorithm = 'ECDSA_SHA_256';

/** KMS's limit for plaintext and for messages to sign, in bytes. */
const maxMessageBytes = 4096;

const accountRoot = `arn:aws:iam::${account}:root`;

/** What a key has when its template gives it no policy. */
const delegatingPolicy: Statement[] = [
  { Effect: 'Allow', Principal: { AWS: accountRoot }, Action: 'kms:*', Resource: '*' },
];

/**
 * KMS on 127.0.0.1, with real cryptography and with both gates of KMS: the role of the caller, and the key's policy,
 * which has to delegate to the account as CDK's default does.
 *
 * Not here: grants, aliases, rotation, and key policies that allow something to a single role: such a statement counts
 * for nothing, so what depends on it is denied.
 */
export async function startKms({ folder, principals }: KmsOptions): Promise<Kms> {
  const ring = new KeyRing(folder);
  const keys = new Map<string, Key>();

  function answer({ accessKeyId, operation, input }: AwsRequest): object {
    const perform = Object.hasOwn(operations, operation) ? operations[operation] : undefined;
    if (!perform) throw new AwsError('UnknownOperationException', `${operation} does not exist locally.`);
    const key = operation === 'Decrypt' ? findForDecryption(input) : find(input.KeyId);
    authorize(accessKeyId, operation, key, encryptionContextOf(input));
    if (!key.enabled && operation !== 'DescribeKey' && operation !== 'GetPublicKey') {
      throw new AwsError('DisabledException', `${key.arn} is disabled.`);
    }
    return perform(key, input);
  }

  function find(reference: unknown): Key {
    const key = keys.get(String(reference).split(':key/').at(-1)!);
    if (!key) throw new AwsError('NotFoundException', `Key '${reference}' does not exist`);
    return key;
  }

  function findForDecryption(input: Json): Key {
    const { keyId } = parseCiphertext(bytesOf(input, 'CiphertextBlob'));
    const key = keys.get(keyId);
    if (!key) throw new AwsError('InvalidCiphertextException', 'No key of this account made the ciphertext.');
    if (input.KeyId !== undefined && find(input.KeyId) !== key) {
      throw new AwsError('IncorrectKeyException', 'The key in the request is not the one that made the ciphertext.');
    }
    return key;
  }

  function authorize(accessKeyId: string, operation: string, key: Key, context: EncryptionContext): void {
    const pairs = Object.entries(context);
    const request: Request = {
      action: `kms:${operation}`,
      resource: key.arn,
      context: {
        ...Object.fromEntries(pairs.map(([name, value]) => [`kms:EncryptionContext:${name}`, [value]])),
        'kms:EncryptionContextKeys': Object.keys(context),
      },
    };
    principals.authorize(accessKeyId, request);
    if (!isAllowed(key.policy.filter(concernsAccount), request)) {
      throw new AccessDenied(
        `Not authorized to perform: ${request.action} on resource: ${key.arn} because the key's policy does not ` +
          `delegate the ${request.action} action to the account (${accountRoot})`,
      );
    }
  }

  const service = await serveAwsJson('TrentService', '1.1', 'com.amazonaws.kms', answer);
  return {
    ...service,
    createKey(logicalId, properties) {
      const policy = (properties.KeyPolicy as { Statement: Statement[] } | undefined)?.Statement ?? delegatingPolicy;
      for (const statement of policy) {
        assertSupported(statement);
        if (statement.Effect === 'Deny' && !concernsAccount(statement)) {
          throw new Error(
            `The policy of key ${logicalId} denies something to a single principal: not supported locally`,
          );
        }
      }
      const stored = ring.obtain(logicalId, String(properties.KeySpec ?? 'SYMMETRIC_DEFAULT'));
      const keyArn = arn('kms', `key/${stored.keyId}`);
      keys.set(stored.keyId, { ...stored, arn: keyArn, policy, enabled: properties.Enabled !== false });
      return { keyId: stored.keyId, arn: keyArn };
    },
  };
}

const operations: Record<string, (key: Key, input: Json) => object> = {
  DescribeKey: (key) => ({
    KeyMetadata: {
      AWSAccountId: account,
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
    refuseUnless(key, 'ECC_NIST_P256');
    const PublicKey = createPublicKey(key.material).export({ type: 'spki', format: 'der' }).toString('base64');
    return { KeyId: key.arn, PublicKey, KeySpec: key.spec, ...usageOf(key) };
  },

  Sign: (key, input) => {
    const { message, isDigest } = messageOf(key, input);
    const signature = isDigest ? signDigest(key.material, message) : sign('sha256', message, key.material);
    return { KeyId: key.arn, Signature: signature.toString('base64'), SigningAlgorithm: signingAlgorithm };
  },

  Verify: (key, input) => {
    const { message, isDigest } = messageOf(key, input);
    const signature = bytesOf(input, 'Signature');
    const valid = isDigest
      ? verifyDigest(key.material, message, signature)
      : verify('sha256', message, createPublicKey(key.material), signature);
    if (!valid) throw new AwsError('KMSInvalidSignatureException', 'The signature does not fit message and key.');
    return { KeyId: key.arn, SignatureValid: true, SigningAlgorithm: signingAlgorithm };
  },

  Encrypt: (key, input) => {
    const plaintext = bytesOf(input, 'Plaintext', maxMessageBytes);
    return { KeyId: key.arn, ...encrypt(key, plaintext, input), EncryptionAlgorithm: key.spec };
  },

  Decrypt: (key, input) => {
    refuseUnless(key, 'SYMMETRIC_DEFAULT');
    const Plaintext = decrypt(key, bytesOf(input, 'CiphertextBlob'), input).toString('base64');
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

function usageOf(key: Key): object {
  return key.spec === 'ECC_NIST_P256'
    ? { KeyUsage: 'SIGN_VERIFY', SigningAlgorithms: [signingAlgorithm] }
    : { KeyUsage: 'ENCRYPT_DECRYPT', EncryptionAlgorithms: [key.spec] };
}

function refuseUnless(key: Key, spec: Key['spec']): void {
  if (key.spec !== spec) throw new AwsError('InvalidKeyUsageException', `${key.arn} is of spec ${key.spec}.`);
}

/** What to sign, or what was signed. */
function messageOf(key: Key, input: Json): { message: Buffer; isDigest: boolean } {
  refuseUnless(key, 'ECC_NIST_P256');
  if (input.SigningAlgorithm !== signingAlgorithm) {
    throw new AwsError(
      'InvalidKeyUsageException',
      `Algorithm ${input.SigningAlgorithm} is incompatible with ${key.spec}.`,
    );
  }
  const type = input.MessageType ?? 'RAW';
  if (type !== 'RAW' && type !== 'DIGEST') throw new AwsError('ValidationException', `MessageType ${type}`);
  const message = bytesOf(input, 'Message', maxMessageBytes);
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
    throw new AwsError('ValidationException', `KeySpec ${KeySpec}, NumberOfBytes ${NumberOfBytes}`);
  }
  return length;
}

/*
 * A ciphertext blob is opaque to clients. Ours: the key id (16 bytes), the nonce (12), the AES-256-GCM ciphertext, its
 * tag (16). Authenticated with it: the key id and the encryption context.
 */

function encrypt(key: Key, plaintext: Buffer, input: Json): { CiphertextBlob: string } {
  refuseUnless(key, 'SYMMETRIC_DEFAULT');
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key.material, nonce).setAAD(authenticatedData(key, input));
  const sealed = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  const id = Buffer.from(key.keyId.replaceAll('-', ''), 'hex');
  return { CiphertextBlob: Buffer.concat([id, nonce, sealed, cipher.getAuthTag()]).toString('base64') };
}

function decrypt(key: Key, blob: Buffer, input: Json): Buffer {
  const { nonce, sealed, tag } = parseCiphertext(blob);
  const decipher = createDecipheriv('aes-256-gcm', key.material, nonce, { authTagLength: 16 });
  decipher.setAAD(authenticatedData(key, input)).setAuthTag(tag);
  try {
    return Buffer.concat([decipher.update(sealed), decipher.final()]);
  } catch {
    // KMS says no more either: which of blob and context is wrong is nobody's business.
    throw new AwsError('InvalidCiphertextException', 'The ciphertext or its encryption context is not what it was.');
  }
}

function parseCiphertext(blob: Buffer): { keyId: string; nonce: Buffer; sealed: Buffer; tag: Buffer } {
  if (blob.length < 16 + 12 + 16) throw new AwsError('InvalidCiphertextException', 'The ciphertext is too short.');
  const keyId = blob.toString('hex', 0, 16).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  return { keyId, nonce: blob.subarray(16, 28), sealed: blob.subarray(28, -16), tag: blob.subarray(-16) };
}

/** The same for the same pairs, in whatever order they came. */
function authenticatedData(key: Key, input: Json): Buffer {
  const pairs = Object.entries(encryptionContextOf(input)).sort(([a], [b]) => (a < b ? -1 : 1));
  return Buffer.from(JSON.stringify([key.keyId, pairs]));
}

function encryptionContextOf({ EncryptionContext: context = {} }: Json): EncryptionContext {
  const values = typeof context === 'object' && context !== null ? Object.values(context) : [undefined];
  if (values.some((value) => typeof value !== 'string')) {
    throw new AwsError('ValidationException', 'EncryptionContext has to map names to texts.');
  }
  return context as EncryptionContext;
}

function bytesOf(input: Json, member: string, maxBytes = 6144): Buffer {
  const value = input[member];
  const bytes = typeof value === 'string' ? Buffer.from(value, 'base64') : Buffer.alloc(0);
  if (bytes.length < 1 || bytes.length > maxBytes) {
    throw new AwsError('ValidationException', `${member} has to have between 1 and ${maxBytes} bytes.`);
  }
  return bytes;
}

/** Whether a statement speaks of everyone in the account, so of the functions too. */
function concernsAccount({ Principal }: Statement): boolean {
  const principals = typeof Principal === 'object' ? [Principal.AWS ?? []].flat() : [Principal];
  return principals.some((principal) => principal === '*' || principal === accountRoot || principal === account);
}
