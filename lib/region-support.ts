import type { ApiSettings } from './settings/api-settings.ts';
import type { ServerFunctionSettings } from './settings/server-function-settings.ts';
import type { SignInSettings } from './settings/sign-in-settings.ts';

/**
 * Regions without a service that the defaults use.
 *
 * Sources, of November 2026: the endpoints of botocore 1.43.11 (Cognito and CloudFront), "Getting Started with Amazon Web
 * Services in China" (CloudFront, Lambda), and the announcement of response streaming for REST APIs of 19 November 2025, which
 * includes every region of AWS and AWS GovCloud (US).
 */
const lacking = {
  /** The isolated regions of the US and allied governments. */
  streaming: /^[a-z]+-iso[a-z]*-/,
  userPools: /^cn-/,
  /** In China, CloudFront serves no content under its own names. */
  cloudFrontNames: /^(cn|us-gov|eusc)-/,
  /** AWS X-Ray for functions. */
  traces: /^cn-/,
};

type UsedSettings = Pick<ApiSettings, 'domain'> &
  Pick<SignInSettings, 'identityProvider'> &
  Pick<ServerFunctionSettings, 'tracing'>;

/**
 * Yields an error message for each setting, or missing one, that cannot work in the region.
 * @param region the region of the stack; `undefined` before it is known
 */
export function* validateRegion(settings: UsedSettings, region: string | undefined): Generator<string> {
  const lacks = (what: keyof typeof lacking) => region !== undefined && lacking[what].test(region);
  if (lacks('streaming')) {
    return yield `${region} is not announced to stream responses of REST APIs, as /mcp does: choose another region`;
  }
  if (settings.identityProvider === undefined && lacks('userPools')) {
    yield `${region} has no Cognito user pools: set identityProvider`;
  }
  if (settings.domain === undefined && lacks('cloudFrontNames')) {
    yield `${region} has no host names of CloudFront: set domain`;
  }
  if (settings.tracing && lacks('traces')) yield `tracing is true, and ${region} has no traces of functions: remove it`;
}
