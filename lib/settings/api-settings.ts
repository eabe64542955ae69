import { type Limits, quoted, validateNumber, type WithDefaults } from './setting-validation.ts';

/** A throttle of API Gateway, which answers 429 to every caller beyond it. */
export interface Throttle {
  /** Requests per second, above 0 and at most 10000. */
  readonly rate: number;
  /** Concurrent requests, 1 to 10000. */
  readonly burst: number;
}

/** A custom domain name of the API. */
export interface CustomDomain {
  /** The host name, such as `mcp.example.com`. */
  readonly domainName: string;
  /** ARN of a Certificate Manager certificate for the host name, in the region of the stack. */
  readonly certificateArn: string;
  /**
   * The Route 53 hosted zone in which the stack creates the alias record.
   * @default - you create a CNAME record to the stack's output `DnsTarget`
   */
  readonly hostedZone?: { readonly id: string; readonly name: string };
}

/** The REST API and what is in front of it. */
export interface ApiSettings {
  /**
   * A custom domain name.
   * @default - the free `*.cloudfront.net` name of a CloudFront distribution
   */
  readonly domain?: CustomDomain;
  /**
   * AWS WAF in front of the API, at about $10 a month. Requires `domain`: behind CloudFront, the web ACL would see the
   * addresses of CloudFront instead of the callers'.
   * @default false
   */
  readonly firewall?: boolean;
  /**
   * Time for which API Gateway caches the authorizer's result for a token, in seconds; 0 disables the cache. The stack
   * sets 0 when a tool requires a further scope (`lambda/scopes.ts`).
   * @default 300
   */
  readonly authorizerCacheSeconds?: number;
  /**
   * The throttle of the whole API.
   * @default - 500 requests per second, burst 1000
   */
  readonly throttle?: Throttle;
  /**
   * The throttle of each of /authorize, /consent, /callback, /register, /token and /revoke, which need no token.
   * @default - 25 requests per second, burst 50
   */
  readonly oauthThrottle?: Throttle;
  /**
   * Whether the stack sets the role with which API Gateway writes access logs. An account has one such role per region:
   * choose `false` where another stack manages it.
   * @default true
   */
  readonly manageApiGatewayAccount?: boolean;
}

export const apiDefaults = {
  firewall: false,
  authorizerCacheSeconds: 300,
  throttle: { rate: 500, burst: 1000 },
  oauthThrottle: { rate: 25, burst: 50 },
  manageApiGatewayAccount: true,
} satisfies ApiSettings;

const cacheLimits: Limits = { min: 0, max: 300, reason: 'a cached result can outlive its token' };

const hostnameSyntax = /^(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]$/;
const certificateArnSyntax = /^arn:aws[a-z-]*:acm:(?<region>[a-z0-9-]+):\d{12}:certificate\/\S+$/;

/**
 * Yields an error message for each invalid setting.
 * @param region the region of the stack; `undefined` before it is known
 */
export function* validateApi(
  settings: WithDefaults<ApiSettings, typeof apiDefaults>,
  region: string | undefined,
): Generator<string> {
  const { domain, firewall, authorizerCacheSeconds } = settings;
  yield* validateNumber('authorizerCacheSeconds', authorizerCacheSeconds, cacheLimits);
  for (const name of ['throttle', 'oauthThrottle'] as const) yield* validateThrottle(name, settings[name]);
  if (firewall && domain === undefined) {
    yield 'firewall is true without a domain, so the web ACL would see only CloudFront: set domain or remove firewall';
  }
  if (domain !== undefined) yield* validateDomain(domain, region);
}

function* validateThrottle(name: string, { rate, burst }: Throttle): Generator<string> {
  if (!(rate > 0 && rate <= 10_000 && Number.isInteger(burst) && burst > 0 && burst <= 10_000)) {
    yield `${name} is ${quoted({ rate, burst })}: choose a rate and a burst above 0 and at most 10000, to limit the cost`;
  }
}

function* validateDomain(
  { domainName, certificateArn, hostedZone }: CustomDomain,
  region: string | undefined,
): Generator<string> {
  if (!hostnameSyntax.test(domainName)) {
    yield `domain.domainName is ${quoted(domainName)}: write a host name in lower case, such as mcp.example.com`;
  }
  const certificate = certificateArnSyntax.exec(certificateArn);
  const certificateRegion = certificate?.groups?.region;
  if (certificate === null) {
    yield `domain.certificateArn is ${quoted(certificateArn)}: write the ARN of a certificate in Certificate Manager`;
  } else if (region !== undefined && certificateRegion !== region) {
    yield `domain.certificateArn is in ${certificateRegion}: use a certificate in ${region}, the region of the API`;
  }
  if (hostedZone !== undefined && !`.${domainName}`.endsWith(`.${hostedZone.name}`)) {
    yield `domain.hostedZone.name is ${quoted(hostedZone.name)}: use a zone that contains ${domainName}`;
  }
}
