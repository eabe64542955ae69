import { EMULATOR_VARIABLE } from '../package-files.ts';
import { validateRegion } from '../region-support.ts';
import { type AlarmSettings, validateAlarms } from './alarm-settings.ts';
import { type ApiSettings, apiDefaults, validateApi } from './api-settings.ts';
import { type AuditSettings, auditDefaults, validateAudit } from './audit-settings.ts';
import { type BrandingSettings, validateBranding } from './branding-settings.ts';
import { type BundleSettings, validateBundle } from './bundle-settings.ts';
import { type ClientSettings, clientDefaults, validateClients } from './client-settings.ts';
import { ConfigurationError } from './configuration-error.ts';
import { type DashboardSettings, dashboardDefaults, validateDashboard } from './dashboard-settings.ts';
import { type FunctionSettings, functionDefaults, validateFunctions } from './function-settings.ts';
import { type AssertionSettings, validateAssertions } from './machines/assertion-settings.ts';
import {
  type MachineClientSettings,
  machineClientDefaults,
  validateMachineClients,
} from './machines/machine-client-settings.ts';
import { type SecretSettings, validateSecrets } from './secret-settings.ts';
import {
  type ServerFunctionSettings,
  serverFunctionDefaults,
  validateServerFunctions,
} from './server-function-settings.ts';
import { type ServerSettings, serverDefaults, validateServer } from './server-settings.ts';
import { type SessionSettings, sessionDefaults, validateSessions } from './session-settings.ts';
import { validateChoice, type WithDefaults } from './setting-validation.ts';
import { personalTokenDefaults, type SignInSettings, signInDefaults, validateSignIn } from './sign-in-settings.ts';
import type { Stage } from './stage.ts';
import { type TelemetrySettings, validateTelemetry } from './telemetry-settings.ts';
import { type UpstreamSettings, upstreamDefaults, validateUpstreams } from './upstream-settings.ts';

/**
 * The settings of a deployment. Every setting has a default, and the defaults make a secure deployment. Each group of
 * settings has a file in this folder, with the type, the default and the validation of its settings.
 */
export interface HoldfastSettings
  extends ApiSettings,
    SignInSettings,
    ClientSettings,
    MachineClientSettings,
    AssertionSettings,
    SessionSettings,
    ServerSettings,
    ServerFunctionSettings,
    SecretSettings,
    UpstreamSettings,
    BundleSettings,
    BrandingSettings,
    AuditSettings,
    TelemetrySettings,
    DashboardSettings,
    FunctionSettings,
    AlarmSettings {
  /**
   * `prod` retains the table, the KMS keys and the user pool when the stack is deleted, protects them from deletion, and
   * enables point-in-time recovery of the table (35 days). `dev` deletes all resources with the stack.
   * @default 'dev'
   */
  readonly stage?: Stage;
}

const defaults = {
  stage: 'dev',
  ...apiDefaults,
  ...signInDefaults,
  ...clientDefaults,
  ...machineClientDefaults,
  ...sessionDefaults,
  ...serverDefaults,
  ...serverFunctionDefaults,
  ...upstreamDefaults,
  ...auditDefaults,
  ...dashboardDefaults,
  ...functionDefaults,
} satisfies HoldfastSettings;

/** The settings with their defaults. `operations` defaults to true in `prod`, and `showNames` to `name` in the local emulator. */
export type ResolvedSettings = WithDefaults<HoldfastSettings, typeof defaults & { operations: boolean }>;

/**
 * Fills in the defaults and rejects settings that are insecure or cannot work.
 * @param region the region of the stack; `undefined` before it is known
 * @throws ConfigurationError listing every invalid setting, its value, and what to do
 */
export function resolveSettings(settings: HoldfastSettings, region?: string): ResolvedSettings {
  const given = Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
  const resolved: ResolvedSettings = {
    ...defaults,
    operations: settings.stage === 'prod',
    // The emulator's users are examples, and a dashboard of keys explains itself badly.
    ...(process.env[EMULATOR_VARIABLE] !== undefined && { showNames: 'name' }),
    ...personalTokenDefaults(settings),
    ...given,
  };
  const errors = [...validateSettings(resolved, region)];
  if (errors.length > 0) throw new ConfigurationError(`Invalid Holdfast settings:\n${errors.join('\n')}`);
  return resolved;
}

function* validateSettings(settings: ResolvedSettings, region: string | undefined): Generator<string> {
  yield* validateChoice('stage', settings.stage, ['dev', 'prod']);
  yield* validateSessions(settings);
  yield* validateServer(settings);
  yield* validateServerFunctions(settings);
  yield* validateSecrets(settings);
  yield* validateUpstreams(settings);
  yield* validateBundle(settings);
  yield* validateBranding(settings);
  yield* validateSignIn(settings);
  yield* validateClients(settings);
  yield* validateMachineClients(settings);
  yield* validateAssertions(settings);
  yield* validateApi(settings, region);
  yield* validateRegion(settings, region);
  yield* validateAudit(settings);
  yield* validateTelemetry(settings);
  yield* validateDashboard(settings);
  yield* validateFunctions(settings);
  yield* validateAlarms(settings);
}
