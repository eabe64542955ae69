import { sha256 } from '../support/crypto.ts';

/** A user is (issuer, subject), never an e-mail address, which changes hands; this is the key it is known by. */
export const userKey = (issuer: string, subject: string): Promise<string> => sha256(`${issuer}\n${subject}`);
