import { sha256 } from '../support/crypto.ts';

/** The key of a user: (issuer, subject), never an e-mail address, which can be reassigned. */
export const userKey = (issuer: string, subject: string): Promise<string> => sha256(`${issuer}\n${subject}`);

/**
 * The key of a service: no person has it, even with the same issuer and subject, because the issuer of a person is an https
 * URL.
 */
export const serviceKey = (issuer: string, subject: string): Promise<string> =>
  sha256(`service\n${issuer}\n${subject}`);
