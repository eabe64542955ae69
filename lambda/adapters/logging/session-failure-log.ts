import type { SessionStore } from '../../core/sessions/session.ts';
import { ServiceUnavailableError } from '../../core/support/service-unavailable-error.ts';
import { log } from './structured-log.ts';

/**
 * Logs `session_failed` for each request whose session cannot be read or started, for an alarm apart from other
 * unavailable services. The error passes unchanged.
 */
export function loggingSessions(store: SessionStore): SessionStore {
  const logging =
    <A extends unknown[], R>(step: string, work: (...args: A) => Promise<R>) =>
    (...args: A): Promise<R> =>
      work.apply(store, args).catch((error) => {
        log('session_failed', { step, cause: String(error instanceof ServiceUnavailableError ? error.cause : error) });
        throw error;
      });
  return {
    ...store,
    find: logging('find', store.find),
    start: logging('start', store.start),
    renew: logging('renew', store.renew),
    findImported: logging('find imported', store.findImported),
    adoptImported: logging('adopt imported', store.adoptImported),
  };
}
