import { SignInRefusedError } from '../identity/upstream-provider.ts';
import type { Logger } from '../support/logger.ts';
import { ServiceUnavailableError } from '../support/service-unavailable-error.ts';

/**
 * Guards what a tool asks of Holdfast. Whatever a tool throws is read by the assistant, word for word, and by nobody
 * else: so what fails behind the tool is put into the log here, and of what nobody foresaw (a permission that is missing
 * names account, role and key) the assistant is told only that it happened.
 *
 * @returns a function that passes on the outcome of one request to a store or service
 */
export function reportFailures(log: Logger) {
  return async <T>(request: Promise<T>): Promise<T> => {
    try {
      return await request;
    } catch (error) {
      if (error instanceof SignInRefusedError) throw error;
      if (error instanceof ServiceUnavailableError) {
        log('service_unavailable', { message: error.message, cause: String(error.cause) });
        throw error;
      }
      log('unexpected_error', { error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
      throw new Error('Something went wrong on this server. Its log has the details.');
    }
  };
}
