/**
 * The store, the key service or the identity provider did not answer. Never used for "not found". The response is 503 with
 * `Retry-After`. A write may have taken effect; the same request can be repeated, and does nothing twice.
 */
export class ServiceUnavailableError extends Error {
  override readonly name = 'ServiceUnavailableError';

  /** @param service its name for the operator, such as "The session table" */
  constructor(service: string, cause: unknown) {
    super(`${service} did not answer`, { cause });
  }
}

/** Other requests were changing the same item at every attempt. Its response is that of an outage, its log entry is not. */
export class ContentionError extends ServiceUnavailableError {
  /** @param item what was contended for, such as "session 8f3…" */
  constructor(service: string, item: string) {
    super(service, undefined);
    this.message = `Other requests are changing ${item}; repeat the request shortly`;
  }
}

/** Value of `Retry-After` of a 503 response. */
export const RETRY_AFTER_SECONDS = 2;
