import { ServiceUnavailableError } from './service-unavailable-error.ts';

/** Writes one event to the log for the operator; never a secret. */
export type LogEvent = (event: string, details?: Record<string, unknown>) => void;

/** `service_unavailable`: retrying helps, and nothing has changed. `unexpected_error`: a defect. */
export type FailureKind = 'service_unavailable' | 'unexpected_error';

/**
 * Logs an error that no rule of the caller explains. The log keeps the cause and the stack; the caller maps the kind to
 * a response without either.
 *
 * @returns the event that was logged
 */
export function logFailure(error: unknown, log: LogEvent): FailureKind {
  if (error instanceof ServiceUnavailableError) {
    log('service_unavailable', { message: error.message, cause: String(error.cause) });
    return 'service_unavailable';
  }
  log('unexpected_error', { error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  return 'unexpected_error';
}
