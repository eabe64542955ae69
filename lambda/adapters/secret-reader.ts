import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { ServiceUnavailableError } from '../core/support/service-unavailable-error.ts';
import { requestHandler } from '../shared/aws-client-timeouts.ts';

/** Errors of the configuration; all others, throttling included, mean that the service is unavailable. */
const configurationErrors = new Set([
  'AccessDeniedException',
  'DecryptionFailure',
  'InvalidParameterException',
  'InvalidRequestException',
  'ResourceNotFoundException',
]);

let client: SecretsManagerClient | undefined;

/**
 * Reads the current value of a secret. The module is loaded on demand, because few deployments have a secret.
 *
 * @throws ServiceUnavailableError; an error of the configuration, such as a missing permission
 */
export async function readSecret(arn: string): Promise<string> {
  client ??= new SecretsManagerClient({ maxAttempts: 3, requestHandler });
  const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId: arn })).catch((error: Error) => {
    if (configurationErrors.has(error.name)) throw error;
    throw new ServiceUnavailableError('Secrets Manager', error);
  });
  if (!SecretString) throw new Error(`The secret ${arn} has no SecretString: store its value as text`);
  return SecretString;
}
