import { Stack } from 'aws-cdk-lib';
import { Grant, type IGrantable } from 'aws-cdk-lib/aws-iam';
import { ViaServicePrincipal } from 'aws-cdk-lib/aws-kms';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';

/**
 * Grants reading the value of a secret, and the use of its customer managed key. `Secret.grantRead` would permit describing
 * the secret as well.
 * @param secret a secret, or the complete ARN of one
 */
export function grantReadSecret(scope: Construct, secret: ISecret | string, grantee: IGrantable): void {
  Grant.addToPrincipal({
    grantee,
    actions: ['secretsmanager:GetSecretValue'],
    resourceArns: [typeof secret === 'string' ? secret : arnPattern(secret)],
  }).assertSuccess();
  if (typeof secret === 'string' || secret.encryptionKey === undefined) return;
  const { region, urlSuffix } = Stack.of(scope);
  const service = `secretsmanager.${region}.${urlSuffix}`;
  // The first grant is for an imported key, whose policy the app cannot change, and the second for a key of the app.
  Grant.addToPrincipal({
    grantee,
    actions: ['kms:Decrypt'],
    resourceArns: [secret.encryptionKey.keyArn],
    conditions: { StringEquals: { 'kms:ViaService': service } },
  }).assertSuccess();
  secret.encryptionKey.grantDecrypt(new ViaServicePrincipal(service, grantee.grantPrincipal));
}

/** Secrets Manager appends six random characters to a name in the ARN. */
const arnPattern = ({ secretFullArn, secretArn }: ISecret) => secretFullArn ?? `${secretArn}-??????`;
