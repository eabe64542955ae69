import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { arn } from '../aws-api/aws-account.ts';
import { AwsError, unknownOperation } from '../aws-api/aws-error.ts';
import { type AwsJsonProtocol, type AwsJsonService, type AwsRequest, serveAwsJson } from '../aws-api/aws-json.ts';
import type { Principals } from '../iam/principals.ts';

export type SecretsOptions = {
  /** The folder of `secrets.json`: `{"<ARN or name of a secret>": "<its SecretString>"}`, which the operator writes. */
  folder: string;
  principals: Principals;
};

const protocol: AwsJsonProtocol = {
  target: 'secretsmanager',
  version: '1.1',
  namespace: 'com.amazonaws.secretsmanager',
};

/**
 * Secrets Manager on 127.0.0.1, reduced to GetSecretValue. The values come from a file, because a template contains the
 * names of secrets and never their values. Each request reads the file, so an edit needs no restart.
 */
export function startSecrets({ folder, principals }: SecretsOptions): Promise<AwsJsonService> {
  const file = join(folder, 'secrets.json');
  return serveAwsJson(protocol, principals, (request) => getSecretValue(file, request));
}

function getSecretValue(file: string, { caller, operation, input }: AwsRequest): object {
  if (operation !== 'GetSecretValue') throw unknownOperation(operation);
  const secretId = String(input.SecretId);
  const secretArn = arnOf(secretId);
  caller.authorize({ action: 'secretsmanager:GetSecretValue', resource: secretArn, context: {} });
  const value = readSecrets(file)[secretId];
  if (value === undefined) {
    throw new AwsError(
      'ResourceNotFoundException',
      `Secrets Manager can't find the specified secret. Add it to ${file}: {${JSON.stringify(secretId)}: "<value>"}`,
    );
  }
  return {
    ARN: secretArn,
    Name: secretArn.split(':secret:').at(-1)!,
    SecretString: value,
    VersionStages: ['AWSCURRENT'],
  };
}

/** The operator writes the file by hand. The parser's error would quote a secret. */
function readSecrets(file: string): Partial<Record<string, string>> {
  try {
    const secrets: unknown = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
    if (isTextByName(secrets)) return Object.assign(Object.create(null), secrets);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new AwsError(
    'InvalidRequestException',
    `${file} is not a JSON object from ARNs or names of secrets to their values, which are strings`,
  );
}

const isTextByName = (secrets: unknown): secrets is Record<string, string> =>
  typeof secrets === 'object' &&
  secrets !== null &&
  !Array.isArray(secrets) &&
  Object.values(secrets).every((value) => typeof value === 'string');

/**
 * The ARN of a secret ends with a hyphen and six random characters, and policies that know only the name contain
 * `-??????`: a name, or an ARN without the suffix, receives one.
 */
function arnOf(secretId: string): string {
  if (/^arn:.*-[A-Za-z0-9]{6}$/.test(secretId)) return secretId;
  const withoutSuffix = secretId.startsWith('arn:') ? secretId : arn('secretsmanager', `secret:${secretId}`);
  return `${withoutSuffix}-local0`;
}
