/**
 * The store, the key service or the identity provider did not answer. Never "not found": whoever catches this answers
 * 503 with `Retry-After` and has changed nothing.
 */
export class ServiceUnavailableError extends Error {
  override readonly name = 'Outage';

  /** @param service what did not answer, as an operator would call it */
  constructor(service: string, cause: unknown) {
    super(`${service} did not answer`, { cause });
  }
}

/** How long clients are asked to wait after an outage. */
export const RETRY_AFTER_SECONDS = 2;
