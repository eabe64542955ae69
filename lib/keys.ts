import { Duration } from 'aws-cdk-lib';
import { Grant, type IGrantable } from 'aws-cdk-lib/aws-iam';
import { Key, KeySpec, KeyUsage } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import { removalPolicy, type Stage } from './stage.ts';

/** What is sealed: the identity provider's tokens, and the key that authenticates refresh tokens. */
export type SealPurpose = 'upstream' | 'refresh-mac';

/** A deleted key takes with it everything it sealed, so prod keeps both and dev waits as short as KMS permits. */
const keyProps = (stage: Stage) => ({
  removalPolicy: removalPolicy(stage),
  ...(stage === 'dev' && { pendingWindow: Duration.days(7) }),
});

/** Signs access tokens (ES256). The private half never leaves KMS. */
export class SigningKey extends Construct {
  readonly id: string;
  readonly #key: Key;

  constructor(scope: Construct, id: string, props: { stage: Stage }) {
    super(scope, id);
    this.#key = new Key(this, 'Key', {
      description: 'Signs the access tokens of Holdfast',
      keySpec: KeySpec.ECC_NIST_P256,
      keyUsage: KeyUsage.SIGN_VERIFY,
      ...keyProps(props.stage),
    });
    this.id = this.#key.keyId;
  }

  /** Sign, and publish the public key in the JWKS. */
  grantSign(grantee: IGrantable): void {
    this.#key.grant(grantee, 'kms:Sign', 'kms:GetPublicKey');
  }
}

/** Wraps the data keys that seal what is stored (envelope encryption). Rotates yearly; old ciphertexts stay readable. */
export class SealKey extends Construct {
  readonly id: string;
  readonly #key: Key;

  constructor(scope: Construct, id: string, props: { stage: Stage }) {
    super(scope, id);
    this.#key = new Key(this, 'Key', {
      description: 'Seals what Holdfast stores of the identity provider',
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
