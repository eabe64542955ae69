import type { ICertificate } from 'aws-cdk-lib/aws-certificatemanager';
import type { HostedZoneAttributes, IHostedZone } from 'aws-cdk-lib/aws-route53';
import { Duration, Token } from 'aws-cdk-lib/core';
import { type DurationLimits, hasSyntax, quoted, validateDuration, type WithDefaults } from './setting-validation.ts';

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
  /** A Certificate Manager certificate for the host name, in the region of the stack, or its ARN. */
  readonly certificate: ICertificate | string;
  /**
   * The Route 53 hosted zone in which the stack creates the alias record.
   * @default - you create a CNAME record to the stack's output `DnsTarget`
   */
  readonly hostedZone?: IHostedZone | HostedZoneAttributes;
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
   * Time for which API Gateway caches the authorizer's result for a token; zero disables the cache. The stack
   * sets zero when a tool requires a further scope (`lambda/scopes.ts`).
   * @default Duration.minutes(5)
   */
  readonly authorizerCacheTtl?: Duration;
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
   * Whether the stack sets the role with which API Gateway writes access logs, and replaces the existing one. An account has
   * one such role per region, for all of its APIs, and API Gateway creates no stage without it: set it once, by this setting
   * of one stack or by hand (docs/deploy.md). The role remains when the stack is deleted.
   * @default false
   */
  readonly manageApiGatewayAccount?: boolean;
}

export const apiDefaults = {
  firewall: false,
  authorizerCacheTtl: Duration.minutes(5),
  throttle: { rate: 500, burst: 1000 },
  oauthThrottle: { rate: 25, burst: 50 },
  manageApiGatewayAccount: false,
} satisfies ApiSettings;

const cacheLimits: DurationLimits = {
  min: Duration.seconds(0),
  max: Duration.minutes(5),
  reason: 'a cached result can outlive its token',
};

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
  const { domain, firewall, authorizerCacheTtl } = settings;
  yield* validateDuration('authorizerCacheTtl', authorizerCacheTtl, cacheLimits);
  for (const name of ['throttle', 'oauthThrottle'] as const) yield* validateThrottle(name, settings[name]);
  if (firewall && domain === undefined) {
    yield 'firewall is true without a domain, so the web ACL would see only CloudFront: set domain or remove firewall';
  }
  if (domain !== undefined) yield* validateDomain(domain, region);
}

function* validateThrottle(name: string, { rate, burst }: Throttle): Generator<string> {
  const isRate = Token.isUnresolved(rate) || (rate > 0 && rate <= 10_000);
  const isBurst = Token.isUnresolved(burst) || (Number.isInteger(burst) && burst > 0 && burst <= 10_000);
  if (!isRate || !isBurst) {
    yield `${name} is ${quoted({ rate, burst })}: choose a rate and a burst above 0 and at most 10000, to limit the cost`;
  }
}

function* validateDomain(
  { domainName, certificate, hostedZone }: CustomDomain,
  region: string | undefined,
): Generator<string> {
  if (!hasSyntax(hostnameSyntax, domainName)) {
    yield `domain.domainName is ${quoted(domainName)}: write a host name in lower case, such as mcp.example.com`;
  }
  const certificateArn = typeof certificate === 'string' ? certificate : certificate.certificateArn;
  const certificateRegion = certificateArnSyntax.exec(certificateArn)?.groups?.region;
  if (!hasSyntax(certificateArnSyntax, certificateArn)) {
    yield `domain.certificate is ${quoted(certificateArn)}: write the ARN of a certificate in Certificate Manager`;
  } else if (region !== undefined && certificateRegion !== undefined && certificateRegion !== region) {
    yield `domain.certificate is in ${certificateRegion}: use a certificate in ${region}, the region of the API`;
  }
  if (hostedZone === undefined || [domainName, hostedZone.zoneName].some(Token.isUnresolved)) return;
  if (!`.${domainName}`.endsWith(`.${hostedZone.zoneName}`)) {
    yield `domain.hostedZone is ${quoted(hostedZone.zoneName)}: use a zone that contains ${domainName}`;
  }
}
