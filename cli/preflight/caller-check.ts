import { CloudFormationClient } from '@aws-sdk/client-cloudformation';
import { RegionInfo } from 'aws-cdk-lib/region-info';
import type { Credentials } from '../../lambda/shared/aws-request-signature.ts';
import { expiredCredentials, invalidCredentials } from '../command-errors.ts';
import { type Finding, fail, ok, warn } from '../doctor/finding.ts';
import { AwsRequestError, elementIn, openAwsRequests } from './aws-requests.ts';

/** The region of the CDK: of the environment, else of the profile. `undefined` without one. */
export async function configuredRegion(): Promise<string | undefined> {
  const { AWS_REGION, AWS_DEFAULT_REGION } = process.env;
  if (AWS_REGION || AWS_DEFAULT_REGION) return AWS_REGION || AWS_DEFAULT_REGION;
  try {
    return String(await new CloudFormationClient({}).config.region());
  } catch (error) {
    if (/Region is missing/.test((error as Error).message)) return undefined;
    throw error;
  }
}

export type Caller = { account: string; credentials: Credentials; finding: Finding };

/** Any region answers `GetCallerIdentity`. */
const ANY_REGION = 'us-east-1';

/**
 * The account of the credentials, or the finding that prevents every other check.
 *
 * @param find the credentials of the AWS SDK
 */
export async function identifyCaller(
  region = ANY_REGION,
  timeoutMilliseconds: number,
  find: () => Promise<Credentials> = () => new CloudFormationClient({ region }).config.credentials(),
): Promise<Caller | Finding> {
  try {
    const credentials = await find();
    const xml = await openAwsRequests({ region, credentials, timeoutMilliseconds }).callerIdentity();
    const account = elementIn(xml, 'Account');
    if (account === undefined) throw new AwsRequestError('unexpected response', 'STS names no account');
    return { account, credentials, finding: ok('credentials', `${elementIn(xml, 'Arn')} of ${account}`) };
  } catch (error) {
    const [found, mend] = credentialsProblem(error as Error, region);
    return fail('credentials', found, { why: 'cdk deploy needs them, and so does every other check.', mend });
  }
}

/** @throws the error if neither the credentials nor the request caused it */
function credentialsProblem(error: Error, region: string): [found: string, mend: string] {
  const { name, message } = error;
  if (name === 'CredentialsProviderError' || name === 'TokenProviderError') {
    return [
      `none that can be used: ${message.split('\n')[0]}`,
      'Sign in (aws sso login, aws configure) or select a profile with AWS_PROFILE.',
    ];
  }
  if (!(error instanceof AwsRequestError)) throw error;
  if (expiredCredentials.test(name)) return ['they have expired', 'Sign in again, such as with aws sso login.'];
  if (invalidCredentials.test(name)) {
    return [
      `AWS rejects them in ${region} (${name})`,
      `Check the profile and the clock of this computer, and that the account has enabled ${region}.`,
    ];
  }
  return [`not checked: ${name}: ${message}`, 'Check the network, and the region in AWS_REGION.'];
}

/** Whether the account and the region of the app are those of the credentials, and the region exists. */
export function* checkEnvironment(
  app: { account: string | undefined; region: string | undefined },
  account: string,
  region: string | undefined,
): Generator<Finding> {
  const why = 'cdk deploy deploys to the account and the region that the app states.';
  if (app.account !== undefined && app.account !== account) {
    const mend = 'Select the profile of that account with AWS_PROFILE, or correct env in bin/.';
    yield fail('account', `the app is for ${app.account}, the credentials are of ${account}`, { why, mend });
  }
  const used = app.region ?? region;
  if (used === undefined) {
    const mend = 'Set AWS_REGION, or region in the profile.';
    yield fail('region', 'none is configured', { why: 'cdk deploy would use us-east-1.', mend });
  } else if (RegionInfo.get(used).domainSuffix === undefined) {
    yield warn('region', `aws-cdk-lib does not know ${used}`, { why, mend: 'Check the name in AWS_REGION.' });
  } else {
    yield ok('region', app.region === undefined ? used : `${used}, of the app`);
  }
}
