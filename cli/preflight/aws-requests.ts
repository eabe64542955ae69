import { RegionInfo } from 'aws-cdk-lib/region-info';
import type * as z from 'zod';
import { type Credentials, requestSigner } from '../../lambda/shared/aws-request-signature.ts';
import { problemOf } from '../doctor/http-probe.ts';

/** A request that AWS did not answer with a result. `name` is the error code, or the problem without a response. */
export class AwsRequestError extends Error {
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = code;
  }
}

/** The services by the name in their signature; `target` is the prefix of their operations (AWS JSON 1.1). */
const targets = {
  acm: 'CertificateManager',
  'cognito-idp': 'AWSCognitoIdentityProviderService',
  servicequotas: 'ServiceQuotasV20190624',
  ssm: 'AmazonSSM',
} as const;

/** The region of a service that has one endpoint for the whole partition. */
const globalRegions: Record<string, string> = {
  aws: 'us-east-1',
  'aws-cn': 'cn-northwest-1',
  'aws-us-gov': 'us-gov-west-1',
};

/** Endpoints of Route 53 and CloudFront (AWS General Reference, "Service endpoints"). */
const globalHosts: Record<string, Record<'cloudfront' | 'route53', string>> = {
  'aws-cn': { cloudfront: 'cloudfront.cn-northwest-1.amazonaws.com.cn', route53: 'route53.amazonaws.com.cn' },
  // GovCloud has no CloudFront: the name does not exist, and the request fails with that.
  'aws-us-gov': { cloudfront: 'cloudfront.us-gov.amazonaws.com', route53: 'route53.us-gov.amazonaws.com' },
};

/**
 * Requests to services that need no SDK client for one or two operations: each client would add megabytes to every
 * installation. Responses are checked by a schema. A failed request is not repeated.
 */
export type AwsRequests = {
  /** An operation of AWS JSON 1.1. @throws AwsRequestError */
  call<T>(service: keyof typeof targets, operation: string, input: object, output: z.ZodType<T>): Promise<T>;
  /** A JSON document of API Gateway. @throws AwsRequestError */
  gatewayDocument<T>(path: string, output: z.ZodType<T>): Promise<T>;
  /** An XML document. @throws AwsRequestError */
  xmlDocument(service: 'cloudfront' | 'route53', path: string): Promise<string>;
  /** `GetCallerIdentity` of STS, as XML. @throws AwsRequestError */
  callerIdentity(): Promise<string>;
};

export type AwsAccess = { region: string; credentials: Credentials; timeoutMilliseconds: number };

export function openAwsRequests({ region, credentials, timeoutMilliseconds }: AwsAccess): AwsRequests {
  const { partition = 'aws', domainSuffix = 'amazonaws.com' } = RegionInfo.get(region);
  const regional = (service: string) => ({
    service,
    region,
    host: `${service}.${region}.${domainSuffix}`,
  });
  const global = (service: 'cloudfront' | 'route53') => ({
    service,
    region: globalRegions[partition] ?? region,
    host: globalHosts[partition]?.[service] ?? `${service}.${domainSuffix}`,
  });

  async function send(
    target: { service: string; region: string; host: string },
    { path = '/', headers = {}, body = '' }: { path?: string; headers?: Record<string, string>; body?: string },
  ): Promise<string> {
    // The variable of the AWS SDKs and the AWS CLI. They also read endpoints from the shared configuration file.
    const url = new URL(path, process.env.AWS_ENDPOINT_URL || `https://${target.host}`);
    const method = body === '' ? 'GET' : 'POST';
    const sign = requestSigner(target.service, url, target.region, credentials);
    const { host: _, ...signed } = await sign({ host: url.host, ...headers }, body, method);
    const signal = AbortSignal.timeout(timeoutMilliseconds);
    const response = await fetch(url, { method, headers: signed, signal, ...(body !== '' && { body }) }).catch(
      (error: Error) => {
        throw new AwsRequestError('no response', `${url.host}: ${problemOf(error, timeoutMilliseconds)}`, {
          cause: error,
        });
      },
    );
    const text = await response.text();
    if (response.ok) return text;
    throw errorOf(response, text);
  }

  return {
    async call(service, operation, input, output) {
      const headers = {
        'content-type': 'application/x-amz-json-1.1',
        'x-amz-target': `${targets[service]}.${operation}`,
      };
      return parsed(await send(regional(service), { headers, body: JSON.stringify(input) }), output);
    },
    async gatewayDocument(path, output) {
      return parsed(await send(regional('apigateway'), { path, headers: { accept: 'application/json' } }), output);
    },
    xmlDocument: (service, path) => send(global(service), { path }),
    callerIdentity: () =>
      send(regional('sts'), {
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: 'Action=GetCallerIdentity&Version=2011-06-15',
      }),
  };
}

/** @throws AwsRequestError for another shape */
function parsed<T>(text: string, output: z.ZodType<T>): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new AwsRequestError('unexpected response', 'it is not JSON', { cause: error });
  }
  const result = output.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new AwsRequestError('unexpected response', `${issue!.path.join('.')}: ${issue!.message}`);
}

/** The code of an error: JSON protocols have it in a header or in `__type`, XML protocols in `Code`. */
function errorOf({ headers, status }: Response, text: string): AwsRequestError {
  const header = headers.get('x-amzn-errortype')?.split(':')[0];
  const [, type] = /"(?:__type|code)"\s*:\s*"(?:[^"#]*#)?([^"]+)"/i.exec(text) ?? [];
  const [, message] = /"message"\s*:\s*"([^"]*)"/i.exec(text) ?? [];
  return new AwsRequestError(
    header ?? type ?? elementIn(text, 'Code') ?? `status ${status}`,
    message ?? elementIn(text, 'Message') ?? `status ${status}`,
  );
}

/** The text of the first element of that name in an XML document. */
export const elementIn = (xml: string, name: string): string | undefined =>
  new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
