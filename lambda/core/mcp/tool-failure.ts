import { ExchangeRefusedError, SignInRefusedError } from '../identity/upstream-provider.ts';
import { logFailure } from '../support/failure-log.ts';
import type { Logger } from '../support/logger.ts';
import { ContentionError, ServiceUnavailableError } from '../support/service-unavailable-error.ts';
import { UnknownSecretError } from './tool-secrets.ts';

/** The model reads the message: neither its request nor the tool is at fault. */
class ToolServiceUnavailableError extends ServiceUnavailableError {
  constructor(cause: unknown) {
    super('A service of this MCP server', cause);
    this.message = 'This MCP server could not reach its own storage or keys; call the tool again shortly';
  }
}

/**
 * Guards the requests that a tool makes to Holdfast. The model reads what a tool throws, word for word, so the operator's
 * part goes to the log here: an unexpected error (a missing permission names account, role and key) is replaced.
 *
 * @param onOutage called when a service did not answer
 * @returns a function that passes on the outcome of one request to a store or a service
 */
export function reportFailures(log: Logger, onOutage: () => void) {
  return async <T>(request: Promise<T>): Promise<T> => {
    try {
      return await request;
    } catch (error) {
      if (error instanceof SignInRefusedError || error instanceof UnknownSecretError) throw error;
      if (error instanceof ExchangeRefusedError) {
        // Some codes are for the operator, such as that of a client that may not exchange tokens.
        log('token_exchange_rejected', { reason: error.reason, message: error.message });
        throw error;
      }
      if (logFailure(log, error) !== 'service_unavailable') {
        throw new Error('Internal server error; the server log has the details');
      }
      if (error instanceof ContentionError) throw error;
      onOutage();
      throw new ToolServiceUnavailableError(error);
    }
  };
}
