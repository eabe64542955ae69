import { SignInRefusedError } from '../identity/upstream-provider.ts';
import { logFailure } from '../support/failure-log.ts';
import type { Logger } from '../support/logger.ts';
import { OAuthError, oauthError } from './oauth-error.ts';

/** The error that a client or a user may see, whatever was thrown. Causes and stacks go to the log alone. */
export function toOAuthError(error: unknown, log: Logger): OAuthError {
  if (error instanceof OAuthError) return error;
  if (error instanceof SignInRefusedError) {
    log('sign_in_rejected', { reason: error.reason, detail: String(error.cause) });
    return oauthError(error.reason === 'access_denied' ? 'upstream_denied' : 'upstream_rejected');
  }
  return oauthError(logFailure(log, error));
}
