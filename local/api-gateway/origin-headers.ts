import type { Template } from '../template/template.ts';
import type { HeaderList } from './api-model.ts';

type Origin = { DomainName: string; OriginCustomHeaders?: { HeaderName: string; HeaderValue: string }[] };

/** The headers that CloudFront adds to requests to `host`. They replace the client's headers of the same name. */
export function readOriginHeaders(template: Template, host: string): HeaderList {
  return template
    .resources('AWS::CloudFront::Distribution')
    .flatMap(({ properties }) => (properties.DistributionConfig as { Origins?: Origin[] } | undefined)?.Origins ?? [])
    .filter(({ DomainName }) => DomainName.toLowerCase() === host)
    .flatMap(({ OriginCustomHeaders = [] }) => OriginCustomHeaders)
    .map(({ HeaderName, HeaderValue }) => [HeaderName, HeaderValue]);
}
