import type { ResolvedSettings } from '../holdfast-settings.ts';
import { durationText } from '../token-text.ts';
import { admitsAssertions, assertionEnvironment } from './assertion-settings.ts';
import { machineClientList } from './machine-client-settings.ts';

/** The settings of sign-in without a browser as environment variables of the OAuth function; none where all of it is off. */
export const machineEnvironment = (settings: ResolvedSettings) => ({
  MACHINE_CLIENTS: machineClientList(settings),
  ...assertionEnvironment(settings),
  MACHINE_TOKEN_MINUTES: hasGrantsWithoutSignIn(settings)
    ? durationText(settings.machineTokenTtl, 'Minutes')
    : undefined,
});

const hasGrantsWithoutSignIn = (settings: ResolvedSettings): boolean =>
  settings.machineClients !== undefined || admitsAssertions(settings);
