import type { CloudFormationCustomResourceEvent } from 'aws-lambda';
import type { Clock } from '../../core/support/clock.ts';
import { type CustomResourceResponse, sendCustomResourceResponse } from '../../shared/custom-resource-response.ts';
import type { KmsClient } from './kms-client.ts';
import { kmsPublicKeys } from './kms-public-keys.ts';

/** In seconds. KMS grants the permissions of a new role some time after its creation. */
const pauses = [1, 2, 4, 8, 16];

/**
 * The custom resource `Custom::PublicKeys`, whose attribute `KeySet` is the JSON Web Key Set of the KMS keys `KeyIds`.
 * CloudFormation knows the ids of its keys, and not their public keys. Read during the deployment, they become environment
 * variables of functions, so that a cold start waits neither for KMS nor for another function.
 *
 * @see https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-requests.html
 */
export const publicKeysResource =
  (kms: KmsClient, clock: Pick<Clock, 'sleep'>) =>
  async (event: CloudFormationCustomResourceEvent): Promise<void> => {
    const failed = ({ message }: Error): CustomResourceResponse => ({
      Status: 'FAILED',
      Reason: `The public keys cannot be read: ${message}`,
    });
    await sendCustomResourceResponse(event, await responseTo(event, kms, clock).catch(failed));
  };

async function responseTo(
  { RequestType, ResourceProperties: { KeyIds } }: CloudFormationCustomResourceEvent,
  kms: KmsClient,
  clock: Pick<Clock, 'sleep'>,
): Promise<CustomResourceResponse> {
  // Nothing was created, so nothing is deleted.
  if (RequestType === 'Delete') return { Status: 'SUCCESS' };
  const keys = await attemptRepeatedly(kmsPublicKeys(kms, KeyIds), clock);
  return { Status: 'SUCCESS', Data: { KeySet: JSON.stringify({ keys }) } };
}

/** @throws the error of the last attempt */
async function attemptRepeatedly<T>(attempt: () => Promise<T>, clock: Pick<Clock, 'sleep'>): Promise<T> {
  let failure: unknown;
  for (const pause of [0, ...pauses]) {
    await clock.sleep(pause * 1000);
    try {
      return await attempt();
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}
