import { type AwsEnvironment, defaultEnvironment } from '../aws-api/aws-environment.ts';
import { AwsError, type Json, unknownOperation } from '../aws-api/aws-error.ts';
import { type AwsJsonProtocol, type AwsJsonService, type AwsRequest, serveAwsJson } from '../aws-api/aws-json.ts';
import type { AccessRequest } from '../iam/iam-policy.ts';
import type { Principals } from '../iam/principals.ts';
import { type EncryptionContext, encryptionContextOf, parseCiphertext } from './ciphertext-blob.ts';
import { assertDelegated, readKeyPolicy } from './key-policy.ts';
import { KeyRing } from './key-ring.ts';
import { type KmsKey, readBytes } from './kms-key.ts';
import { kmsOperations } from './kms-operations.ts';

export type KmsOptions = {
  /** The folder of `kms.json`, which stores the key material; without it keys live as long as the process. */
  folder: string | undefined;
  principals: Principals;
  /** @default account 000000000000 in us-east-1 */
  environment?: AwsEnvironment;
};

export type Kms = AwsJsonService & {
  /**
   * Creates the key that `properties` (of AWS::KMS::Key) describe, or finds it by its logical id.
   *
   * @throws Error for a key spec other than SYMMETRIC_DEFAULT and ECC_NIST_P256, and for a key policy that denies
   * something to a principal other than the whole account
   */
  createKey(logicalId: string, properties: Json): { keyId: string; arn: string };
  /**
   * Checks that a caller may have an AWS service decrypt its data: by the caller's role, and by the policy of a key of the
   * template. The policy of another key is not known.
   *
   * @throws AccessDenied
   */
  authorizeThrough(service: 'dynamodb', caller: AwsRequest['caller'], keyArn: string): void;
};

const protocol: AwsJsonProtocol = { target: 'TrentService', version: '1.1', namespace: 'com.amazonaws.kms' };

/** The operations that KMS allows on a disabled key. */
const readOnlyOperations = ['DescribeKey', 'GetPublicKey'];

/**
 * KMS on 127.0.0.1, with real cryptography and with both of KMS's permission checks: the caller's role, and the key
 * policy, which must delegate to the account as CDK's default does.
 *
 * Not emulated: grants, aliases, rotation, and key policies that allow something to a single role: such a statement has no
 * effect, so KMS denies what depends on it.
 */
export async function startKms({ folder, principals, environment = defaultEnvironment }: KmsOptions): Promise<Kms> {
  const ring = new KeyRing(folder);
  const keys = new Map<string, KmsKey>();
  const service = await serveAwsJson(protocol, principals, (request) => answer(keys, request, environment));
  return {
    ...service,
    createKey(logicalId, properties) {
      const policy = readKeyPolicy(logicalId, properties, environment);
      const stored = ring.obtain(logicalId, String(properties.KeySpec ?? 'SYMMETRIC_DEFAULT'));
      const keyArn = environment.arn('kms', `key/${stored.keyId}`);
      keys.set(stored.keyId, { ...stored, arn: keyArn, policy, enabled: properties.Enabled !== false });
      return { keyId: stored.keyId, arn: keyArn };
    },
    authorizeThrough(via, caller, keyArn) {
      const context = { 'kms:ViaService': [`${via}.${environment.region}.amazonaws.com`] };
      const access: AccessRequest = { action: 'kms:Decrypt', resource: keyArn, context };
      caller.authorize(access);
      const key = keys.get(idOf(keyArn));
      if (key) assertDelegated(key.policy, access, environment);
    },
  };
}

type Keys = ReadonlyMap<string, KmsKey>;

function answer(keys: Keys, { caller, operation, input }: AwsRequest, environment: AwsEnvironment): object {
  const perform = Object.hasOwn(kmsOperations, operation) ? kmsOperations[operation] : undefined;
  if (!perform) throw unknownOperation(operation);
  const key = operation === 'Decrypt' ? findForDecryption(keys, input) : find(keys, input.KeyId);
  const access = accessTo(key, operation, encryptionContextOf(input));
  caller.authorize(access);
  assertDelegated(key.policy, access, environment);
  if (!key.enabled && !readOnlyOperations.includes(operation)) {
    throw new AwsError('DisabledException', `${key.arn} is disabled.`);
  }
  return perform(key, input);
}

const idOf = (reference: string) => reference.split(':key/').at(-1)!;

/** @param reference a key id or an ARN */
function find(keys: Keys, reference: unknown): KmsKey {
  const key = keys.get(idOf(String(reference)));
  if (!key) throw new AwsError('NotFoundException', `Key '${reference}' does not exist`);
  return key;
}

function findForDecryption(keys: Keys, input: Json): KmsKey {
  const key = keys.get(parseCiphertext(readBytes(input, 'CiphertextBlob')).keyId);
  if (!key) throw new AwsError('InvalidCiphertextException', 'No key of this account encrypted the ciphertext.');
  if (input.KeyId !== undefined && find(keys, input.KeyId) !== key) {
    throw new AwsError('IncorrectKeyException', 'The key in the request did not encrypt the ciphertext.');
  }
  return key;
}

function accessTo(key: KmsKey, operation: string, context: EncryptionContext): AccessRequest {
  const pairs = Object.entries(context);
  return {
    action: `kms:${operation}`,
    resource: key.arn,
    context: {
      ...Object.fromEntries(pairs.map(([name, value]) => [`kms:EncryptionContext:${name}`, [value]])),
      'kms:EncryptionContextKeys': Object.keys(context),
    },
  };
}
