/** Authenticated with the sealed text: unsealing requires the same context. */
export type SealContext = {
  /**
   * `upstream`: upstream tokens; `refresh-mac`: the MAC key of refresh tokens; `request-state`: the key of the request
   * state of input requests; `user-names`: the key of users' names.
   */
  purpose: 'upstream' | 'refresh-mac' | 'request-state' | 'user-names';
  /** Grant that the text belongs to. */
  grant?: string;
};

/** Encryption at rest with data keys of the key service. Every method throws `ServiceUnavailableError`. */
export interface Sealer {
  /**
   * Fetches a new data key, so that sealing cannot fail afterwards: callers that consume a single-use credential fetch the
   * key first.
   * @returns a function that seals one text
   */
  prepare(context: SealContext): Promise<(text: string) => Promise<string>>;
  /** @throws Error when the text was sealed in another context or was changed */
  unseal(sealed: string, context: SealContext): Promise<string>;
}
