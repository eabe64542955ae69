import { type AwsEnvironment, defaultEnvironment } from '../aws-api/aws-environment.ts';
import { AwsError, unknownOperation } from '../aws-api/aws-error.ts';
import { type AwsJsonProtocol, type AwsJsonService, type AwsRequest, serveAwsJson } from '../aws-api/aws-json.ts';
import type { EnvironmentFile } from '../environment-file.ts';
import type { Principals } from '../iam/principals.ts';

export type SecretsOptions = {
  /** Has the values, because a template contains the ARNs of secrets and never their values. */
  file: EnvironmentFile;
  principals: Principals;
  /** @default account 000000000000 in us-east-1 */
  environment?: AwsEnvironment;
};

export type Secrets = AwsJsonService & {
  /** Adds the secret of a stack. @param name its line in the file */
  add(name: string, arn: string): void;
  /** The names of secrets without a line in the file. */
  missing(): string[];
};

const protocol: AwsJsonProtocol = {
  target: 'secretsmanager',
  version: '1.1',
  namespace: 'com.amazonaws.secretsmanager',
};

/** Secrets Manager on 127.0.0.1, reduced to GetSecretValue. Each request reads the file, so an edit needs no restart. */
export async function startSecrets({
  file,
  principals,
  environment = defaultEnvironment,
}: SecretsOptions): Promise<Secrets> {
  const names = new Map<string, string>();
  const service = await serveAwsJson(protocol, principals, (request) =>
    getSecretValue(file, names, request, environment),
  );
  return Object.assign(service, {
    add: (name: string, secretArn: string) => void names.set(secretArn, name),
    missing: () => [...new Set(names.values())].filter((name) => !file.value(name)),
  });
}

function getSecretValue(
  file: EnvironmentFile,
  names: ReadonlyMap<string, string>,
  { caller, operation, input }: AwsRequest,
  environment: AwsEnvironment,
): object {
  if (operation !== 'GetSecretValue') throw unknownOperation(operation);
  const secretId = String(input.SecretId);
  const secretArn = arnOf(secretId, environment);
  caller.authorize({ action: 'secretsmanager:GetSecretValue', resource: secretArn, context: {} });
  const name = names.get(secretId);
  const value = name && file.value(name);
  if (!value) {
    const remedy = name ? `Add ${name}=<value> to ${file.path}` : 'Add it to the setting `secrets` of the stack';
    throw new AwsError(
      'ResourceNotFoundException',
      `Secrets Manager can't find the specified secret ${secretId}. ${remedy}`,
    );
  }
  return {
    ARN: secretArn,
    Name: secretArn.split(':secret:').at(-1)!,
    SecretString: value,
    VersionStages: ['AWSCURRENT'],
  };
}

/**
 * The ARN of a secret ends with a hyphen and six random characters, and policies that know only the name contain
 * `-??????`: a name, or an ARN without the suffix, receives one.
 */
function arnOf(secretId: string, environment: AwsEnvironment): string {
  if (/^arn:.*-[A-Za-z0-9]{6}$/.test(secretId)) return secretId;
  const withoutSuffix = secretId.startsWith('arn:')
    ? secretId
    : environment.arn('secretsmanager', `secret:${secretId}`);
  return `${withoutSuffix}-local0`;
}
