import type { HeaderList } from '../api-gateway/api-model.ts';
import type { Resource, Template } from '../template/template.ts';
import { unsupported } from '../template/unsupported-feature.ts';
import { type CachePolicy, EdgePolicies, type RequestParts } from './edge-policies.ts';

/** A cache behavior: the way of the requests for the paths of one pattern. */
export type CacheBehavior = {
  /** Case-sensitive; `*` matches any characters, `?` one. */
  pathPattern: string;
  allowedMethods: string[];
  cache: CachePolicy;
  /** The parts of a request that reach the API in addition to those of the cache key. @default none */
  originRequest: RequestParts | undefined;
  /** Whether responses are compressed in the encodings of the cache policy. */
  compresses: boolean;
  /** Added to each request; they replace the client's headers of the same name. */
  originHeaders: HeaderList;
  /** The longest silence of the API, before its response and within. */
  readTimeoutMilliseconds: number;
};

/** A CloudFront distribution in front of the API. */
export type Distribution = {
  /** In order; the default behavior is the last one. */
  behaviors: CacheBehavior[];
  /** For how long an error response with the status is cached at least (`ErrorCachingMinTTL`). */
  errorTtlSeconds(status: number): number;
};

type BehaviorConfig = {
  PathPattern?: string;
  TargetOriginId: string;
  CachePolicyId: string;
  OriginRequestPolicyId?: string;
  AllowedMethods?: string[];
  Compress?: boolean;
} & Record<string, unknown>;

type OriginConfig = {
  Id: string;
  DomainName: string;
  OriginPath?: string;
  OriginCustomHeaders?: { HeaderName: string; HeaderValue: string }[];
  CustomOriginConfig?: { OriginProtocolPolicy: string; OriginReadTimeout?: number };
};

type DistributionConfig = {
  Origins: OriginConfig[];
  DefaultCacheBehavior: BehaviorConfig;
  CacheBehaviors?: BehaviorConfig[];
  CustomErrorResponses?: { ErrorCode: number; ErrorCachingMinTTL?: number; ResponsePagePath?: string }[];
};

/** Members of a cache behavior that change requests or responses, and that are not emulated. */
const unsupportedMembers = [
  'ForwardedValues',
  'FunctionAssociations',
  'LambdaFunctionAssociations',
  'ResponseHeadersPolicyId',
  'TrustedKeyGroups',
  'TrustedSigners',
];

/** CloudFront developer guide, "Origin response timeout" and "Error caching minimum TTL". */
const defaults = { readTimeoutSeconds: 30, errorTtlSeconds: 10, allowedMethods: ['GET', 'HEAD'] };

/**
 * The distribution of the template in front of an API, if it has one. Distributions with other origins are ignored.
 *
 * @param api its host name in lower case, and its stage
 * @throws ConfigurationError naming the distribution or the policy with settings that are not supported
 */
export function readDistribution(template: Template, api: { host: string; stage: string }): Distribution | undefined {
  const distributions = template
    .resources('AWS::CloudFront::Distribution')
    .filter(({ properties }) => configOf({ properties }).Origins.some((origin) => isApi(origin, api.host)));
  const [distribution, ...others] = distributions;
  if (distribution === undefined) return undefined;
  if (others.length > 0) throw unsupported(others[0]!.logicalId, 'several distributions in front of the API');
  const { logicalId } = distribution;
  const policies = new EdgePolicies(template);
  const { CacheBehaviors = [], DefaultCacheBehavior, Origins, CustomErrorResponses = [] } = configOf(distribution);

  const readBehavior = (config: BehaviorConfig): CacheBehavior => {
    const { PathPattern = '*', TargetOriginId, CachePolicyId, OriginRequestPolicyId } = config;
    const unknown = unsupportedMembers.find((name) => config[name] !== undefined);
    if (unknown !== undefined) throw unsupported(logicalId, `${unknown} of a cache behavior`);
    const origin = Origins.find(({ Id }) => Id === TargetOriginId);
    if (origin === undefined || !isApi(origin, api.host))
      throw unsupported(logicalId, `other origins (${PathPattern})`);
    const { OriginPath = '', OriginCustomHeaders = [], CustomOriginConfig } = origin;
    // API Gateway accepts no plain HTTP, and requires the stage in the path.
    if (CustomOriginConfig?.OriginProtocolPolicy !== 'https-only' || OriginPath !== `/${api.stage}`) {
      throw unsupported(logicalId, `origins other than the stage ${api.stage} of the API by https`);
    }
    return {
      pathPattern: PathPattern,
      allowedMethods: config.AllowedMethods ?? defaults.allowedMethods,
      cache: policies.cachePolicy(CachePolicyId, logicalId),
      originRequest:
        OriginRequestPolicyId === undefined
          ? undefined
          : policies.originRequestPolicy(OriginRequestPolicyId, logicalId),
      compresses: config.Compress ?? false,
      originHeaders: OriginCustomHeaders.map(({ HeaderName, HeaderValue }) => [HeaderName, HeaderValue]),
      readTimeoutMilliseconds: (CustomOriginConfig.OriginReadTimeout ?? defaults.readTimeoutSeconds) * 1000,
    };
  };

  if (CustomErrorResponses.some(({ ResponsePagePath }) => ResponsePagePath !== undefined)) {
    throw unsupported(logicalId, 'custom error pages');
  }
  const errorTtls = new Map(CustomErrorResponses.map((each) => [each.ErrorCode, each.ErrorCachingMinTTL]));
  return {
    behaviors: [...CacheBehaviors, DefaultCacheBehavior].map(readBehavior),
    errorTtlSeconds: (status) => errorTtls.get(status) ?? defaults.errorTtlSeconds,
  };
}

const configOf = ({ properties }: Pick<Resource, 'properties'>) => properties.DistributionConfig as DistributionConfig;

const isApi = ({ DomainName }: OriginConfig, host: string) => DomainName.toLowerCase() === host;

/** The first behavior whose pattern matches the path. */
export function behaviorOf({ behaviors }: Distribution, path: string): CacheBehavior {
  return behaviors.find(({ pathPattern }) => matchesPathPattern(pathPattern, path))!;
}

function matchesPathPattern(pattern: string, path: string): boolean {
  const expression = pattern
    .replaceAll(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${expression}$`, 's').test(path);
}
