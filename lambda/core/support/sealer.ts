/** The owner of a sealed text: it opens only under the same names. */
export type SealContext = {
  /**
   * `upstream`: the identity provider's tokens; `refresh-mac`: the key of our refresh tokens; `request-state`: the key of
   * what tools give clients to bring back; `user-names`: the key of what the identity provider calls users.
   */
  purpose: 'upstream' | 'refresh-mac' | 'request-state' | 'user-names';
  /** Grant that the text belongs to. */
  grant?: string;
};

/** Encrypts at rest, under a key that the key service wraps. Every method throws `Outage` when it does not answer. */
export interface Sealer {
  /**
   * Fetches a fresh data key, so that sealing itself cannot fail: whoever is about to consume something that cannot be
   * had again takes the key first.
   * @returns a function that seals one text
   */
  prepare(context: SealContext): Promise<(text: string) => Promise<string>>;
  /** @throws when the text was sealed for another owner or has been changed */
  unseal(sealed: string, context: SealContext): Promise<string>;
}
