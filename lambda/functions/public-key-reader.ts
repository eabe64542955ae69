import { openKms } from '../adapters/kms/kms-client.ts';
import { publicKeysResource } from '../adapters/kms/public-keys-resource.ts';
import { systemClock } from '../adapters/system-clock.ts';

/** The function of the custom resource `Custom::PublicKeys`. CloudFormation invokes it during a deployment. */
export const handler = publicKeysResource(openKms(), systemClock);
