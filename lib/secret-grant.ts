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
  if (typeof secret === 'string') return;
  const { region, urlSuffix } = Stack.of(scope);
  const service = `secretsmanager.${region}.${urlSuffix}`;
  secret.encryptionKey?.grantDecrypt(new ViaServicePrincipal(service, grantee.grantPrincipal));
}

/** Secrets Manager appends six random characters to a name in the ARN. */
const arnPattern = ({ secretFullArn, secretArn }: ISecret) => secretFullArn ?? `${secretArn}-??????`;
