import { refTarget } from '../template/intrinsic-functions.ts';
import type { Resource, Template } from '../template/template.ts';
import type { CognitoClient, UserPool } from './cognito-client.ts';

const secondsIn: Record<string, number> = { seconds: 1, minutes: 60, hours: 3600, days: 86_400 };

/**
 * The user pool of a template that is the issuer, with its app clients and groups; undefined for users of an external
 * identity provider.
 */
export function userPoolOf(template: Template, issuer: string): UserPool | undefined {
  const pool = template
    .declarations('AWS::Cognito::UserPool')
    .find(({ logicalId }) => template.getAtt(logicalId, 'ProviderURL') === issuer);
  if (pool === undefined) return undefined;
  const membersOf = (type: string) =>
    template
      .declarations(type)
      .filter(({ raw }) => refTarget(raw.UserPoolId) === pool.logicalId)
      .map(({ logicalId }) => template.resource(logicalId));
  return {
    poolId: template.ref(pool.logicalId),
    clients: membersOf('AWS::Cognito::UserPoolClient').map((client) => clientOf(client, template)),
    groups: membersOf('AWS::Cognito::UserPoolGroup').map(({ properties }) => String(properties.GroupName)),
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
