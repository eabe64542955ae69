import { Aws, Duration, Fn, Validations } from 'aws-cdk-lib';
import { DomainName, EndpointType, type RestApi, SecurityPolicy } from 'aws-cdk-lib/aws-apigateway';
import { Certificate } from 'aws-cdk-lib/aws-certificatemanager';
import {
  AllowedMethods,
  CachePolicy,
  Distribution,
  HttpVersion,
  OriginRequestPolicy,
  ViewerProtocolPolicy,
} from 'aws-cdk-lib/aws-cloudfront';
import { HttpOrigin } from 'aws-cdk-lib/aws-cloudfront-origins';
import { ARecord, HostedZone, RecordTarget } from 'aws-cdk-lib/aws-route53';
import { ApiGatewayDomain } from 'aws-cdk-lib/aws-route53-targets';
import { Construct } from 'constructs';
import { STAGE_NAME } from './rest-api.ts';

/** A host name of the owner's own. */
export interface CustomDomain {
  /** Such as `mcp.example.com`. */
  readonly domainName: string;
  /** ARN of a certificate for it in Certificate Manager, in the region of the stack. */
  readonly certificateArn: string;
  /**
   * The Route 53 zone to write the address into.
   * @default - the owner writes the CNAME; the stack's output `DnsTarget` says where to
   */
  readonly hostedZone?: { readonly id: string; readonly name: string };
}

/**
 * Leads the owner's domain to the API. The origin is the root of the host, where OAuth discovery must be
 * (RFC 9728 §3.1, RFC 8414 §3.1), and the API's own address is switched off, so that nothing goes around the domain.
 */
export class CustomHostname extends Construct {
  readonly url: string;
  /** Where the domain has to point. */
  readonly dnsTarget: string;

  constructor(scope: Construct, id: string, props: { api: RestApi; domain: CustomDomain }) {
    super(scope, id);
    const { domainName, certificateArn, hostedZone } = props.domain;
    const domain = new DomainName(this, 'Domain', {
      domainName,
      certificate: Certificate.fromCertificateArn(this, 'Certificate', certificateArn),
      endpointType: EndpointType.REGIONAL,
      securityPolicy: SecurityPolicy.TLS_1_2,
      mapping: props.api,
    });
    if (hostedZone !== undefined) {
      const zone = HostedZone.fromHostedZoneAttributes(this, 'Zone', {
        hostedZoneId: hostedZone.id,
        zoneName: hostedZone.name,
      });
      new ARecord(this, 'Address', {
        zone,
        recordName: domainName,
        target: RecordTarget.fromAlias(new ApiGatewayDomain(domain)),
      });
    }
    this.url = `https://${domainName}`;
    this.dnsTarget = domain.domainNameAliasDomainName;
  }
}

/**
 * How the API knows CloudFront: CloudFront sends this as `Referer`, and the API refuses whoever does not.
 *
 * It is the UUID at the end of the stack's id, because that costs nothing and stays the same over every deployment.
 * Nobody outside can guess it, and only those can read it who may describe the stack or see what a deployment printed.
 * It guards no data, which is what tokens do: it keeps callers from going around CloudFront, and around what the owner
 * puts there, limits or logs.
 */
export const originSecret = Fn.select(2, Fn.split('/', Aws.STACK_ID));

/** Errors that CloudFront would otherwise serve to everybody for ten seconds, whoever they were meant for. */
const cachedErrors = [404, 405, 414, 500, 501, 502, 503, 504];

/**
 * A host name without a domain: CloudFront's own, in front of the API, because the API's path begins with its stage and
 * OAuth discovery must be at the root. Nothing is cached.
 *
 * A stream that is silent for two minutes is cut here (the most that CloudFront permits without asking for more), so a
 * tool that takes longer has to report progress.
 */
export class CloudFrontHostname extends Construct {
  readonly url: string;

  constructor(scope: Construct, id: string, props: { api: RestApi; originSecret: string }) {
    super(scope, id);
    // By the API's id, not by its stage: the stage depends on the functions, and they on this address.
    const host = `${props.api.restApiId}.execute-api.${Aws.REGION}.${Aws.URL_SUFFIX}`;
    const distribution = new Distribution(this, 'Distribution', {
      comment: 'Holdfast: puts the API at the root of a host name',
      httpVersion: HttpVersion.HTTP2_AND_3,
      defaultBehavior: {
        origin: new HttpOrigin(host, {
          originPath: `/${STAGE_NAME}`,
          readTimeout: Duration.seconds(120),
          // In place of what the client sent under this name.
          customHeaders: { Referer: props.originSecret },
        }),
        cachePolicy: CachePolicy.CACHING_DISABLED,
        originRequestPolicy: OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER,
        allowedMethods: AllowedMethods.ALLOW_ALL,
        compress: false,
        viewerProtocolPolicy: ViewerProtocolPolicy.HTTPS_ONLY,
      },
      errorResponses: cachedErrors.map((httpStatus) => ({ httpStatus, ttl: Duration.seconds(0) })),
    });
    this.url = `https://${distribution.distributionDomainName}`;
    Validations.of(distribution).acknowledge(
      {
        id: 'AwsSolutions-CFR1',
        reason: 'Where the users are is for the owner to know; assistants call from anywhere.',
      },
      {
        id: 'AwsSolutions-CFR2',
        reason: 'A firewall costs about $10 a month when idle, so it is the setting `firewall`, which needs a domain.',
      },
      {
        id: 'AwsSolutions-CFR3',
        reason: 'API Gateway logs every request, and CloudFront would log query strings too.',
      },
      {
        id: 'AwsSolutions-CFR4',
        reason: 'The minimum TLS version can only be set for a domain of the owner (`domain`).',
      },
    );
  }
}
