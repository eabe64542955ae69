import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type AwsRequest, serveAwsJson } from './aws-api/aws-json.ts';
import { AwsError, type AwsService, arn } from './aws-api/aws-service.ts';
import type { Principals } from './iam/principals.ts';

export type SecretsOptions = {
  /** The folder of `secrets.json`: `{"<arn or name of a secret>": "<its SecretString>"}`, written by hand. */
  folder: string;
  principals: Principals;
};

/**
 * Secrets Manager on 127.0.0.1, reduced to GetSecretValue: values come from a file, because a template holds the names
 * of secrets and never what is in them. The file is read at each request, so an edit needs no restart.
 */
export async function startSecrets({ folder, principals }: SecretsOptions): Promise<AwsService> {
  const file = join(folder, 'secrets.json');

  function answer({ accessKeyId, operation, input }: AwsRequest): object {
    if (operation !== 'GetSecretValue') {
      throw new AwsError('UnknownOperationException', `${operation} does not exist locally.`);
    }
    const secretId = String(input.SecretId);
    const secretArn = arnOf(secretId);
    principals.authorize(accessKeyId, { action: 'secretsmanager:GetSecretValue', resource: secretArn, context: {} });
    const secrets: Record<string, string> = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
    const value = Object.hasOwn(secrets, secretId) ? secrets[secretId] : undefined;
    if (value === undefined) {
      throw new AwsError(
        'ResourceNotFoundException',
        `Secrets Manager can't find the specified secret. Locally its value belongs in ${file}: ` +
          `{${JSON.stringify(secretId)}: "<value>"}`,
      );
    }
    return {
      ARN: secretArn,
      Name: secretArn.split(':secret:').at(-1)!,
      SecretString: value,
      VersionStages: ['AWSCURRENT'],
    };
  }

  return serveAwsJson('secretsmanager', '1.1', 'com.amazonaws.secretsmanager', answer);
}

/**
 * AWS ends the ARN of a secret with a hyphen and six random characters, and policies that know only the name say
 * `-??????`: a name, or an ARN without them, gets six.
 */
function arnOf(secretId: string): string {
  const complete = /^arn:.*-[A-Za-z0-9]{6}$/.test(secretId);
  const unfinished = secretId.startsWith('arn:') ? secretId : arn('secretsmanager', `secret:${secretId}`);
  return complete ? secretId : `${unfinished}-local0`;
}
