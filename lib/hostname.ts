import {
  type CfnDomainName,
  DomainName,
  EndpointType,
  IpAddressType,
  type RestApi,
  SecurityPolicy,
} from 'aws-cdk-lib/aws-apigateway';
import { Certificate } from 'aws-cdk-lib/aws-certificatemanager';
import {
  AllowedMethods,
  type BehaviorOptions,
  CacheCookieBehavior,
  CachePolicy,
  CacheQueryStringBehavior,
  Distribution,
  HttpVersion,
  OriginRequestPolicy,
  ViewerProtocolPolicy,
} from 'aws-cdk-lib/aws-cloudfront';
import { HttpOrigin } from 'aws-cdk-lib/aws-cloudfront-origins';
import { Effect, PolicyStatement, StarPrincipal } from 'aws-cdk-lib/aws-iam';
import { AaaaRecord, ARecord, HostedZone, RecordTarget } from 'aws-cdk-lib/aws-route53';
import { ApiGatewayDomain } from 'aws-cdk-lib/aws-route53-targets';
import { Aws, Duration, Validations } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import { constructSuffix } from './construct-suffix.ts';
import { STAGE_NAME } from './rest-api.ts';
import type { CustomDomain } from './settings/api-settings.ts';

/**
 * A custom domain name, mapped to the API at the root path, where OAuth discovery must be (RFC 9728 §3.1, RFC 8414 §3.1).
 * The API's default endpoint is disabled, so that requests cannot bypass the domain.
 */
export class CustomHostname extends Construct {
  /** The public origin. */
  readonly url: string;
  /** The target of the domain's DNS record. */
  readonly dnsTarget: string;

  constructor(scope: Construct, id: string, props: { api: RestApi; domain: CustomDomain }) {
    super(scope, id);
    const { domainName, certificate, hostedZone } = props.domain;
    const domain = new DomainName(this, 'Domain', {
      domainName,
      certificate:
        typeof certificate === 'string'
          ? Certificate.fromCertificateArn(this, 'Certificate', certificate)
          : certificate,
      endpointType: EndpointType.REGIONAL,
      securityPolicy: SecurityPolicy.TLS_1_2,
      mapping: props.api,
    });
    // `DomainName` has no property for it.
    (domain.node.defaultChild as CfnDomainName).addPropertyOverride(
      'EndpointConfiguration.IpAddressType',
      IpAddressType.DUAL_STACK,
    );
    if (hostedZone !== undefined) {
      const zone =
        'hostedZoneArn' in hostedZone ? hostedZone : HostedZone.fromHostedZoneAttributes(this, 'Zone', hostedZone);
      const record = {
        zone,
        // Absolute, because the end of a token is unknown, and a relative name would have the zone's name appended.
        recordName: `${domainName}.`,
        target: RecordTarget.fromAlias(new ApiGatewayDomain(domain)),
      };
      new ARecord(this, 'Address', record);
      new AaaaRecord(this, 'AddressIpv6', record);
    }
    this.url = `https://${domainName}`;
    this.dnsTarget = domain.domainNameAliasDomainName;
  }
}

/**
 * The secret that CloudFront sends to the API as `Referer`; the API denies requests without it.
 *
 * It is the id of the cache policy, a UUID that CloudFront assigns: free of charge, the same in every deployment, and
 * independent of the stack id, which the domain of the user pool publishes. It is readable only with permission to read
 * the account's CloudFront or API configuration. It does not protect data, which tokens do. It prevents requests from
 * bypassing CloudFront and the limits or logs that you configure there.
 */
const originSecretOf = (cachePolicy: CachePolicy): string => cachePolicy.cachePolicyId;

/**
 * The resource policy that permits requests with the secret only. Without the Allow, API Gateway denies methods that have
 * no authorizer; without the Deny, it leaves the other methods to their authorizer. Beside the Allow, an authorizer has
 * to return Deny to reject a request ("How API Gateway resource policies affect authorization workflow", table A).
 */
function refererStatements(secret: string): PolicyStatement[] {
  const everything = {
    principals: [new StarPrincipal()],
    actions: ['execute-api:Invoke'],
    resources: ['execute-api:/*'],
  };
  return [
    new PolicyStatement({ effect: Effect.ALLOW, ...everything }),
    new PolicyStatement({
      effect: Effect.DENY,
      ...everything,
      conditions: { StringNotEquals: { 'aws:Referer': secret } },
    }),
  ];
}

/** Errors that CloudFront caches by default, and would serve to other callers for ten seconds. */
const cachedErrorStatuses = [404, 405, 414, 500, 501, 502, 503, 504];

/**
 * The host name of a CloudFront distribution, in front of the API, because the API's paths begin with its stage and OAuth
 * discovery must be at the root. It caches the key set and the discovery documents, and compresses the dashboard.
 *
 * The authorizer fetches the key set through this host name. From the cache it comes without a cold start of the OAuth
 * function, concurrent requests of cold authorizers become one request to the API, and during an outage the last key set
 * is served (stale-if-error, which CloudFront supports since May 2023).
 *
 * CloudFront ends a stream that is silent for two minutes, its maximum without a quota increase, so a tool that takes
 * longer has to report progress.
 */
export class CloudFrontHostname extends Construct {
  /** The public origin. */
  readonly url: string;
  readonly distribution: Distribution;

  constructor(scope: Construct, id: string, props: { api: RestApi; dashboard: boolean }) {
    super(scope, id);
    const cachePolicy = this.#documentCachePolicy();
    const originSecret = originSecretOf(cachePolicy);
    for (const statement of refererStatements(originSecret)) props.api.addToResourcePolicy(statement);
    // From the API id and not from its stage: the stage depends on the functions, and these depend on this host name.
    const host = `${props.api.restApiId}.execute-api.${Aws.REGION}.${Aws.URL_SUFFIX}`;
    const behavior: BehaviorOptions = {
      origin: new HttpOrigin(host, {
        originPath: `/${STAGE_NAME}`,
        readTimeout: Duration.seconds(120),
        // Replaces a `Referer` of the client.
        customHeaders: { Referer: originSecret },
      }),
      allowedMethods: AllowedMethods.ALLOW_ALL,
      // A stream has no length, without which CloudFront compresses nothing.
      compress: false,
      viewerProtocolPolicy: ViewerProtocolPolicy.HTTPS_ONLY,
    };
    const originRequestPolicy = OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER;
    const documents: BehaviorOptions = { ...behavior, cachePolicy };
    const distribution = new Distribution(this, 'Distribution', {
      comment: 'Holdfast: puts the API at the root of a host name',
      httpVersion: HttpVersion.HTTP2_AND_3,
      defaultBehavior: {
        ...behavior,
        cachePolicy: CachePolicy.CACHING_DISABLED,
        originRequestPolicy,
      },
      additionalBehaviors: {
        '/jwks.json': documents,
        '/.well-known/*': documents,
        ...(props.dashboard && {
          '/dashboard*': {
            ...behavior,
            compress: true,
            cachePolicy: this.#dashboardCachePolicy(),
            originRequestPolicy,
          },
        }),
      },
      errorResponses: cachedErrorStatuses.map((httpStatus) => ({ httpStatus, ttl: Duration.seconds(0) })),
    });
    this.distribution = distribution;
    this.url = `https://${distribution.distributionDomainName}`;
    Validations.of(distribution).acknowledge(
      {
        id: 'AwsSolutions-CFR1',
        reason: 'A geographic restriction is a decision of the operator. MCP clients call from any country.',
      },
      {
        id: 'AwsSolutions-CFR2',
        reason: 'AWS WAF costs about $10 a month when idle. The setting `firewall` enables it, with a custom domain.',
      },
      {
        id: 'AwsSolutions-CFR3',
        reason: 'API Gateway logs every request. CloudFront would log query strings, which contain codes.',
      },
      {
        id: 'AwsSolutions-CFR4',
        reason: 'The minimum TLS version can be set only for a custom domain (the setting `domain`).',
      },
    );
  }

  /** Caches as long as `Cache-Control` of the response says, and not at all without it. */
  #documentCachePolicy(): CachePolicy {
    return new CachePolicy(this, 'DocumentCachePolicy', {
      cachePolicyName: this.#policyName('documents'),
      comment: 'Holdfast: the key set and the discovery documents',
      minTtl: Duration.seconds(0),
      defaultTtl: Duration.seconds(0),
      maxTtl: Duration.days(1),
    });
  }

  /**
   * Compresses. CloudFront does that only where it may cache, so the policy permits a second, and the key contains every
   * cookie and parameter: no response can reach another user, even one that lacked its `Cache-Control: no-store`.
   */
  #dashboardCachePolicy(): CachePolicy {
    return new CachePolicy(this, 'DashboardCachePolicy', {
      cachePolicyName: this.#policyName('dashboard'),
      comment: 'Holdfast: the dashboard, compressed',
      minTtl: Duration.seconds(0),
      defaultTtl: Duration.seconds(0),
      maxTtl: Duration.seconds(1),
      cookieBehavior: CacheCookieBehavior.all(),
      queryStringBehavior: CacheQueryStringBehavior.all(),
      enableAcceptEncodingBrotli: true,
      enableAcceptEncodingGzip: true,
    });
  }

  /** Unique in the account, for all regions. */
  #policyName(purpose: string): string {
    return `${Aws.STACK_NAME}-${Aws.REGION}-${purpose}${constructSuffix(this.node.scope!)}`;
  }
}
