import type { AwsEnvironment } from '../aws-api/aws-environment.ts';
import { resourceAttributes } from './resource-attributes.ts';

/** Pairs of origins, deployed and local: `['https://d1.cloudfront.net', 'http://127.0.0.1:8787']`. */
export type OriginMap = [deployed: string, local: string][];

/** The origins of the emulator, such as `http://127.0.0.1:8787`. */
export type EmulatorOrigins = { gateway: string; identityProvider: string };

/** A template as far as it names origins. */
type Resources = Record<string, { Type: string; Properties?: Record<string, unknown> }>;

/** Maps the host names that lead to the API, and Cognito's, to the emulator. */
export function originMap(
  { Resources = {} }: { Resources?: Resources },
  { gateway, identityProvider }: EmulatorOrigins,
  environment: AwsEnvironment,
  isEmulated: (logicalId: string) => boolean = () => true,
): OriginMap {
  const emulated = Object.entries(Resources).filter(([logicalId]) => isEmulated(logicalId));
  return emulated.flatMap(([logicalId, { Type, Properties = {} }]): OriginMap => {
    switch (Type) {
      case 'AWS::CloudFront::Distribution':
        return [[`https://${resourceAttributes(logicalId, Type, Properties, environment).DomainName}`, gateway]];
      case 'AWS::ApiGateway::DomainName':
        return [[`https://${Properties.DomainName}`, gateway]];
      case 'AWS::Cognito::UserPool':
        return [[`https://cognito-idp.${environment.region}.${environment.urlSuffix}`, identityProvider]];
      default:
        return [];
    }
  });
}

/** Replaces deployed origins in all strings of a value. */
export function withLocalOrigins(value: unknown, origins: OriginMap): unknown {
  if (typeof value === 'string') {
    return origins.reduce((result, [deployed, local]) => replaceOrigin(result, deployed, local), value);
  }
  if (Array.isArray(value)) return value.map((entry) => withLocalOrigins(entry, origins));
  // The value of AWS::NoValue, outside of a property or a list.
  if (typeof value === 'symbol') return undefined;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, withLocalOrigins(entry, origins)]));
}

/** A longer host name is another origin: `https://a.example` is not the origin of `https://a.example.org`. */
function replaceOrigin(value: string, deployed: string, local: string): string {
  const [head = '', ...rest] = value.split(deployed);
  return rest.reduce((result, tail) => result + (/^[\w.-]/.test(tail) ? deployed : local) + tail, head);
}
