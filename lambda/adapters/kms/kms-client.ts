import { KMSClient, KMSServiceException } from '@aws-sdk/client-kms';
import { ServiceUnavailableError } from '../../core/support/service-unavailable-error.ts';
import { requestHandler } from '../../shared/aws-client-timeouts.ts';

/** Errors of our request or configuration; all others, throttling included, mean that the service is unavailable. */
const requestErrors = new Set([
  'AccessDeniedException',
  'InvalidCiphertextException',
  'IncorrectKeyException',
  'InvalidKeyUsageException',
  'NotFoundException',
  'ValidationException',
]);

export function openKms(): KMSClient {
  return new KMSClient({ maxAttempts: 3, requestHandler });
}

/** Runs a request. Errors of the request pass unchanged, others become `ServiceUnavailableError`. */
export async function callKms<T>(request: Promise<T>): Promise<T> {
  try {
    return await request;
  } catch (error) {
    if (error instanceof KMSServiceException && requestErrors.has(error.name)) throw error;
    throw new ServiceUnavailableError('The key service', error);
  }
}
