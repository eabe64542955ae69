import type { Node } from 'constructs';
import type { ClientSettings, PreregisteredClientSettings } from './client-settings.ts';
import { ConfigurationError } from './configuration-error.ts';
import type { HoldfastSettings } from './holdfast-settings.ts';
import type { IdentityProviderSettings } from './identity-provider-settings.ts';
import type { ProviderProfileName } from './provider-profiles.ts';

type ContextSettings = Pick<
  HoldfastSettings,
  | 'stage'
  | 'firewall'
  | 'identityProvider'
  | 'domain'
  | 'operations'
  | 'lambdaSystemLogs'
  | 'alarmEmail'
  | 'alarmTopicArn'
  | 'dashboard'
  | 'adminsGroup'
  | 'showNames'
  | 'optimizations'
> &
  ClientSettings;

/**
 * The settings that can be given without touching code, as `cdk deploy -c stage=prod -c domainName=…` or in `cdk.json`.
 *
 * @throws Mistake when a setting is given without the others that it needs
 */
export function settingsFromContext(node: Node): ContextSettings {
  const text = (key: string): string | undefined => {
    const value: unknown = node.tryGetContext(key);
    return value === undefined || value === '' ? undefined : String(value);
  };
  /** All of `needed` or, when none of `optional` is there either, nothing. */
  const group = <const K extends string>(needed: K[], optional: string[]): Record<K, string> | undefined => {
    const given = [...needed, ...optional].filter((key) => text(key) !== undefined);
    if (given.length === 0) return undefined;
    for (const key of needed) {
      if (text(key) === undefined) {
        throw new ConfigurationError(`The context has ${given.join(', ')} without ${key}: add -c ${key}=…`);
      }
    }
    return Object.fromEntries(needed.map((key) => [key, text(key)])) as Record<K, string>;
  };

  const flag = (key: string): boolean | undefined => {
    const value = text(key);
    if (value !== undefined && value !== 'true' && value !== 'false') {
      throw new ConfigurationError(`The context's ${key} is ${JSON.stringify(value)}: choose true or false`);
    }
    return value === undefined ? undefined : value === 'true';
  };
  const list = (key: string) => text(key)?.split(/[ ,]+/).filter(Boolean);
  const idpMode = text('idpMode');
  const idp = group(
    ['idpIssuer', ...(idpMode === 'direct' ? [] : ['idpClientId'])],
    [
      'idpProfile',
      'idpMode',
      'idpClientSecretArn',
      'idpScopes',
      'idpName',
      'idpParameters',
      'idpGroupClaims',
      'idpAudience',
    ],
  );
  const parameters = text('idpParameters');
  const domain = group(['domainName', 'certificateArn'], ['hostedZoneId', 'hostedZoneName']);
  const zone = group(['hostedZoneId', 'hostedZoneName'], []);
  return {
    stage: text('stage') as HoldfastSettings['stage'],
    firewall: flag('firewall'),
    operations: flag('operations'),
    lambdaSystemLogs: flag('lambdaSystemLogs'),
    alarmEmail: text('alarmEmail'),
    alarmTopicArn: text('alarmTopicArn'),
    dashboard: flag('dashboard'),
    adminsGroup: text('adminsGroup'),
    showNames: text('showNames') as HoldfastSettings['showNames'],
    optimizations: flag('optimizations'),
    clients: configuredClients(node.tryGetContext('clients')),
    clientDocuments: text('clientDocuments') as ClientSettings['clientDocuments'],
    clientDocumentHosts: list('clientDocumentHosts'),
    dynamicRegistration: text('dynamicRegistration') as ClientSettings['dynamicRegistration'],
    dynamicRegistrationRedirects: list('dynamicRegistrationRedirects'),
    unsafelyFetchClientDocumentsFromAnywhere: flag('unsafelyFetchClientDocumentsFromAnywhere'),
    identityProvider: idp && {
      profile: text('idpProfile') as ProviderProfileName | undefined,
      mode: idpMode as IdentityProviderSettings['mode'],
      issuer: idp.idpIssuer!,
      clientId: text('idpClientId'),
      clientSecretArn: text('idpClientSecretArn'),
      scopes: list('idpScopes'),
      parameters: parameters === undefined ? undefined : Object.fromEntries(new URLSearchParams(parameters)),
      groupClaims: list('idpGroupClaims'),
      name: text('idpName'),
      audience: text('idpAudience'),
    },
    domain: domain && { ...domain, hostedZone: zone && { id: zone.hostedZoneId, name: zone.hostedZoneName } },
  };
}

/** Written as JSON in `cdk.json`, or as the text of it on the command line. What is in it, the stack checks. */
function configuredClients(value: unknown): PreregisteredClientSettings[] | undefined {
  if (value === undefined || value === '') return undefined;
  try {
    const clients: unknown = typeof value === 'string' ? JSON.parse(value) : value;
    if (Array.isArray(clients)) return clients as PreregisteredClientSettings[];
  } catch (error) {
    throw new ConfigurationError(`The context's clients is no JSON: ${(error as Error).message}`);
  }
  throw new ConfigurationError(
    'The context has clients that are no list: write [{ "id": …, "name": …, "redirectUris": […] }]',
  );
}
