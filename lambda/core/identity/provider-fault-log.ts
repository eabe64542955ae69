import type { Logger } from '../support/logger.ts';
import { type ProviderConfigurationError, providerFaults } from './upstream-provider.ts';

/** Logs what the operator has to correct at the identity provider or in its settings. The event has an alarm. */
export function logProviderFault(log: Logger, { fault, message }: ProviderConfigurationError): void {
  log('upstream_misconfigured', { fault, message, advice: providerFaults[fault].advice });
}
