import { SignInRefusedError } from '../identity/upstream-provider.ts';
import { logFailure } from '../support/failure-log.ts';
import type { Logger } from '../support/logger.ts';

/**
 * Guards the requests that a tool makes to Holdfast. The model reads what a tool throws, word for word, so the operator's
 * part goes to the log here: an unexpected error (a missing permission names account, role and key) is replaced.
 *
 * @returns a function that passes on the outcome of one request to a store or a service
 */
export function reportFailures(log: Logger) {
  return async <T>(request: Promise<T>): Promise<T> => {
    try {
      return await request;
    } catch (error) {
      if (error instanceof SignInRefusedError) throw error;
      if (logFailure(log, error) === 'service_unavailable') throw error;
      throw new Error('Internal server error; the server log has the details');
    }
  };
}
