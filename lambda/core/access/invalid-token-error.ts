/**
 * Reasons for which an access token is rejected. Any sender can cause the first group. The second group follows the
 * verification of the signature, so the trusted issuer issued these tokens.
 */
const unsignedReasons = ['header', 'too_long', 'malformed', 'unknown_key', 'algorithm', 'signature'] as const;
const signedReasons = ['expired', 'not_yet_valid', 'issuer', 'audience', 'type', 'claim'] as const;

export type TokenRejectionReason = (typeof unsignedReasons)[number] | (typeof signedReasons)[number];

/** An access token that is not valid: the request gets the 401 challenge. */
export class InvalidTokenError extends Error {
  readonly reason: TokenRejectionReason;
  /** Whether a key of the trusted issuer signed the token. */
  readonly signed: boolean;

  /** @param message for the operator's log: the value that was found, never the token */
  constructor(reason: TokenRejectionReason, message: string) {
    super(message);
    this.reason = reason;
    this.signed = signedReasons.some((each) => each === reason);
  }
}
