import type { Resource, Template } from '../template/template.ts';
import { unsupported } from '../template/unsupported-feature.ts';

/** Parts of a request, by name. Names of headers are in lower case. */
export type RequestParts = {
  header(name: string): boolean;
  cookie(name: string): boolean;
  parameter(name: string): boolean;
};

/** The time that a response stays in the cache, in seconds. */
export type CacheLifetime = {
  minimumTtlSeconds: number;
  /** For a response without `Cache-Control`. */
  defaultTtlSeconds: number;
  maximumTtlSeconds: number;
};

/** A content coding, as in `Accept-Encoding`. */
export type Encoding = 'br' | 'gzip';

export type CachePolicy = {
  lifetime: CacheLifetime;
  /** The encodings in which responses are requested and cached, preferred ones first. */
  encodings: Encoding[];
  /** The parts that distinguish responses. They reach the origin. */
  key: RequestParts;
};

/** The common members of `AWS::CloudFront::CachePolicy` and `AWS::CloudFront::OriginRequestPolicy`. */
type PartsConfig = {
  CookiesConfig: { CookieBehavior: string; Cookies?: string[] };
  HeadersConfig: { HeaderBehavior: string; Headers?: string[] };
  QueryStringsConfig: { QueryStringBehavior: string; QueryStrings?: string[] };
  EnableAcceptEncodingGzip?: boolean;
  EnableAcceptEncodingBrotli?: boolean;
};

type CachePolicyConfig = {
  MinTTL: number;
  DefaultTTL: number;
  MaxTTL: number;
  ParametersInCacheKeyAndForwardedToOrigin: PartsConfig;
};

const parts = (headers: string, cookies: string, parameters: string, Headers?: string[]): PartsConfig => ({
  HeadersConfig: { HeaderBehavior: headers, Headers },
  CookiesConfig: { CookieBehavior: cookies },
  QueryStringsConfig: { QueryStringBehavior: parameters },
});

const DAY = 86_400;
const YEAR = 365 * DAY;

const cached = (MinTTL: number, DefaultTTL: number, MaxTTL: number, key: PartsConfig): CachePolicyConfig => ({
  ...{ MinTTL, DefaultTTL, MaxTTL },
  ParametersInCacheKeyAndForwardedToOrigin: key,
});

const compressed = { EnableAcceptEncodingGzip: true, EnableAcceptEncodingBrotli: true };

const originCacheControlHeaders = ['Host', 'Origin', 'X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override'];

/** CloudFront developer guide, "Use managed cache policies". Without those for Amplify and MediaPackage. */
const managedCachePolicies: Record<string, CachePolicyConfig> = {
  // CachingDisabled
  '4135ea2d-6df8-44a3-9df3-4b5a84be39ad': cached(0, 0, 0, parts('none', 'none', 'none')),
  // CachingOptimized
  '658327ea-f89d-4fab-a63d-7e88639e58f6': cached(1, DAY, YEAR, {
    ...parts('none', 'none', 'none'),
    ...compressed,
  }),
  // CachingOptimizedForUncompressedObjects
  'b2884449-e4de-46a7-ac36-70bc7f1ddd6d': cached(1, DAY, YEAR, parts('none', 'none', 'none')),
  // UseOriginCacheControlHeaders
  '83da9c7e-98b4-4e11-a168-04f0df8e2c65': cached(0, 0, YEAR, {
    ...parts('whitelist', 'all', 'none', originCacheControlHeaders),
    ...compressed,
  }),
  // UseOriginCacheControlHeaders-QueryStrings
  '4cc15a8a-d715-48a4-82b8-cc0b614638fe': cached(0, 0, YEAR, {
    ...parts('whitelist', 'all', 'all', originCacheControlHeaders),
    ...compressed,
  }),
};

const corsHeaders = ['Origin', 'Access-Control-Request-Headers', 'Access-Control-Request-Method'];

/** CloudFront developer guide, "Use managed origin request policies". Without those for CloudFront's headers and MediaTailor. */
const managedOriginRequestPolicies: Record<string, PartsConfig> = {
  // AllViewer
  '216adef6-5c7f-47e4-b989-5492eafa07d3': parts('allViewer', 'all', 'all'),
  // AllViewerExceptHostHeader
  'b689b0a8-53d0-40ab-baf2-68738e2966ac': parts('allExcept', 'all', 'all', ['Host']),
  // CORS-CustomOrigin
  '59781a5b-3903-41f3-afcb-af62929ccde1': parts('whitelist', 'none', 'none', ['Origin']),
  // CORS-S3Origin
  '88a5eaf4-2fd4-4709-b370-b4c650ea3fcf': parts('whitelist', 'none', 'none', corsHeaders),
  // HostHeaderOnly
  'bf0718e1-ba1e-49d1-88b1-f726733018ae': parts('whitelist', 'none', 'none', ['Host']),
  // UserAgentRefererHeaders
  'acba4595-bd28-49b8-b9fe-13317c0390fa': parts('whitelist', 'none', 'none', ['User-Agent', 'Referer']),
};

/** The policies of a template and those that AWS manages. */
export class EdgePolicies {
  readonly #own: Map<string, Resource>;

  constructor(template: Template) {
    const types = ['AWS::CloudFront::CachePolicy', 'AWS::CloudFront::OriginRequestPolicy'];
    const policies = types.flatMap((type) => template.resources(type));
    this.#own = new Map(policies.map((each) => [template.ref(each.logicalId), each]));
  }

  /** @throws ConfigurationError naming the distribution or the policy with what is not supported */
  cachePolicy(id: string, distribution: string): CachePolicy {
    const own = this.#own.get(id);
    const config = (own?.properties.CachePolicyConfig as CachePolicyConfig | undefined) ?? managedCachePolicies[id];
    if (config === undefined) throw unsupported(distribution, `the cache policy ${id}`);
    return {
      lifetime: {
        minimumTtlSeconds: config.MinTTL,
        defaultTtlSeconds: config.DefaultTTL,
        maximumTtlSeconds: config.MaxTTL,
      },
      encodings: encodingsOf(config.ParametersInCacheKeyAndForwardedToOrigin),
      key: readParts(config.ParametersInCacheKeyAndForwardedToOrigin, own?.logicalId ?? distribution),
    };
  }

  /** The parts of a request that reach the origin in addition to those of the cache key. @throws ConfigurationError */
  originRequestPolicy(id: string, distribution: string): RequestParts {
    const own = this.#own.get(id);
    const config =
      (own?.properties.OriginRequestPolicyConfig as PartsConfig | undefined) ?? managedOriginRequestPolicies[id];
    if (config === undefined) throw unsupported(distribution, `the origin request policy ${id}`);
    return readParts(config, own?.logicalId ?? distribution);
  }
}

const encodingsOf = ({ EnableAcceptEncodingBrotli, EnableAcceptEncodingGzip }: PartsConfig): Encoding[] => [
  ...(EnableAcceptEncodingBrotli ? (['br'] as const) : []),
  ...(EnableAcceptEncodingGzip ? (['gzip'] as const) : []),
];

function readParts(config: PartsConfig, logicalId: string): RequestParts {
  const { HeaderBehavior, Headers = [] } = config.HeadersConfig;
  const { CookieBehavior, Cookies = [] } = config.CookiesConfig;
  const { QueryStringBehavior, QueryStrings = [] } = config.QueryStringsConfig;
  const isEncoded = encodingsOf(config).length > 0;
  const header = selection(
    HeaderBehavior,
    Headers.map((name) => name.toLowerCase()),
    logicalId,
  );
  return {
    header: (name) => header(name) || (isEncoded && name === 'accept-encoding'),
    cookie: selection(CookieBehavior, Cookies, logicalId),
    parameter: selection(QueryStringBehavior, QueryStrings, logicalId),
  };
}

function selection(behavior: string, names: string[], logicalId: string): (name: string) => boolean {
  if (names.some((name) => name.includes('*'))) throw unsupported(logicalId, `the wildcard in ${names.join(', ')}`);
  switch (behavior) {
    case 'none':
      return () => false;
    case 'all':
    case 'allViewer':
      return () => true;
    case 'whitelist':
      return (name) => names.includes(name);
    case 'allExcept':
      return (name) => !names.includes(name);
    default:
      throw unsupported(logicalId, `the behavior ${behavior} of a policy`);
  }
}
