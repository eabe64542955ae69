import { logProviderFault } from '../identity/provider-fault-log.ts';
import {
  faultOfCode,
  ProviderConfigurationError,
  providerFaults,
  SignInRefusedError,
} from '../identity/upstream-provider.ts';
import { logFailure } from '../support/failure-log.ts';
import type { Logger } from '../support/logger.ts';
import { OAuthError, oauthError } from './oauth-error.ts';

/** The error that a client or a user may see, whatever was thrown. Causes and stacks go to the log alone. */
export function toOAuthError(error: unknown, log: Logger): OAuthError {
  if (error instanceof OAuthError) return error;
  if (error instanceof ProviderConfigurationError) {
    logProviderFault(log, error);
    return oauthError('upstream_misconfigured', error.fault);
  }
  if (error instanceof SignInRefusedError) {
    const { reason } = error;
    const fault = faultOfCode[reason];
    // Without an alarm: the browser carried the code, and anyone can write it.
    log('sign_in_rejected', { reason, detail: String(error.cause), ...(fault && providerFaults[fault]) });
    if (fault) return oauthError('upstream_error_brought', fault);
    return oauthError(reasonOf(reason));
  }
  return oauthError(logFailure(log, error));
}

function reasonOf(rejection: string): 'upstream_denied' | 'upstream_code_rejected' | 'upstream_rejected' {
  switch (rejection) {
    case 'access_denied':
      return 'upstream_denied';
    case 'invalid_grant':
      return 'upstream_code_rejected';
    default:
      return 'upstream_rejected';
  }
}
