import { CommanderError } from 'commander';
import { TableError } from '../lambda/adapters/dynamodb/client/table-client.ts';
import { ServiceUnavailableError } from '../lambda/core/support/service-unavailable-error.ts';
import { printableLines } from '../lambda/core/support/untrusted-text.ts';
import { ConfigurationError } from '../lib/settings/configuration-error.ts';
import { isLocalEmulatorRunning } from './target/local-emulator.ts';

/** A command line that is invalid or ambiguous. The message says what to write. */
export class UsageError extends ConfigurationError {}

export type ExitCode = 0 | 1 | 2;

type ExitCodes = { usage: ExitCode; failure: ExitCode };

/** `doctor`, `preflight` and `verify` reserve 1 for a failed check, and `import` 2 for omitted sessions. */
const exitCodes: Record<string, ExitCodes> = {
  dev: { usage: 1, failure: 1 },
  doctor: { usage: 2, failure: 2 },
  verify: { usage: 2, failure: 2 },
  import: { usage: 1, failure: 1 },
  preflight: { usage: 2, failure: 2 },
};

/** Prints an error on standard error. @returns the exit code of the command */
export function reportError(error: unknown, command: string | undefined): ExitCode {
  const { usage, failure } = exitCodes[command ?? ''] ?? { usage: 2, failure: 1 };
  // Commander has printed its own message; requested help is not an error.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : usage;
  process.stderr.write(`${printableLines(errorText(error))}\n`);
  return error instanceof UsageError ? usage : failure;
}

/** The message for the operator. An unexpected error is a defect, and its stack shows where. */
function errorText(error: unknown): string {
  if (error instanceof ConfigurationError) return error.message;
  const cause = error instanceof ServiceUnavailableError ? error.cause : error;
  const known = awsErrorText(cause);
  if (known !== undefined) return known;
  if (error instanceof ServiceUnavailableError) {
    const reason = cause instanceof Error ? reasonOf(cause) : String(cause);
    return `${error.message} (${reason}). Try again.`;
  }
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

export const expiredCredentials = /^(ExpiredToken|ExpiredTokenException|RequestExpired|TokenRefreshRequired)$/;
export const invalidCredentials =
  /^(UnrecognizedClientException|InvalidClientTokenId|InvalidSignatureException|SignatureDoesNotMatch|IncompleteSignature|MissingAuthenticationToken|AuthFailure)/;
export const accessDenied = /^(AccessDenied|AccessDeniedException|UnauthorizedOperation|NotAuthorized)$/;
const networkFailure = /^(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH)$/;

const localHint = () => (isLocalEmulatorRunning() ? ' A local emulator is running; pass --local to use it.' : '');

function awsErrorText(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { name, message } = error;
  if (/Region is missing/.test(message)) {
    return `No AWS region configured; pass --region or set AWS_REGION.${localHint()}`;
  }
  if (/Region not accepted/.test(message)) return `Invalid AWS region; check --region and AWS_REGION (${message})`;
  if (name === 'CredentialsProviderError' || name === 'TokenProviderError') {
    const advice = 'Sign in (aws sso login, aws configure) or select a profile with AWS_PROFILE.';
    return `No usable AWS credentials: ${message.split('\n')[0]} ${advice}${localHint()}`;
  }
  if (expiredCredentials.test(name))
    return 'The AWS credentials have expired. Sign in again, such as with aws sso login.';
  if (invalidCredentials.test(name)) {
    return `AWS rejected the credentials (${name}). Check the account and the clock of this computer.${localHint()}`;
  }
  if (accessDenied.test(name)) {
    return `AWS denied access: ${message}. docs/command-line.md lists the permissions of each command.`;
  }
  if (name === 'ResourceNotFoundException') {
    return `The table does not exist (${message}). Check --stack and --region.`;
  }
  const { code, $metadata } = error as { code?: string; $metadata?: { httpStatusCode?: number } };
  if (code !== undefined && networkFailure.test(code)) {
    return `AWS is unreachable (${reasonOf(error)}). Check the network and the region.`;
  }
  const status = error instanceof TableError ? error.status : $metadata?.httpStatusCode;
  return status === undefined ? undefined : `AWS returned ${name}: ${message}`;
}

/** A host name with several addresses fails once for each. */
function reasonOf(error: Error): string {
  const [first] = error instanceof AggregateError ? (error.errors as Error[]) : [error];
  return first?.message || error.message || error.name;
}
