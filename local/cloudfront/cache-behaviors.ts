import type { Resource, Template } from '../template/template.ts';
import { unsupported } from '../template/unsupported-feature.ts';

/** The caching of a CloudFront distribution for the paths of one pattern. */
export type CacheBehavior = {
  /** Case-sensitive; `*` matches any characters, `?` one. */
  pathPattern: string;
  /** The query parameters that are part of the cache key. The others, and all headers, do not reach the origin. */
  queryParameters: string[];
  minimumTtlSeconds: number;
  /** For a response without `Cache-Control`. */
  defaultTtlSeconds: number;
  maximumTtlSeconds: number;
};

type Behavior = { PathPattern: string; CachePolicyId: string; OriginRequestPolicyId?: string };

type CachePolicyConfig = {
  MinTTL: number;
  DefaultTTL: number;
  MaxTTL: number;
  ParametersInCacheKeyAndForwardedToOrigin: {
    CookiesConfig: { CookieBehavior: string };
    HeadersConfig: { HeaderBehavior: string };
    QueryStringsConfig: { QueryStringBehavior: string; QueryStrings?: string[] };
  };
};

/**
 * The cache behaviors of the template's distributions, in order. The default behavior must not cache.
 *
 * @throws Error naming the distribution or the policy with settings that are not supported
 */
export function readCacheBehaviors(template: Template): CacheBehavior[] {
  const policies = new Map(
    template.resources('AWS::CloudFront::CachePolicy').map((each) => [template.ref(each.logicalId), each]),
  );
  return template.resources('AWS::CloudFront::Distribution').flatMap(({ logicalId, properties }) => {
    const { CacheBehaviors = [] } = (properties.DistributionConfig ?? {}) as { CacheBehaviors?: Behavior[] };
    return CacheBehaviors.map(({ PathPattern, CachePolicyId, OriginRequestPolicyId }): CacheBehavior => {
      const policy = policies.get(CachePolicyId);
      if (policy === undefined) throw unsupported(logicalId, 'cache policies outside of the template');
      if (OriginRequestPolicyId !== undefined) throw unsupported(logicalId, 'origin request policies of cached paths');
      return { pathPattern: PathPattern, ...readPolicy(policy) };
    });
  });
}

function readPolicy({ logicalId, properties }: Resource): Omit<CacheBehavior, 'pathPattern'> {
  const { MinTTL, DefaultTTL, MaxTTL, ...config } = properties.CachePolicyConfig as CachePolicyConfig;
  const { CookiesConfig, HeadersConfig, QueryStringsConfig } = config.ParametersInCacheKeyAndForwardedToOrigin;
  const { QueryStringBehavior, QueryStrings = [] } = QueryStringsConfig;
  if (CookiesConfig.CookieBehavior !== 'none' || HeadersConfig.HeaderBehavior !== 'none') {
    throw unsupported(logicalId, 'cookies and headers in a cache key');
  }
  if (!['none', 'whitelist'].includes(QueryStringBehavior)) {
    throw unsupported(logicalId, `the QueryStringBehavior ${QueryStringBehavior}`);
  }
  return {
    queryParameters: QueryStrings,
    minimumTtlSeconds: MinTTL,
    defaultTtlSeconds: DefaultTTL,
    maximumTtlSeconds: MaxTTL,
  };
}

/** The first behavior whose pattern matches the path; undefined for the default behavior. */
export function behaviorOf(behaviors: CacheBehavior[], path: string): CacheBehavior | undefined {
  return behaviors.find(({ pathPattern }) => matchesPathPattern(pathPattern, path));
}

function matchesPathPattern(pattern: string, path: string): boolean {
  const expression = pattern
    .replaceAll(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${expression}$`, 's').test(path);
}
