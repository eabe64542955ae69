import type { Node } from 'constructs';
import { Mistake } from './mistake.ts';
import type { HoldfastSettings } from './settings.ts';

type ContextSettings = Pick<HoldfastSettings, 'stage' | 'firewall' | 'identityProvider' | 'domain'>;

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
        throw new Mistake(`The context has ${given.join(', ')} without ${key}: add -c ${key}=…`);
      }
    }
    return Object.fromEntries(needed.map((key) => [key, text(key)])) as Record<K, string>;
  };

  const firewall = text('firewall');
  if (firewall !== undefined && firewall !== 'true' && firewall !== 'false') {
    throw new Mistake(`The context's firewall is ${JSON.stringify(firewall)}: choose true or false`);
  }
  const idp = group(['idpIssuer', 'idpClientId'], ['idpClientSecretArn', 'idpScopes', 'idpName']);
  const domain = group(['domainName', 'certificateArn'], ['hostedZoneId', 'hostedZoneName']);
  const zone = group(['hostedZoneId', 'hostedZoneName'], []);
  return {
    stage: text('stage') as HoldfastSettings['stage'],
    firewall: firewall === undefined ? undefined : firewall === 'true',
    identityProvider: idp && {
      issuer: idp.idpIssuer,
      clientId: idp.idpClientId,
      clientSecretArn: text('idpClientSecretArn'),
      scopes: text('idpScopes')?.split(/[ ,]+/),
      name: text('idpName'),
    },
    domain: domain && { ...domain, hostedZone: zone && { id: zone.hostedZoneId, name: zone.hostedZoneName } },
  };
}
