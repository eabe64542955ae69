/** Domains of DynamoDB, and of it where it answers by IPv6 as well, by how a region's name begins; the last is the rest. */
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

/**
 * Where DynamoDB answers, as the SDKs of AWS read it off the environment (AWS SDKs and Tools Reference Guide: endpoints,
 * FIPS and dual-stack). Not here: endpoints of an account, which are asked for only by credentials that name one.
 *
 * @throws when no region is set
 */
export function resolveEndpoint(environment: ProcessEnvironment): { url: URL; region: string } {
  const region = environment.AWS_REGION;
  if (!region) throw new Error('AWS_REGION is not set');
  const elsewhere = environment.AWS_ENDPOINT_URL_DYNAMODB || environment.AWS_ENDPOINT_URL;
  if (elsewhere) {
    const url = new URL(elsewhere);
    url.pathname = url.pathname.replace(/\/?$/, '/');
    return { url, region };
  }
  const isDualStack = environment.AWS_USE_DUALSTACK_ENDPOINT === 'true';
  // The usual endpoints of GovCloud are FIPS endpoints.
  const isUsual = environment.AWS_USE_FIPS_ENDPOINT !== 'true' || (region.startsWith('us-gov-') && !isDualStack);
  const [, domain, dualStackDomain] = domains.find(([regions]) => regions.test(region))!;
  const host = `${isUsual ? 'dynamodb' : 'dynamodb-fips'}.${region}.${isDualStack ? dualStackDomain : domain}`;
  return { url: new URL(`https://${host}`), region };
}
