import { ConfigurationError } from '../../lib/settings/configuration-error.ts';
import type { Resource, Template } from '../template/template.ts';
import type { CognitoClient, UserPool } from './cognito-client.ts';

const secondsIn: Record<string, number> = { seconds: 1, minutes: 60, hours: 3600, days: 86_400 };

/**
 * The user pool of a template with its app clients and groups; undefined for a stack with an external identity provider.
 *
 * @throws ConfigurationError for more than one pool
 */
export function userPoolOf(template: Template): UserPool | undefined {
  const pools = template.resources('AWS::Cognito::UserPool');
  const [pool] = pools;
  if (pool === undefined) return undefined;
  if (pools.length > 1) {
    throw new ConfigurationError(`The stack has ${pools.length} user pools; the local emulator runs at most one`);
  }
  return {
    poolId: template.ref(pool.logicalId),
    clients: template.resources('AWS::Cognito::UserPoolClient').map((client) => clientOf(client, template)),
    groups: template.resources('AWS::Cognito::UserPoolGroup').map(({ properties }) => String(properties.GroupName)),
  };
}

function clientOf({ logicalId, properties }: Resource, template: Template): CognitoClient {
  const units = (properties.TokenValidityUnits ?? {}) as Record<string, string>;
  const seconds = (token: string, defaultUnit: string): number | undefined => {
    const validity = properties[`${token}Validity`];
    return validity === undefined ? undefined : Number(validity) * secondsIn[units[token] ?? defaultUnit]!;
  };
  const rotation = properties.RefreshTokenRotation as { Feature: string; RetryGracePeriodSeconds?: number } | undefined;
  return {
    clientId: template.getAtt(logicalId, 'ClientId'),
    ...(properties.GenerateSecret === true && { clientSecret: template.getAtt(logicalId, 'ClientSecret') }),
    redirectUris: (properties.CallbackURLs ?? []) as string[],
    logoutUris: (properties.LogoutURLs ?? []) as string[],
    scopes: (properties.AllowedOAuthScopes ?? []) as string[],
    accessTokenSeconds: seconds('AccessToken', 'hours'),
    idTokenSeconds: seconds('IdToken', 'hours'),
    refreshTokenSeconds: seconds('RefreshToken', 'days'),
    ...(rotation?.Feature === 'ENABLED' && { rotationGraceSeconds: Number(rotation.RetryGracePeriodSeconds ?? 0) }),
  };
}
