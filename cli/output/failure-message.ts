import { TableError } from '../../lambda/adapters/dynamodb/table-client.ts';
import { ServiceUnavailableError } from '../../lambda/core/support/service-unavailable-error.ts';
import { ConfigurationError } from '../../lib/settings/configuration-error.ts';
import { isLocalCloudRunning } from '../target/deployment-location.ts';
import { UsageError } from '../usage-error.ts';
import { plain } from './plain-text.ts';

/** How a command ended: done, not possible, or not understood. */
export type ExitCode = 0 | 1 | 2;

/** What went wrong in words: what it is, and what to do. Anything unforeseen is ours, and its stack says where. */
export function inWords(error: unknown): { message: string; exitCode: ExitCode } {
  if (error instanceof UsageError) return { message: error.message, exitCode: 2 };
  if (error instanceof ConfigurationError) return { message: error.message, exitCode: 1 };
  const cause = error instanceof ServiceUnavailableError ? error.cause : error;
  const known = ofAws(cause);
  if (known !== undefined) return { message: plain(known), exitCode: 1 };
  if (error instanceof ServiceUnavailableError) {
    const reason = cause instanceof Error ? reasonOf(cause) : String(cause);
    return { message: plain(`${error.message} (${reason}). Try again in a moment.`), exitCode: 1 };
  }
  return { message: error instanceof Error ? (error.stack ?? error.message) : String(error), exitCode: 1 };
}

const expired = /^(ExpiredToken|ExpiredTokenException|RequestExpired|TokenRefreshRequired)$/;
const unknown =
  /^(UnrecognizedClientException|InvalidClientTokenId|InvalidSignatureException|SignatureDoesNotMatch|IncompleteSignature|MissingAuthenticationToken|AuthFailure)/;
const denied = /^(AccessDenied|AccessDeniedException|UnauthorizedOperation|NotAuthorized)$/;

const local = () => (isLocalCloudRunning() ? ' A local cloud is running: --local is how to mean it.' : '');

function ofAws(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { name, message } = error;
  if (/Region is missing/.test(message)) {
    return `It is not known which AWS region is meant. Say so with --region, or set AWS_REGION.${local()}`;
  }
  if (/Region not accepted/.test(message))
    return `No AWS region is called so. See to --region and AWS_REGION (${message})`;
  if (name === 'CredentialsProviderError' || name === 'TokenProviderError') {
    const advice = 'Sign in as for the AWS CLI (aws sso login, aws configure), or choose a profile with AWS_PROFILE.';
    return `No AWS credentials can be used: ${message.split('\n')[0]} ${advice}${local()}`;
  }
  if (expired.test(name)) return 'The AWS credentials have expired. Sign in again, such as with aws sso login.';
  if (unknown.test(name)) {
    return `AWS does not accept these credentials (${name}). See that they are of the right account, and that the clock is right.${local()}`;
  }
  if (denied.test(name)) {
    return `AWS does not allow it: ${message}. docs/command-line.md lists what this command needs.`;
  }
  if (name === 'ResourceNotFoundException') {
    return `AWS finds no such table (${message}). See that --stack and --region name the deployment that is meant.`;
  }
  const { code, $metadata } = error as { code?: string; $metadata?: { httpStatusCode?: number } };
  if (
    code !== undefined &&
    /^(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH)$/.test(code)
  ) {
    return `AWS cannot be reached (${reasonOf(error)}). See to the network, and that the region exists.`;
  }
  const status = error instanceof TableError ? error.status : $metadata?.httpStatusCode;
  return status === undefined ? undefined : `AWS says ${name}: ${message}`;
}

/** A connection may have been tried at several addresses. */
function reasonOf(error: Error): string {
  const [first] = error instanceof AggregateError ? (error.errors as Error[]) : [error];
  return first?.message || error.message || error.name;
}
