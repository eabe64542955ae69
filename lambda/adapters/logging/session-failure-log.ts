import type { SessionStore } from '../../core/sessions/session.ts';
import { ServiceUnavailableError } from '../../core/support/service-unavailable-error.ts';
import { log } from './structured-log.ts';

/**
 * The store, and a line in the log for each request whose session can be neither read nor begun. The request is answered
 * as an outage; this says that it was the session which it wanted for.
 */
export function loggingSessions(store: SessionStore): SessionStore {
  const logging =
    <A extends unknown[], R>(step: string, work: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      try {
        return await work.apply(store, args);
      } catch (error) {
        log('session_failed', { step, cause: String(error instanceof ServiceUnavailableError ? error.cause : error) });
        throw error;
      }
    };
  return {
    ...store,
    find: logging('find', store.find),
    start: logging('start', store.start),
    renew: logging('renew', store.renew),
    findImported: logging('find imported', store.findImported),
    adoptImported: logging('adopt imported', store.adoptImported),
  };
}
