import type { Logger } from './logger.ts';
import { ContentionError, ServiceUnavailableError } from './service-unavailable-error.ts';

/** Events of the log, each with an alarm (`shared/metric-names.ts`). */
export type FailureKind = 'service_unavailable' | 'unexpected_error';

/**
 * Logs an error that ends a request, for the operator. The response says only which kind it was, since messages and
 * stacks may quote data.
 */
export function logFailure(log: Logger, error: unknown): FailureKind {
  if (error instanceof ContentionError) {
    // Without an alarm: waiting cures it.
    log('write_contended', { message: error.message });
    return 'service_unavailable';
  }
  if (error instanceof ServiceUnavailableError) {
    log('service_unavailable', { message: error.message, cause: String(error.cause) });
    return 'service_unavailable';
  }
  log('unexpected_error', { error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  return 'unexpected_error';
}
