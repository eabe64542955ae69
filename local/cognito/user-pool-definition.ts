import { ConfigurationError } from '../../lib/settings/configuration-error.ts';
import type { Resource, Template } from '../template/template.ts';
import type { OidcProviderClient, OidcProviderOptions } from './oidc-provider.ts';

type UserPool = Pick<OidcProviderOptions, 'poolId' | 'clients' | 'groups'>;

const secondsIn: Record<string, number> = { seconds: 1, minutes: 60, hours: 3600, days: 86_400 };

/**
 * The user pool of a template with its app clients and groups, as the identity provider has to play it; undefined when
 * the stack brings none, because its users are somewhere else.
 *
 * @throws Mistake for a second pool, which nothing local would answer for
 */
export function userPoolOf(template: Template): UserPool | undefined {
  const pools = template.resources('AWS::Cognito::UserPool');
  const [pool] = pools;
  if (pool === undefined) return undefined;
  if (pools.length > 1)
    throw new ConfigurationError('The stack has more than one user pool, and only one can be run locally');
  return {
    poolId: String(template.resolve({ Ref: pool.logicalId })),
    clients: template.resources('AWS::Cognito::UserPoolClient').map((client) => clientOf(client, template)),
    groups: template.resources('AWS::Cognito::UserPoolGroup').map(({ properties }) => String(properties.GroupName)),
  };
}

function clientOf({ logicalId, properties }: Resource, template: Template): OidcProviderClient {
  const units = (properties.TokenValidityUnits ?? {}) as Record<string, string>;
  const seconds = (token: string, defaultUnit: string): number | undefined => {
    const validity = properties[`${token}Validity`];
    return validity === undefined ? undefined : Number(validity) * secondsIn[units[token] ?? defaultUnit]!;
  };
  const rotation = properties.RefreshTokenRotation as { Feature: string; RetryGracePeriodSeconds?: number } | undefined;
  const attribute = (name: string) => String(template.resolve({ 'Fn::GetAtt': [logicalId, name] }));
  return {
    clientId: attribute('ClientId'),
    ...(properties.GenerateSecret === true && { clientSecret: attribute('ClientSecret') }),
    redirectUris: (properties.CallbackURLs ?? []) as string[],
    logoutUris: (properties.LogoutURLs ?? []) as string[],
    scopes: (properties.AllowedOAuthScopes ?? []) as string[],
    accessTokenSeconds: seconds('AccessToken', 'hours'),
    idTokenSeconds: seconds('IdToken', 'hours'),
    refreshTokenSeconds: seconds('RefreshToken', 'days'),
    ...(rotation?.Feature === 'ENABLED' && { rotationGraceSeconds: Number(rotation.RetryGracePeriodSeconds ?? 0) }),
  };
}
