import type { StackProps } from 'aws-cdk-lib/core';
import { ConfigurationError } from './settings/configuration-error.ts';
import type { HoldfastSettings } from './settings/holdfast-settings.ts';
import { similarName } from './similar-name.ts';

/** The names of all settings, which the compiler compares with the types. */
const settings: Record<keyof HoldfastSettings, true> = {
  accessLogClass: true,
  accessTokenTtl: true,
  adminsGroup: true,
  alarmEmail: true,
  alarmTopic: true,
  alarms: true,
  allowedOrigins: true,
  assets: true,
  auditArguments: true,
  auditErrors: true,
  auditMethods: true,
  auditRetention: true,
  auditTools: true,
  authorizerCacheTtl: true,
  clientDocumentHosts: true,
  clientDocuments: true,
  clients: true,
  dashboard: true,
  domain: true,
  dynamicRegistration: true,
  dynamicRegistrationRedirects: true,
  encryptionKey: true,
  enterpriseAuthorization: true,
  enterpriseIssuers: true,
  environment: true,
  external: true,
  fastPath: true,
  firewall: true,
  grantAbsoluteTimeout: true,
  grantIdleTimeout: true,
  icon: true,
  identityProvider: true,
  lambdaSystemLogs: true,
  layers: true,
  listenTimeout: true,
  logRetention: true,
  machineClients: true,
  machineTokenTtl: true,
  manageApiGatewayAccount: true,
  memorySize: true,
  name: true,
  oauthThrottle: true,
  operations: true,
  optimizations: true,
  personalTokens: true,
  provisionedConcurrentExecutions: true,
  redirectSchemes: true,
  refreshWindow: true,
  reservedConcurrentExecutions: true,
  runbookUrl: true,
  scopes: true,
  secrets: true,
  securityGroups: true,
  server: true,
  sessionTtl: true,
  sessionTtlByGroup: true,
  showNames: true,
  signingKeys: true,
  stage: true,
  staleSession: true,
  taskTtl: true,
  telemetry: true,
  throttle: true,
  toolTimeout: true,
  tracing: true,
  unsafelyFetchClientDocumentsFromAnywhere: true,
  upstreamSigningKeys: true,
  upstreamTokens: true,
  upstreams: true,
  userPool: true,
  vpc: true,
  vpcSubnets: true,
  workloads: true,
};

const stackProps: Record<keyof StackProps, true> = {
  analyticsReporting: true,
  crossRegionReferences: true,
  description: true,
  env: true,
  notificationArns: true,
  permissionsBoundary: true,
  propertyInjectors: true,
  stackName: true,
  suppressTemplateIndentation: true,
  synthesizer: true,
  tags: true,
  terminationProtection: true,
};

const known = Object.keys({ ...settings, ...stackProps });

/**
 * Rejects a prop that is a misspelt setting, which JavaScript would ignore. Other unknown names may be props of a newer
 * CDK.
 *
 * @throws ConfigurationError with the nearest setting
 */
export function rejectMisspeltProps(props: object): void {
  const errors = Object.keys(props).flatMap((name) => {
    const meant = known.includes(name) ? undefined : similarName(name, known);
    return meant === undefined ? [] : [`The setting ${name} does not exist: did you mean ${meant}?`];
  });
  if (errors.length > 0) throw new ConfigurationError(errors.join('\n'));
}
