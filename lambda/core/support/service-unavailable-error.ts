/**
 * The store, the key service or the identity provider did not answer. Never used for "not found". The response is 503 with
 * `Retry-After`, and nothing has changed.
 */
export class ServiceUnavailableError extends Error {
  override readonly name = 'ServiceUnavailableError';

  /** @param service its name for the operator, such as "The session table" */
  constructor(service: string, cause: unknown) {
    super(`${service} did not answer`, { cause });
  }
}

/** Value of `Retry-After` of a 503 response. */
export const RETRY_AFTER_SECONDS = 2;
