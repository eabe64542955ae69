import { Duration, type StackProps } from 'aws-cdk-lib/core';
import type { Node } from 'constructs';
import { similarName } from '../similar-name.ts';
import type { ClientSettings, PreregisteredClientSettings } from './client-settings.ts';
import { ConfigurationError } from './configuration-error.ts';
import type { HoldfastSettings } from './holdfast-settings.ts';
import type { IdentityProviderSettings } from './identity-provider-settings.ts';
import type { EnterpriseIssuerProps, Workload } from './machines/assertion-settings.ts';
import type { ProviderProfileName } from './provider-profiles.ts';
import { quoted } from './setting-validation.ts';

type ContextSettings = Pick<
  HoldfastSettings,
  | 'stage'
  | 'name'
  | 'icon'
  | 'firewall'
  | 'identityProvider'
  | 'domain'
  | 'telemetry'
  | 'operations'
  | 'lambdaSystemLogs'
  | 'alarmEmail'
  | 'alarmTopic'
  | 'runbookUrl'
  | 'dashboard'
  | 'auditTools'
  | 'adminsGroup'
  | 'showNames'
  | 'optimizations'
  | 'fastPath'
  | 'redirectSchemes'
  | 'memorySize'
  | 'toolTimeout'
  | 'reservedConcurrentExecutions'
  | 'provisionedConcurrentExecutions'
  | 'tracing'
  | 'encryptionKey'
  | 'manageApiGatewayAccount'
> &
  ClientSettings &
  Pick<HoldfastSettings, 'machineClients' | 'workloads' | 'enterpriseIssuers' | 'enterpriseAuthorization'> &
  Pick<StackProps, 'terminationProtection'>;

/**
 * Reads settings from the CDK context: `cdk deploy -c stage=prod -c domainName=…`, or `cdk.json`. `resolveSettings`
 * validates their values.
 *
 * @throws ConfigurationError when a key is present without the keys that it requires, or a misspelt one
 */
export function settingsFromContext(node: Node): ContextSettings {
  const reader = contextReader(node);
  const { text, flag, list, number } = reader;
  const toolTimeoutMinutes = number('toolTimeoutMinutes');
  const settings: ContextSettings = {
    stage: text('stage') as HoldfastSettings['stage'],
    name: text('name'),
    icon: text('icon'),
    terminationProtection: flag('terminationProtection'),
    firewall: flag('firewall'),
    manageApiGatewayAccount: flag('manageApiGatewayAccount'),
    operations: flag('operations'),
    lambdaSystemLogs: flag('lambdaSystemLogs'),
    alarmEmail: text('alarmEmail'),
    alarmTopic: text('alarmTopicArn'),
    runbookUrl: text('runbookUrl'),
    dashboard: flag('dashboard'),
    auditTools: flag('auditTools'),
    adminsGroup: text('adminsGroup'),
    showNames: text('showNames') as HoldfastSettings['showNames'],
    optimizations: flag('optimizations'),
    fastPath: flag('fastPath'),
    redirectSchemes: list('redirectSchemes'),
    memorySize: number('memorySize'),
    toolTimeout: toolTimeoutMinutes === undefined ? undefined : Duration.seconds(toolTimeoutMinutes * 60),
    reservedConcurrentExecutions: number('reservedConcurrentExecutions'),
    provisionedConcurrentExecutions: number('provisionedConcurrentExecutions'),
    tracing: flag('tracing'),
    encryptionKey: text('encryptionKeyArn'),
    clients: listFromContext<PreregisteredClientSettings>(
      'clients',
      reader.value('clients'),
      '{ "id": …, "name": …, "redirectUris": […] }',
    ),
    machineClients: machineClientsFromContext(reader.value('machineClients')),
    workloads: listFromContext<Workload>(
      'workloads',
      reader.value('workloads'),
      '{ "name": …, "profile": …, "subject": …, "scopes": […] }',
    ),
    enterpriseIssuers: listFromContext<EnterpriseIssuerProps>(
      'enterpriseIssuers',
      reader.value('enterpriseIssuers'),
      '{ "issuer": … }',
    ),
    enterpriseAuthorization: flag('enterpriseAuthorization'),
    clientDocuments: text('clientDocuments') as ClientSettings['clientDocuments'],
    clientDocumentHosts: list('clientDocumentHosts'),
    dynamicRegistration: text('dynamicRegistration') as ClientSettings['dynamicRegistration'],
    dynamicRegistrationRedirects: list('dynamicRegistrationRedirects'),
    unsafelyFetchClientDocumentsFromAnywhere: flag('unsafelyFetchClientDocumentsFromAnywhere'),
    identityProvider: identityProviderFromContext(reader),
    domain: domainFromContext(reader),
    telemetry: telemetryFromContext(reader),
  };
  rejectMisspellings(node, reader.names);
  return settings;
}

type ContextReader = ReturnType<typeof contextReader>;

/**
 * A misspelt name would leave the default in force without a sign. Other names are the app's own.
 *
 * @param known every name that has been read
 */
function rejectMisspellings(node: Node, known: ReadonlySet<string>): void {
  const unknown = Object.keys(node.getAllContext()).filter((name) => /^[a-z]+$/i.test(name) && !known.has(name));
  const errors = unknown.flatMap((name) => {
    const meant = similarName(name, known);
    return meant === undefined ? [] : [`The context key ${name} does not exist: did you mean ${meant}?`];
  });
  if (errors.length > 0) throw new ConfigurationError(errors.join('\n'));
}

function identityProviderFromContext({ text, list, group }: ContextReader): IdentityProviderSettings | undefined {
  const mode = text('idpMode');
  const required = ['idpIssuer', ...(mode === 'direct' ? [] : ['idpClientId'])];
  const optional = [
    'idpProfile',
    'idpMode',
    'idpClientSecretArn',
    'idpAuthentication',
    'idpScopes',
    'idpDashboardScopes',
    'idpName',
    'idpParameters',
    'idpGroupClaims',
    'idpGroups',
    'idpAudience',
  ];
  const provider = group(required, optional);
  if (provider === undefined) return undefined;
  const parameters = text('idpParameters');
  return {
    profile: text('idpProfile') as ProviderProfileName | undefined,
    mode: mode as IdentityProviderSettings['mode'],
    issuer: provider.idpIssuer!,
    clientId: text('idpClientId'),
    clientSecret: text('idpClientSecretArn'),
    authentication: text('idpAuthentication') as IdentityProviderSettings['authentication'],
    scopes: list('idpScopes'),
    dashboardScopes: list('idpDashboardScopes'),
    parameters: parameters === undefined ? undefined : Object.fromEntries(new URLSearchParams(parameters)),
    groupClaims: list('idpGroupClaims'),
    groups: list('idpGroups'),
    name: text('idpName'),
    audience: text('idpAudience'),
  };
}

function domainFromContext({ group }: ContextReader): HoldfastSettings['domain'] {
  const domain = group(['domainName', 'certificateArn'], ['hostedZoneId', 'hostedZoneName']);
  const zone = group(['hostedZoneId', 'hostedZoneName'], []);
  return (
    domain && {
      domainName: domain.domainName,
      certificate: domain.certificateArn,
      hostedZone: zone && { hostedZoneId: zone.hostedZoneId, zoneName: zone.hostedZoneName },
    }
  );
}

function telemetryFromContext({ text, flag, group }: ContextReader): HoldfastSettings['telemetry'] {
  const xRay = flag('telemetryXRay');
  const telemetry = group(xRay ? [] : ['telemetryEndpoint'], ['telemetryHeadersArn', 'telemetryXRay']);
  if (telemetry === undefined) return undefined;
  return { endpoint: text('telemetryEndpoint'), headers: text('telemetryHeadersArn'), xRay };
}

/** @param example of an element, for the message */
function listFromContext<T extends object>(key: string, value: unknown, example: string): T[] | undefined {
  const elements = jsonFromContext(key, value);
  if (elements === undefined) return undefined;
  if (Array.isArray(elements) && elements.every((each) => typeof each === 'object' && each !== null)) return elements;
  throw new ConfigurationError(`The context key ${key} is not a JSON array of objects: write [${example}]`);
}

function machineClientsFromContext(value: unknown): HoldfastSettings['machineClients'] {
  const clients = jsonFromContext('machineClients', value);
  if (clients === undefined) return undefined;
  if (typeof clients === 'object' && clients !== null && !Array.isArray(clients))
    return clients as Record<string, never>;
  throw new ConfigurationError(
    'The context key machineClients is not a JSON object: write { "name": { "jwksUri": …, "scopes": […] } }',
  );
}

/** A JSON value in `cdk.json`, or its serialization on the command line. `resolveSettings` validates its members. */
function jsonFromContext(key: string, value: unknown): unknown {
  if (value === undefined || value === '') return undefined;
  try {
    return typeof value === 'string' ? JSON.parse(value) : value;
  } catch (error) {
    throw new ConfigurationError(`The context key ${key} is not valid JSON: ${(error as Error).message}`);
  }
}

/** Typed access to the context. An empty string counts as absent, so that `-c key=` unsets a value of `cdk.json`. */
function contextReader(node: Node) {
  const names = new Set<string>();

  const value = (key: string): unknown => {
    names.add(key);
    return node.tryGetContext(key);
  };

  const text = (key: string): string | undefined => {
    const given = value(key);
    return given === undefined || given === '' ? undefined : String(given);
  };

  const flag = (key: string): boolean | undefined => {
    const value = text(key);
    if (value !== undefined && value !== 'true' && value !== 'false') {
      throw new ConfigurationError(`The context key ${key} is ${quoted(value)}: choose true or false`);
    }
    return value === undefined ? undefined : value === 'true';
  };

  const number = (key: string): number | undefined => {
    const given = text(key);
    if (given !== undefined && !/^\d+(\.\d+)?$/.test(given)) {
      throw new ConfigurationError(`The context key ${key} is ${quoted(given)}: write a number`);
    }
    return given === undefined ? undefined : Number(given);
  };

  /** Separated by spaces or commas. */
  const list = (key: string): string[] | undefined => text(key)?.split(/[ ,]+/).filter(Boolean);

  /** The values of the required keys, or `undefined` when neither they nor an optional key is present. */
  const group = <const K extends string>(required: K[], optional: string[]): Record<K, string> | undefined => {
    const present = [...required, ...optional].filter((key) => text(key) !== undefined);
    if (present.length === 0) return undefined;
    for (const key of required) {
      if (text(key) === undefined) {
        throw new ConfigurationError(`The context has ${present.join(', ')} without ${key}: add -c ${key}=…`);
      }
    }
    return Object.fromEntries(required.map((key) => [key, text(key)])) as Record<K, string>;
  };

  return { names, value, text, flag, number, list, group };
}
