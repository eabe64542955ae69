import { KMSClient, KMSServiceException } from '@aws-sdk/client-kms';
import { ServiceUnavailableError } from '../../core/support/service-unavailable-error.ts';
import { requestHandler } from '../../shared/aws-client-timeouts.ts';

/** Answers that mean our request was wrong; everything else is an outage, throttling included. */
const ours = new Set([
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

/** Runs a request, turning a key service that does not answer into `Outage`; our own mistakes pass as they are. */
export async function callKms<T>(request: Promise<T>): Promise<T> {
  try {
    return await request;
  } catch (error) {
    if (error instanceof KMSServiceException && ours.has(error.name)) throw error;
    throw new ServiceUnavailableError('The key service', error);
  }
}
