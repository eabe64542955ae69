import { Grant, type IGrantable } from 'aws-cdk-lib/aws-iam';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import { grantThroughService } from './encryption-keys.ts';

/**
 * Grants reading the value of a secret, and the use of its customer managed key. `Secret.grantRead` would permit describing
 * the secret as well.
 * @param secret a secret, or the complete ARN of one
 */
export function grantReadSecret(secret: ISecret | string, grantee: IGrantable): void {
  Grant.addToPrincipal({
    grantee,
    actions: ['secretsmanager:GetSecretValue'],
    resourceArns: [typeof secret === 'string' ? secret : arnPattern(secret)],
  }).assertSuccess();
  if (typeof secret === 'string' || secret.encryptionKey === undefined) return;
  grantThroughService(secret.encryptionKey, 'secretsmanager', ['kms:Decrypt'], grantee);
}

/** Secrets Manager appends six random characters to a name in the ARN. */
const arnPattern = ({ secretFullArn, secretArn }: ISecret) => secretFullArn ?? `${secretArn}-??????`;
