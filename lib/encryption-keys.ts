import { Duration } from 'aws-cdk-lib';
import { Grant, type IGrantable } from 'aws-cdk-lib/aws-iam';
import { Key, KeySpec, KeyUsage } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import { removalPolicy, type Stage } from './settings/stage.ts';

/** What is sealed: the identity provider's tokens, and the keys of refresh tokens, of what clients bring back and of names. */
export type SealPurpose = 'upstream' | 'refresh-mac' | 'request-state' | 'user-names';

/** A deleted key takes with it everything it sealed, so prod keeps both and dev waits as short as KMS permits. */
const keyProps = (stage: Stage) => ({
  removalPolicy: removalPolicy(stage),
  ...(stage === 'dev' && { pendingWindow: Duration.days(7) }),
});

/**
 * The keys of access tokens (ES256): the first signs, the others are published beside it, so that tokens verify while
 * one key takes over from another. KMS rotates no asymmetric key by itself.
 */
export class SigningKeys {
  /** Key ids with spaces between them, the signing one first. */
  readonly ids: string;
  readonly #keys: Key[];

  /** @param names the first key of all is `1`; another name is another key */
  constructor(scope: Construct, names: string[], props: { stage: Stage }) {
    this.#keys = names.map(
      (name) =>
        new Key(new Construct(scope, name === '1' ? 'SigningKey' : `SigningKey${name}`), 'Key', {
          description: `Signs the access tokens of Holdfast (${name})`,
          keySpec: KeySpec.ECC_NIST_P256,
          keyUsage: KeyUsage.SIGN_VERIFY,
          ...keyProps(props.stage),
        }),
    );
    this.ids = this.#keys.map(({ keyId }) => keyId).join(' ');
  }

  /** Sign with the first, and publish all in the JWKS. */
  grantSign(grantee: IGrantable): void {
    for (const [index, key] of this.#keys.entries()) {
      key.grant(grantee, ...(index === 0 ? ['kms:Sign'] : []), 'kms:GetPublicKey');
    }
  }
}

/** Wraps the data keys that seal what is stored (envelope encryption). Rotates yearly; old ciphertexts stay readable. */
export class SealKey extends Construct {
  readonly id: string;
  readonly #key: Key;

  constructor(scope: Construct, id: string, props: { stage: Stage }) {
    super(scope, id);
    this.#key = new Key(this, 'Key', {
      description: 'Seals what Holdfast stores and nobody else may read',
      enableKeyRotation: true,
      ...keyProps(props.stage),
    });
    this.id = this.#key.keyId;
  }

  /** Seal and unseal what is sealed for these purposes; anything else KMS refuses, whoever hands over the ciphertext. */
  grantSeal(grantee: IGrantable, ...purposes: SealPurpose[]): void {
    Grant.addToPrincipal({
      grantee,
      actions: ['kms:GenerateDataKey', 'kms:Decrypt'],
      resourceArns: [this.#key.keyArn],
      conditions: { StringEquals: { 'kms:EncryptionContext:purpose': purposes } },
    }).assertSuccess();
  }
}
