import { sha256 } from '../support/crypto.ts';

/** The key of a user: (issuer, subject), never an e-mail address, which can be reassigned. */
export const userKey = (issuer: string, subject: string): Promise<string> => sha256(`${issuer}\n${subject}`);
