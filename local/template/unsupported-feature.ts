import { ConfigurationError } from '../../lib/settings/configuration-error.ts';

/** An error for a feature of CloudFormation or AWS that a resource uses and the local emulator does not have. */
export function unsupported(logicalId: string, feature: string): ConfigurationError {
  return new ConfigurationError(`${logicalId}: the local emulator does not support ${feature}`);
}
