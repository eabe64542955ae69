/** Domain of AWS services and their dual-stack domain, by prefix of the region; the last row is for all other regions. */
const domains: [RegExp, string, string][] = [
  [/^cn-/, 'amazonaws.com.cn', 'api.amazonwebservices.com.cn'],
  [/^eusc-/, 'amazonaws.eu', 'api.amazonwebservices.eu'],
  [/^us-iso-/, 'c2s.ic.gov', 'api.aws.ic.gov'],
  [/^us-isob-/, 'sc2s.sgov.gov', 'api.aws.scloud'],
  [/^us-isof-/, 'csp.hci.ic.gov', 'api.aws.hci.ic.gov'],
  [/^eu-isoe-/, 'cloud.adc-e.uk', 'api.cloud-aws.adc-e.uk'],
  [/^/, 'amazonaws.com', 'api.aws'],
];

export type ProcessEnvironment = Record<string, string | undefined>;

export type SignedService = 'dynamodb' | 'kms';

/**
 * The endpoint of a service by the environment variables of the AWS SDKs (AWS SDKs and Tools Reference Guide: endpoints,
 * FIPS and dual-stack). Account-based endpoints are not supported: only credentials that name an account request them.
 *
 * @throws Error when no region is set
 */
export function resolveEndpoint(service: SignedService, environment: ProcessEnvironment): { url: URL; region: string } {
  const region = environment.AWS_REGION;
  if (!region) throw new Error('AWS_REGION is not set');
  const override = environment[`AWS_ENDPOINT_URL_${service.toUpperCase()}`] || environment.AWS_ENDPOINT_URL;
  if (override) {
    const url = new URL(override);
    url.pathname = url.pathname.replace(/\/?$/, '/');
    return { url, region };
  }
  const isDualStack = environment.AWS_USE_DUALSTACK_ENDPOINT === 'true';
  // DynamoDB's standard endpoints of GovCloud are FIPS endpoints.
  const isFipsAnyway = service === 'dynamodb' && region.startsWith('us-gov-') && !isDualStack;
  const isStandard = environment.AWS_USE_FIPS_ENDPOINT !== 'true' || isFipsAnyway;
  const [, domain, dualStackDomain] = domains.find(([regions]) => regions.test(region))!;
  const host = `${service}${isStandard ? '' : '-fips'}.${region}.${isDualStack ? dualStackDomain : domain}`;
  return { url: new URL(`https://${host}`), region };
}
