import { Grant, type IGrantable, PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { type IKey, Key, KeySpec, KeyUsage } from 'aws-cdk-lib/aws-kms';
import { Annotations, Aws, Duration, Stack } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import { removalPolicy, type Stage } from './settings/stage.ts';

/** The kinds of sealed data: upstream tokens, the MAC key of refresh tokens, the key of request states, user names. */
export type SealPurpose = 'upstream' | 'refresh-mac' | 'request-state' | 'user-names';

/** Data sealed under a deleted key is lost, so prod retains the keys. In dev, the waiting period is the shortest of KMS. */
const keyProps = (stage: Stage) => ({
  removalPolicy: removalPolicy(stage),
  ...(stage === 'dev' && { pendingWindow: Duration.days(7) }),
});

export interface SigningKeysProps {
  /** The beginning of the ids of the keys. */
  readonly prefix: string;
  description(name: string): string;
  readonly stage: Stage;
}

/**
 * Keys that sign (ES256). The first signs; a key set publishes all of them, so that signatures stay valid while keys are
 * rotated. KMS does not rotate asymmetric keys.
 *
 * Access tokens have other keys than the assertions for upstream servers: a function that signs assertions can sign no token.
 */
export class SigningKeys {
  readonly #keys: Key[];

  /** @param names one key for each name; the initial key has the name `1` */
  constructor(scope: Construct, names: string[], { prefix, description, stage }: SigningKeysProps) {
    this.#keys = names.map(
      (name) =>
        new Key(new Construct(scope, name === '1' ? prefix : `${prefix}${name}`), 'Key', {
          description: description(name),
          keySpec: KeySpec.ECC_NIST_P256,
          keyUsage: KeyUsage.SIGN_VERIFY,
          ...keyProps(stage),
        }),
    );
  }

  /** The id of the key that signs. */
  get signing(): string {
    return this.#keys[0]!.keyId;
  }

  /** The ids of all keys, the signing key first. */
  get ids(): string[] {
    return this.#keys.map(({ keyId }) => keyId);
  }

  /** Grants the principal to sign with the first key. */
  grantSign(grantee: IGrantable): void {
    this.#keys[0]!.grant(grantee, 'kms:Sign');
  }

  /** Grants the principal to sign with the first key, and to read its public key, by which signatures name it. */
  grantSignWithPublicKey(grantee: IGrantable): void {
    this.#keys[0]!.grant(grantee, 'kms:Sign', 'kms:GetPublicKey');
  }

  grantPublicKeys(grantee: IGrantable): void {
    for (const key of this.#keys) key.grant(grantee, 'kms:GetPublicKey');
  }
}

/** Encrypts the data keys of sealed items (envelope encryption). Rotates yearly; existing ciphertexts stay readable. */
export class SealKey extends Construct {
  readonly id: string;
  readonly #key: Key;

  constructor(scope: Construct, id: string, props: { stage: Stage }) {
    super(scope, id);
    this.#key = new Key(this, 'Key', {
      description: 'Encrypts the data keys of the sealed items in the table of Holdfast',
      enableKeyRotation: true,
      ...keyProps(props.stage),
    });
    this.id = this.#key.keyId;
  }

  /**
   * Grants the principal to seal and unseal data of the given purposes. The purpose is part of the encryption context,
   * so KMS denies any other ciphertext.
   */
  grantSeal(grantee: IGrantable, ...purposes: SealPurpose[]): void {
    Grant.addToPrincipal({
      grantee,
      actions: ['kms:GenerateDataKey', 'kms:Decrypt'],
      resourceArns: [this.#key.keyArn],
      conditions: { StringEquals: { 'kms:EncryptionContext:purpose': purposes } },
    }).assertSuccess();
  }
}

/** Grants the use of a customer managed key in requests of an AWS service for the principal, and in no others. */
export function grantThroughService(
  key: IKey,
  service: 'dynamodb' | 'secretsmanager',
  actions: string[],
  grantee: IGrantable,
): void {
  Grant.addToPrincipal({
    grantee,
    actions,
    resourceArns: [key.keyArn],
    conditions: { StringEquals: { 'kms:ViaService': `${service}.${Aws.REGION}.${Aws.URL_SUFFIX}` } },
  }).assertSuccess();
}

/**
 * The customer managed key of table and log groups. Its policy permits CloudWatch Logs to encrypt the log groups of the stack.
 * @param key a key, or the ARN of one; `undefined` for the keys of AWS
 */
export function customerManagedKey(scope: Construct, key: IKey | string | undefined): IKey | undefined {
  if (key === undefined) return undefined;
  const used = typeof key === 'string' ? Key.fromKeyArn(scope, 'EncryptionKey', key) : key;
  const { partition, region, account, stackName } = Stack.of(scope);
  const principal = new ServicePrincipal(`logs.${region}.${Aws.URL_SUFFIX}`);
  const { statementAdded } = used.addToResourcePolicy(
    new PolicyStatement({
      principals: [principal],
      actions: ['kms:Encrypt', 'kms:Decrypt', 'kms:ReEncrypt*', 'kms:GenerateDataKey*', 'kms:Describe*'],
      resources: ['*'],
      conditions: {
        ArnLike: {
          'kms:EncryptionContext:aws:logs:arn': `arn:${partition}:logs:${region}:${account}:log-group:${stackName}-*`,
        },
      },
    }),
  );
  if (!statementAdded) {
    Annotations.of(scope).addWarningV2(
      'holdfast:encryption-key-policy',
      'encryptionKey is imported: add the principal of CloudWatch Logs to its key policy, or log groups cannot be created.',
    );
  }
  return used;
}
