import { SignInRefusedError } from '../identity/upstream-provider.ts';
import { ServiceUnavailableError } from '../support/service-unavailable-error.ts';
import type { Facade } from './facade.ts';
import { OAuthError, type OAuthErrorCode } from './oauth-error.ts';
import type { Problem } from './pages/oauth-page-text.ts';

/** A refusal that a person reads of. They are told the problem; its description is the technical detail below. */
export class ShownError extends OAuthError {
  readonly problem: Problem;

  constructor(code: OAuthErrorCode, problem: Problem, description: string) {
    super(code, description);
    this.problem = problem;
  }
}

/** What a client or a user may know of a failure, whatever it was. The rest goes to the log. */
export function shownErrorOf(error: unknown, log: Facade['log']): OAuthError {
  if (error instanceof OAuthError) return error;
  if (error instanceof SignInRefusedError) {
    log('sign_in_rejected', { reason: error.reason, detail: String(error.cause) });
    return error.reason === 'access_denied'
      ? new OAuthError('access_denied', 'The identity provider did not let the user in.')
      : new OAuthError('server_error', 'The identity provider refused the sign-in.');
  }
  if (error instanceof ServiceUnavailableError) {
    log('service_unavailable', { message: error.message, cause: String(error.cause) });
    return new OAuthError(
      'temporarily_unavailable',
      'A part of this server does not answer. Nothing has changed: try again shortly.',
    );
  }
  log('unexpected_error', { error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  return new OAuthError('server_error', 'Something went wrong on this server. Its log has the details.');
}
